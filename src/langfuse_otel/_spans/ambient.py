"""The OpenTelemetry span that is active: what it says of a call that is made under it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags

from langfuse_otel._records import Parent

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

LANGFUSE_SCOPE = "langfuse-sdk"


class OurSpan(NonRecordingSpan):
    """Stands in OpenTelemetry's context for an observation that is made by hand.

    Args:
        own: its ids.
        around: the span that was active when it began; in the same trace it decides whether others
            record what is under it.
        describe: says what a call under it should know.
        on_call: is called when a call with a usage of its own is made under it.
    """

    def __init__(
        self,
        own: Parent,
        around: SpanContext,
        describe: Callable[[], Parent],
        on_call: Callable[[], None],
    ) -> None:
        is_joined = around.trace_id == own.trace_id
        flags = around.trace_flags if is_joined else TraceFlags(TraceFlags.SAMPLED)
        state = around.trace_state if is_joined else None
        super().__init__(SpanContext(own.trace_id, own.span_id, False, flags, state))
        self.describe = describe
        self.on_call = on_call


def parent_of(span: Span) -> Parent | None:
    """Return what is to be known of a span that something is made under; None if it is none."""
    if span is INVALID_SPAN:
        return None
    if isinstance(span, OurSpan):
        return span.describe()
    active = span.get_span_context()
    if not active.is_valid:
        return None
    scope = getattr(span, "instrumentation_scope", None)
    in_langfuse = getattr(scope, "name", "").startswith(LANGFUSE_SCOPE)
    return Parent(active.trace_id, active.span_id, in_langfuse)


def parent_of_call(within: Context | None = None) -> Parent | None:
    """Return what is to be known of the active span, for a call that has a usage of its own.

    The observations around it are told.
    """
    span = trace.get_current_span(within)
    if isinstance(span, OurSpan):
        span.on_call()
    return parent_of(span)


def enter(span: OurSpan) -> Token[Context]:
    """Make `span` the active one."""
    return context.attach(trace.set_span_in_context(span))


def leave(token: Token[Context]) -> None:
    """Make active again what was before.

    OpenTelemetry's `detach` logs an error where another context is left than was entered, as at the
    end of an asynchronous generator that somebody left.
    """
    with suppress(ValueError, RuntimeError):
        token.var.reset(token)
