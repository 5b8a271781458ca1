"""What of all traces is shown: the filters of the page, as conditions in SQL; pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """
    Each is None where it does not filter; a trace has to meet all of them.

    Args:
        text: Stands in a name, an input, an output or an error, or is the id of the trace.
        model: The model of at least one call.
        user: The user.
        session: The session.
        tag: One of the tags.
        level: The worst level of the observations.
        environment: The environment.
        since_ms: The earliest start, in milliseconds since 1970.
        until_ms: The first moment that is too late, likewise.

    """

    text: str | None = None
    model: str | None = None
    user: str | None = None
    session: str | None = None
    tag: str | None = None
    level: str | None = None
    environment: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


def filters_of(query: Mapping[str, str]) -> Filters:
    """
    Take query parameters, named as the fields are, give the filters; empty ones do not filter.

    Raises:
        ValueError: A time is not a number.

    """
    given = {field.name: query.get(field.name) or None for field in fields(Filters)}
    times = {
        name: None if given[name] is None else _whole(name, given[name] or "")
        for name in ("since_ms", "until_ms")
    }
    text = given["text"]
    return Filters(**{**given, **times, "text": text[:_LONGEST_TEXT] if text else None})  # type: ignore[arg-type]


def where(filters: Filters) -> tuple[str, list[Any]]:
    """Take filters, give the conditions on `traces`, joined by AND, and their values."""
    conditions = list(_conditions(filters))
    return (
        " AND ".join(sql for sql, _ in conditions) or "TRUE",
        [value for _, values in conditions for value in values],
    )


def _conditions(filters: Filters) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, sql in _CONDITIONS.items():
        value = getattr(filters, name)
        if value is not None:
            yield sql, (value,)
    if filters.text is not None:
        yield from _text_conditions(filters.text)


_CONDITIONS = {
    "user": "user_id = ?",
    "session": "session_id = ?",
    "level": "level = ?",
    "environment": "environment = ?",
    "since_ms": "start_ns >= ? * 1000000",
    "until_ms": "start_ns < ? * 1000000",
    "tag": "EXISTS (SELECT 1 FROM tags WHERE tag = ? AND trace = number)",
    "model": "EXISTS (SELECT 1 FROM calls WHERE model = ? AND trace = number)",
}


def _text_conditions(text: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    # LIKE with ESCAPE would not be answered by the index, so what is special in it is looked at
    # once more: `_` stands for each of them first.
    pattern = f"%{text.replace('%', '_')}%"
    condition, values = "text LIKE ?", [pattern]
    if "_" in pattern:
        condition, values = f"{condition} AND instr(lower(text), lower(?))", [pattern, text]
    # With the + the newest traces are looked at first, until there are enough; without, all hits are
    # put in order.
    yield f"+number IN (SELECT rowid FROM texts WHERE {condition})", tuple(values)  # noqa: S608


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 13):  # noqa: PLR2004 (the year 2286)
        raise ValueError(f"{name} must be milliseconds since 1970.")
    return min(int(text), 2**63 // 1_000_000 - 1)
