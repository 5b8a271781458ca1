"""Runs whole programs, as a user starts them, against a collector."""

from __future__ import annotations

import os
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
