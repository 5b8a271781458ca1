"""How many observations were created, sent and lost, and for which reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Stats:
    """A moment's count of observations: `created == sent + queued + sum(dropped.values())`.

    `dropped` counts by reason: `not_sampled`, `no_destination`, `unreadable` (LiteLLM's data),
    `unencodable`, `queue_full`, `rejected`, `shutdown`. `retries` counts requests to send again.
    """

    created: int = 0
    sent: int = 0
    queued: int = 0
    retries: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None


@dataclass(slots=True)
class Counts:
    """The running count; whoever holds it guards it."""

    created: int = 0
    sent: int = 0
    retries: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    last_error: str | None = None

    def stats(self, queued: int) -> Stats:
        """Return the count as it stands now; `queued` is what the caller sees waiting."""
        dropped = MappingProxyType(dict(+self.dropped))
        return Stats(self.created, self.sent, queued, self.retries, dropped, self.last_error)
