"""`LogIds`: log records that say in which trace and observation they were written."""

from __future__ import annotations

import logging

from opentelemetry import trace
from opentelemetry.trace import format_span_id, format_trace_id


class LogIds(logging.Filter):
    """A filter that lets every record pass, with the ids of the active OpenTelemetry span.

    A record has `trace_id` (32 hex digits) and `span_id` (16 hex digits, Langfuse's observation id),
    the names that OpenTelemetry gives them in logs; both are empty where no span is active. Add it
    to a handler: filters of a logger are not asked for the records of its children.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the ids on a record."""
        span = trace.get_current_span().get_span_context()
        record.trace_id = format_trace_id(span.trace_id) if span.is_valid else ""
        record.span_id = format_span_id(span.span_id) if span.is_valid else ""
        return True
