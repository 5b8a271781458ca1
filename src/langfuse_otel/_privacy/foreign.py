"""Content in the spans of any OpenTelemetry application: where it stands, and what masks make of it.

The names are those that Langfuse (4.16) reads input, output and metadata from. Whatever else a span
carries is left as it is. Works on OTLP messages, which are ours alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from langfuse_otel._text import clean, json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from langfuse_otel._privacy.masking import Masking
    from langfuse_otel._records import Content, Mask

# Of each kind of content, the beginnings of names up to a dot, or whole names.
_NAMES: dict[Content, tuple[str, ...]] = {
    "metadata": (
        "langfuse.metadata",
        "langfuse.observation.metadata",
        "langfuse.trace.metadata",
        "ai.telemetry.metadata",
    ),
    "status_message": (
        "langfuse.observation.status_message",
        "exception.message",
        "exception.stacktrace",
        "error.message",
    ),
    "output": (
        "langfuse.observation.output",
        "langfuse.trace.output",
        "gen_ai.completion",
        "gen_ai.output.messages",
        "gen_ai.tool.call.result",
        "llm.output_messages",
        "llm.completions",
        "output",
        "retrieval.documents",
        "reranker.output_documents",
        "traceloop.entity.output",
        "mlflow.spanOutputs",
        "genkit:output",
        "ai.response",
        "ai.result",
        "ai.toolCall.result",
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.tool_response",
        "lk.response",
        "lk.function_tool.output",
        "tool_response",
        "final_result",
    ),
    "input": (
        "langfuse.observation.input",
        "langfuse.trace.input",
        "gen_ai.prompt",
        "gen_ai.input.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "llm.input_messages",
        "llm.prompts",
        "llm.prompt_template",
        "llm.tools",
        "llm.invocation_parameters",
        "input",
        "embedding.embeddings",
        "reranker.query",
        "reranker.input_documents",
        "tool.parameters",
        "traceloop.entity.input",
        "mlflow.spanInputs",
        "genkit:input",
        "ai.prompt",
        "ai.toolCall.args",
        "ai.value",
        "ai.values",
        "gcp.vertex.agent.data",
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.tool_call_args",
        "lk",
        "tool_arguments",
        "prompt",
        "all_messages_events",
        "events",
        "pydantic_ai.all_messages",
    ),
}
_PATTERNS = tuple(
    (kind, re.compile(rf"(?:{'|'.join(map(re.escape, names))})(?:\.|$)"))
    for kind, names in _NAMES.items()
)
# What Langfuse drops, or the whole observation with it, where it is no JSON object.
_OBJECTS = frozenset({*_NAMES["metadata"], "llm.invocation_parameters"})
_SCALARS = frozenset({"string_value", "bool_value", "int_value", "double_value"})
_ANSWERS = re.compile(r"gen_ai\.(?:choice|content\.completion|assistant)")


def mask_span(span: Span, masking: Masking, masks: tuple[Mask, ...]) -> None:
    """Let the masks see the content of a span's attributes, events and status."""

    def mask(attribute: KeyValue, kind: Content) -> bool:
        data = _data(attribute.value)
        value = masking.value(data, kind, masks)
        if value is not None and value != data:
            is_object = attribute.key not in _OBJECTS or isinstance(value, dict)
            attribute.value.string_value = _text(value if is_object else {"masked": value})
        return value is not None

    _see(span, mask)
    span.status.message = masking.words(span.status.message, "status_message", masks) or ""


def strip_span(span: Span) -> None:
    """Take input, output and error texts out of a span."""
    _see(span, lambda _, kind: kind == "metadata")
    span.status.message = ""


def flatten_span(span: Span) -> None:
    """Give each attribute a form that Langfuse (4.16) reads: a text, a number, True or False, a list.

    Of maps, bytes and what is empty it would show the wrapper. They become JSON, bytes as Base64,
    and None goes.
    """
    for holder in (span, *span.events, *span.links):
        for index in reversed(range(len(holder.attributes))):
            value = holder.attributes[index].value
            if value.WhichOneof("value") is None:
                del holder.attributes[index]
            elif not _is_plain(value):
                value.string_value = _text(_data(value))


def _is_plain(value: AnyValue) -> bool:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        items = value.array_value.values
        return bool(items) and all(i.WhichOneof("value") in _SCALARS for i in items)
    return kind in _SCALARS


def _see(span: Span, seen: Callable[[KeyValue, Content], bool]) -> None:
    """Show each attribute that holds content to `seen`, and drop those where it returns False."""
    holders: list[tuple[Any, Content | None]] = [(span.attributes, None)]
    holders += ((event.attributes, _content_of_event(event.name)) for event in span.events)
    holders += ((link.attributes, None) for link in span.links)
    for attributes, of_event in holders:
        for index in reversed(range(len(attributes))):
            kind = content_of(attributes[index].key) or of_event
            if kind is not None and not seen(attributes[index], kind):
                del attributes[index]


@lru_cache(maxsize=4096)
def content_of(name: str) -> Content | None:
    """Return which kind of content an attribute of this name holds; None for none."""
    return next((kind for kind, pattern in _PATTERNS if pattern.match(name)), None)


def _content_of_event(name: str) -> Content | None:
    """What is in an event of the GenAI conventions, where an attribute's name does not say it."""
    if not name.startswith("gen_ai."):
        return None
    return "output" if _ANSWERS.match(name) else "input"


def _data(value: AnyValue) -> Any:
    """Return the value; of a text that is a JSON object or list, what it says."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _parsed(value.string_value)
    if kind == "array_value":
        return [_data(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _data(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def _parsed(text: str) -> Any:
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return from_json(text)
    except (ValueError, RecursionError):
        return text


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else json_text(value)
