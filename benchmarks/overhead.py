"""What a call costs: CPU of the process and of the caller, bytes and spans, against the peers."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.sink import Sink
from benchmarks.variants import VARIANTS
from benchmarks.workers import Worker, environment

COMPARED = ("floor", "wire_floor", "otel_floor", "openinference", "builtin", "ours_plain", "ours")
CELLS = {"small": 250, "medium": 200, "large": 40}
QUICK_CELLS = {"small": 100, "medium": 60, "large": 15}
MODES = ("sync", "async")

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one variant adds to a call in one cell: medians of all pairs, in microseconds.

    Attributes:
        cpu_rounds_us: `cpu_us` of each round alone: its spread is the noise.
    """

    cell: str
    variant: str
    cpu_us: float
    cpu_rounds_us: list[float]
    caller_us: float
    latency_us: float
    wire_bytes: float
    spans: float
    arrived: float


def measure(
    rounds: int, pairs: int, *, quick: bool, more: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Measure all variants, in another order each round, and return their costs."""
    sizes = QUICK_CELLS if quick else CELLS
    cells = [f"{mode}:{size}:{calls}" for mode in MODES for size, calls in sizes.items()]
    blocks: list[Block] = []
    with Sink() as sink:
        for number in range(rounds):
            order = [*COMPARED, *more]
            random.Random(number).shuffle(order)
            for name in order:
                print(f"overhead: round {number + 1} of {rounds}, {name}", flush=True)
                found = _measured(name, sink, pairs, cells)
                blocks += ({**block, "variant": name, "round": number} for block in found)
    return [asdict(cost) for cost in _costs(blocks)]


def _measured(name: str, sink: Sink, pairs: int, cells: list[str]) -> Iterator[Block]:
    """Yield the blocks of one worker, each with what it made the sink receive."""
    variables = environment(VARIANTS[name], sink.url, BENCH_SINK=sink.url)
    cell: Block = {}
    with Worker("overhead_worker", [name, str(pairs), *cells], variables) as worker:
        for message in worker.messages():
            received = sink.take()
            if "cell" in message:
                cell = message
            elif "on" in message:
                calls = cell["calls"]
                yield {
                    **message,
                    "cell": cell["cell"],
                    "wire_bytes": received.wire_bytes / calls,
                    "spans": received.spans / calls,
                    "arrived": len(received.calls) / calls,
                    "malformed": received.malformed,
                }
            worker.go_on()


def _costs(blocks: list[Block]) -> Iterator[Cost]:
    groups: dict[tuple[str, str], list[Block]] = defaultdict(list)
    for block in blocks:
        groups[block["cell"], block["variant"]].append(block)
    for (cell, variant), group in groups.items():
        yield _cost(cell, variant, group)


def _cost(cell: str, variant: str, blocks: list[Block]) -> Cost:
    on = [block for block in blocks if block["on"]]
    return Cost(
        cell=cell,
        variant=variant,
        cpu_us=statistics.median(_added(blocks, "cpu_us")),
        cpu_rounds_us=[
            statistics.median(_added([b for b in blocks if b["round"] == number], "cpu_us"))
            for number in sorted({block["round"] for block in blocks})
        ],
        caller_us=statistics.median(_added(blocks, "caller_us")),
        latency_us=statistics.median(_added(blocks, "latency_us")),
        wire_bytes=statistics.median(block["wire_bytes"] for block in on),
        spans=statistics.median(block["spans"] for block in on),
        arrived=statistics.median(block["arrived"] for block in on),
    )


def _added(blocks: list[Block], what: str) -> list[float]:
    """Return on minus off, for each pair."""
    on = {(b["round"], b["pair"]): b[what] for b in blocks if b["on"]}
    off = {(b["round"], b["pair"]): b[what] for b in blocks if not b["on"]}
    return [on[pair] - off[pair] for pair in on]


Lookup = Callable[[str, str], dict[str, Any]]


def lookup(costs: list[dict[str, Any]]) -> Lookup:
    """Return the function that finds the cost of a variant in a cell."""
    table = {(cost["variant"], cost["cell"]): cost for cost in costs}
    return lambda variant, cell: table[variant, cell]


def above_floor(cost: Lookup, variant: str, cell: str, what: str = "cpu_us") -> float:
    """Return (variant - floor) / (built-in - floor)."""
    floor = cost("floor", cell)[what]
    return float((cost(variant, cell)[what] - floor) / (cost("builtin", cell)[what] - floor))
