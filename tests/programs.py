"""Runs whole programs, as a user starts them, against a collector."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langfuse_otel.testing import Collector

SCRIPTS = Path(sys.executable).parent
CALL = 'dict(model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])'
PRELUDE = f"""
import asyncio, os, sys
def call(**more):
    return {CALL} | {{"mock_response": "hello"}} | more
"""


def environment(collector: Collector | None, **changes: str) -> dict[str, str]:
    """Return the variables of a program that sends to the collector."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("LANGFUSE_", "OTEL_"))}
    return {
        **inherited,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "PYTHONWARNINGS": "ignore",
        **(collector.environment if collector else {}),
        **changes,
    }


def run_program(
    code: str,
    collector: Collector | None,
    launcher: Sequence[str] = (),
    *,
    timeout_s: float = 100,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Run Python code in an interpreter of its own until it ends."""
    return subprocess.run(
        [*launcher, sys.executable, "-c", PRELUDE + code],
        env=environment(collector, **changes),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def run_on_terminal(command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command whose input and output are a terminal; return its exit code and what it wrote."""
    ours, its = pty.openpty()
    with subprocess.Popen(command, env=environment, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        written = b"".join(iter(lambda: _read(ours, process), b""))
    os.close(ours)
    return process.returncode, written.decode()


def _read(terminal: int, process: subprocess.Popen[bytes]) -> bytes:
    """Return what has been written, nothing at the end; a program that is silent too long is ended."""
    if not select.select([terminal], [], [], 60)[0]:
        process.kill()
    try:
        return os.read(terminal, 10_000)
    except OSError:  # how Linux says that the other side is closed
        return b""
