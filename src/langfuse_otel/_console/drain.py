"""`langfuse-otel drain`: deliver what is left in a spool, and lose nothing by trying.

Unlike the delivery of a program it keeps what the server refuses: the keys of who runs it may be
the wrong ones.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from langfuse_otel._delivery.batches import BAD_REQUEST, TOO_LARGE, divided
from langfuse_otel._delivery.lanes import Batch, backoff_s
from langfuse_otel._delivery.request_file import Spooled
from langfuse_otel._delivery.sender import Delivered, Rejected, Sender, TryLater
from langfuse_otel._delivery.spool import Spool, in_use, waiting
from langfuse_otel._process import limits_of
from langfuse_otel._text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from langfuse_otel._delivery.backlog import Limits
    from langfuse_otel._destination import Address, Destination
    from langfuse_otel.settings import Settings


@dataclass(slots=True)
class Result:
    """How many spans were delivered, and how many are left or lost for which reason.

    `refusal` is why the last of the refused were, `trouble` what kept the unreached.
    """

    delivered: int = 0
    foreign: int = 0
    in_use: int = 0
    refused: int = 0
    unreached: int = 0
    unreadable: int = 0
    rejected: int = 0
    refusal: str = ""
    trouble: str = ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left that the keys at hand could deliver."""
        return not (self.refused or self.unreached)

    @property
    def done(self) -> int:
        """How many of those found need no further attempt."""
        return self.delivered + self.refused + self.unreadable + self.rejected

    def text(self) -> str:
        """Say it, a sentence on each line."""
        trouble = self.trouble or "raise --timeout"
        left = (
            (self.foreign, "of other projects or hosts"),
            (self.in_use, "of processes that still run, which send them themselves"),
            (self.refused, f"that the server refuses: {self.refusal}"),
            (self.unreached, f"that could not be delivered in time: {trouble}"),
            (self.unreadable, "in files that cannot be read, which were set aside"),
        )
        lines = [f"Left: {_spans(number)} {why}." for number, why in left if number]
        if self.rejected:
            lines.append(f"Lost: {_spans(self.rejected)} that the server took out.")
        return "\n".join(map(printable, [f"Delivered: {_spans(self.delivered)}.", *lines]))

    def json(self, destination: Destination) -> str:
        """Say it as one JSON object; `docs/cli.md` shows its shape."""
        result = {"ok": self.is_all, "destination": destination.label, **asdict(self)}
        return json.dumps(result, indent=2)


def _spans(number: int) -> str:
    return "1 span" if number == 1 else f"{number:,} spans"


def drained(
    folder: Path,
    settings: Settings,
    destination: Destination,
    timeout_s: float,
    show: Callable[[str], None],
) -> Result:
    """Deliver what ended processes left for a destination, and say what became of it.

    Args:
        folder: the spool.
        settings: of requests.
        destination: the project whose keys are at hand.
        timeout_s: longest time to try.
        show: is told how far it is.

    Raises:
        OSError: the folder cannot be written.
    """
    spool = Spool(folder, settings.spool_max_bytes)
    try:
        known = _known(destination, settings)
        is_ours = known.__contains__
        found = sorted([*spool.recover(is_ours), *spool.readmit(is_ours)], key=_age)
        run = _Run(spool, known, limits_of(settings), timeout_s, deque(found), show)
        asyncio.run(run.send())
    finally:
        spool.close()
    _count_left(run.result, folder, known)
    return run.result


def _age(one: Spooled) -> str:
    return one.file.name


def _known(destination: Destination, settings: Settings) -> dict[Address, Destination]:
    """What the keys at hand open: the project's spans, and its scores."""
    known = {destination.address: destination}
    with suppress(ValueError):
        scores = settings.scores_destination()
        known[scores.address] = scores
    return known


def _count_left(result: Result, folder: Path, known: Mapping[Address, Destination]) -> None:
    """Count what was not ours to send."""
    running = in_use(folder)
    for one in waiting(folder):
        if one.address not in known:
            result.foreign += one.spans
        elif one.file.parent in running:
            result.in_use += one.spans


@dataclass(slots=True)
class _Run:
    """One run through the requests, the oldest first, one after the other."""

    spool: Spool
    known: Mapping[Address, Destination]
    limits: Limits
    timeout_s: float
    waiting: deque[Spooled]
    show: Callable[[str], None]
    result: Result = field(default_factory=Result)
    failures: int = 0

    async def send(self) -> None:
        """Send until nothing waits, the time is over, or the server refuses whatever comes."""
        total = sum(one.spans for one in self.waiting)
        deadline = time.monotonic() + self.timeout_s
        sender = Sender()
        try:
            while self.waiting and (left_s := deadline - time.monotonic()) > 0:
                self.show(f"{self.result.done:,} of {_spans(total)} ...")
                await self._send(self.waiting.popleft(), sender, left_s)
        finally:
            await sender.aclose()
        self.result.unreached = sum(one.spans for one in self.waiting)

    async def _send(self, one: Spooled, sender: Sender, left_s: float) -> None:
        body = self.spool.body(one.file)
        if body is None:
            self.result.unreadable += one.spans
            return
        destination = self.known[one.address]
        outcome = await sender.post(destination, body, min(self.limits.timeout_s, left_s))
        if isinstance(outcome, Delivered):
            self._book(one, outcome)
        elif isinstance(outcome, TryLater):
            await self._wait(one, outcome, left_s)
        else:
            self._divide(one, body, outcome)

    def _book(self, one: Spooled, outcome: Delivered) -> None:
        rejected = min(one.spans, outcome.refused)
        self.result.delivered += one.spans - rejected
        self.result.rejected += rejected
        self.failures = 0
        self.spool.remove(one.file)

    async def _wait(self, one: Spooled, outcome: TryLater, left_s: float) -> None:
        self.waiting.appendleft(one)
        self.result.trouble = outcome.reason
        wait_s = backoff_s(self.failures) if outcome.after_s is None else outcome.after_s
        self.failures += 1
        await asyncio.sleep(min(wait_s, left_s))

    def _divide(self, one: Spooled, body: bytes, outcome: Rejected) -> None:
        """Send the halves of what is refused; where that is a matter of the keys, stop."""
        pieces = []
        if outcome.status in {BAD_REQUEST, TOO_LARGE}:
            whole = Batch(self.known[one.address], body, one.spans, 0)
            pieces = divided(whole, body, outcome.status, self.limits)
        if pieces:
            kept = [self._kept(one.address, piece) for piece in pieces]
            self.waiting.extendleft(reversed(kept))
            self.spool.remove(one.file)
            return
        self.result.refused += one.spans
        self.result.refusal = outcome.reason
        if outcome.status not in {BAD_REQUEST, TOO_LARGE}:
            self.result.refused += sum(one.spans for one in self.waiting)
            self.waiting.clear()

    def _kept(self, address: Address, piece: Batch) -> Spooled:
        return Spooled(self.spool.put(address, piece.spans, piece.body), address, piece.spans)
