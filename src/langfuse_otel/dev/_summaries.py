"""The rows by which the page lists a trace, written anew whenever one of its spans arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._summary import summary_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from ._views import TraceView


def put_summary(
    connection: sqlite3.Connection, trace: TraceView, start_ns: int, arrived_ms: int
) -> None:
    """Take a trace, the start of its first span and the present time, replace its rows."""
    summary = summary_of(trace)
    moments = {"trace_id": trace.id, "start_ns": start_ns, "arrived_ms": arrived_ms}
    number = _put_trace(connection, {**moments, **summary.trace})
    forget_summary(connection, number)
    connection.executemany(
        "INSERT INTO tags (tag, trace) VALUES (?, ?)", [(tag, number) for tag in summary.tags]
    )
    for call in summary.calls:
        row = {"trace": number, **call}
        connection.execute(_insert("calls", row), tuple(row.values()))
    connection.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (number, summary.text))


def forget_summary(connection: sqlite3.Connection, number: int) -> None:
    """Take the number of a trace, delete what is listed for it beside its own row."""
    connection.execute("DELETE FROM tags WHERE trace = ?", (number,))
    connection.execute("DELETE FROM calls WHERE trace = ?", (number,))
    connection.execute("DELETE FROM texts WHERE rowid = ?", (number,))


def _put_trace(connection: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    changes = ", ".join(f"{column} = excluded.{column}" for column in row)
    connection.execute(
        f"{_insert('traces', row)} ON CONFLICT (trace_id) DO UPDATE SET {changes}",
        tuple(row.values()),
    )
    found = connection.execute(
        "SELECT number FROM traces WHERE trace_id = ?", (row["trace_id"],)
    ).fetchone()
    return int(found[0])


def _insert(table: str, row: Mapping[str, Any]) -> str:
    marks = ", ".join("?" for _ in row)
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 (our own names)
