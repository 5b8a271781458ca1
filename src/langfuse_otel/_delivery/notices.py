"""What the log says of trouble: one line for each cause and minute, with a count and a next step.

No line quotes a span's content or a key.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from langfuse_otel._newest import Newest

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("langfuse_otel")

EVERY_S = 60.0
MAX_CAUSES = 1_000

# Texts that a reason begins with → what to do.
_NEXT_STEPS = (
    (
        "HTTP 401",
        "The key pair does not belong to this host: run `langfuse-otel check` with this pair.",
    ),
    ("HTTP 403", "The key may not write here: use the keys of a project, and see its usage cap."),
    ("HTTP 404", "Is this the address of Langfuse? Run `langfuse-otel check`."),
    ("HTTP 400", "Please report this with the version of langfuse-otel and of Langfuse."),
    ("HTTP 413", "Raise the body limit of the proxy in front of Langfuse."),
    ("HTTP 429", "That is a rate limit: raise LANGFUSE_FLUSH_INTERVAL for fewer, larger requests."),
    ("HTTP 3", "Set the host to the address that it redirects to."),
    ("HTTP 5", "The server has a problem; see its own log if this lasts."),
    ("no answer", "If the network is slow, raise LANGFUSE_TIMEOUT."),
    ("cannot connect", "Is the host right, and reachable from here? Run `langfuse-otel check`."),
    (
        "media upload: HTTP 5",
        "If this Langfuse has no storage for media, set LANGFUSE_MEDIA_UPLOAD_ENABLED=false.",
    ),
    ("an error of ours", "Please report this with the version of langfuse-otel."),
    ("more is waiting", "Set LANGFUSE_OTEL_SPOOL_DIR to keep it on disk."),
    ("the spool is full", "Raise LANGFUSE_OTEL_SPOOL_MAX_BYTES."),
    ("the process ended", "Set LANGFUSE_OTEL_SPOOL_DIR, or raise LANGFUSE_OTEL_SHUTDOWN_TIMEOUT."),
)


def lost(spans: int) -> str:
    """Say that so many spans are lost."""
    return "1 span is lost" if spans == 1 else f"{spans} spans are lost"


class Notices:
    """The lines that were logged lately. May be used by several threads.

    Args:
        clock: a monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._last: Newest[tuple[str, ...], tuple[float, int]] = Newest(MAX_CAUSES)

    def warn(self, where: str, reason: str, what: str) -> None:
        """Log that for this `reason` this happened (`what`) `where`, unless it was said lately."""
        key = (where, *reason.split()[:2])
        with self._lock:
            now = self._clock()
            at, unsaid = self._last.get(key, (-EVERY_S, 0))
            is_due = now - at >= EVERY_S
            self._last.put(key, (now, 0) if is_due else (at, unsaid + 1))
        if is_due:
            log.warning(
                "langfuse-otel: %s%s: %s%s.%s",
                f"{where}: " if where else "",
                reason,
                what,
                f" ({unsaid} more since the last such line)" if unsaid else "",
                _next_step(reason),
            )


def _next_step(reason: str) -> str:
    return next((f" {step}" for start, step in _NEXT_STEPS if reason.startswith(start)), "")
