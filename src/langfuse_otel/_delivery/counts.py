"""How many observations were created, sent, spooled and lost, and for which reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from langfuse_otel._newest import Newest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._destination import Destination

# Destinations that are counted one by one; with more, the least recently used are forgotten.
MAX_DESTINATIONS = 1_000


@dataclass(frozen=True, slots=True)
class DestinationStats:
    """What became of the spans for one destination. `bytes_sent`: bodies as they were on the wire."""

    sent: int = 0
    retries: int = 0
    bytes_sent: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class MediaStats:
    """What became of media: each hash once for a destination.

    `repeated` counts the spans that were sent once more, with a marker for what failed; they are
    among the created, too. `failed` counts by reason: `rejected`, `queue_full`, `shutdown`.
    """

    waiting: int = 0
    uploaded: int = 0
    repeated: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stats:
    """A moment's count: `created == sent + queued + spooled + sum(dropped.values())`.

    Scores count as spans do.

    Attributes:
        created: all, also those that were sent once more because their media could not be uploaded
            (`media.repeated`).
        sent: those that Langfuse has.
        queued: in memory, and not delivered yet.
        spooled: on disk, and not delivered yet.
        recovered: how many of the created came from what an earlier process left on disk.
        retries: requests to be sent again.
        bytes_sent: the bodies of the requests that were taken.
        spool_errors: batches that the disk did not take.
        mask_failures: fields that were replaced, since a mask function failed at them.
        dropped: by reason: `not_sampled`, `no_destination`, `incomplete_credentials` and
            `host_not_allowed` (of calls that name a project themselves), `unreadable` (LiteLLM's
            data, or a span for a filter), `unencodable`, `queue_full`, `spool_full`, `spool_lost`
            (its file is gone), `set_aside` (of an earlier process, for `langfuse-otel drain`),
            `rejected`, `too_large`, `shutdown`.
        last_error: why a request was last not taken, or spans were dropped.
        destinations: the same by address and public key; scores have the address of Langfuse's
            scores API.
        media: what became of media.
    """

    created: int = 0
    sent: int = 0
    queued: int = 0
    spooled: int = 0
    recovered: int = 0
    retries: int = 0
    bytes_sent: int = 0
    spool_errors: int = 0
    mask_failures: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None
    destinations: Mapping[str, DestinationStats] = field(default_factory=dict)
    media: MediaStats = field(default_factory=MediaStats)


@dataclass(slots=True)
class _Tally:
    sent: int = 0
    retries: int = 0
    bytes_sent: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    last_error: str | None = None

    def stats(self) -> DestinationStats:
        dropped = MappingProxyType(dict(self.dropped))
        return DestinationStats(self.sent, self.retries, self.bytes_sent, dropped, self.last_error)


@dataclass(slots=True)
class Counts:
    """The running count; whoever holds it guards it."""

    created: int = 0
    queued: int = 0
    spooled: int = 0
    recovered: int = 0
    spool_errors: int = 0
    mask_failures: int = 0
    repeated: int = 0
    media_uploaded: int = 0
    media_failed: Counter[str] = field(default_factory=Counter)
    _total: _Tally = field(default_factory=_Tally)
    _of: Newest[str, _Tally] = field(default_factory=partial(Newest, MAX_DESTINATIONS))

    def sent(self, destination: Destination, spans: int, size: int) -> None:
        """Count what was delivered in one request with a body of `size` bytes."""
        for tally in self._tallies(destination):
            tally.sent += spans
            tally.bytes_sent += size

    def dropped(
        self, reason: str, spans: int, destination: Destination | None = None, error: str = ""
    ) -> None:
        """Count what is lost, for which reason and after which error."""
        for tally in self._tallies(destination):
            tally.dropped[reason] += spans
            tally.last_error = error or tally.last_error

    def retried(self, destination: Destination, error: str) -> None:
        """Count a request that nobody took."""
        for tally in self._tallies(destination):
            tally.retries += 1
            tally.last_error = error

    def stats(self, media_waiting: int = 0) -> Stats:
        """Return the count as it stands now."""
        total = self._total.stats()
        return Stats(
            created=self.created,
            sent=total.sent,
            queued=self.queued,
            spooled=self.spooled,
            recovered=self.recovered,
            retries=total.retries,
            bytes_sent=total.bytes_sent,
            spool_errors=self.spool_errors,
            mask_failures=self.mask_failures,
            dropped=total.dropped,
            last_error=total.last_error,
            destinations=MappingProxyType(
                {label: tally.stats() for label, tally in self._of.items()}
            ),
            media=MediaStats(
                waiting=media_waiting,
                uploaded=self.media_uploaded,
                repeated=self.repeated,
                failed=MappingProxyType(dict(+self.media_failed)),
            ),
        )

    def _tallies(self, destination: Destination | None) -> tuple[_Tally, ...]:
        if destination is None:
            return (self._total,)
        label = destination.label
        tally = self._of.get(label) or _Tally()
        self._of.put(label, tally)
        return self._total, tally
