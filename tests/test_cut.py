"""A span that is too large: cut, never lost, and it says how long it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from langfuse_otel._spans.cut import LEAST_KEPT, cut
from langfuse_otel._spans.otlp import Part
from langfuse_otel._spans.span import part_of
from test_attributes import FULL
from test_spans import RESOURCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

BIG = 100_000
MARKER = f"... [cut by langfuse-otel: {BIG} bytes in all]"


def a_part(span: Span) -> Part:
    """Return the span as a part of a request."""
    return Part(b"", b"", ScopeSpans(spans=[span]).SerializeToString())


def a_value(texts: Sequence[str]) -> AnyValue:
    """Return an array of texts."""
    return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=text) for text in texts]))


def only_span(part: Part | None) -> Span:
    """Return the span of a part that was cut."""
    assert part is not None
    [span] = ScopeSpans.FromString(part.span).spans
    return span


@pytest.mark.parametrize(
    "span",
    [
        Span(name="x" * BIG),
        Span(status=Status(message="x" * BIG)),
        Span(attributes=[KeyValue(key="a", value=AnyValue(string_value="x" * BIG))]),
        Span(attributes=[KeyValue(key="a", value=AnyValue(bytes_value=b"x" * BIG))]),
        Span(attributes=[KeyValue(key="a", value=a_value(["x"] * BIG))]),
        Span(attributes=[KeyValue(key="a", value=a_value(["x" * BIG]))]),
        Span(events=[Span.Event(name="x" * BIG)]),
        Span(
            events=[
                Span.Event(attributes=[KeyValue(key="a", value=AnyValue(string_value="x" * BIG))])
            ]
        ),
        Span(
            links=[
                Span.Link(attributes=[KeyValue(key="a", value=AnyValue(string_value="x" * BIG))])
            ]
        ),
    ],
    ids=["name", "status", "text", "bytes", "texts", "long-text", "event", "in-event", "in-link"],
)
def test_wherever_it_is_long(span: Span) -> None:
    """A span fits, whichever of its fields is the long one."""
    shorter = cut(a_part(span), 1_000)

    assert shorter is not None
    assert shorter.size <= 1_000
    assert b"cut by langfuse-otel" in shorter.span


def test_an_error_that_quotes_a_prompt() -> None:
    """The text of an error stands twice in a span; both are cut."""
    part = part_of(FULL._replace(status_message="x" * BIG), ROOT, RESOURCE)
    span = only_span(cut(part, 5_000))

    assert span.status.message.endswith(MARKER)
    assert span.ByteSize() < 5_000


def test_the_marker_keeps_the_first_size() -> None:
    """What is cut again still says how long it was at first."""
    part: Part | None = part_of(FULL._replace(output="x" * BIG), ROOT, RESOURCE)
    for limit in (50_000, 20_000, 5_000):
        assert part is not None
        part = cut(part, limit)

    [text] = [
        attribute.value.string_value
        for attribute in only_span(part).attributes
        if "cut by langfuse-otel" in attribute.value.string_value
    ]
    assert text.endswith("x" + MARKER)


def test_as_near_as_can_be() -> None:
    """Where the limit is below what must stay, the shortest form is given."""
    part = part_of(FULL._replace(output="x" * BIG), ROOT, RESOURCE)
    shortest = cut(part, 1)

    assert shortest is not None
    assert shortest.size < 5_000
    assert b"x" * LEAST_KEPT in shortest.span
    assert cut(shortest, 1) is None


def test_short_fields_stay() -> None:
    """What is short is left as it is, for it would win nothing."""
    part = part_of(FULL._replace(output="x" * BIG), ROOT, RESOURCE)
    before, after = only_span(part), only_span(cut(part, 4_000))
    kept = [pair for pair in before.attributes if pair.ByteSize() < LEAST_KEPT]

    assert after.name == before.name
    assert [pair for pair in after.attributes if pair in kept] == kept


@given(
    texts=st.lists(st.text(min_size=1).map(lambda text: text * 500), min_size=1, max_size=5),
    limit=st.integers(1, 20_000),
)
def test_any_text(texts: list[str], limit: int) -> None:
    """Whatever the characters, a cut span is valid, smaller, and keeps its ids."""
    span = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        attributes=[KeyValue(key="a", value=AnyValue(string_value=text)) for text in texts],
    )
    part = a_part(span)
    shorter = cut(part, limit)

    if shorter is None:
        assert part.size <= limit or max(len(text.encode()) for text in texts) < 2 * LEAST_KEPT
    else:
        assert shorter.size < part.size
        assert only_span(shorter).span_id == span.span_id
