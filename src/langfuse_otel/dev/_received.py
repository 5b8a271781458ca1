"""What one OTLP request brings: plain records of spans, before any mapping to Langfuse's fields."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """A span event: its name and unwrapped attributes."""

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """
    A span as it arrived, attributes unwrapped as the server unwraps them.

    `batch` is the number of the request that brought it: Langfuse's result depends on that order.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    start_ns: int
    end_ns: int
    status_code: int = 0
    status_message: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    scope_name: str | None = None
    scope_version: str | None = None
    scope_attributes: Mapping[str, Any] = field(default_factory=dict)
    resource_attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[ReceivedEvent, ...] = ()
    batch: int = 0


def json_of_span(span: ReceivedSpan) -> str:
    """Take a span, give the ASCII JSON text from which `span_of_json` rebuilds it."""
    return json.dumps(dataclasses.asdict(span))


def span_of_json(text: str) -> ReceivedSpan:
    """Take the text of `json_of_span`, give the span."""
    fields = json.loads(text)
    fields["events"] = tuple(ReceivedEvent(**event) for event in fields["events"])
    return ReceivedSpan(**fields)
