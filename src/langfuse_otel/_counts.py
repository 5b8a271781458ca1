"""How many observations were created, sent and lost, and for which reason."""

from __future__ import annotations

import threading
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


class Counts:
    """The running count; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._created = 0
        self._sent = 0
        self._retries = 0
        self._dropped: Counter[str] = Counter()
        self._last_error: str | None = None

    def created(self) -> None:
        """Count one more observation."""
        with self._lock:
            self._created += 1

    def sent(self, number: int) -> None:
        """Count `number` observations as delivered."""
        with self._lock:
            self._sent += number

    def retried(self, error: str) -> None:
        """Count one request that must be sent again because of `error`."""
        with self._lock:
            self._retries += 1
            self._last_error = error

    def dropped(self, reason: str, number: int = 1, error: str | None = None) -> None:
        """Count `number` observations as lost for `reason`."""
        with self._lock:
            self._dropped[reason] += number
            self._last_error = error or self._last_error

    def stats(self, queued: int) -> Stats:
        """Return the count as it stands now; `queued` is what the caller sees waiting."""
        with self._lock:
            return Stats(
                self._created,
                self._sent,
                queued,
                self._retries,
                MappingProxyType(dict(self._dropped)),
                self._last_error,
            )
