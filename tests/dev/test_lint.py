"""The linter says what Langfuse would not keep as it was sent, and nothing of what it keeps."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langfuse_otel._spans.otlp import request_of
from langfuse_otel._spans.span import part_of
from langfuse_otel.dev import lint
from langfuse_otel.dev._decode import decode
from langfuse_otel.dev._mapping import observation_view
from langfuse_otel.dev._reading import is_read, reading_of
from langfuse_otel.dev._received import ReceivedEvent, ReceivedSpan
from test_spans import FULL, RESOURCE, ROOT

GOOD = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "m",
    "langfuse.observation.input": "hi",
    "langfuse.observation.usage_details": '{"input": 3, "output": 4, "total": 7}',
    "langfuse.observation.cost_details": '{"input": 0.1, "output": 0.2, "total": 0.3}',
    "langfuse.observation.prompt.name": "p",
    "langfuse.observation.prompt.version": 3,
    "langfuse.observation.metadata": '{"a": 1}',
    "langfuse.environment": "production",
    "langfuse.trace.tags": ["a"],
    "langfuse.user.id": "ada",
    "custom": "kept in the metadata",
}
OBSERVATION = "langfuse.observation."


def a_span(attributes: dict[str, Any] | None = None, **fields: Any) -> ReceivedSpan:
    """Build a span with which nothing is wrong but what is given; None takes an attribute away."""
    merged = {**GOOD, **(attributes or {})}
    kept = {key: value for key, value in merged.items() if value is not None}
    return ReceivedSpan(
        **{"trace_id": "t", "span_id": "s", "parent_span_id": None, "name": "n", "start_ns": 10**18,
           "end_ns": 10**18 + 10**9, "attributes": kept, **fields}
    )  # fmt: skip


def remarks(span: ReceivedSpan) -> list[tuple[str, str | None, str]]:
    """Give what the linter says of a span."""
    return [(warning.effect, warning.attribute, warning.text) for warning in lint([span])]


def test_good_span() -> None:
    """Of a span that is kept as it was sent nothing is said."""
    assert remarks(a_span()) == []


def test_our_spans_are_good() -> None:
    """Of our own spans nothing is said."""
    spans = decode(request_of([part_of(FULL, ROOT, RESOURCE)]), "application/x-protobuf")

    assert [str(warning) for warning in lint(spans)] == []


@pytest.mark.parametrize(
    ("attributes", "effect", "attribute", "text"),
    [
        ({"prompt.version": "3"}, "dropped", "prompt.version", "the prompt version is not an integer"),
        ({"prompt.version": None}, "dropped", "prompt.name", "both its name and its version"),
        ({"status_message": 5}, "dropped", "status_message", "the status message is not a string"),
        ({"completion_start_time": "2026-01-01 10:00:00"}, "dropped", "completion_start_time", "ISO-8601"),
        ({"completion_start_time": "soon"}, "ignored", "completion_start_time", "no date"),
        ({"cost_details": '{"total": 2000000}'}, "dropped", "cost_details", "1000000 or more"),
        ({"cost_details": '{"total": 1, "input": -1}'}, "ignored", "cost_details", "dropped: input"),
        ({"cost_details": '{"input": 1, "cached": 1}'}, "ignored", "cost_details", "Without total"),
        ({"cost_details": 0.5}, "ignored", "cost_details", "JSON object"),
        ({"usage_details": "7"}, "ignored", "usage_details", "no JSON object"),
        ({"usage_details": "seven"}, "ignored", "usage_details", "no JSON object"),
        ({"usage_details": '{"input": 3.5, "output": 4}'}, "ignored", "usage_details", "Dropped: input"),
        ({"usage_details": '{"input": 9, "input_cached_tokens": 8, "output": 1, "total": 10}'}, "changed", "usage_details", "add up to 18"),
        ({"usage_details": '{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cache_read_input_tokens": 1}'}, "changed", "usage_details", "counted twice"),
        ({"type": "GENERATION"}, "changed", "type", "no type of Langfuse's"),
        ({"type": "llm"}, "changed", "type", "GENERATION is stored"),
        ({"level": "huge"}, "ignored", "level", "no level"),
        ({"metadata": "words"}, "ignored", "metadata", "no JSON"),
        ({"metadata": "[1, 2]"}, "changed", "metadata", "keys 0, 1"),
        ({"name": "n"}, "ignored", "name", "no such attribute"),
    ],
    ids=str,
)  # fmt: skip
def test_observation_attributes(
    attributes: dict[str, Any], effect: str, attribute: str, text: str
) -> None:
    """Each mistake is said once, with the attribute that makes it."""
    named = {OBSERVATION + key: value for key, value in attributes.items()}
    [(said_effect, said_attribute, said_text)] = remarks(a_span(named))

    assert (said_effect, said_attribute) == (effect, OBSERVATION + attribute)
    assert text in said_text


@pytest.mark.parametrize(
    ("attributes", "fields", "effect", "attribute", "text"),
    [
        ({"langfuse.trace.tags": '{"arrayValue":{}}'}, {}, "changed", "langfuse.trace.tags", "the tag"),
        ({"langfuse.trace.tags": "a,b"}, {}, "changed", "langfuse.trace.tags", "into 2 tags"),
        ({"custom": '{"kvlistValue":{"values":[]}}'}, {}, "changed", "custom", "a map"),
        ({"langfuse.environment": "Prod EU"}, {}, "changed", "langfuse.environment", "“default”"),
        ({"langfuse.environment": "Prod"}, {}, "changed", "langfuse.environment", "“prod”"),
        ({"langfuse.version": 2}, {}, "dropped", "langfuse.version", "not a string"),
        ({"langfuse.trace.input": "other"}, {}, "ignored", "langfuse.trace.input", "not read"),
        ({"langfuse.trace.typo": "x"}, {}, "ignored", "langfuse.trace.typo", "no such attribute"),
        ({"gen_ai.tool.name": "hammer"}, {}, "changed", None, "“hammer”"),
        ({"gen_ai.operation.name": "invoke_agent"}, {}, "ignored", "gen_ai.operation.name", "neither model"),
        ({"langfuse.observation.cost_details": '{"total": "much"}'}, {}, "dropped", "langfuse.observation.cost_details", "Langfuse 4"),
        ({}, {"parent_span_id": "0" * 16}, "changed", None, "parent id of zeros"),
        ({}, {"end_ns": 1}, "changed", None, "ends before"),
        ({}, {"events": (ReceivedEvent("exception"),)}, "ignored", "exception", "not kept"),
        ({}, {"resource_attributes": {"langfuse.version": "1"}}, "ignored", "resource.langfuse.version", "service.version"),
        ({"langfuse.observation.level": "DEFAULT"}, {"status_code": 2}, "changed", "langfuse.observation.level", "hides"),
        ({"langfuse.trace.tags": None, "langfuse.user.id": None, "langfuse.release": "1"}, {"parent_span_id": "p"}, "ignored", "langfuse.release", "does not reach the trace"),
        ({"langfuse.observation.usage_details": None, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read_input_tokens": 9}, {}, "changed", "gen_ai.usage.input_tokens", "leaves none"),
    ],
    ids=str,
)  # fmt: skip
def test_others(
    attributes: dict[str, Any],
    fields: dict[str, Any],
    effect: str,
    attribute: str | None,
    text: str,
) -> None:
    """So is each that is about the trace, the name, the status or the times."""
    said = remarks(a_span(attributes, **fields))

    assert any((one[0], one[1]) == (effect, attribute) and text in one[2] for one in said), said


def test_type_without_a_generation() -> None:
    """A span with model, usage and cost loses them on one path, and its prompt on both."""
    said = remarks(a_span({"langfuse.observation.type": "span"}))

    assert [(effect, attribute) for effect, attribute, _ in said] == [
        ("ignored", "langfuse.observation.prompt.name"),
        ("ignored", None),
    ]
    assert "model, usageDetails, costDetails" in said[1][2]


def test_whole_traces() -> None:
    """Several roots, other tags and a name that is too long are about the trace."""
    first, second = a_span(), a_span({"langfuse.trace.tags": ["b"]}, span_id="s2")
    long = a_span({"langfuse.trace.name": "x" * 1001}, trace_id="t2")
    said = [(warning.span_id, warning.text) for warning in lint([long, first, second])]

    assert [span_id for span_id, _ in said] == [None] * 3
    assert [
        part in text
        for part, (_, text) in zip(
            ("2 spans without a parent", "The spans differ", "longer than 1000"), said, strict=True
        )
    ] == [True] * 3


def test_reading() -> None:
    """An attribute decides on its fields; another that says the same is beaten; the rest is kept."""
    reads = reading_of(
        a_span(
            {"gen_ai.request.model": "other", "user.id": "ada"},
            resource_attributes={"service.version": "7", "host": "h"},
        ),
        "direct",
    )
    found = {read.attribute: (read.fields, read.is_beaten) for read in reads}

    assert found["langfuse.observation.model.name"] == (("model",), False)
    assert found["gen_ai.request.model"] == (("model",), True)
    assert found["langfuse.user.id"] == (("trace.userId",), False)
    assert found["user.id"] == (("trace.userId",), True)
    assert found["langfuse.observation.input"] == (("input", "trace.input"), False)
    assert found["langfuse.observation.metadata"] == (("metadata.a", "trace.metadata.a"), False)
    assert found["resource.service.version"] == (("version", "trace.version"), False)
    assert found["custom"] == found["resource.host"] == ((), False)


def test_a_value_that_is_the_default_is_read() -> None:
    """An attribute that says what would be so anyway is read nevertheless."""
    span = a_span({"langfuse.observation.level": "DEFAULT", "langfuse.environment": "default"})

    assert is_read(span, "langfuse.observation.level")
    assert is_read(span, "langfuse.environment")
    assert not is_read(span, "custom")


@pytest.mark.parametrize("path", ["legacy", "direct"])
def test_nothing_is_read_but_what_the_mapping_reads(path: Any) -> None:
    """What is said to be read changes the observation when it is taken away."""
    span = a_span()
    base = observation_view(span, path)
    for read in reading_of(span, path):
        rest = {key: value for key, value in span.attributes.items() if key != read.attribute}
        changed = observation_view(dataclasses.replace(span, attributes=rest), path) != base
        of_observation = any(not field.startswith("trace.") for field in read.fields)

        assert changed or not of_observation, read


def test_a_cost_beyond_all_numbers() -> None:
    """A whole number that is larger than JavaScript's largest is no cost."""
    found = remarks(a_span({f"{OBSERVATION}cost_details": f'{{"total": 1{"0" * 400}}}'}))

    assert [(effect, name) for effect, name, _ in found] == [
        ("dropped", f"{OBSERVATION}cost_details"),
        ("ignored", f"{OBSERVATION}cost_details"),
    ]


PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)  # fmt: skip
TEXTS = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6).map(json.dumps)  # fmt: skip
KEYS = st.sampled_from([*GOOD, "langfuse.observation.level", "langfuse.observation.completion_start_time", "gen_ai.usage.input_tokens", "gen_ai.operation.name", "langfuse.version"])  # fmt: skip


@given(st.dictionaries(KEYS, PLAIN | TEXTS | st.lists(st.text(max_size=5), max_size=3), max_size=5))
def test_any_span_can_be_read(attributes: dict[str, Any]) -> None:
    """Whatever stands in the attributes, the linter and the reading give an answer."""
    span = ReceivedSpan("t", "s", None, "n", 1, 2, attributes=attributes)

    lint([span])
    assert len(reading_of(span, "direct")) == len(attributes)
