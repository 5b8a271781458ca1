"""OTLP key-value lists to plain values, wrapper quirks of the server included."""

from __future__ import annotations

import json
import math
from typing import Any, Final

_EXACT: Final = 2**53


class BatchLostError(Exception):
    """A batch that the server accepts with 200 and cannot process afterwards."""


def attributes_of(pairs: list[Any]) -> dict[str, Any]:
    """
    Take an OTLP list of key-value pairs, give a dict of plain values.

    Raises:
        BatchLostError: A pair has no `value`: the server's worker fails on the whole batch.

    """
    attributes = {}
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("value"), dict):
            raise BatchLostError("an attribute without a value loses the whole batch")
        attributes[clean(str(pair.get("key", "")))] = plain_value(pair["value"])
    return attributes


def plain_value(wrapper: dict[str, Any]) -> Any:
    """Take an OTLP JSON value, give what it wraps, or its JSON text where the server cannot."""
    for key, unwrap in _UNWRAP.items():
        if key in wrapper:
            return unwrap(wrapper[key])
    array = wrapper.get("arrayValue")
    if isinstance(array, dict) and isinstance(array.get("values"), list):
        return [plain_value(item) if isinstance(item, dict) else None for item in array["values"]]
    # Maps, bytes, empty arrays over protobuf and empty values are kept as text of the wrapper.
    return clean(json.dumps(wrapper, ensure_ascii=False, separators=(",", ":")))


def clean(text: str) -> str:
    """Take a text, give it without lone surrogates, which neither UTF-8 nor SQLite can hold."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _verbatim(value: Any) -> Any:
    """A value of another type than its wrapper names is kept, its texts without lone surrogates."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (dict, list)):
        return json.loads(clean(json.dumps(value, ensure_ascii=False)))
    return value


def _double(value: Any) -> float | None:
    # Not-a-number and the infinities have no JSON: they reach the worker as null.
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _integer(value: Any) -> int | None:
    try:
        number = int(value)
        # A JavaScript number holds 53 bits, and 1024 of an exponent.
        return number if abs(number) <= _EXACT else int(float(number))
    except (TypeError, ValueError, OverflowError):
        return None


_UNWRAP: Final = {
    "stringValue": _verbatim,
    "doubleValue": _double,
    "boolValue": _verbatim,
    "intValue": _integer,
}
