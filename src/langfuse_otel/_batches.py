"""Encoded spans → the bodies of requests, and a refused request → what to send in its place. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langfuse_otel._backlog import Batch
from langfuse_otel._compression import compressed, decompressed
from langfuse_otel._otlp import cut, ids_of, parts_of, request_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langfuse_otel._backlog import Limits
    from langfuse_otel._destination import Destination
    from langfuse_otel._otlp import Part

BAD_REQUEST = 400
TOO_LARGE = 413


def packed(
    destination: Destination, parts: Sequence[Part], number: int, limits: Limits
) -> list[Batch]:
    """Return the requests that carry `parts`, none larger than the limits; see `Batch.number`."""
    fitting = [part if part.size <= limits.batch_bytes else _cut(part, limits) for part in parts]
    return [
        _batch(destination, chunk, number, limits.compress) for chunk in _chunks(fitting, limits)
    ]


def divided(batch: Batch, body: bytes, status: int, limits: Limits) -> list[Batch]:
    """Return what to send in place of a request that was refused with `status`; [] if nothing.

    A 400 may be due to one span, a 413 to all of them: either is halved until a span stands alone.
    One that is too large alone is cut to half its size.
    """
    parts = parts_of(decompressed(body))
    half = len(parts) // 2
    if half:
        halves = [parts[:half], parts[half:]]
    elif status == TOO_LARGE and (shorter := cut(parts[0], parts[0].size // 2)):
        halves = [[shorter]]
    else:
        halves = []
    return [_batch(batch.destination, part, batch.number, limits.compress) for part in halves]


def named(body: bytes) -> str:
    """Return the ids of the first span in a request, for a log line."""
    trace_id, span_id = ids_of(parts_of(decompressed(body))[0])
    return f"observation {span_id} of trace {trace_id}"


def _cut(part: Part, limits: Limits) -> Part:
    """A span that cannot be cut is sent as it is: the server may take it."""
    return cut(part, limits.batch_bytes) or part


def _batch(destination: Destination, parts: Sequence[Part], number: int, compress: bool) -> Batch:
    body = request_of(parts)
    return Batch(destination, compressed(body) if compress else body, len(parts), number)


def _chunks(parts: Sequence[Part], limits: Limits) -> Iterator[list[Part]]:
    """Cut into what fits into one request, by number and by size."""
    chunk: list[Part] = []
    size = 0
    for part in parts:
        if chunk and (len(chunk) >= limits.flush_at or size + part.size > limits.batch_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append(part)
        size += part.size
    if chunk:
        yield chunk
