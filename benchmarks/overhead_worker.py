"""Measures one variant: pairs of blocks of calls, its callbacks off and on in turn.

Off and on share a process, so that what differs is the variant alone. The order alternates. A block
ends when everything has reached the sink.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import litellm

from benchmarks import workloads
from benchmarks.process import be_quiet, tell_and_wait
from benchmarks.settling import Settling, adrain, drain
from benchmarks.variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable

LISTS = (
    "callbacks",
    "success_callback",
    "failure_callback",
    "input_callback",
    "service_callback",
    "_async_success_callback",
    "_async_failure_callback",
    "_async_input_callback",
)
PATCHED = ("completion", "acompletion")
WARM_UP_CALLS = 100
US = 1e6


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of work: `sync` one call after the other, `async` many at once."""

    mode: str
    size: str
    calls: int


class Bench:
    """One variant in this process."""

    def __init__(self, variant: str) -> None:
        off = {name: getattr(litellm, name) for name in PATCHED}
        self._settling = Settling(VARIANTS[variant].install(os.environ["BENCH_SINK"]))
        self._functions = {False: off, True: {name: getattr(litellm, name) for name in PATCHED}}
        self._loop = asyncio.new_event_loop()
        self._calls = 0
        for mode in ("sync", "async"):
            self._work(Cell(mode, "small", WARM_UP_CALLS))
            self._settle(mode)
        self._registered = {name: list(getattr(litellm, name, [])) for name in LISTS}

    def run(self, cell: Cell, pairs: int) -> None:
        """Tell of each block."""
        for on in (False, True):
            self._block(cell, on=on)
        tell_and_wait(warm=True)
        for pair in range(pairs):
            gc.collect()
            for on in (False, True) if pair % 2 else (True, False):
                tell_and_wait(on=on, pair=pair, **self._block(cell, on=on))

    def _block(self, cell: Cell, *, on: bool) -> dict[str, Any]:
        self._switch(on=on)
        process, thread = time.process_time(), time.thread_time()
        latency = self._work(cell)
        caller = time.thread_time() - thread
        self._settle(cell.mode)
        cpu = time.process_time() - process
        return {
            "cpu_us": cpu / cell.calls * US,
            "caller_us": caller / cell.calls * US,
            "latency_us": latency * US,
        }

    def _switch(self, *, on: bool) -> None:
        for name, registered in self._registered.items():
            setattr(litellm, name, list(registered) if on else [])
        for name, function in self._functions[on].items():
            setattr(litellm, name, function)

    def _work(self, cell: Cell) -> float:
        """Return the seconds that a call took: the median, or the share of all that ran at once."""
        work: Callable[[Cell], float] = self._at_once if cell.mode == "async" else self._in_turn
        return work(cell)

    def _in_turn(self, cell: Cell) -> float:
        times = []
        for _ in range(cell.calls):
            arguments = self._next(cell.size)
            start = time.perf_counter()
            workloads.complete(arguments)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    def _at_once(self, cell: Cell) -> float:
        calls = [self._next(cell.size) for _ in range(cell.calls)]
        start = time.perf_counter()
        self._loop.run_until_complete(workloads.gather(calls))
        return (time.perf_counter() - start) / cell.calls

    def _next(self, size: str) -> dict[str, Any]:
        self._calls += 1
        return workloads.call(size, self._calls)

    def _settle(self, mode: str) -> None:
        if mode == "async":
            self._loop.run_until_complete(adrain())
        drain()
        self._settling.settle()


def main(variant: str, pairs: str, *cells: str) -> None:
    """Measure every cell, each given as `mode:size:calls`."""
    be_quiet()
    bench = Bench(variant)
    for text in cells:
        mode, size, calls = text.split(":")
        tell_and_wait(cell=f"{mode} {size}", calls=int(calls))
        bench.run(Cell(mode, size, int(calls)), int(pairs))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
