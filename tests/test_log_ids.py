"""`LogIds`: log records that say where they were written."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider

from langfuse_otel import LogIds, span
from test_tracing import here

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

__all__ = ["here"]


def test_ids(here: Collector) -> None:
    """A line has the ids of the span it is written under, ours or another's, or none."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(LogIds())
    handler.setFormatter(logging.Formatter("%(trace_id)s %(span_id)s %(message)s"))
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    logger.warning("before")
    with span("one") as ours:
        logger.warning("ours")
    with TracerProvider().get_tracer("app").start_as_current_span("other") as other:
        logger.warning("other")
    logger.removeHandler(handler)
    context = other.get_span_context()

    assert written.getvalue().splitlines() == [
        "  before",
        f"{ours.trace_id} {ours.observation_id} ours",
        f"{context.trace_id:032x} {context.span_id:016x} other",
    ]
