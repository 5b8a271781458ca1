"""The batches that wait, a lane for each destination: which may go now, and which have to rest.

A destination that has failed delays no other. As the backlog, without threads, clocks or I/O.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from random import SystemRandom
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from langfuse_otel._destination import Destination

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0

# Requests under way at once: in all, and to one destination that has taken the last ones.
MAX_IN_FLIGHT = 64
MAX_WINDOW = 4


@dataclass(eq=False, slots=True)
class Batch:
    """One request to be: its body, or the file that holds it.

    `number` is that of the oldest span in it; `is_recovered`: an earlier process left it on disk.
    """

    destination: Destination
    body: bytes
    spans: int
    number: int
    file: Path | None = None
    is_recovered: bool = False


@dataclass(eq=False, slots=True)
class Lane:
    """What waits for one destination. Its backoff delays no other.

    `window`: how many requests may be under way; one until the destination has taken one.
    `refused`: requests that it refused for good since it last took one.
    """

    waiting: deque[Batch] = field(default_factory=deque)
    in_flight: int = 0
    window: int = 1
    failures: int = 0
    refused: int = 0
    is_listed: bool = False
    is_resting: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it may send now; one that stands in the row may have failed meanwhile."""
        return bool(self.waiting) and self.in_flight < self.window and not self.is_resting


class Lanes:
    """All lanes, those that may send in a row: each sends one batch and stands at its end again."""

    def __init__(self) -> None:
        self._lanes: dict[Destination, Lane] = {}
        self._listed: deque[Lane] = deque()
        self._resting: list[tuple[float, int, Destination]] = []
        self._tie = count()
        self._in_flight = 0

    def add(self, batch: Batch) -> None:
        """Let a batch wait, after the others for its destination."""
        lane = self._lane(batch.destination)
        lane.waiting.append(batch)
        self._list(lane)

    def withdraw(self, batch: Batch) -> None:
        """Take a waiting batch out."""
        lane = self._lane(batch.destination)
        lane.waiting.remove(batch)
        self._end(batch.destination, lane)

    def start(self, now: float) -> Iterator[Batch]:
        """Yield the batches that are due and may go now, in turn over the destinations."""
        while self._resting and self._resting[0][0] <= now:
            self._wake(heapq.heappop(self._resting)[2])
        while self._listed and self._in_flight < MAX_IN_FLIGHT:
            lane = self._listed.popleft()
            lane.is_listed = False
            if lane.is_ready:
                lane.in_flight += 1
                self._in_flight += 1
                batch = lane.waiting.popleft()
                self._list(lane)
                yield batch

    def hurry(self) -> None:
        """Let what waits for its next attempt go at once."""
        while self._resting:
            self._wake(heapq.heappop(self._resting)[2])

    def next_due(self) -> float | None:
        """When the next lane has rested; 0 if one is ready, None if none waits."""
        if self._listed and self._in_flight < MAX_IN_FLIGHT:
            return 0.0
        return self._resting[0][0] if self._resting else None

    # --- what became of a batch that was started

    def taken(self, batch: Batch) -> None:
        """The destination took it."""
        lane = self._landed(batch)
        lane.failures = lane.refused = 0
        lane.window = min(lane.window + 1, MAX_WINDOW)
        self._end(batch.destination, lane)

    def refused(self, batch: Batch) -> None:
        """The destination will never take it."""
        lane = self._landed(batch)
        lane.failures = 0
        lane.refused += 1
        self._end(batch.destination, lane)

    def failed(self, batch: Batch, until: float) -> None:
        """Nobody took it: the lane rests, and it goes first then."""
        lane = self._landed(batch)
        lane.window = 1
        lane.waiting.appendleft(batch)
        if not lane.is_resting:
            lane.failures += 1
            lane.is_resting = True
            heapq.heappush(self._resting, (until, next(self._tie), batch.destination))

    def returned(self, batch: Batch, pieces: Sequence[Batch] = ()) -> None:
        """There was no answer that counts: it goes first again, or its pieces in its place."""
        lane = self._landed(batch)
        lane.waiting.extendleft(reversed(pieces or (batch,)))
        self._list(lane)

    # --- questions

    def failures(self, destination: Destination) -> int:
        """How often in a row it was asked in vain; requests that fail together count once."""
        return self._lane(destination).failures

    def is_refusing(self, destination: Destination, most: int) -> bool:
        """Whether so many requests were refused in a row that it seems to refuse whatever comes."""
        return self._lane(destination).refused >= most

    def oldest_on_disk(self) -> Batch | None:
        """Return the waiting batch whose file is the oldest."""
        waiting = (batch for lane in self._lanes.values() for batch in lane.waiting)
        by_age = {batch.file.name: batch for batch in waiting if batch.file}
        return by_age[min(by_age)] if by_age else None

    def oldest_in_memory(self) -> Batch | None:
        """Return the oldest waiting batch without a file: the first of some lane."""
        firsts = (
            next((batch for batch in lane.waiting if not batch.file), None)
            for lane in self._lanes.values()
        )
        return min(filter(None, firsts), key=lambda batch: batch.number, default=None)

    # --- inside

    def _lane(self, destination: Destination) -> Lane:
        lane = self._lanes.get(destination)
        if lane is None:
            lane = self._lanes[destination] = Lane()
        return lane

    def _list(self, lane: Lane) -> None:
        """Put a lane that may send at the end of the row."""
        if lane.is_ready and not lane.is_listed:
            lane.is_listed = True
            self._listed.append(lane)

    def _wake(self, destination: Destination) -> None:
        lane = self._lane(destination)
        lane.is_resting = False
        self._end(destination, lane)

    def _landed(self, batch: Batch) -> Lane:
        lane = self._lane(batch.destination)
        lane.in_flight -= 1
        self._in_flight -= 1
        return lane

    def _end(self, destination: Destination, lane: Lane) -> None:
        """An empty lane is not kept when it has rested, there may be many; another goes on."""
        if lane.waiting or lane.in_flight or lane.is_resting:
            self._list(lane)
        else:
            del self._lanes[destination]


# A program that seeds `random` gets the same numbers with and without us.
_random = SystemRandom().random


def backoff_s(failures: int, jitter: Callable[[], float] = _random) -> float:
    """Return the seconds to wait after `failures` earlier ones: doubling, half of it random."""
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 10))
    return longest * (0.5 + jitter() / 2)
