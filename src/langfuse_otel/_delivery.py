"""From "queued" to "Langfuse has it": one queue, one worker thread, whatever the number of projects.

A span waits at most one flush interval, is sent together with the others for its destination, and
is tried until it is delivered, refused, or the process ends. Whoever submits never waits.

`_changed` guards everything that more than one thread touches, the counts among it, so that each
span is counted in exactly one place at any moment.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

from langfuse_otel._counts import Counts, Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from langfuse_otel._destination import Destination
    from langfuse_otel._sender import Outcome, Sender

log = logging.getLogger("langfuse_otel")

MAX_QUEUED_BYTES = 64 * 1024 * 1024
MAX_BATCH_BYTES = 3_500_000
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
WARN_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Queued:
    """One span on its way: where to, about how many bytes, and how to build it."""

    destination: Destination
    size: int
    span: Callable[[], ReadableSpan]


@dataclass(frozen=True, slots=True)
class Batch:
    """The body of one request, the spans in it, and the number of the oldest of them."""

    body: bytes
    spans: int
    oldest: int


@dataclass(slots=True)
class Lane:
    """What waits for one destination; its backoff delays no other."""

    batches: deque[Batch] = field(default_factory=deque)
    failures: int = 0
    due: float = 0.0


Numbered = tuple[int, Queued]


class Delivery:
    """Delivers what is submitted, in the background.

    Args:
        open_sender: makes what does the requests; called in the process and thread that sends.
        flush_interval_s: longest wait of a span before the first attempt.
        flush_at: number of waiting spans that ends the wait.
        timeout_s: limit of one request.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        open_sender: Callable[[], Sender],
        *,
        flush_interval_s: float = 1.0,
        flush_at: int = 512,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_sender = open_sender
        self._flush_interval_s = flush_interval_s
        self._flush_at = flush_at
        self._timeout_s = timeout_s
        self._clock = clock
        self._begin()
        _after_fork(self)

    def _begin(self) -> None:
        """The state of a process that has submitted nothing yet."""
        self._changed = threading.Condition(threading.Lock())
        self._counts = Counts()
        self._warned: dict[str, float] = {}
        self._sender: Sender | None = None
        self._queue: deque[Queued] = deque()
        self._lanes: dict[Destination, Lane] = {}
        self._bytes = 0
        self._submitted = 0
        self._in_hand = range(0)
        self._first_at = 0.0
        self._flush_to = 0
        self._stop_at: float | None = None
        self._life = object()
        self._thread: threading.Thread | None = None

    def submit(self, item: Queued) -> None:
        """Queue one span; returns at once. What does not fit pushes the oldest out, counted."""
        with self._changed:
            self._counts.created += 1
            self._queue.append(item)
            self._submitted += 1
            self._bytes += item.size
            self._make_room()
            if len(self._queue) == 1:
                self._first_at = self._clock()
            if len(self._queue) in {1, self._flush_at}:
                self._changed.notify_all()
            if self._thread is None or not self._thread.is_alive():
                self._start()

    def lose(self, reason: str) -> None:
        """Count one observation that ends before the queue."""
        with self._changed:
            self._counts.created += 1
            self._counts.dropped[reason] += 1

    def flush(self, timeout_s: float) -> bool:
        """Send all that was submitted before; False if some of it still waits after `timeout_s`."""
        with self._changed:
            upto = self._submitted
            self._flush_to = upto
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._oldest() > upto, timeout_s)

    def shutdown(self, timeout_s: float) -> None:
        """Send what waits, for at most `timeout_s`; count the rest as lost."""
        with self._changed:
            self._stop_at = self._clock() + timeout_s
            self._flush_to = self._submitted
            life, thread = self._life, self._thread
            self._changed.notify_all()
        if thread and thread.is_alive():
            thread.join(timeout_s)
        else:
            self._work(life)
        self._abandon()

    def stats(self) -> Stats:
        """Return the counts as they stand now."""
        with self._changed:
            return self._counts.stats(self._waiting())

    def _start(self) -> None:
        thread = threading.Thread(
            target=self._work, args=(self._life,), name="langfuse-otel", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            return  # the interpreter is ending; `shutdown` does the work itself
        self._thread = thread

    def _work(self, life: object) -> None:
        """Send until told to stop. Our own requests are not traced: they would trace themselves."""
        token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            while self._wait_for_work(life):
                self._send_due(self._collect(), life)
        finally:
            context.detach(token)

    def _wait_for_work(self, life: object) -> bool:
        """Wait until something is to be done; False when all is done and no more will come."""
        with self._changed:
            while self._life is life:
                now = self._clock()
                if self._stop_at is not None and (now >= self._stop_at or self._is_empty()):
                    return False
                wait_s = self._wait_s(now)
                if wait_s is not None and wait_s <= 0:
                    return True
                self._changed.wait(wait_s)
        return False

    def _wait_s(self, now: float) -> float | None:
        """Seconds until the next thing to do, None if there is nothing."""
        if self._is_empty():
            return None
        if self._oldest() <= self._flush_to:
            return 0.0
        moments = [lane.due for lane in self._lanes.values()]
        if self._queue:
            full = self._stop_at is not None or len(self._queue) >= self._flush_at
            moments.append(now if full else self._first_at + self._flush_interval_s)
        if self._stop_at is not None:
            moments.append(self._stop_at)
        return min(moments) - now

    def _collect(self) -> int:
        """Move what is queued into the lanes, encoded; return up to which number to hurry."""
        with self._changed:
            items = list(self._queue)
            first = self._first_queued()
            self._in_hand = range(first, first + len(items))
            self._queue.clear()
            hurry_to, self._flush_to = self._flush_to, 0
        batches = [
            (destination, batch)
            for destination, numbered in _by_destination(items, first).items()
            for chunk in _chunks(numbered, self._flush_at)
            for batch in self._encoded(chunk)
        ]
        with self._changed:
            for destination, batch in batches:
                self._lanes.setdefault(destination, Lane()).batches.append(batch)
                self._bytes += len(batch.body)
            self._bytes -= sum(item.size for item in items)
            self._counts.dropped["unencodable"] += len(items) - sum(b.spans for _, b in batches)
            self._in_hand = range(0)
            self._make_room()
            self._changed.notify_all()
        return hurry_to

    def _encoded(self, numbered: Sequence[Numbered]) -> list[Batch]:
        """One batch; or, where a span cannot be encoded, each alone, so that it is lost alone."""
        from langfuse_otel._spans import encoded  # noqa: PLC0415 - the worker alone pays for the SDK

        try:
            body = encoded([item.span() for _, item in numbered])
        except Exception as error:  # noqa: BLE001 - whatever one span does, the others go
            if len(numbered) == 1:
                self._warn(
                    "unencodable", f"lost a span that has no encoding: {type(error).__name__}"
                )
                return []
            return [batch for one in numbered for batch in self._encoded([one])]
        return [Batch(body, len(numbered), numbered[0][0])]

    def _send_due(self, hurry_to: int, life: object) -> None:
        with self._changed:
            now = self._clock()
            due = [
                (destination, lane)
                for destination, lane in self._lanes.items()
                if lane.due <= now or lane.batches[0].oldest <= hurry_to
            ]
        for destination, lane in due:
            while self._life is life and lane.batches and self._send(destination, lane, life):
                pass

    def _send(self, destination: Destination, lane: Lane, life: object) -> bool:
        """Send the first batch of a lane; False where the lane has to wait."""
        timeout_s = self._request_timeout()
        if timeout_s <= 0:
            return False
        batch = lane.batches[0]
        outcome = self._post(destination, batch.body, timeout_s)
        log.debug("langfuse-otel: %d spans to %s: %s", batch.spans, destination.traces_url, outcome)
        with self._changed:
            if self._life is not life:
                return False  # given up meanwhile, and counted there
            return self._settle(destination, lane, outcome)

    def _post(self, destination: Destination, body: bytes, timeout_s: float) -> Outcome:
        if self._sender is None:
            self._sender = self._open_sender()
        return self._sender.post(destination, body, timeout_s)

    def _request_timeout(self) -> float:
        if self._stop_at is None:
            return self._timeout_s
        return min(self._timeout_s, self._stop_at - self._clock())

    def _settle(self, destination: Destination, lane: Lane, outcome: Outcome) -> bool:
        """Book the outcome of the lane's first batch; False where it has to be sent again."""
        batch = lane.batches[0]
        if outcome.again:
            self._counts.retries += 1
            self._counts.last_error = outcome.reason
            wait_s = backoff_s(lane.failures) if outcome.after_s is None else outcome.after_s
            lane.failures += 1
            lane.due = self._clock() + wait_s
            self._warn(outcome.reason, f"{outcome.reason}; will try again")
            return False
        if outcome.delivered:
            self._counts.sent += batch.spans
        else:
            self._book_loss("rejected", batch.spans, outcome.reason)
        lane.failures = 0
        self._take_out(destination, lane)
        self._changed.notify_all()
        return True

    def _take_out(self, destination: Destination, lane: Lane) -> Batch:
        """Take the first batch out of a lane; an empty lane is not kept, there may be many."""
        batch = lane.batches.popleft()
        self._bytes -= len(batch.body)
        if not lane.batches:
            self._lanes.pop(destination, None)
        return batch

    def _make_room(self) -> None:
        """Push the oldest out while more is held than may be: what waits longest, then the queue."""
        while self._bytes > MAX_QUEUED_BYTES and len(self._lanes) + len(self._queue) > 1:
            if self._lanes and not self._in_hand:
                oldest = min(self._lanes, key=lambda d: self._lanes[d].batches[0].oldest)
                lost = self._take_out(oldest, self._lanes[oldest]).spans
            elif len(self._queue) > 1:
                self._bytes -= self._queue.popleft().size
                lost = 1
            else:
                return
            self._book_loss("queue_full", lost, "more is waiting than memory may hold")

    def _book_loss(self, reason: str, spans: int, error: str) -> None:
        self._counts.dropped[reason] += spans
        self._counts.last_error = error
        self._warn(reason + error, f"lost {spans} spans ({reason}): {error}")

    def _abandon(self) -> None:
        """Give up what still waits; a worker that still hangs in a request ends after it."""
        with self._changed:
            left = self._waiting()
            if left:
                self._book_loss("shutdown", left, "the process ended before Langfuse took them")
            self._queue.clear()
            self._lanes.clear()
            self._in_hand = range(0)
            self._bytes = 0
            self._life = object()
            self._stop_at = self._thread = None
            sender, self._sender = self._sender, None
            self._changed.notify_all()
        if sender is not None:
            sender.close()

    def _warn(self, cause: str, text: str) -> None:
        """Log a problem, the same cause at most once a minute."""
        now = self._clock()
        if now - self._warned.get(cause, -WARN_EVERY_S) >= WARN_EVERY_S:
            self._warned[cause] = now
            log.warning("langfuse-otel: %s", text)

    def _is_empty(self) -> bool:
        return not self._queue and not self._lanes

    def _waiting(self) -> int:
        in_lanes = sum(batch.spans for lane in self._lanes.values() for batch in lane.batches)
        return len(self._queue) + len(self._in_hand) + in_lanes

    def _first_queued(self) -> int:
        """Number of the oldest span in the queue; spans are numbered from 1 as they come."""
        return self._submitted - len(self._queue) + 1

    def _oldest(self) -> int:
        """Number of the oldest span that is neither delivered nor lost."""
        in_lanes = [batch.oldest for lane in self._lanes.values() for batch in lane.batches]
        numbers: list[int] = [self._first_queued(), *self._in_hand[:1], *in_lanes]
        return min(numbers)


def backoff_s(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after `failures` earlier ones: doubling, half of it random."""
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 10))
    return longest * (0.5 + jitter() / 2)


def _by_destination(items: Sequence[Queued], first: int) -> dict[Destination, list[Numbered]]:
    found: dict[Destination, list[Numbered]] = {}
    for number, item in enumerate(items, first):
        found.setdefault(item.destination, []).append((number, item))
    return found


def _chunks(numbered: Sequence[Numbered], most: int) -> Iterator[list[Numbered]]:
    """Cut into what fits into one request, by number and by size."""
    chunk: list[Numbered] = []
    size = 0
    for one in numbered:
        if chunk and (len(chunk) >= most or size + one[1].size > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += one[1].size
    if chunk:
        yield chunk


def _after_fork(delivery: Delivery) -> None:
    """A child starts empty: what the parent queued is the parent's to send."""
    reference = weakref.WeakMethod(delivery._begin)  # noqa: SLF001

    def begin_in_child() -> None:
        begin = reference()
        if begin:
            begin()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin_in_child)
