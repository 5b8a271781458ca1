"""What the parts of a worker share with those who submit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from langfuse_otel._delivery.backlog import Backlog, Limits
    from langfuse_otel._delivery.notices import Notices
    from langfuse_otel._delivery.spool import Spool
    from langfuse_otel._destination import Address, Destination


@dataclass(frozen=True, slots=True)
class Work:
    """The backlog, its lock, and what goes with it.

    `known` are the destinations whose requests may be kept in the spool, by address.
    """

    backlog: Backlog
    changed: threading.Condition
    limits: Limits
    notices: Notices
    clock: Callable[[], float]
    known: Mapping[Address, Destination]
    spool: Spool | None = None

    def book(self, change: Callable[[Backlog], object]) -> None:
        """Change the backlog, unless it is over, and tell those who wait for that."""
        with self.changed:
            if not self.backlog.is_over:
                change(self.backlog)
                self.changed.notify_all()
