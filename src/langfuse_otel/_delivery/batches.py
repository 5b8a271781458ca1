"""Encoded spans → the bodies of requests, and a refused request → what to send in its place. Pure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from langfuse_otel._delivery.compression import compressed, decompressed
from langfuse_otel._delivery.lanes import Batch
from langfuse_otel._spans.cut import cut
from langfuse_otel._spans.otlp import ids_of, parts_of, request_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langfuse_otel._delivery.backlog import Limits
    from langfuse_otel._destination import Destination
    from langfuse_otel._spans.otlp import Part

BAD_REQUEST = 400
TOO_LARGE = 413


def packed(
    destination: Destination, parts: Sequence[Part], number: int, limits: Limits
) -> list[Batch]:
    """Return the requests that carry `parts`, each within the limits; see `Batch.number`.

    A score is a request of its own, as it is.
    """
    if destination.kind == "scores":
        return [Batch(destination, part.span, 1, number) for part in parts]
    return [_batch(destination, chunk, number, limits.compress) for chunk in _chunks(parts, limits)]


def fitting(part: Part, limits: Limits) -> Part:
    """Return a span that one request can carry; one that cannot be cut may still be taken."""
    return part if part.size <= limits.batch_bytes else cut(part, limits.batch_bytes) or part


def divided(batch: Batch, body: bytes, status: int, limits: Limits) -> list[Batch]:
    """Return what to send in place of a request that was refused with `status`; [] if nothing.

    A 400 may be due to one span, a 413 to all of them: either is halved until a span stands alone.
    One that is too large alone is cut to half its size.
    """
    parts = _parts(body)
    half = len(parts) // 2
    if half:
        halves = [parts[:half], parts[half:]]
    elif parts and status == TOO_LARGE and (shorter := cut(parts[0], parts[0].size // 2)):
        halves = [[shorter]]
    else:
        halves = []
    return [_batch(batch.destination, part, batch.number, limits.compress) for part in halves]


def named(body: bytes) -> str:
    """Return the ids of the first span in a request, for a log line; "" where there is none."""
    ids = (ids_of(part) for part in _parts(body))
    return next((f"observation {span_id} of trace {trace_id}" for trace_id, span_id in ids), "")


def _parts(body: bytes) -> list[Part]:
    """The spans of a request; none where it is no OTLP, as what lies in a spool may be."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - rare

    try:
        return parts_of(decompressed(body))
    except (DecodeError, OSError, EOFError, zlib.error):
        return []


def _batch(destination: Destination, parts: Sequence[Part], number: int, compress: bool) -> Batch:
    pieces = request_pieces(parts)
    body = compressed(*pieces) if compress else b"".join(pieces)
    return Batch(destination, body, len(parts), number)


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
