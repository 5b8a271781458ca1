"""Keeps batches on disk from before they are sent until they have their answer, and books that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langfuse_otel._delivery.lanes import Batch
from langfuse_otel._delivery.notices import lost

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from langfuse_otel._delivery.spool import Spool
    from langfuse_otel._delivery.work import Work

RECOVER_EVERY_S = 30.0
# And for a project that has become known: where there are many, not for each of them.
RECOVER_NEW_S = 3.0


class Shelf:
    """The spool as a worker uses it; without one everything stays in memory."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._looked_at = -RECOVER_EVERY_S
        self._looked_for = 0

    @property
    def recovers_at(self) -> float:
        """When it looks again for what ended processes left: soon where a project was not looked for."""
        is_new = len(self._work.known) > self._looked_for
        return self._looked_at + (RECOVER_NEW_S if is_new else RECOVER_EVERY_S)

    def store(self, batches: Iterable[Batch]) -> None:
        """Put batches on disk before they are sent, where there is a spool that may have them."""
        if self._work.spool is not None:
            for batch in batches:
                if batch.destination.address in self._work.known:
                    self._store_one(self._work.spool, batch)

    def _store_one(self, spool: Spool, batch: Batch) -> None:
        try:
            batch.file = self._file(spool, batch)
        except OSError as error:
            with self._work.changed:
                self._work.backlog.counts.spool_errors += 1
            reason = f"cannot write to the spool: {error.strerror or type(error).__name__}"
            self._work.notices.warn("", reason, "spans wait in memory")
        if batch.file is not None:
            batch.body = b""

    def _file(self, spool: Spool, batch: Batch) -> Path | None:
        """The file that holds it now; older ones are dropped for it. None where it never fits."""
        if not spool.may_hold(batch.body):
            return None
        while not spool.has_room(batch.body):
            with self._work.changed:
                oldest = self._work.backlog.drop_oldest_spooled()
            if oldest is None:
                return None
            self.forget(oldest)
            self._work.notices.warn(
                oldest.destination.label, "the spool is full", lost(oldest.spans)
            )
        return spool.put(batch.destination.address, batch.spans, batch.body)

    def body(self, batch: Batch) -> bytes | None:
        """Return the body of a batch; None if its file is gone."""
        if batch.file is None or self._work.spool is None:
            return batch.body
        return self._work.spool.body(batch.file)

    def forget(self, batch: Batch) -> None:
        """Take away the file of a batch that has its answer."""
        if batch.file is not None and self._work.spool is not None:
            self._work.spool.remove(batch.file)

    def set_aside(self, batch: Batch) -> bool:
        """Keep a batch of an earlier process for `drain`; False if it is none, or cannot be kept."""
        if batch.file is None or not batch.is_recovered or self._work.spool is None:
            return False
        return self._work.spool.set_aside(batch.file)

    def recover(self) -> None:
        """Take over what ended processes left in the spool, now and then."""
        work = self._work
        if work.spool is None or work.clock() < self.recovers_at:
            return
        self._looked_at, self._looked_for = work.clock(), len(work.known)
        try:
            found = work.spool.recover(work.known.__contains__)
        except OSError as error:
            reason = f"cannot read the spool: {error.strerror or type(error).__name__}"
            work.notices.warn("", reason, "what earlier processes left stays there")
            return
        with work.changed:
            work.backlog.recover(
                [
                    Batch(work.known[one.address], b"", one.spans, 0, one.file, is_recovered=True)
                    for one in found
                ]
            )
