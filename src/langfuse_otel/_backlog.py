"""What waits for Langfuse: the state of the delivery, without threads, clocks or I/O.

A span is queued, taken in hand to be encoded, put into a batch that waits in the lane of its
destination, started, and at last delivered or dropped; the counts say at any moment where each one
is. Whoever holds a backlog guards it with one lock and tells it the time, in seconds.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from langfuse_otel._uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from langfuse_otel._counts import Counts
    from langfuse_otel._destination import Destination
    from langfuse_otel._otlp import Part
    from langfuse_otel._uploads import Attachments

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0

# Requests under way at once: in all, and to one destination that has taken the last ones.
MAX_IN_FLIGHT = 64
MAX_WINDOW = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the delivery.

    Attributes:
        flush_interval_s: longest wait of a span before the first attempt.
        flush_at: number of waiting spans that ends the wait, and the most in one request.
        timeout_s: limit of each step of one request.
        queue_bytes: what is held in memory at most.
        batch_bytes: the body of one request at most, before compression.
        compress: whether requests are compressed.
    """

    flush_interval_s: float = 1.0
    flush_at: int = 512
    timeout_s: float = 10.0
    queue_bytes: int = 64 * 1024 * 1024
    batch_bytes: int = 3_500_000
    compress: bool = True


@dataclass(frozen=True, slots=True)
class Goal:
    """When enough is done: at the deadline, or when no span up to `upto` waits.

    Without `upto`, when nothing waits at all.
    """

    deadline: float
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """One span on its way: where to, about how many bytes, and how to encode it."""

    destination: Destination
    size: int
    encode: Callable[[], Part]


@dataclass(eq=False, slots=True)
class Batch:
    """One request to be: its body, or the file that holds it.

    `number` is that of the oldest span in it.
    """

    destination: Destination
    body: bytes
    spans: int
    number: int
    file: Path | None = None


@dataclass(eq=False, slots=True)
class Lane:
    """What waits for one destination. Its backoff delays no other.

    `window`: how many requests may be under way; one until the destination has taken one.
    `refused`: spans that it refused one by one since it last took any.
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


class Backlog:
    """All that waits, in the order in which it should go.

    Args:
        limits: when the queue is due, and how much is held.
        counts: where each span is booked.

    Attributes:
        is_over: nothing is booked any more, for what was left has been given up.
        is_urgent: what is queued goes at once.
        flush_to: what is numbered up to this goes at once.
        pushed_out: spans that were dropped for want of room since somebody last asked.
        uploads: media on their way; a span counts as open while any of its own are.
    """

    def __init__(self, limits: Limits, counts: Counts) -> None:
        self.counts = counts
        self.is_over = False
        self.is_urgent = False
        self.flush_to = 0
        self.pushed_out = 0
        self.uploads = Uploads()
        self._limits = limits
        self._first_at = 0.0
        self._queued_bytes = 0
        self._batch_bytes = 0
        self._queue: deque[Queued] = deque()
        self._added = 0
        self._open: dict[int, int] = {}
        self._lanes: dict[Destination, Lane] = {}
        self._listed: deque[Lane] = deque()
        self._resting: list[tuple[float, int, Destination]] = []
        self._tie = count()
        self._in_flight = 0

    # --- the queue

    @property
    def queue_length(self) -> int:
        """How many spans are queued and not in hand yet."""
        return len(self._queue)

    @property
    def newest(self) -> int:
        """Number of the span that was added last; they are numbered from 1 as they come."""
        return self._added

    @property
    def oldest(self) -> int:
        """Number of the oldest span that is neither delivered nor dropped; `newest + 1` if none."""
        return next(iter(self._open), self._first_queued)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, in memory or on disk."""
        return not self._open and not self._queue

    def add(self, item: Queued, now: float) -> bool:
        """Queue one span, for which older ones may have to go; return whether that is news.

        It is where nothing was queued before, or enough is queued now to end the wait.
        """
        was_full = self._is_full()
        self.counts.created += 1
        self.counts.queued += 1
        self._added += 1
        self._queue.append(item)
        self._queued_bytes += item.size
        self._make_room()
        is_first = len(self._queue) == 1
        if is_first:
            self._first_at = now
        return is_first or (self._is_full() and not was_full)

    def lose(self, reason: str) -> None:
        """Count one observation that ends before the queue."""
        self.counts.created += 1
        self.counts.dropped(reason, 1)

    def queue_due(self) -> float | None:
        """When what is queued should go: 0 for at once, None where nothing is queued."""
        if not self._queue:
            return None
        is_wanted = self.is_urgent or self._first_queued <= self.flush_to
        return (
            0.0 if is_wanted or self._is_full() else self._first_at + self._limits.flush_interval_s
        )

    def take(self, most: int) -> tuple[list[Queued], int]:
        """Take spans in hand to be encoded; return them with the number of the first."""
        number = self._first_queued
        items = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        if items:
            self._open[number] = self._open.get(number, 0) + len(items)
        return items, number

    # --- batches

    def put(self, items: Sequence[Queued], number: int, batches: Sequence[Batch]) -> None:
        """Let `batches` wait in place of the `items` that were in hand.

        Items that no batch holds could not be encoded.
        """
        self._queued_bytes -= sum(item.size for item in items)
        self.counts.queued -= len(items)
        for batch in batches:
            self._enter(batch)
            self._lane(batch.destination).waiting.append(batch)
            self._list(self._lane(batch.destination))
        lost = len(items) - sum(batch.spans for batch in batches)
        if lost:
            self.counts.dropped("unencodable", lost)
        self._close(number, len(items))
        self._make_room()

    def attach(
        self, destination: Destination, attachments: Attachments, number: int, now: float
    ) -> None:
        """Let the media wait that a span in hand refers to; see `Batch.number`."""
        if self.uploads.add(destination, attachments, number, now):
            self._open[number] += 1

    def settle(self, number: int, batches: Sequence[Batch]) -> None:
        """Media of a span wait no longer; `batches` carry the span once more, where some failed."""
        for batch in batches:
            self.counts.created += batch.spans
            self.counts.repeated += batch.spans
            self._enter(batch)
            self._lane(batch.destination).waiting.append(batch)
            self._list(self._lane(batch.destination))
        self._close(number, 1)
        self._make_room()

    def recover(self, batches: Sequence[Batch]) -> None:
        """Let batches wait that an earlier process left on disk."""
        for batch in batches:
            batch.number = self._first_queued - 1
            self.counts.created += batch.spans
            self.counts.recovered += batch.spans
            self._enter(batch)
            self._lane(batch.destination).waiting.append(batch)
            self._list(self._lane(batch.destination))

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
        self.uploads.hurry()

    def next_due(self) -> float | None:
        """When the next lane has rested; 0 if one is ready, None if none waits."""
        if self._listed and self._in_flight < MAX_IN_FLIGHT:
            return 0.0
        return self._resting[0][0] if self._resting else None

    # --- what became of a batch that was started

    def delivered(self, batch: Batch, size: int, refused: int = 0) -> None:
        """The destination took the batch, but for `refused` of its spans."""
        lane = self._returned(batch)
        lane.failures = lane.refused = 0
        lane.window = min(lane.window + 1, MAX_WINDOW)
        self.counts.sent(batch.destination, batch.spans - refused, size)
        if refused:
            self.counts.dropped("rejected", refused, batch.destination)
        self._leave(batch)
        self._end(batch.destination, lane)

    def postponed(self, batch: Batch, until: float, error: str) -> None:
        """Nobody took it; it goes again when the time has come."""
        lane = self._returned(batch)
        lane.window = 1
        lane.waiting.appendleft(batch)
        self.counts.retried(batch.destination, error)
        if not lane.is_resting:
            lane.failures += 1
            lane.is_resting = True
            heapq.heappush(self._resting, (until, next(self._tie), batch.destination))

    def given_back(self, batch: Batch) -> None:
        """The attempt was broken off before there was an answer."""
        lane = self._returned(batch)
        lane.waiting.appendleft(batch)
        self._list(lane)

    def divided(self, batch: Batch, pieces: Sequence[Batch]) -> None:
        """It goes on in pieces."""
        lane = self._returned(batch)
        for piece in pieces:
            self._enter(piece)
        self._leave(batch)
        lane.waiting.extendleft(reversed(pieces))
        self._list(lane)

    def refused(self, batch: Batch, reason: str, error: str) -> None:
        """The destination will never take it."""
        lane = self._returned(batch)
        lane.failures = 0
        lane.refused += 1
        self._drop(batch, reason, error)
        self._end(batch.destination, lane)

    def failures(self, destination: Destination) -> int:
        """How often in a row it was asked in vain; requests that fail together count once."""
        return self._lane(destination).failures

    def is_refusing(self, destination: Destination, most: int) -> bool:
        """Whether so many spans were refused one by one that it seems to refuse whatever comes."""
        return self._lane(destination).refused >= most

    def drop_oldest_spooled(self) -> Batch | None:
        """Drop the batch that has been on disk for longest and is not under way; return it."""
        waiting = (batch for lane in self._lanes.values() for batch in lane.waiting)
        by_age = {batch.file.name: batch for batch in waiting if batch.file}
        if not by_age:
            return None
        oldest = by_age[min(by_age)]
        self._withdraw(oldest)
        self._drop(oldest, "spool_full", "the spool is full")
        return oldest

    def abandon(self, reason: str, error: str) -> int:
        """Give up what waits in memory, and let go of what is on disk; return how many are lost."""
        self.is_over = True
        left = self.counts.queued
        if left:
            self.counts.dropped(reason, left, error=error)
        self.counts.media_failed[reason] += self.uploads.clear()
        self.counts.queued = self._queued_bytes = self._batch_bytes = self._in_flight = 0
        for container in (self._queue, self._open, self._lanes, self._listed, self._resting):
            container.clear()
        return left

    # --- inside

    @property
    def _first_queued(self) -> int:
        return self._added - len(self._queue) + 1

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

    def _returned(self, batch: Batch) -> Lane:
        lane = self._lane(batch.destination)
        lane.in_flight -= 1
        self._in_flight -= 1
        return lane

    def _end(self, destination: Destination, lane: Lane) -> None:
        """An empty lane is not kept when it has rested, there may be many; another goes on."""
        if lane.waiting or lane.in_flight or lane.is_resting:
            self._list(lane)
        else:
            self._lanes.pop(destination, None)

    def _enter(self, batch: Batch) -> None:
        self._open[batch.number] = self._open.get(batch.number, 0) + batch.spans
        if batch.file:
            self.counts.spooled += batch.spans
        else:
            self.counts.queued += batch.spans
            self._batch_bytes += len(batch.body)

    def _leave(self, batch: Batch) -> None:
        if batch.file:
            self.counts.spooled -= batch.spans
        else:
            self.counts.queued -= batch.spans
            self._batch_bytes -= len(batch.body)
        self._close(batch.number, batch.spans)

    def _close(self, number: int, spans: int) -> None:
        self._open[number] -= spans
        if not self._open[number]:
            del self._open[number]

    def _drop(self, batch: Batch, reason: str, error: str) -> None:
        self._leave(batch)
        self.counts.dropped(reason, batch.spans, batch.destination, error)

    def _is_full(self) -> bool:
        limits = self._limits
        return len(self._queue) >= limits.flush_at or self._queued_bytes >= limits.batch_bytes

    def _make_room(self) -> None:
        """Drop the oldest while more is held than may be: media, what waits longest, the queue."""
        self._make_room_for_spans()
        while self._held_bytes > self._limits.queue_bytes:
            oldest = self._oldest_in_memory()
            if oldest is not None:
                self._withdraw(oldest)
                self._drop(oldest, "queue_full", "more is waiting than memory may hold")
                self.pushed_out += oldest.spans
            elif len(self._queue) > 1:
                item = self._queue.popleft()
                self._queued_bytes -= item.size
                self.counts.queued -= 1
                self.counts.dropped("queue_full", 1, item.destination)
                self.pushed_out += 1
            else:
                break

    def _make_room_for_spans(self) -> None:
        """Media go first, and never fill more than half: those under way cannot be dropped."""
        most = self._limits.queue_bytes
        while self._held_bytes > most or self.uploads.bytes > most // 2:
            if not self.uploads.drop_oldest():
                break
            self.counts.media_failed["queue_full"] += 1

    @property
    def _held_bytes(self) -> int:
        return self._queued_bytes + self._batch_bytes + self.uploads.bytes

    def _oldest_in_memory(self) -> Batch | None:
        """Only the first of each lane is looked at: those behind it are younger."""
        if not self._batch_bytes:
            return None
        firsts = (
            next((batch for batch in lane.waiting if not batch.file), None)
            for lane in self._lanes.values()
        )
        return min(filter(None, firsts), key=lambda batch: batch.number, default=None)

    def _withdraw(self, batch: Batch) -> None:
        lane = self._lane(batch.destination)
        lane.waiting.remove(batch)
        self._end(batch.destination, lane)


def backoff_s(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after `failures` earlier ones: doubling, half of it random."""
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 10))
    return longest * (0.5 + jitter() / 2)
