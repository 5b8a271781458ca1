"""Anything to JSON text that Langfuse can read; never raises and changes nothing it is given."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from pydantic_core import SchemaValidator, core_schema, to_json, to_jsonable_python

# Langfuse runs on Node, where an integer is exact up to this.
MAX_EXACT_INTEGER = 2**53
MAX_DEPTH = 64

# To look at so few objects costs less than to write them anew.
FEW = 128
_HARMLESS = frozenset({bool, type(None)})

_STRICT = (
    orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
)
# Rust's expressions find it in a long text in a tenth of the time that Python takes.
_HAS_NULL = SchemaValidator(core_schema.str_schema(pattern="null")).isinstance_python


def json_text(value: object) -> str:
    """Return `value` as JSON text.

    Objects that JSON does not know appear as their `repr`, NaN and infinities as text, integers
    beyond 2^53 as text, bytes as base64, cycles as `"..."`.
    """
    try:
        text = orjson.dumps(value, default=_dumped, option=_STRICT).decode()
        # orjson (3.13) writes it for NaN and infinities as well as for None.
        if not _HAS_NULL(text) or text_in(value, FEW) is not None:
            return text
        return to_json(value, inf_nan_mode="strings", **_AS_PYDANTIC).decode()
    except Exception:  # noqa: BLE001 - an object may raise anything when it is read
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def text_in(value: object, most: int) -> int | None:
    """Return how many characters the texts in `value` have, if it is a few objects of JSON's own.

    None where it is more than `most`, holds one of another class, or a number that JSON cannot.
    """
    size = 0
    objects: list[Any] = [value]
    for one in objects:
        kind = one.__class__
        if kind is str:
            size += len(one)
        elif kind is dict:
            objects += one.values()
        elif kind is list:
            objects += one
        elif kind not in _HARMLESS and not _is_exact(one):
            return None
        if len(objects) > most:
            return None
    return size


def _is_exact(number: object) -> bool:
    if number.__class__ is int:
        return -MAX_EXACT_INTEGER <= number <= MAX_EXACT_INTEGER
    return number.__class__ is float and math.isfinite(number)


def clean(text: str) -> str:
    """Return `text` as valid Unicode: a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def printable(text: str) -> str:
    """Return `text` on one line, without what could steer a terminal or forge a line of a log."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def digits(value: int) -> str:
    """Return `value` as text: in hex where it has thousands of digits, which Python does not write."""
    try:
        return str(value)
    except ValueError:
        return hex(value)


def described(value: object) -> str:
    """Return what can be said of an object that JSON does not know."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a broken `__repr__` is the caller's, the loss would be ours
        return f"<{type(value).__name__}>"


def _known(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else described(value)


def message_of(error: object) -> str:
    """Return the text of an error; its type's name where it has none or fails to tell."""
    try:
        return clean(str(error)) or type(error).__name__
    except Exception:  # noqa: BLE001 - as in `described`
        return type(error).__name__


def _plain(value: Any, depth: int = 0, above: frozenset[int] = frozenset()) -> Any:
    """Return `value` in JSON's own types, the long way round that survives anything."""
    if isinstance(value, (str, bool, int, float, type(None))):
        return _scalar(value)
    if id(value) in above or depth >= MAX_DEPTH:
        return "..."
    inside = above | {id(value)}
    try:
        if isinstance(value, Mapping):
            return {_key(k): _plain(v, depth + 1, inside) for k, v in list(value.items())}
        if isinstance(value, (list, tuple, AbstractSet)):
            return [_plain(item, depth + 1, inside) for item in list(value)]
    except Exception:  # noqa: BLE001 - as above
        return described(value)
    return _plain(_dumped(value), depth)


def _scalar(value: str | float | None) -> str | float | None:
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_INTEGER else digits(value)
    return value if math.isfinite(value) else json.dumps(value)


def _key(key: object) -> str:
    return clean(key if isinstance(key, str) else described(key))


def _dumped(value: object) -> object:
    try:
        return to_jsonable_python(value, **_AS_PYDANTIC)
    except Exception:  # noqa: BLE001 - as above
        return described(value)


_AS_PYDANTIC: Mapping[str, Any] = {
    "bytes_mode": "base64",
    "fallback": _known,
    "exclude_none": True,
}
