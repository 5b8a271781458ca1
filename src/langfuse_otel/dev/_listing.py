"""What the page lists: traces, sessions, totals and the values to filter by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ._filters import where
from ._overview import COLUMNS, overview_of

if TYPE_CHECKING:
    from ._filters import Filters
    from ._store import Store

TRACE_COLUMNS: Final = (
    "trace_id",
    "start_ns",
    "name",
    "user_id",
    "session_id",
    "environment",
    "level",
    "tags",
    "models",
    "asked",
    "answered",
    "observations",
    "dropped",
    "latency_ms",
    "first_token_ms",
    "input_tokens",
    "output_tokens",
    "cost",
)
SESSION_COLUMNS: Final = (
    "id",
    "traces",
    "first_ms",
    "last_ms",
    "users",
    "observations",
    "errors",
    "input_tokens",
    "output_tokens",
    "cost",
)
_SESSIONS: Final = """
SELECT session_id, count(*) AS traces, min(start_ns) / 1000000 AS first_ms,
    max(start_ns) / 1000000 AS last_ms, group_concat(DISTINCT user_id) AS users,
    sum(observations) AS observations, sum(level = 'ERROR') AS errors,
    total(input_tokens) AS input_tokens, total(output_tokens) AS output_tokens, sum(cost) AS cost
FROM traces WHERE {conditions} AND session_id IN (
    SELECT session_id FROM traces WHERE session_id IS NOT NULL AND {conditions}
    GROUP BY session_id ORDER BY max(start_ns) DESC, session_id LIMIT ? OFFSET ?
)
GROUP BY session_id ORDER BY last_ms DESC, session_id
"""
# The number of traces, then their calls; with both in one statement a text is searched for once.
_OVERVIEW: Final = """
WITH shown AS (SELECT number FROM traces WHERE {conditions})
SELECT count(*), NULL, NULL, NULL, NULL, NULL, NULL FROM shown
UNION ALL SELECT {columns} FROM calls WHERE {chosen}
"""
_VALUES: Final = {
    "models": "SELECT model, count(*) FROM calls WHERE model IS NOT NULL GROUP BY model",
    "environments": "SELECT environment, count(*) FROM traces GROUP BY environment",
    "users": "SELECT user_id, count(*) FROM traces WHERE user_id IS NOT NULL GROUP BY user_id",
    "tags": "SELECT tag, count(*) FROM tags GROUP BY tag",
}


def trace_rows(
    store: Store, filters: Filters, *, before: str | None = None, limit: int = 100
) -> dict[str, Any]:
    """
    Take filters and where to go on, give `traces`, newest first, and `next`, where they go on.

    Raises:
        ValueError: `before` is none of ours.

    """
    conditions, values = where(filters)
    if before:
        conditions += " AND (start_ns, trace_id) < (?, ?)"
        values += _cursor(before)
    found = store.rows(
        f"SELECT {', '.join(TRACE_COLUMNS)} FROM traces WHERE {conditions}"  # noqa: S608
        " ORDER BY start_ns DESC, trace_id DESC LIMIT ?",
        (*values, limit),
    )
    following = f"{found[-1][1]}.{found[-1][0]}" if len(found) == limit else None
    return {"traces": [_trace(row) for row in found], "next": following}


def session_rows(
    store: Store, filters: Filters, *, offset: int = 0, limit: int = 100
) -> dict[str, Any]:
    """Take filters and how many to skip, give `sessions`, the latest first, and `next`, likewise."""
    conditions, values = where(filters)
    query = _SESSIONS.format(conditions=conditions)
    found = store.rows(query, (*values, *values, limit, offset))
    sessions = [dict(zip(SESSION_COLUMNS, row, strict=True)) for row in found]
    return {"sessions": sessions, "next": offset + limit if len(found) == limit else None}


def overview(store: Store, filters: Filters) -> dict[str, Any]:
    """Take filters, give the number of traces, and totals, models and buckets of their calls."""
    conditions, values = where(filters)
    chosen = ["trace IN shown"] if values else []
    if filters.model is not None:
        # Of a trace that is shown for its model, the calls to other models are not counted.
        chosen, values = [*chosen, "model = ?"], [*values, filters.model]
    query = _OVERVIEW.format(
        conditions=conditions, columns=COLUMNS, chosen=" AND ".join(chosen) or "TRUE"
    )
    (traces, *_), *calls = store.rows(query, values)
    return {"traces": traces, **overview_of(calls)}


def values_of(store: Store) -> dict[str, list[str]]:
    """Give what there is to filter by, the most frequent first."""
    return {
        name: [value for value, _ in store.rows(f"{query} ORDER BY count(*) DESC, 1 LIMIT 100")]
        for name, query in _VALUES.items()
    }


def _cursor(text: str) -> list[Any]:
    start, _, trace_id = text.partition(".")
    if not (start.isascii() and start.isdigit() and len(start) < 20 and trace_id):  # noqa: PLR2004
        raise ValueError("before must be what was given as next.")
    return [min(int(start), 2**63 - 1), trace_id]


def _trace(row: tuple[Any, ...]) -> dict[str, Any]:
    fields = dict(zip(TRACE_COLUMNS, row, strict=True))
    fields["id"] = fields.pop("trace_id")
    fields["start_ms"] = fields.pop("start_ns") / 1_000_000
    fields["tags"], fields["models"] = json.loads(fields["tags"]), json.loads(fields["models"])
    return fields
