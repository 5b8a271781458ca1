"""A span that is too large → the same span, its longest fields cut. Pure.

A text keeps its start, any other long value gives way whole; a marker says how long it was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel._spans.otlp import Part

# Of a field that is cut, at least so many bytes stay; a shorter one stays as it is.
LEAST_KEPT = 256

_MARKER = "... [cut by langfuse-otel: {} bytes in all]"
_MARKED = re.compile(r"\.\.\. \[cut by langfuse-otel: (\d+) bytes in all\]\Z")
_LONGEST_MARKER = len(_MARKER) + 20

# A message, and the name of its field that may be long.
Place = tuple[Any, str]


def cut(part: Part, limit: int) -> Part | None:
    """Return the span in at most `limit` bytes, or as near to it as can be; None if nothing gives."""
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans  # noqa: PLC0415 - rare

    scope_spans = ScopeSpans.FromString(part.span)
    [span] = scope_spans.spans
    excess = part.size - limit
    for place in sorted(_places(span), key=_size, reverse=True):
        if excess <= 0:
            break
        before = _size(place)
        excess -= before - _size(_shorten(place, before, before - excess))
    shorter = part._replace(span=scope_spans.SerializeToString())
    return shorter if shorter.size < part.size else None


def _places(span: Any) -> Iterator[Place]:
    yield span, "name"
    yield span.status, "message"
    yield from ((event, "name") for event in span.events)
    for owner in (span, *span.events, *span.links):
        for attribute in owner.attributes:
            if kind := attribute.value.WhichOneof("value"):
                yield attribute.value, kind


def _size(place: Place) -> int:
    message, name = place
    content = getattr(message, name)
    return len(content.encode()) if isinstance(content, str) else int(message.ByteSize())


def _shorten(place: Place, size: int, target: int) -> Place:
    """Cut a field of `size` bytes to about `target`; return where the rest stands."""
    message, name = place
    content = getattr(message, name)
    if isinstance(content, str):
        setattr(message, name, _shortened(content, target))
    elif size > LEAST_KEPT:
        message.string_value = _MARKER.format(size)
        return message, "string_value"
    return place


def _shortened(text: str, target: int) -> str:
    """The start of `text`, and a marker with the size it had before it was first cut."""
    encoded = text.encode()
    marked = _MARKED.search(text[-_LONGEST_MARKER:])
    marker = _MARKER.format(marked[1] if marked else len(encoded))
    kept = max(LEAST_KEPT, target - len(marker))
    if len(encoded) <= kept + len(marker):
        return text
    return encoded[:kept].decode(errors="ignore") + marker
