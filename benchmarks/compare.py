"""This library beside LiteLLM's own `langfuse_otel`, claim by claim."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from benchmarks import tables
from benchmarks.claims import CALL, CLAIMS, Claim
from langfuse_otel.testing import Answer, Collector

FIRST_LINES = {"builtin": "import litellm", "ours": "import langfuse_otel, litellm"}
PRELUDE = f"""
import asyncio, os, sys
litellm.callbacks = ["langfuse_otel"]
call = {CALL}
"""
LONGEST_S = 120.0
HEADS = ("what a user expects", "built-in", "langfuse-otel")


def run() -> list[dict[str, Any]]:
    """Return each claim and who keeps it."""
    rows = []
    for claim in CLAIMS:
        print(f"compare: {claim.about}", flush=True)
        kept = {variant: is_kept(claim, variant) for variant in FIRST_LINES}
        rows.append({"about": claim.about, **kept})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    said = {True: "yes", False: "no"}
    return tables.table(HEADS, ((r["about"], said[r["builtin"]], said[r["ours"]]) for r in rows))


def is_kept(claim: Claim, variant: str) -> bool:
    """Run the program of a claim with one variant, and judge what arrived."""
    with Collector() as collector:
        collector.answer_next(*map(Answer, claim.answers))
        subprocess.run(
            [sys.executable, "-c", FIRST_LINES[variant] + PRELUDE + claim.program],
            env={**_inherited(), **collector.environment},
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
        return claim.is_right(collector)


def _inherited() -> dict[str, str]:
    ours = ("LANGFUSE_", "OTEL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
