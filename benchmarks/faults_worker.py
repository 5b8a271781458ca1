"""A program that makes calls under a fault, and leaves without a flush of its own."""

from __future__ import annotations

import asyncio
import atexit
import json
import mmap
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.scenarios import Scenario

FOLDER = Path(os.environ["BENCH_FOLDER"])
CHILDREN = 4
# Calls that count for nothing: before the fault, and before a fork.
WARM_UP = 900_000
LARGE = 2_000_000


class Diary:
    """What this process has done; the count of its calls outlives a kill."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start a new page, in a child."""
        self.wrong = 0
        self.ended = time.time()
        with (FOLDER / f"calls.{os.getpid()}").open("w+b") as file:
            file.write(bytes(8))
            file.flush()
            self._page = mmap.mmap(file.fileno(), 8)
        self._calls = 0

    def note(self, *, good: bool) -> None:
        """Count a call that its caller has the answer of."""
        self.wrong += not good
        self._calls += 1
        self._page[:] = self._calls.to_bytes(8, "little")

    def close(self) -> None:
        """Write down how it went; the library has ended before, for it was imported later."""
        library = sys.modules.get("langfuse_otel")
        facts = {
            "wrong": self.wrong,
            "ended": self.ended,
            "stats": as_dictionary(library.stats()) if library else None,
        }
        (FOLDER / f"diary.{os.getpid()}").write_text(json.dumps(facts))


def as_dictionary(stats: Any) -> dict[str, Any]:
    """Return the library's counts as JSON has them."""
    counts = {name: getattr(stats, name) for name in ("created", "sent", "queued")}
    spooled = getattr(stats, "spooled", 0)
    return {**counts, "spooled": spooled, "dropped": dict(stats.dropped)}


diary = Diary()
atexit.register(diary.close)

from benchmarks import workloads  # noqa: E402 - what ends last must be registered first
from benchmarks.process import be_quiet, tell_and_wait  # noqa: E402
from benchmarks.scenarios import SCENARIOS  # noqa: E402
from benchmarks.settling import adrain, drain  # noqa: E402
from benchmarks.variants import VARIANTS  # noqa: E402


class Program:
    """Makes the calls of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._noise = workloads.noise(LARGE) if scenario.large_every else ""

    def run(self, numbers: range) -> None:
        """Make some of the calls, and live on for a while."""
        if self._scenario.mode == "sync":
            self._in_turn(numbers)
            diary.ended = time.time()
            time.sleep(self._scenario.idle_s)
        else:
            asyncio.run(self._at_once(numbers))

    def warm_up(self) -> None:
        """Make one call in good times."""
        if self._scenario.mode == "sync":
            workloads.complete(workloads.call("small", WARM_UP))
            drain()
        else:
            asyncio.run(self._warm_up_in_loop())

    async def _warm_up_in_loop(self) -> None:
        await workloads.acomplete(workloads.call("small", WARM_UP))
        await adrain()

    def _in_turn(self, numbers: range) -> None:
        start = time.monotonic()
        for done, number in enumerate(numbers):
            if self._scenario.rate:
                time.sleep(max(0.0, start + done / self._scenario.rate - time.monotonic()))
            diary.note(good=workloads.complete(self._call(number)))

    async def _at_once(self, numbers: range) -> None:
        gate = asyncio.Semaphore(workloads.AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                diary.note(good=await workloads.acomplete(self._call(number)))

        await asyncio.gather(*map(one, numbers))
        diary.ended = time.time()
        await asyncio.sleep(self._scenario.idle_s)

    def _call(self, number: int) -> dict[str, Any]:
        every = self._scenario.large_every
        if not every or number % every:
            return workloads.call("small", number)
        content = f"{workloads.mark(number)} {self._noise}"
        return workloads.call("small", number, messages=[{"role": "user", "content": content}])


def in_forks(work: Callable[[range], None], parts: list[range]) -> None:
    """Run the parts in children that end as programs do."""
    children = []
    for part in parts:
        child = os.fork()
        if not child:
            diary.begin()
            work(part)
            sys.exit()
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def in_processes(work: Callable[[range], None], parts: list[range]) -> None:
    """Run the parts in children of `multiprocessing`, whose exit hooks do not run."""

    def child(part: range) -> None:
        diary.begin()
        work(part)

    context: Any = multiprocessing.get_context("fork")
    processes = [context.Process(target=child, args=(part,)) for part in parts]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def main(variant: str, name: str) -> None:
    """Run the program of a scenario from set-up to its natural end."""
    be_quiet()
    scenario = SCENARIOS[name]
    VARIANTS[variant].install(os.environ["BENCH_SINK"])
    program = Program(scenario)
    if scenario.is_warm:
        program.warm_up()
    tell_and_wait(ready=True)
    if scenario.program == "one":
        program.run(scenario.numbers)
        return
    if scenario.program == "warm fork":
        program.warm_up()
    share = scenario.calls // CHILDREN
    parts = [scenario.numbers[child * share :][:share] for child in range(CHILDREN)]
    spread = in_processes if scenario.program == "multiprocessing" else in_forks
    spread(program.run, parts)
    diary.ended = time.time()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
