"""What the caller waits for: with Langfuse healthy, dead or hanging, and with a bare callback.

One process of ours goes through blocks in which the sink is healthy, dead, hanging, and healthy
again; the second healthy kind is the control: its ratio to the first is the noise of the method.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.behaviour import HEALTHY, Behaviour
from benchmarks.sink import Sink
from benchmarks.variants import VARIANTS
from benchmarks.workers import Worker, environment

STATES = {
    "healthy": HEALTHY,
    "dead": Behaviour("refuse"),
    "hanging": Behaviour("hang"),
    "healthy again": HEALTHY,
}
# A request that hangs must not hold up the flush after its block for long.
SETTINGS = {"LANGFUSE_TIMEOUT": "2"}

Latencies = dict[str, dict[str, float]]


def measure(rounds: int, calls: int) -> dict[str, Any]:
    """Return latencies in microseconds by mode and state; `floor` is a state of its own."""
    print(f"handing over: {rounds} rounds of {len(STATES)} states", flush=True)
    ours = _timed("ours", list(STATES) * rounds, calls)
    floor = _timed("floor", ["floor"] * rounds, calls)
    return {mode: _percentiles({**ours[mode], **floor[mode]}) for mode in ("sync", "async")}


def _timed(variant: str, states: list[str], calls: int) -> dict[str, dict[str, list[float]]]:
    times: dict[str, dict[str, list[float]]] = {m: defaultdict(list) for m in ("sync", "async")}
    with Sink() as sink:
        variables = environment(VARIANTS[variant], sink.url, BENCH_SINK=sink.url, **SETTINGS)
        arguments = [variant, str(len(states)), str(calls)]
        with Worker("handover_worker", arguments, variables) as worker:
            for state in states:
                worker.hear()
                sink.behave(STATES.get(state, HEALTHY))
                worker.go_on()
                block = worker.hear()
                sink.behave(HEALTHY)
                worker.go_on()
                for mode, found in times.items():
                    found[state] += block[mode]
    return times


def _percentiles(times: dict[str, list[float]]) -> Latencies:
    return {
        state: {"p50_us": _at(found, 0.5), "p99_us": _at(found, 0.99), "calls": len(found)}
        for state, found in times.items()
    }


def _at(found: list[float], share: float) -> float:
    return sorted(found)[int(len(found) * share)] * 1e6
