"""`LangfuseSpanExporter`: the same delivery for the spans of any OpenTelemetry application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from langfuse_otel import _process
from langfuse_otel._delivery.backlog import Queued
from langfuse_otel._pipeline import is_sampled
from langfuse_otel._privacy.foreign import flatten_span, mask_span, strip_span
from langfuse_otel._privacy.masking import Masking, mask_of
from langfuse_otel._spans.otlp import Part, parts_of
from langfuse_otel.settings import Settings, environment_of, with_secrets_hidden

if TYPE_CHECKING:
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span
    from opentelemetry.trace import Link

log = logging.getLogger("langfuse_otel")

Filter = Callable[[ReadableSpan], bool]

FIXED_SIZE = 1_000

# By these Langfuse (4.16) takes a span for a generation or an embedding.
_TYPES = {
    "langfuse.observation.type": frozenset({"generation", "embedding"}),
    "openinference.span.kind": frozenset({"LLM", "EMBEDDING"}),
    "gen_ai.operation.name": frozenset(
        {"chat", "completion", "embeddings", "generate", "generate_content", "text_completion"}
    ),
}
# What the settings say of every span, and where Langfuse (4.16) finds that in others' spans.
_PLACES = {
    "langfuse.environment": (
        "langfuse.environment",
        "deployment.environment.name",
        "deployment.environment",
    ),
    "langfuse.release": ("langfuse.release",),
}
_MODELS = ("langfuse.observation.model.name", "gen_ai.request.model", "gen_ai.response.model")


class LangfuseSpanExporter(SpanExporter):
    """Hands finished spans to the delivery of this process.

    Use it as `BatchSpanProcessor(LangfuseSpanExporter())` in your own tracer provider.

    Args:
        only: which spans to take, such as `generations`, `of_scopes(...)`, or a function of your
            own; all without it. What it leaves out is not counted. Where it fails the span is
            counted as `unreadable`.
        settings: fields of `langfuse_otel.Settings`; the rest comes from the environment.

    Raises:
        ValueError: neither Langfuse keys nor an OTLP endpoint are set.
    """

    def __init__(self, *, only: Filter | None = None, **settings: Any) -> None:
        settings = with_secrets_hidden(settings)
        self._settings = Settings(**settings)
        self._destination = self._settings.destination()
        self._only = only
        _process.handle_signals(self._settings)
        self._delivery = _process.delivery(self._settings)
        self._delivery.keep(self._destination)
        self._masking = Masking(mask_of(self._settings.mask), self._delivery.mask_failed)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Queue the spans; success means that they are queued, and from there on counted."""
        if self._settings.enabled:
            for span in filter(self._is_wanted, spans):
                self._submit(span)
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; False if some of it still waits after `timeout_millis`."""
        return self._delivery.flush(timeout_millis / 1_000)

    def shutdown(self) -> None:
        """Send what is queued; the delivery stays, for others use it as well."""
        self._delivery.flush(self._settings.shutdown_timeout)

    def _is_wanted(self, span: ReadableSpan) -> bool:
        try:
            return self._only is None or self._only(span)
        except Exception as error:  # noqa: BLE001 - the other spans of the batch go on
            self._delivery.lose("unreadable")
            log.warning("langfuse-otel: `only` failed at a span: %s", type(error).__name__)
            return False

    def _submit(self, span: ReadableSpan) -> None:
        if is_sampled(span.context.trace_id, self._settings.sample_rate):
            item = Queued(self._destination, _size(span), partial(self._part, span))
            self._delivery.submit(item)
        else:
            self._delivery.lose("not_sampled")

    def _part(self, span: ReadableSpan) -> Part:
        """Encode any span, with its events and links, as OpenTelemetry does; then mask it."""
        request = encode_spans([span])
        [of_resource] = request.resource_spans
        [message] = of_resource.scope_spans[0].spans
        _add_unsaid(of_resource.resource, message, self._settings)
        if not self._settings.capture_content:
            strip_span(message)
        if masks := self._masking.masks():
            mask_span(message, self._masking, masks)
        flatten_span(message)
        [part] = parts_of(request.SerializeToString())
        return part


def _add_unsaid(resource: Resource, span: Span, settings: Settings) -> None:
    """Add environment and release of the settings to a resource, unless it or the span says them."""
    said = {attribute.key for holder in (resource, span) for attribute in holder.attributes}
    ours = {"langfuse.environment": environment_of(settings), "langfuse.release": settings.release}
    for name, value in ours.items():
        if value and said.isdisjoint(_PLACES[name]):
            resource.attributes.add(key=name).value.string_value = value


def generations(span: ReadableSpan) -> bool:
    """Take what Langfuse shows as a generation or an embedding: what may carry usage and cost.

    It knows Langfuse's own attributes, OpenTelemetry's GenAI conventions, and OpenInference's. A
    span whose type is said to be another is none, also where it names a model.
    """
    attributes = span.attributes or {}
    said = [attributes[name] in types for name, types in _TYPES.items() if name in attributes]
    return said[0] if said else any(name in attributes for name in _MODELS)


def of_scopes(*names: str) -> Filter:
    """Return the filter that takes what is made by tracers of these names.

    Args:
        names: of instrumentation scopes; each stands for those below it, too, as `shop` does for
            `shop.cart`.
    """
    return lambda span: f"{_scope_of(span)}.".startswith(tuple(f"{name}." for name in names))


def _scope_of(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope else ""


def _size(span: ReadableSpan) -> int:
    """About how many bytes the span holds: its texts, and a constant for the rest."""
    holders: tuple[ReadableSpan | Event | Link, ...] = (span, *span.events, *span.links)
    return FIXED_SIZE + sum(_length(holder.attributes) for holder in holders)


def _length(value: object) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if isinstance(value, Sequence) else 0
