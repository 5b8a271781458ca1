"""What an observation is called, which type and level it has, and to which environment it belongs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ._values import first_truthy, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._received import ReceivedSpan

UNTYPED: Final = frozenset({"SPAN", "EVENT"})
"""The types for which the legacy path keeps no model, usage, cost or prompt."""

TYPE: Final = "langfuse.observation.type"
LEVEL: Final = "langfuse.observation.level"

_NAMES: Final = ("gen_ai.tool.name", "genkit:name", "logfire.msg", "ai.toolCall.name")

_TYPES: Final = frozenset(
    [
        "span",
        "generation",
        "event",
        "embedding",
        "agent",
        "tool",
        "chain",
        "retriever",
        "guardrail",
        "evaluator",
    ]
)
_OPENINFERENCE: Final = {
    kind: "GENERATION" if kind == "LLM" else kind
    for kind in [
        "CHAIN",
        "RETRIEVER",
        "LLM",
        "EMBEDDING",
        "AGENT",
        "TOOL",
        "GUARDRAIL",
        "EVALUATOR",
    ]
}
_OPERATIONS: Final = {
    **dict.fromkeys(
        ("chat", "completion", "text_completion", "generate_content", "generate"), "GENERATION"
    ),
    "embeddings": "EMBEDDING",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "execute_tool": "TOOL",
}
_MODELS: Final = (
    "langfuse.observation.model.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "llm.model_name",
    "model",
)
_GENERATION_ONLY: Final = tuple(
    f"langfuse.observation.{key}"
    for key in (
        "model.name",
        "model.parameters",
        "usage_details",
        "cost_details",
        "completion_start_time",
        "prompt.name",
        "prompt.version",
    )
)

_LEVELS: Final = {
    "debug": "DEBUG",
    "trace": "DEBUG",
    "verbose": "DEBUG",
    **dict.fromkeys(("default", "info", "log", "ok", "success", "notice"), "DEFAULT"),
    "warning": "WARNING",
    "warn": "WARNING",
    "error": "ERROR",
    "fatal": "ERROR",
    "critical": "ERROR",
}
_ERROR_STATUS: Final = 2

_ENVIRONMENTS: Final = (
    "langfuse.environment",
    "deployment.environment.name",
    "deployment.environment",
)
_ENVIRONMENT_LENGTH: Final = 40


def observation_name(span: ReceivedSpan) -> str:
    """Take a span, give the name of its observation: a tool's name beats the span's."""
    found = first_truthy(span.attributes, _NAMES)
    return span.name if found is None else text_of(found)


def observation_type(span: ReceivedSpan) -> str:
    """Take a span, give the type that the first mapper to recognize it decides on."""
    return next((kind for mapper in _MAPPERS if (kind := mapper(span))), "SPAN")


def level_of(span: ReceivedSpan) -> str:
    """Take a span, give its level: an explicit one hides an ERROR status."""
    return explicit_level(span) or ("ERROR" if has_error_status(span) else "DEFAULT")


def explicit_level(span: ReceivedSpan) -> str | None:
    """Take a span, give the level that it names, None where it names none that is known."""
    given = span.attributes.get(LEVEL)
    return _LEVELS.get(given.lower()) if isinstance(given, str) else None


def has_error_status(span: ReceivedSpan) -> bool:
    """Take a span, tell whether its status is ERROR."""
    return span.status_code == _ERROR_STATUS


def environment_of(span: ReceivedSpan) -> str:
    """Take a span, give its own normalized environment; nothing is inherited from a parent."""
    given = given_environment(span)
    return "default" if given is None else _normalized(given[1])


def given_environment(span: ReceivedSpan) -> tuple[str, str] | None:
    """Take a span, give the attribute that decides on the environment, and its text."""
    for key in _ENVIRONMENTS:
        for attributes in (span.attributes, span.resource_attributes):
            if given := attributes.get(key):
                return key, text_of(given)
    return None


def _normalized(environment: str) -> str:
    bare = re.sub(r"^(?:langfuse[-_])+", "", environment.lower())[:_ENVIRONMENT_LENGTH]
    return bare if re.fullmatch(r"[a-z0-9_-]+", bare) else "default"


def _old_python_sdk(span: ReceivedSpan) -> str | None:
    is_old = (
        span.scope_name == "langfuse-sdk"
        and span.resource_attributes.get("telemetry.sdk.language") == "python"
        and _is_at_most_3_3(span.scope_version)
        and span.attributes.get(TYPE) == "span"
    )
    return "GENERATION" if is_old and _has_any(span.attributes, _GENERATION_ONLY) else None


def _is_at_most_3_3(version: str | None) -> bool:
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version or "")
    return found is not None and tuple(int(part or 0) for part in found.groups()) <= (3, 3, 0)


def _explicit(span: ReceivedSpan) -> str | None:
    given = span.attributes.get(TYPE)
    # Lower case only: "GENERATION" is unknown to the server and falls through.
    return given.upper() if isinstance(given, str) and given in _TYPES else None


def _looked_up(key: str, table: Mapping[str, str]) -> Callable[[ReceivedSpan], str | None]:
    def mapper(span: ReceivedSpan) -> str | None:
        given = span.attributes.get(key)
        return table.get(given) if isinstance(given, str) else None

    return mapper


def _implied(keys: tuple[str, ...], kind: str) -> Callable[[ReceivedSpan], str | None]:
    def mapper(span: ReceivedSpan) -> str | None:
        return kind if _has_any(span.attributes, keys) else None

    return mapper


def _has_any(attributes: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    return first_truthy(attributes, keys) is not None


_MAPPERS: Final = (
    _old_python_sdk,
    _explicit,
    _looked_up("openinference.span.kind", _OPENINFERENCE),
    _looked_up("gen_ai.operation.name", _OPERATIONS),
    _implied(("gen_ai.tool.name", "gen_ai.tool.call.id"), "TOOL"),
    _implied(_MODELS, "GENERATION"),
)
