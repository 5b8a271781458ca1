"""Many Langfuse projects from one process: 10,000 key pairs over 100,000 calls."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.sink import Sink
from benchmarks.variants import VARIANTS
from benchmarks.workers import Worker, environment

WARM_UP_SHARE = 0.3
COMPARED = ("floor", "ours")


@dataclass(frozen=True, slots=True)
class Growth:
    """What became of a process over all its calls.

    Attributes:
        growth_mb: most memory after the first third of the calls, above that at its end.
        threads: most threads of the library's at once.
        projects: how many of them received what they should.
    """

    growth_mb: float
    threads: int
    projects: int


def measure(projects: int, calls: int) -> dict[str, Any]:
    """Return the growth of a bare callback and of ours."""
    grown = {name: asdict(_grown(name, projects, calls)) for name in COMPARED}
    return {**grown, "projects": projects, "calls": calls}


def _grown(name: str, projects: int, calls: int) -> Growth:
    print(f"tenants: {projects} projects, {calls} calls, {name}", flush=True)
    with Sink() as sink:
        variables = environment(VARIANTS[name], sink.url, BENCH_SINK=sink.url)
        with Worker("tenants_worker", [name, str(projects), str(calls)], variables) as worker:
            looks = list(worker.messages())
        received = sink.take()
    warm = int(len(looks) * WARM_UP_SHARE)
    share = calls // projects
    return Growth(
        max(look["memory_mb"] for look in looks[warm:]) - looks[warm]["memory_mb"],
        max(look["threads"] for look in looks),
        sum(spans == share for key, spans in received.projects.items() if key != "bench"),
    )
