"""What waits for Langfuse: the state of the delivery, without threads, clocks or I/O.

A span is queued, taken in hand to be encoded, put into a batch that waits in the lane of its
destination (`lanes`), started, and at last delivered or dropped; the counts say at any moment
where each one is. Whoever holds a backlog guards it with one lock and tells it the time, in seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from langfuse_otel._delivery.lanes import Lanes
from langfuse_otel._delivery.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langfuse_otel._delivery.counts import Counts
    from langfuse_otel._delivery.lanes import Batch
    from langfuse_otel._destination import Destination
    from langfuse_otel._spans.inline import Attachments
    from langfuse_otel._spans.otlp import Part


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


class Queued(NamedTuple):
    """One span on its way: where to, about how many bytes, and how to encode it."""

    destination: Destination
    size: int
    encode: Callable[[], Part]


class Backlog:
    """All that waits, in the order in which it should go.

    Args:
        limits: when the queue is due, and how much is held.
        counts: where each span is booked.

    Attributes:
        is_over: nothing is booked any more, for what was left has been given up.
        urgent_until: the queue goes at once where it began before this.
        flush_to: what is numbered up to this goes at once.
        pushed_out: spans that were dropped for want of room since somebody last asked.
        lanes: the batches that wait, by destination, and which of them may go.
        uploads: media on their way; a span counts as open while any of its own are.
    """

    def __init__(self, limits: Limits, counts: Counts) -> None:
        self.counts = counts
        self.is_over = False
        self.urgent_until = 0.0
        self.flush_to = 0
        self.pushed_out = 0
        self.uploads = Uploads()
        self.lanes = Lanes()
        self._limits = limits
        self._first_at = 0.0
        self._queued_bytes = 0
        self._batch_bytes = 0
        self._queue: deque[Queued] = deque()
        self._added = 0
        self._open: dict[int, int] = {}

    # --- the queue

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

        It is where nothing was queued before, or enough is queued now to end the wait. A signal
        handler may add another in the midst of it: so what is news is looked at first.
        """
        is_first, was_full = not self._queue, self._is_full()
        if is_first:
            self._first_at = now
        self.counts.created += 1
        self.counts.queued += 1
        self._added += 1
        self._queue.append(item)
        self._queued_bytes += item.size
        if self._held_bytes > self._limits.queue_bytes:
            self._make_room()
        return is_first or (self._is_full() and not was_full)

    def lose(self, reason: str) -> None:
        """Count one observation that ends before the queue."""
        self.counts.created += 1
        self.counts.dropped(reason, 1)

    def queue_due(self) -> float | None:
        """When what is queued should go: 0 for at once, None where nothing is queued."""
        if not self._queue:
            return None
        is_urgent = self._first_at < self.urgent_until
        is_wanted = is_urgent or self._first_queued <= self.flush_to
        return (
            0.0 if is_wanted or self._is_full() else self._first_at + self._limits.flush_interval_s
        )

    def take(self, most: int) -> tuple[list[Queued], int]:
        """Take spans in hand to be encoded; return them with the number of the first."""
        number = self._first_queued
        items = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        if items:
            self._open[number] = len(items)
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
            self.lanes.add(batch)
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
            self.lanes.add(batch)
        self._close(number, 1)
        self._make_room()

    def recover(self, batches: Sequence[Batch]) -> None:
        """Let batches wait that an earlier process left on disk."""
        for batch in batches:
            batch.number = self._first_queued - 1
            self.counts.created += batch.spans
            self.counts.recovered += batch.spans
            self._enter(batch)
            self.lanes.add(batch)

    # --- what became of a batch that was started

    def delivered(self, batch: Batch, size: int, refused: int = 0) -> None:
        """The destination took the batch, but for `refused` of its spans."""
        self.lanes.taken(batch)
        self.counts.sent(batch.destination, batch.spans - refused, size)
        if refused:
            self.counts.dropped("rejected", refused, batch.destination)
        self._leave(batch)

    def postponed(self, batch: Batch, until: float, error: str) -> None:
        """Nobody took it; it goes again when the time has come."""
        self.lanes.failed(batch, until)
        self.counts.retried(batch.destination, error)

    def divided(self, batch: Batch, pieces: Sequence[Batch]) -> None:
        """It goes on in pieces."""
        for piece in pieces:
            self._enter(piece)
        self._leave(batch)
        self.lanes.returned(batch, pieces)

    def refused(self, batch: Batch, reason: str, error: str) -> None:
        """The destination will never take it."""
        self._drop(batch, reason, error)
        self.lanes.refused(batch)

    def hurry(self) -> None:
        """Let what waits for its next attempt go at once."""
        self.lanes.hurry()
        self.uploads.hurry()

    def drop_oldest_spooled(self) -> Batch | None:
        """Drop the batch that has been on disk for longest and is not under way; return it."""
        oldest = self.lanes.oldest_on_disk()
        if oldest is not None:
            self.lanes.withdraw(oldest)
            self._drop(oldest, "spool_full", "the spool is full")
        return oldest

    def abandon(self, reason: str, error: str) -> int:
        """Give up what waits in memory, and let go of what is on disk; return how many are lost."""
        self.is_over = True
        left = self.counts.queued
        if left:
            self.counts.dropped(reason, left, error=error)
        self.counts.media_failed[reason] += self.uploads.clear()
        self.counts.queued = self._queued_bytes = self._batch_bytes = 0
        self._queue.clear()
        self._open.clear()
        self.lanes = Lanes()
        return left

    # --- inside

    @property
    def _first_queued(self) -> int:
        return self._added - len(self._queue) + 1

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
            oldest = self.lanes.oldest_in_memory() if self._batch_bytes else None
            if oldest is not None:
                self.lanes.withdraw(oldest)
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
