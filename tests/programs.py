"""Runs whole programs, as a user starts them, against a collector."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from warm import Warm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langfuse_otel.testing import Collector

SCRIPTS = Path(sys.executable).parent
CALL = 'dict(model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])'
# What LiteLLM imports with its first calls is there, too.
LITELLM = (
    "litellm",
    "litellm.litellm_core_utils.custom_logger_registry",
    "litellm.litellm_core_utils.default_encoding",
)
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


@cache
def warm(*modules: str) -> Warm:
    """Return the process that has imported these; each worker of pytest has its own."""
    return Warm(modules, environment(None))


def run_program(
    code: str,
    collector: Collector | None,
    *,
    imported: tuple[str, ...] = LITELLM,
    timeout_s: float = 100,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own until it ends; LiteLLM was imported before it."""
    variables = environment(collector, **changes)
    with (
        TemporaryFile("w+") as out,
        TemporaryFile("w+") as err,
        warm(*imported).start(PRELUDE + code, variables, out, err) as program,
    ):
        returncode = program.wait(timeout_s)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([code], returncode, out.read(), err.read())


def code_of(command: Sequence[str]) -> str:
    """Return the code that does what a command does whose first word is the path of a script."""
    return f"""
import runpy, sys
sys.argv = {list(command)!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_cold_program(
    code: str,
    collector: Collector | None,
    launcher: Sequence[str] = (),
    *,
    timeout_s: float = 100,
    **changes: str,
) -> subprocess.CompletedProcess[str]:
    """Run Python code in an interpreter of its own, in which nothing is imported, until it ends."""
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
