"""Reading attribute values the way the server's JavaScript does: truthiness, order, JSON text."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOT_JSON: Final = object()


def first_truthy(attributes: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Take keys in order, give the first value that is not empty, zero, false or absent."""
    return next((attributes[key] for key in keys if is_truthy(attributes.get(key))), None)


def first_present(attributes: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """Take keys in order, give the first value that is not null or absent."""
    return next((attributes[key] for key in keys if attributes.get(key) is not None), None)


def is_truthy(value: Any) -> bool:
    """Take a value, tell whether JavaScript takes it for true: an empty list is."""
    return bool(value) or isinstance(value, (list, dict))


def text_of(value: Any) -> str:
    """Take any value, give strings as they are and the JSON text of the rest."""
    return value if isinstance(value, str) else json_text(value)


def optional_text(value: Any) -> str | None:
    """Take any value, give its text, or None for None."""
    return None if value is None else text_of(value)


def json_text(value: Any) -> str:
    """Take plain data, give compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_json(text: Any) -> Any:
    """Take a text, give the data it holds, or `NOT_JSON`."""
    if not isinstance(text, str):
        return NOT_JSON
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        return NOT_JSON


def parse_object(text: Any) -> dict[str, Any] | None:
    """Take a text, give the JSON object it holds, or None."""
    data = parse_json(text)
    return data if isinstance(data, dict) else None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
