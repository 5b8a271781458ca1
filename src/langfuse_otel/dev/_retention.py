"""How long traces are kept, and in how many bytes; what is more is deleted, oldest arrival first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._summaries import forget_summary

if TYPE_CHECKING:
    import sqlite3

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SIZES: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Retention:
    """The bounds; None is none."""

    seconds: float | None = None
    max_bytes: int | None = None


KEEP_ALL: Final = Retention()


def seconds_of(text: str) -> float:
    """
    Take `30m`, `12h`, `7d` or `2w`, give seconds.

    Raises:
        ValueError: It is no such text.

    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhdw])", text.strip().lower())
    if found is None or not float(found[1]):
        raise ValueError(f"{text} is no duration such as 30m, 12h or 7d.")
    return float(found[1]) * _UNITS[found[2]]


def bytes_of(text: str) -> int:
    """
    Take `500MB` or `2GB`, give bytes; a unit is a power of 1000.

    Raises:
        ValueError: It is no such text.

    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([KMG]?)B?", text.strip().upper())
    if found is None or not float(found[1]):
        raise ValueError(f"{text} is no size such as 500MB or 2GB.")
    return int(float(found[1]) * _SIZES[found[2]])


def prune(connection: sqlite3.Connection, retention: Retention, now_s: float) -> None:
    """Take the bounds and the time, delete the traces beyond them, and give the space back."""
    deleted = 0
    if retention.seconds is not None:
        deleted += _delete(
            connection,
            "SELECT number, trace_id FROM traces WHERE arrived_ms < ?",
            (now_s - retention.seconds) * 1000,
        )
    while retention.max_bytes is not None and _size(connection) > retention.max_bytes:
        oldest = "SELECT number, trace_id FROM traces ORDER BY arrived_ms LIMIT ?"
        if not (gone := _delete(connection, oldest, _AT_ONCE)):
            break
        deleted += gone
    if deleted:
        # `execute` would take one step of it, which frees one page.
        connection.executescript("PRAGMA incremental_vacuum")


def _size(connection: sqlite3.Connection) -> int:
    pages, free, page = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page


def _delete(connection: sqlite3.Connection, which: str, bound: float) -> int:
    found = connection.execute(which, (bound,)).fetchall()
    with connection:
        for number, trace_id in found:
            forget_summary(connection, number)
            for table in ("traces", "spans", "scores", "media_uses"):
                connection.execute(f"DELETE FROM {table} WHERE trace_id = ?", (trace_id,))  # noqa: S608
        if found:
            connection.execute(
                "DELETE FROM media WHERE NOT EXISTS"
                " (SELECT 1 FROM media_uses WHERE media_uses.media_id = media.id)"
            )
            connection.execute(
                "DELETE FROM batches WHERE (number >= (SELECT min(batch) FROM spans)) IS NOT TRUE"
            )
    return len(found)
