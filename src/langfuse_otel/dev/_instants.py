"""Instants as the server reads them: nanoseconds cut to milliseconds, and dates in text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

_DATE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:(?P<join>[T ])(\d\d:\d\d)(?P<seconds>:\d\d)?(?:\.(\d+))?)?"
    r"\s?(?P<zone>Z|[+-]\d\d:\d\d)?"
)


@dataclass(frozen=True, slots=True)
class ReadInstant:
    """An instant, and whether its text satisfies the strict form that the legacy path demands."""

    at: datetime
    is_strict: bool


def instant_of_ns(nanoseconds: int) -> datetime:
    """Take nanoseconds since 1970, give the instant in whole milliseconds."""
    return EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)


def read_instant(value: Any) -> ReadInstant | None:
    """Take a date text or epoch milliseconds, give the instant, or None where it is neither."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, (int, float)):
            return ReadInstant(EPOCH + timedelta(milliseconds=int(value)), is_strict=False)
        return _instant_of_text(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _instant_of_text(text: str) -> ReadInstant | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, _, minute, second, fraction, zone = found.groups()
    millisecond = (fraction or "").ljust(3, "0")[:3]
    plain = f"{day}T{minute or '00:00'}{second or ':00'}.{millisecond}"
    at = datetime.fromisoformat(plain + (zone or "Z").replace("Z", "+00:00"))
    is_strict = found["join"] == "T" and bool(second and zone) and " " not in text
    return ReadInstant(at.astimezone(timezone.utc), is_strict)
