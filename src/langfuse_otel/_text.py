"""Anything to JSON text that Langfuse can read; never raises and changes nothing it is given."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson
from pydantic_core import to_json, to_jsonable_python

# Langfuse runs on Node, where an integer is exact up to this.
MAX_EXACT_INTEGER = 2**53
MAX_DEPTH = 64

# Up to so many objects, to look through them and let orjson write them costs less than to let
# pydantic-core write them.
FEW = 128
_HARMLESS = frozenset({bool, type(None)})

_TOO_LARGE = re.compile(rb"[:,\[]-?[0-9]{16,}[,\]}]|^-?[0-9]{16,}$")

# Sixteen digits in a row, found twenty times as fast as by a pattern.
_DIGITS_TO_0 = bytes(ord("0") if chr(code).isdecimal() else ord(" ") for code in range(256))
_SIXTEEN_DIGITS = b"0" * 16


def json_text(value: object) -> str:
    """Return `value` as JSON text.

    Objects that JSON does not know appear as their `repr`, NaN and infinities as text, integers
    beyond 2^53 as text, bytes as base64, cycles as `"..."`.
    """
    return _odd_text(value) if text_in(value, FEW) is None else plain_text(value)


def plain_text(value: object) -> str:
    """Return as JSON text what `text_in` has looked through."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # half a character, or a key that is no text
        return _odd_text(value)


def _odd_text(value: object) -> str:
    """Not by orjson (3.13): while it asks an object, another thread may shorten a list that it reads.

    That ends the process.
    """
    try:
        text = to_json(
            value,
            inf_nan_mode="strings",
            bytes_mode="base64",
            fallback=_known,
            exclude_none=True,
        )
        if _SIXTEEN_DIGITS not in text.translate(_DIGITS_TO_0) or not _TOO_LARGE.search(text):
            return text.decode()
        exact = _plain(json.loads(text))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - an object may raise anything, and so may Rust
        exact = _plain(value)
    return json.dumps(exact, ensure_ascii=False, separators=(",", ":"))


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
        return to_jsonable_python(value, bytes_mode="base64", fallback=_known, exclude_none=True)
    except Exception:  # noqa: BLE001 - as above
        return described(value)
