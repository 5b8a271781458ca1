"""How much of what a caller says beside content is held: ids, names, tags, metadata. Pure.

The client of a proxy chooses these, and what is remembered of ten thousand calls is a multiple of
them. What is cut says so, with the size it had.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from langfuse_otel._text import json_text
from langfuse_otel._values import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Characters of an id, a name, a user, a session, a version, a tag. Langfuse drops a trace whose name
# has more than 1000, and has sessions in an index that holds some 2700 bytes an entry.
MAX_TEXT = 500
MAX_TAGS = 100
# Characters of one call's metadata as JSON: what Langfuse keeps of metadata that are too large for it.
MAX_METADATA = 500_000

CUT = "langfuse_otel_cut"

_MARKER = "... [cut by langfuse-otel: {} characters in all, {}]"
_KEPT = MAX_TEXT - 100


def storable(text: str) -> str:
    """Return a text without NUL, which Langfuse's Postgres does not take: it becomes U+FFFD."""
    return text.replace("\0", "\ufffd")


def short_text(text: str) -> str:
    """Return a storable text of at most `MAX_TEXT` characters; what is cut still differs where it did."""
    if len(text) > MAX_TEXT:
        digest = sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
        text = text[:_KEPT] + _MARKER.format(len(text), digest)
    return storable(text)


def short_text_of(value: object) -> str | None:
    """Return a scalar as a short text; None for nothing, for empty text and for what is no scalar."""
    found = text_of(value)
    return short_text(found) if found else None


def short_list(values: list[Any]) -> list[Any]:
    """Return at most `MAX_TAGS` of the values, their texts short."""
    kept = [short_text(value) if isinstance(value, str) else value for value in values[:MAX_TAGS]]
    more = len(values) - len(kept)
    return [*kept, f"... [cut by langfuse-otel: {len(values)} in all]"] if more else kept


def small_metadata(given: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return what fits of metadata whose JSON has `size` characters, its keys in their order."""
    if size <= MAX_METADATA:
        return dict(given)
    kept: dict[str, Any] = {}
    left = MAX_METADATA
    for key, value in given.items():
        needed = len(key) + len(json_text(value)) + len('"":,')
        if needed <= left:
            kept[key] = value
            left -= needed
    said = f"{len(given) - len(kept)} of {len(given)} keys left out, {size} characters in all"
    return {**kept, CUT: said}
