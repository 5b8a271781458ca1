"""Values that may be anything, read so that nothing raises: of no use counts as absent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from langfuse_otel._text import clean, digits

# What nobody can change, so that it may be read later.
UNCHANGEABLE = (str, int, float, UUID, type(None))


@lru_cache(maxsize=1024)
def is_mapping(kind: type) -> bool:
    """Whether objects of this class are mappings; to ask `isinstance` takes four times as long."""
    return issubclass(kind, Mapping)


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return a mapping, an empty one for anything else."""
    if isinstance(value, dict):
        return value
    return value if is_mapping(value.__class__) else {}


def part(value: Any, name: str) -> Any:
    """Return the member `name` of a mapping or object, None where there is none."""
    if value is None:
        return None
    return value.get(name) if is_mapping(value.__class__) else getattr(value, name, None)


def members(value: Any) -> Mapping[str, Any]:
    """Return the members of a mapping or of one of LiteLLM's objects, an empty mapping if none."""
    if value is None or is_mapping(value.__class__):
        return mapping_of(value)
    own = getattr(value, "__dict__", None) or {}
    extra = getattr(value, "__pydantic_extra__", None)
    return {**own, **extra} if extra else own


def text_of(value: object) -> str | None:
    """Return a scalar as text; None for nothing, for empty text and for what is no scalar."""
    if value is None:
        return None
    if isinstance(value, str):
        return (value if value.isascii() else clean(value)) or None
    if isinstance(value, int) and not isinstance(value, bool):
        return digits(value)
    return str(value) if isinstance(value, (float, UUID)) else None


def texts_of(values: object) -> tuple[str, ...]:
    """Return the scalars of a list as texts, a single one as a list of it, else nothing."""
    given = [values] if isinstance(values, str) else values
    if not isinstance(given, (list, tuple, set, frozenset)):
        return ()
    return tuple(text for value in given if (text := text_of(value)))


def is_true(value: object) -> bool:
    """Whether a flag is set; in doubt it is, for a mask that fails open leaks."""
    if isinstance(value, str):
        return value.strip().lower() not in {"", "false", "0", "no", "off", "none", "null"}
    return bool(value)


def nanoseconds_of(moment: object) -> int:
    """Return a datetime as nanoseconds since the epoch, a naive one as local time; 0 if it is none."""
    if not isinstance(moment, datetime):
        return 0
    return int(moment.timestamp() * 1_000_000) * 1_000
