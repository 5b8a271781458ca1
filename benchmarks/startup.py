"""What it costs to begin: the import, and the first call over that of a bare callback."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.sink import Sink
from benchmarks.variants import VARIANTS
from benchmarks.workers import Worker, environment

COMPARED = ("floor", "otel_floor", "openinference", "builtin", "ours")
IMPORTED = ("httpx", "langfuse_otel")

Facts = dict[str, float]


def measure(rounds: int) -> dict[str, Any]:
    """Return medians, by module and by variant; the rounds are interleaved."""
    imports: dict[str, list[Facts]] = {module: [] for module in IMPORTED}
    calls: dict[str, list[Facts]] = {name: [] for name in COMPARED}
    with Sink() as sink:
        for number in range(rounds):
            print(f"start-up: round {number + 1} of {rounds}", flush=True)
            for module, found in imports.items():
                found.append(_told(sink, "none", "import", module))
            for name, found in calls.items():
                found.append(_told(sink, name, "first-call", name))
    return {
        "imports": {module: _medians(found) for module, found in imports.items()},
        "first_calls": {name: _medians(found) for name, found in calls.items()},
    }


def _told(sink: Sink, variant: str, what: str, of: str) -> Facts:
    variables = environment(VARIANTS[variant], sink.url, BENCH_SINK=sink.url)
    with Worker("startup_worker", [what, of], variables) as worker:
        return worker.hear()


def _medians(found: list[Facts]) -> Facts:
    return {name: statistics.median(facts[name] for facts in found) for name in found[0]}
