"""Metadata of observations and traces: what users sent, and what the server adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._content import CONTENT_KEYS, CONTENT_PREFIXES
from ._values import first_truthy, parse_json, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._received import ReceivedSpan

OBSERVATION: Final = "langfuse.observation.metadata"
TRACE: Final = "langfuse.trace.metadata"
SHARED: Final = "langfuse.metadata"
_VERCEL: Final = "ai.telemetry.metadata"
_NOT_METADATA: Final = frozenset(
    f"{_VERCEL}.{key}" for key in ("userId", "sessionId", "tags", "langfusePrompt")
)
_HIDDEN_PREFIXES: Final = (*CONTENT_PREFIXES, TRACE, OBSERVATION, _VERCEL)
_TOOL_SCHEMA: Final = ("llm.tools.", ".tool.json_schema")


def given_metadata(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Take attributes and a prefix, give the user's metadata: dotted keys win over the blob."""
    return {**blob_of(first_truthy(attributes, (prefix, SHARED))), **_dotted(attributes, prefix)}


def added_metadata(span: ReceivedSpan) -> dict[str, Any]:
    """Take a span, give what the server adds: resource, scope and the remaining attributes."""
    added: dict[str, Any] = {
        "resourceAttributes": dict(span.resource_attributes),
        "scope": _scope(span),
    }
    if not (span.scope_name or "").startswith("langfuse-sdk"):
        added["attributes"] = {
            key: text_of(value)
            for key, value in span.attributes.items()
            if key not in CONTENT_KEYS and not key.startswith(_HIDDEN_PREFIXES)
        }
    return added


def taken_tools(metadata: dict[str, Any], attributes: Mapping[str, Any]) -> list[Any]:
    """Take the user's metadata and attributes, give the tool definitions, out of the metadata."""
    tools = _as_list(metadata.get("tools"))
    if tools:
        del metadata["tools"]
        return tools
    return _as_list(attributes.get("gen_ai.tool.definitions")) or list(_tool_schemas(attributes))


def top_level_texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Take metadata, give one text for each top-level key, as the legacy path stores it."""
    return {key: text_of(value) for key, value in metadata.items()}


def flattened_texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Take metadata, give dotted names with texts, as the direct path stores it."""
    return dict(_flattened(metadata, ""))


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Take two metadata objects, give their deep merge, the newer leaf winning."""
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = merged(before, value) if both and before is not None else value
    return result


def blob_of(given: Any) -> dict[str, Any]:
    """Take the value of a whole metadata attribute, give its entries, none where it is no object."""
    data = parse_json(given) if isinstance(given, str) else given
    if isinstance(data, list):
        return {str(index): item for index, item in enumerate(data)}
    return data if isinstance(data, dict) else {}


def _dotted(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(f"{given}."): value
        for given in (_VERCEL, SHARED, prefix)
        for key, value in attributes.items()
        if key.startswith(f"{given}.") and key not in _NOT_METADATA
    }


def _scope(span: ReceivedSpan) -> dict[str, Any]:
    named = {"name": span.scope_name, "version": span.scope_version}
    given = {key: value for key, value in named.items() if value is not None}
    return {**given, "attributes": dict(span.scope_attributes)}


def _as_list(given: Any) -> list[Any]:
    data = parse_json(given) if isinstance(given, str) else given
    return data if isinstance(data, list) else []


def _tool_schemas(attributes: Mapping[str, Any]) -> Iterator[Any]:
    start, end = _TOOL_SCHEMA
    for key, value in attributes.items():
        if key.startswith(start) and key.endswith(end):
            data = parse_json(value)
            yield data if isinstance(data, dict) else value


def _flattened(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", text_of(value)
