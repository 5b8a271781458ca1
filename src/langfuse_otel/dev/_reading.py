"""
What Langfuse reads from a span: which attribute decides on which field.

Nothing is known here of the rules. An attribute decides on a field if the mapping, run again
without it or with another value of it, gives the field another value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ._api import json_of_full_trace
from ._kind import TYPE, observation_type
from ._trace import trace_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._received import ReceivedSpan
    from ._views import WritePath

# Values of which at least one changes a field, whatever kind of value it takes.
_PROBES: Final = (
    "true",
    "false",
    "error",
    "debug",
    "tool",
    "agent",
    "2020-02-02T02:02:02Z",
    '{"input": 7}',
    7,
    "other",
)
_RESOURCE: Final = "resource."
_NOT_A_FIELD: Final = frozenset(
    ("id", "traceId", "projectId", "latency", "timeToFirstToken", "totalCost", "scores")
)
# Into which the server copies every attribute that it does not take for content.
_COPIES: Final = ("attributes", "resourceAttributes", "scope")


_ENTRY: Final = re.compile(r"\bmetadata\..*")


@dataclass(frozen=True, slots=True)
class Read:
    """
    One attribute, and the fields in the names of the public API that it decides on.

    Args:
        attribute: Its name; those of the resource begin with `resource.`.
        value: Its value.
        fields: What it decides on; a field of the trace begins with `trace.`.
        is_beaten: Whether another attribute that says the same fields is read in its place.

    """

    attribute: str
    value: Any
    fields: tuple[str, ...]
    is_beaten: bool = False


def reading_of(span: ReceivedSpan, path: WritePath) -> list[Read]:
    """Take a span and a write path, give what became of each attribute, in the span's order."""
    base = _fields_of(span, path)
    return [_read(span, path, base, name, value) for name, value in _named(span)]


def is_read(span: ReceivedSpan, attribute: str) -> bool:
    """Take a span and the name of an attribute, tell whether any value of it would matter."""
    generation = replace(span, attributes={TYPE: "generation"}, resource_attributes={})
    return any(
        _deciding(span, path, _fields_of(span, path), attribute)
        or _deciding(generation, path, _fields_of(generation, path), attribute)
        for path in ("direct", "legacy")
    )


def _read(
    span: ReceivedSpan, path: WritePath, base: Mapping[str, Any], name: str, value: Any
) -> Read:
    fields = _deciding(span, path, base, name)
    if fields:
        return Read(name, value, fields)
    beaten = _alone(span, path, name)
    return Read(name, value, beaten, is_beaten=bool(beaten))


def _deciding(
    span: ReceivedSpan, path: WritePath, base: Mapping[str, Any], name: str
) -> tuple[str, ...]:
    changed = _changed(base, _fields_of(_without(span, name), path))
    if changed:
        return changed
    others = (_changed(base, _fields_of(_with(span, name, probe), path)) for probe in _PROBES)
    found = next((fields for fields in others if fields), ())
    # Which entries another value would have made says nothing about this one.
    return tuple(dict.fromkeys(_ENTRY.sub("metadata", field) for field in found))


def _alone(span: ReceivedSpan, path: WritePath, name: str) -> tuple[str, ...]:
    """Give the fields that an attribute decides on where it is the only one, beside the type."""
    kind = {TYPE: observation_type(span).lower()}
    bare = replace(span, attributes=kind, resource_attributes={})
    alone = _with(bare, name, dict(_named(span))[name])
    return _changed(_fields_of(bare, path), _fields_of(alone, path))


def _named(span: ReceivedSpan) -> Iterator[tuple[str, Any]]:
    yield from span.attributes.items()
    for name, value in span.resource_attributes.items():
        yield f"{_RESOURCE}{name}", value


def _without(span: ReceivedSpan, name: str) -> ReceivedSpan:
    key = name.removeprefix(_RESOURCE)
    if name in span.attributes:
        return replace(span, attributes=_rest(span.attributes, name))
    return replace(span, resource_attributes=_rest(span.resource_attributes, key))


def _with(span: ReceivedSpan, name: str, value: Any) -> ReceivedSpan:
    if name.startswith(_RESOURCE) and name not in span.attributes:
        key = name.removeprefix(_RESOURCE)
        return replace(span, resource_attributes={**span.resource_attributes, key: value})
    return replace(span, attributes={**span.attributes, name: value})


def _rest(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key != name}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    names = [*before, *(name for name in after if name not in before)]
    return tuple(name for name in names if before.get(name) != after.get(name))


def _fields_of(span: ReceivedSpan, path: WritePath) -> dict[str, Any]:
    trace = trace_view([span], path)
    given = json_of_full_trace(trace, ())
    observations = given.pop("observations")
    fields = dict(_flat(observations[0], "")) if observations else {}
    return {
        **fields,
        **dict(_flat(given, "trace.")),
        **({"dropped": [lost.reason for lost in trace.dropped]} if trace.dropped else {}),
    }


def _flat(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if name == "metadata":
            for key, entry in value.items():
                if key.partition(".")[0] not in _COPIES:
                    yield f"{prefix}metadata.{key}", entry
        elif name not in _NOT_A_FIELD:
            yield f"{prefix}{name}", value
