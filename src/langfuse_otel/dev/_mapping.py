"""
A received span to the observation that Langfuse would store, on either of its write paths.

It follows the server for `langfuse.*`, `gen_ai.*`, OpenInference and the plain `input.value`
family. Left out are the mappers of genkit, the Vercel AI SDK, LiveKit, MLflow, Vertex agents and
Pydantic AI, the server's price table and its tokenizer: a cost is what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from . import _metadata as metadata
from ._content import input_output_of, stored_text, with_tools
from ._fields import row_fields, version_of
from ._instants import instant_of_ns, read_instant
from ._kind import UNTYPED, environment_of, level_of, observation_name, observation_type
from ._rejection import COMPLETION_START, legacy_rejection
from ._usage import cost_details_of, usage_details_of
from ._values import (
    NOT_JSON,
    first_present,
    first_truthy,
    json_text,
    optional_text,
    parse_json,
    parse_object,
)
from ._views import Dropped, ObservationView

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ._received import ReceivedSpan
    from ._views import WritePath

_MODELS: Final = (
    "langfuse.observation.model.name",
    "gen_ai.response.model",
    "ai.model.id",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.model_name",
    "model",
)
_MODEL_PARAMETERS: Final = (
    "langfuse.observation.model.parameters",
    "llm.invocation_parameters",
    "model_config",
)
_PARAMETER_PREFIXES: Final = ("gen_ai.request.", "llm.invocation_parameters.")
_PROMPT_NAMES: Final = ("langfuse.observation.prompt.name", "langfuse.prompt.name")
_PROMPT_VERSIONS: Final = ("langfuse.observation.prompt.version", "langfuse.prompt.version")
_STATUS_MESSAGE: Final = "langfuse.observation.status_message"
_WITHOUT_MODEL: Final = ("invoke_agent", "agent_step")


_NO_GENERATION: Final[Mapping[str, Any]] = {
    "completion_start_time": None,
    "model": None,
    "model_parameters": {},
    "usage_details": {},
    "cost_details": {},
    "prompt_name": None,
    "prompt_version": None,
}


def observation_view(span: ReceivedSpan, path: WritePath) -> ObservationView | Dropped:
    """Take a span and a write path, give the stored observation or why there is none."""
    rejection = legacy_rejection(span) if path == "legacy" else None
    if rejection is not None:
        return Dropped(span.span_id, observation_name(span), rejection)
    try:
        return _stored(span, observation_type(span), path)
    except ValueError as error:
        return Dropped(span.span_id, observation_name(span), str(error))


def _stored(span: ReceivedSpan, kind: str, path: WritePath) -> ObservationView:
    start, end = instant_of_ns(span.start_ns), instant_of_ns(span.end_ns)
    has_generation = path == "direct" or kind not in UNTYPED
    return ObservationView(
        id=span.span_id,
        trace_id=span.trace_id,
        parent_id=span.parent_span_id,
        name=observation_name(span),
        type=kind,
        start=start,
        end=_end(kind, start, end, path),
        level=level_of(span),
        status_message=_status_message(span),
        version=version_of(span),
        environment=environment_of(span),
        **_content_fields(span, path),
        **(_generation_fields(span, kind, path) if has_generation else _NO_GENERATION),
        **(row_fields(span) if path == "direct" else {}),
    )


def _content_fields(span: ReceivedSpan, path: WritePath) -> dict[str, Any]:
    user_metadata = metadata.given_metadata(span.attributes, metadata.OBSERVATION)
    tools = metadata.taken_tools(user_metadata, span.attributes)
    given_input, output = input_output_of(span)
    if tools and given_input is not None:
        given_input = with_tools(given_input, tools)
    return {
        "input": stored_text(given_input, path),
        "output": stored_text(output, path),
        "metadata": _metadata(span, user_metadata, path),
    }


def _end(kind: str, start: datetime, end: datetime, path: WritePath) -> datetime | None:
    if path == "direct":
        return end
    return None if kind == "EVENT" else max(start, end)


def _generation_fields(span: ReceivedSpan, kind: str, path: WritePath) -> dict[str, Any]:
    attributes = span.attributes
    has_model = attributes.get("gen_ai.operation.name") not in _WITHOUT_MODEL
    name, version = _prompt(span) if kind == "GENERATION" else (None, None)
    return {
        "completion_start_time": _completion_start_time(span),
        "model": optional_text(first_truthy(attributes, _MODELS)) if has_model else None,
        "model_parameters": _model_parameters(span),
        "usage_details": usage_details_of(attributes) if has_model else {},
        "cost_details": cost_details_of(attributes, path) if has_model else {},
        "prompt_name": name,
        "prompt_version": version,
    }


def _completion_start_time(span: ReceivedSpan) -> datetime | None:
    given = span.attributes.get(COMPLETION_START)
    read = read_instant(given) or read_instant(parse_json(given))
    return None if read is None else read.at


def _model_parameters(span: ReceivedSpan) -> dict[str, Any]:
    for key in _MODEL_PARAMETERS:
        given = span.attributes.get(key)
        if given and parse_json(given) is not NOT_JSON:
            return _plain_parameters(parse_object(given) or {})
    return _plain_parameters(
        {
            key.removeprefix(prefix): value
            for prefix in _PARAMETER_PREFIXES
            for key, value in span.attributes.items()
            if key.startswith(prefix) and key != f"{prefix}model"
        }
    )


def _plain_parameters(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value if _is_plain(value) else json_text(value) for key, value in given.items()}


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _prompt(span: ReceivedSpan) -> tuple[str | None, int | None]:
    name = first_present(span.attributes, _PROMPT_NAMES)
    version = first_present(span.attributes, _PROMPT_VERSIONS)
    if isinstance(version, str):
        version = int(version) if version.isascii() and version.isdigit() else None
    is_integer = isinstance(version, int) and not isinstance(version, bool)
    return optional_text(name), version if is_integer else None


def _status_message(span: ReceivedSpan) -> str | None:
    given = span.attributes.get(_STATUS_MESSAGE)
    return span.status_message if given is None else optional_text(given)


def _metadata(span: ReceivedSpan, user: dict[str, Any], path: WritePath) -> dict[str, str]:
    added = metadata.added_metadata(span)
    if path == "direct":
        of_trace = metadata.given_metadata(span.attributes, metadata.TRACE)
        return metadata.flattened_texts({**added, **user, **of_trace})
    of_resource = metadata.given_metadata(span.resource_attributes, metadata.TRACE)
    return metadata.top_level_texts({**of_resource, **user, **added})
