"""Moves a backlog: encodes what is queued, sends what is due, books what became of it.

One event loop does it all, so that a project that hangs delays no other, and what hangs can be
broken off. The lock is held for the books alone: encoding, the disk and the network do without.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from langfuse_otel._delivery.batches import BAD_REQUEST, TOO_LARGE, divided, fitting, named, packed
from langfuse_otel._delivery.lanes import Batch, backoff_s
from langfuse_otel._delivery.notices import lost
from langfuse_otel._delivery.sender import NOT_PUBLIC, Delivered, Rejected, TryLater
from langfuse_otel._delivery.shelf import Shelf
from langfuse_otel._delivery.uploader import Uploader

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from langfuse_otel._delivery.backlog import Backlog, Goal, Queued
    from langfuse_otel._delivery.sender import Outcome, Sender
    from langfuse_otel._delivery.uploads import Upload
    from langfuse_otel._delivery.work import Work
    from langfuse_otel._destination import Destination
    from langfuse_otel._spans.otlp import Part

log = logging.getLogger("langfuse_otel")

# Spans encoded in one go, between two looks at the network.
MOST_ENCODED = 2_048
# So many requests refused for good, and none taken between: the next refused one is not divided.
MOST_REFUSED = 64
SHORTEST_TIMEOUT_S = 0.001
# After an error of our own, which must neither end the thread nor keep it busy.
AFTER_ERROR_S = 1.0

# Refusals that are no matter of the spans: with other keys they may be taken.
OF_THE_KEYS = frozenset({401, 403})

GONE = Rejected("its file in the spool is gone", 0)


class Worker:
    """Runs in one thread; `wake` is for others.

    Args:
        work: the shared state.
        sender: does the requests; closed at the end.
        goal: says when to stop; None for not yet.
    """

    def __init__(self, work: Work, sender: Sender, goal: Callable[[], Goal | None]) -> None:
        self._goal = goal
        self._work = work
        self._sender = sender
        self._shelf = Shelf(work)
        self._uploader = Uploader(work, sender, self._timeout_s, self._shelf.store)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look again at what is to be done. For any thread, and for a signal handler."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Work until the goal is reached."""
        self._loop = asyncio.get_running_loop()
        try:
            while not self._is_done():
                self._woken.clear()
                await self._pause(0.0 if self._stepped() else AFTER_ERROR_S)
            self._keep_rest()
        finally:
            for request in self._requests:
                request.cancel()
            await asyncio.gather(*self._requests, return_exceptions=True)
            await self._sender.aclose()

    def _stepped(self) -> bool:
        """Do what is to be done now; False if that failed. No error of ours ends the thread."""
        try:
            self._shelf.recover()
            self._encode()
            if self._uploader.settle():
                self._woken.set()
            for batch in self._started():
                self._send(self._deliver(batch), partial(self._ended, batch))
            for upload in self._uploader.started():
                self._send(self._uploader.deliver(upload), partial(self._upload_ended, upload))
        except Exception as error:  # noqa: BLE001 - whatever it is, there is more to deliver
            reason = f"an error of ours: {type(error).__name__}"
            self._work.notices.warn("", reason, "delivery goes on")
            return False
        return True

    def _is_done(self) -> bool:
        with self._work.changed:
            backlog, goal = self._work.backlog, self._goal()
            if backlog.is_over or goal is None:
                return backlog.is_over
            is_sent = backlog.is_empty if goal.upto is None else backlog.oldest > goal.upto
            return is_sent or self._work.clock() >= goal.deadline

    async def _pause(self, least_s: float) -> None:
        """Wait until something is due or somebody wakes us."""
        wait_s = self._wait_s()
        if wait_s is not None:
            wait_s = max(wait_s, least_s)
        if wait_s is None or wait_s > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait_s)
        else:
            await asyncio.sleep(0)

    def _wait_s(self) -> float | None:
        with self._work.changed:
            backlog, goal = self._work.backlog, self._goal()
            moments = [backlog.queue_due(), backlog.lanes.next_due(), backlog.uploads.next_due()]
            moments.append(goal.deadline if goal else None)
            moments.append(self._shelf.recovers_at if self._work.spool else None)
            due = [moment for moment in moments if moment is not None]
            return min(due) - self._work.clock() if due else None

    # --- from the queue into batches

    def _encode(self) -> bool:
        """Move what is queued into batches, if it is due; False if nothing is."""
        work = self._work
        with work.changed:
            due, pushed_out = work.backlog.queue_due(), work.backlog.pushed_out
            work.backlog.pushed_out = 0
            is_due = due is not None and due <= work.clock()
            items, number = work.backlog.take(MOST_ENCODED if is_due else 0)
        if pushed_out:
            work.notices.warn("", "more is waiting than memory may hold", lost(pushed_out))
        if not items:
            return False
        encoded: dict[Destination, list[Part]] = {}
        batches: list[Batch] = []

        def put(backlog: Backlog) -> None:
            self._uploader.attach(encoded, number)
            backlog.put(items, number, batches)

        try:
            encoded = self._encoded(items)
            batches = [
                batch
                for destination, parts in encoded.items()
                for batch in packed(destination, parts, number, work.limits)
            ]
            self._shelf.store(batches)
        finally:
            work.book(put)
        return True

    def _keep_rest(self) -> None:
        """At the end, put on disk what there was no time to send."""
        while self._work.spool is not None and self._encode():
            pass

    def _encoded(self, items: Iterable[Queued]) -> dict[Destination, list[Part]]:
        """A span that cannot be encoded is lost alone."""
        encoded: dict[Destination, list[Part]] = {}
        for item in items:
            part = self._part(item)
            if part is not None:
                encoded.setdefault(item.destination, []).append(part)
        return encoded

    def _part(self, item: Queued) -> Part | None:
        try:
            part = self._uploader.admitted(item.destination, item.encode())
            return fitting(part, self._work.limits)
        except Exception as error:  # noqa: BLE001 - whatever one span does, the others go
            name = type(error).__name__
            self._work.notices.warn("", f"a span has no encoding: {name}", lost(1))
            return None

    # --- the network

    def _started(self) -> list[Batch]:
        with self._work.changed:
            return list(self._work.backlog.lanes.start(self._work.clock()))

    def _send(
        self,
        sending: Coroutine[None, None, None],
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        request = asyncio.create_task(sending)
        self._requests.add(request)
        request.add_done_callback(ended)

    async def _deliver(self, batch: Batch) -> None:
        """Send one batch and book what became of it."""
        outcome: Outcome = GONE
        body = self._shelf.body(batch)
        if body is not None:
            outcome = await self._sender.post(batch.destination, body, self._timeout_s())
        log.debug(
            "langfuse-otel: %d spans to %s: %s", batch.spans, batch.destination.label, outcome
        )
        self._book(batch, body or b"", outcome)

    def _ended(self, batch: Batch, request: asyncio.Task[None]) -> None:
        """Whatever ended without being booked waits again, even if it never began."""
        self._requests.discard(request)
        if request.cancelled():
            self._work.book(lambda backlog: backlog.lanes.returned(batch))
        elif error := request.exception():
            self._book_postponed(batch, TryLater(f"could not be sent: {type(error).__name__}"))
        self._woken.set()

    def _upload_ended(self, upload: Upload, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        if request.cancelled():
            self._uploader.give_back(upload)
        elif error := request.exception():
            self._uploader.postpone(upload, f"could not be sent: {type(error).__name__}")
        self._woken.set()

    def _timeout_s(self) -> float:
        timeout_s, goal = self._work.limits.timeout_s, self._goal()
        if goal is None:
            return timeout_s
        return max(SHORTEST_TIMEOUT_S, min(timeout_s, goal.deadline - self._work.clock()))

    # --- the books

    def _book(self, batch: Batch, body: bytes, outcome: Outcome) -> None:
        if isinstance(outcome, Delivered):
            self._book_delivered(batch, len(body), outcome)
        elif isinstance(outcome, TryLater):
            self._book_postponed(batch, outcome)
        else:
            pieces = self._pieces(batch, body, outcome)
            if pieces:
                self._book_divided(batch, pieces)
            else:
                self._book_refused(batch, body, outcome)

    def _book_delivered(self, batch: Batch, size: int, outcome: Delivered) -> None:
        refused = min(batch.spans, outcome.refused)
        if refused:
            self._warn(batch, f"took all but {refused} spans", lost(refused))
        self._shelf.forget(batch)
        self._work.book(lambda backlog: backlog.delivered(batch, size, refused))

    def _book_postponed(self, batch: Batch, outcome: TryLater) -> None:
        work = self._work
        with work.changed:
            if work.backlog.is_over:
                return
            wait_s = outcome.after_s
            if wait_s is None:
                wait_s = backoff_s(work.backlog.lanes.failures(batch.destination))
            work.backlog.postponed(batch, work.clock() + wait_s, outcome.reason)
        self._warn(batch, outcome.reason, "it will be tried again")

    def _book_divided(self, batch: Batch, pieces: Sequence[Batch]) -> None:
        self._shelf.store(pieces)
        self._work.book(lambda backlog: backlog.divided(batch, pieces))
        self._shelf.forget(batch)

    def _book_refused(self, batch: Batch, body: bytes, outcome: Rejected) -> None:
        if outcome.status in OF_THE_KEYS and self._shelf.set_aside(batch):
            self._book_set_aside(batch, outcome)
            return
        is_known = outcome is not GONE and batch.spans == 1
        reason = _LOST_AS.get(outcome) or _REASONS.get(outcome.status, "rejected")
        which = f", {named(body)}" if is_known else ""
        self._warn(batch, outcome.reason, f"{lost(batch.spans)} ({reason}{which})")
        self._shelf.forget(batch)
        self._work.book(lambda backlog: backlog.refused(batch, reason, outcome.reason))

    def _book_set_aside(self, batch: Batch, outcome: Rejected) -> None:
        what = f"{batch.spans} spans of an earlier process are set aside; deliver them with `drain`"
        self._warn(batch, outcome.reason, what)
        self._work.book(lambda backlog: backlog.refused(batch, "set_aside", outcome.reason))

    def _pieces(self, batch: Batch, body: bytes, outcome: Rejected) -> list[Batch]:
        """What to send in place of a refused batch, unless the server refuses whatever comes."""
        if outcome.status not in {BAD_REQUEST, TOO_LARGE}:
            return []
        with self._work.changed:
            if self._work.backlog.lanes.is_refusing(batch.destination, MOST_REFUSED):
                return []
        return divided(batch, body, outcome.status, self._work.limits)

    def _warn(self, batch: Batch, reason: str, what: str) -> None:
        self._work.notices.warn(batch.destination.label, reason, what)


_LOST_AS = {GONE: "spool_lost", NOT_PUBLIC: "host_not_allowed"}
_REASONS = {TOO_LARGE: "too_large"}
