"""Times calls as their caller sees them, paced, in blocks that the starter asks for."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from benchmarks.process import be_quiet, tell_and_wait
from benchmarks.variants import VARIANTS
from benchmarks.workloads import acomplete, call, complete

PAUSE_S = 0.004
FIRST = 10


def in_turn(calls: int) -> list[float]:
    """Return the seconds that each synchronous call took."""
    times = []
    for number in range(calls):
        arguments = call("small", number)
        start = time.perf_counter()
        complete(arguments)
        times.append(time.perf_counter() - start)
        time.sleep(PAUSE_S)
    return times


async def in_loop(calls: int) -> list[float]:
    """Return the seconds that each asynchronous call took."""
    times = []
    for number in range(calls):
        arguments = call("small", number)
        start = time.perf_counter()
        await acomplete(arguments)
        times.append(time.perf_counter() - start)
        await asyncio.sleep(PAUSE_S)
    return times


def main(variant: str, blocks: str, calls: str) -> None:
    """Run blocks of calls; between two of them the starter may change the sink."""
    be_quiet()
    flush = VARIANTS[variant].install(os.environ["BENCH_SINK"])
    loop = asyncio.new_event_loop()
    in_turn(FIRST)
    loop.run_until_complete(in_loop(FIRST))
    for _ in range(int(blocks)):
        tell_and_wait(ready=True)
        synchronous = in_turn(int(calls))
        tell_and_wait(sync=synchronous, **{"async": loop.run_until_complete(in_loop(int(calls)))})
        if flush:
            flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
