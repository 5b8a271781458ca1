"""Uploads media beside the batches, in the worker's event loop, and books what became of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from langfuse_otel._delivery.batches import fitting, packed
from langfuse_otel._delivery.lanes import backoff_s
from langfuse_otel._delivery.media_api import uploaded
from langfuse_otel._delivery.sender import Delivered, TryLater
from langfuse_otel._delivery.uploads import REFUSED_FOR_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langfuse_otel._delivery.lanes import Batch
    from langfuse_otel._delivery.sender import Outcome, Rejected, Sender
    from langfuse_otel._delivery.uploads import Upload, WaitingSpan
    from langfuse_otel._delivery.work import Work
    from langfuse_otel._destination import Destination
    from langfuse_otel._spans.otlp import Part

log = logging.getLogger("langfuse_otel")

# A Langfuse without storage for media answers 500, however often it is asked.
FAILED = 500
MOST_ERRORS = 4
# Refusals of these media; any other refuses whatever comes.
OF_THESE_MEDIA = frozenset({400, 413, 422})


class Uploader:
    """Does the uploads of one worker.

    Args:
        work: the shared state.
        sender: does the requests.
        timeout_s: says how long one request may take now.
        store: puts batches on disk where there is a spool.
    """

    def __init__(
        self,
        work: Work,
        sender: Sender,
        timeout_s: Callable[[], float],
        store: Callable[[Sequence[Batch]], None],
    ) -> None:
        self._work = work
        self._sender = sender
        self._timeout_s = timeout_s
        self._store = store

    def admitted(self, destination: Destination, part: Part) -> Part:
        """Return the span to send: with markers for its media where the destination takes none."""
        given = part.attachments
        uploads, now = self._work.backlog.uploads, self._work.clock()
        if given is None or not uploads.is_refused(destination, now):
            return part
        return given.encode_with(given.markers)

    def attach(self, encoded: Mapping[Destination, Sequence[Part]], number: int) -> None:
        """Let the media of encoded spans wait. The caller holds the lock."""
        backlog, now = self._work.backlog, self._work.clock()
        for destination, parts in encoded.items():
            for part in parts:
                if part.attachments is not None:
                    backlog.attach(destination, part.attachments, number, now)

    def started(self) -> list[Upload]:
        """Return the uploads that may go now."""
        with self._work.changed:
            return list(self._work.backlog.uploads.start(self._work.clock()))

    async def deliver(self, upload: Upload) -> None:
        """Upload media and book what became of them."""
        work = self._work
        outcome = await uploaded(upload, self._sender, self._timeout_s())
        log.debug("langfuse-otel: media to %s: %s", upload.destination.label, outcome)
        with work.changed:
            what = None if work.backlog.is_over else self._book(upload, outcome)
        if what is not None and not isinstance(outcome, Delivered):
            label, reason = upload.destination.label, f"media upload: {outcome.reason}"
            work.notices.warn(label, reason, what)

    def give_back(self, upload: Upload) -> None:
        """The attempt was broken off before there was an answer."""
        self._work.book(lambda backlog: backlog.uploads.given_back(upload))

    def postpone(self, upload: Upload, reason: str) -> None:
        """The attempt failed by an error of ours."""
        self._work.book(lambda _: self._book(upload, TryLater(reason)))

    def settle(self) -> bool:
        """Let go of spans whose media are there, and send the others again, with markers.

        Returns whether there were any, for then there may be nothing left to do.
        """
        with self._work.changed:
            spans = self._work.backlog.uploads.take_settled()
        for span in spans:
            self._let_go(span)
        return bool(spans)

    def _let_go(self, span: WaitingSpan) -> None:
        batches = self._marked(span) if span.markers else []
        self._store(batches)
        self._work.book(lambda backlog: backlog.settle(span.number, batches))

    def _book(self, upload: Upload, outcome: Outcome) -> str | None:
        """Return what to say of it, if anything."""
        backlog = self._work.backlog
        if isinstance(outcome, Delivered):
            backlog.uploads.done(upload, self._work.clock())
            backlog.counts.media_uploaded += 1
            return None
        upload.errors += isinstance(outcome, TryLater) and outcome.status == FAILED
        if isinstance(outcome, TryLater) and upload.errors < MOST_ERRORS:
            wait_s = outcome.after_s
            if wait_s is None:
                wait_s = backoff_s(backlog.uploads.failures(upload))
            backlog.uploads.postponed(upload, self._work.clock() + wait_s)
            return "it will be tried again"
        backlog.uploads.failed(upload, self._refused_until(outcome))
        backlog.counts.media_failed["rejected"] += 1
        return "the span is sent with a marker in place of the media"

    def _refused_until(self, outcome: Rejected | TryLater) -> float | None:
        is_of_these = outcome.status in OF_THESE_MEDIA
        return None if is_of_these else self._work.clock() + REFUSED_FOR_S

    def _marked(self, span: WaitingSpan) -> list[Batch]:
        try:
            part = fitting(span.encode_with(span.markers), self._work.limits)
        except Exception as error:  # noqa: BLE001 - it was sent once, and stays as it is
            log.warning("langfuse-otel: a span cannot be marked: %s", type(error).__name__)
            return []
        return packed(span.destination, [part], span.number, self._work.limits)
