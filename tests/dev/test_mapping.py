"""The receiver gives the golden fields, and merges several spans as Langfuse does."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from golden.cases import CASES, DROPPED, END_NS, START_NS, Case
from langfuse_otel.dev._instants import EPOCH
from langfuse_otel.dev._mapping import observation_view
from langfuse_otel.dev._received import ReceivedEvent, ReceivedSpan
from langfuse_otel.dev._trace import trace_view
from langfuse_otel.dev._views import Dropped, ObservationView, WritePath

TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_span(number: int = 1, **fields: Any) -> ReceivedSpan:
    """Build a span that lasts a second and starts `number` seconds after 1970."""
    plain = {
        "trace_id": TRACE,
        "span_id": f"{number:016x}",
        "parent_span_id": None,
        "name": f"span {number}",
        "start_ns": number * 10**9,
        "end_ns": (number + 1) * 10**9,
        "scope_name": "langfuse-sdk.test",
    }
    return ReceivedSpan(**{**plain, **fields})


def span_of(case: Case) -> ReceivedSpan:
    """Build the span of a golden case."""
    return ReceivedSpan(
        trace_id=TRACE,
        span_id="b7ad6b7169203331",
        parent_span_id=case.parent_span_id,
        name=case.name,
        start_ns=START_NS,
        end_ns=END_NS,
        status_code=case.status_code,
        status_message=case.status_message,
        attributes=case.attributes,
        scope_name=case.scope_name,
        scope_version=case.scope_version,
        resource_attributes=case.resource,
    )


def stored(span: ReceivedSpan, path: WritePath = "direct") -> ObservationView:
    """Give the observation, which has to be one."""
    view = observation_view(span, path)
    assert isinstance(view, ObservationView)
    return view


def fields_like(expected: dict[str, Any], view: object) -> dict[str, Any]:
    """Give of a view the fields that are expected."""
    return {key: getattr(view, key) for key in expected}


PATHS: tuple[WritePath, ...] = ("legacy", "direct")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_observation_has_the_golden_fields(case: Case, path: WritePath) -> None:
    """An observation has the fields that Langfuse stores, or is dropped where it drops it."""
    expected = getattr(case, path)
    view = observation_view(span_of(case), path)

    if expected is DROPPED:
        assert isinstance(view, Dropped)
    else:
        assert isinstance(view, ObservationView) or not expected
        assert expected == fields_like(expected, view)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_trace_has_the_golden_fields(case: Case, path: WritePath) -> None:
    """The trace that one span makes has the fields that Langfuse shows."""
    expected = getattr(case, f"{path}_trace")

    assert expected == fields_like(expected, trace_view([span_of(case)], path))


def test_golden_ids_are_unique() -> None:
    """No two golden cases share an id."""
    ids = [case.id for case in CASES]

    assert sorted(set(ids)) == sorted(ids)


def test_end_before_start_is_clamped_on_legacy_only() -> None:
    """An end before the start becomes the start on the legacy path and stays on the direct one."""
    span = a_span(start_ns=5 * 10**9, end_ns=3 * 10**9)

    assert [
        (stored(span, "legacy").start - EPOCH).total_seconds() - 3,
        (stored(span, "direct").end - EPOCH).total_seconds() - 3,  # type: ignore[operator]
    ] == [2, 0]


def test_guardrail_keeps_its_model_on_legacy() -> None:
    """Every type but span and event keeps model and usage on the legacy path."""
    span = a_span(
        attributes={
            "langfuse.observation.type": "guardrail",
            "langfuse.observation.model.name": "m",
            "langfuse.observation.usage_details": '{"input":1}',
        }
    )
    view = stored(span, "legacy")

    assert (view.model, view.usage_details) == ("m", {"input": 1, "total": 1})


def test_odd_operation_is_none() -> None:
    """An operation that is a list is read as one that the server does not know."""
    span = a_span(
        attributes={
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "m",
            "gen_ai.operation.name": ["chat"],
        }
    )

    assert [stored(span, path).model for path in PATHS] == ["m", "m"]


@pytest.mark.parametrize(
    ("field", "value"), [("trace_id", "x" * 801), ("span_id", "x" * 801), ("span_id", "a\rb")]
)
def test_overlong_id_is_dropped_on_legacy(field: str, value: str) -> None:
    """Ids over 800 characters or with a carriage return lose the observation on legacy only."""
    span = a_span(**{field: value})

    assert [Dropped, ObservationView] == [type(observation_view(span, path)) for path in PATHS]


def test_message_events_are_content() -> None:
    """Message events become a list of messages, a single choice becomes the output itself."""
    events = (
        ReceivedEvent("gen_ai.system.message", {"content": "be kind"}),
        ReceivedEvent("gen_ai.user.message", {"content": "hi"}),
        ReceivedEvent("gen_ai.choice", {"index": 0, "message": "ho"}),
        ReceivedEvent("exception", {"exception.message": "invisible"}),
    )
    view = stored(a_span(events=events))

    assert (view.input, view.output) == (
        '[{"role":"system","content":"be kind"},{"role":"user","content":"hi"}]',
        '{"index":0,"message":"ho"}',
    )


def test_content_events_are_content() -> None:
    """Prompt and completion events give their attribute."""
    events = (
        ReceivedEvent("gen_ai.content.prompt", {"gen_ai.prompt": "hi"}),
        ReceivedEvent("gen_ai.content.completion", {"gen_ai.completion": "ho"}),
    )
    view = stored(a_span(events=events))

    assert (view.input, view.output) == ("hi", "ho")


def test_details_event_is_content() -> None:
    """The details event gives its messages."""
    attributes = {"gen_ai.input.messages": "[1]", "gen_ai.output.messages": "[2]"}
    event = ReceivedEvent("gen_ai.client.inference.operation.details", attributes)
    view = stored(a_span(events=(event,)))

    assert (view.input, view.output) == ("[1]", "[2]")


def test_legacy_unites_and_sorts_tags() -> None:
    """Tags of several spans are united on legacy; on direct one row's tags win."""
    spans = [
        a_span(1, attributes={"langfuse.trace.tags": ["b", "a"]}),
        a_span(2, attributes={"langfuse.trace.tags": ["c", "a"]}),
    ]

    assert [trace_view(spans, path).tags for path in PATHS] == [("a", "b", "c"), ("c", "a")]


def test_legacy_forgets_public() -> None:
    """A later trace event that does not repeat `public` resets it on legacy only."""
    spans = [
        a_span(1, attributes={"langfuse.trace.public": True}),
        a_span(2, attributes={"langfuse.user.id": "u"}, parent_span_id=f"{1:016x}"),
    ]

    assert [trace_view(spans, path).public for path in PATHS] == [False, True]


def test_legacy_environment_is_pinned_by_the_first_batch() -> None:
    """A child without environment that arrives first pins the legacy trace to `default`."""
    spans = [
        a_span(2, parent_span_id=f"{1:016x}", batch=1),
        a_span(1, attributes={"langfuse.environment": "prod"}, batch=2),
    ]

    assert [trace_view(spans, path).environment for path in PATHS] == ["default", "prod"]


def test_legacy_time_is_pinned_by_the_first_batch() -> None:
    """The first event to arrive gives the legacy trace its time; direct takes the earliest row."""
    spans = [a_span(2, parent_span_id=f"{1:016x}", batch=1), a_span(1, batch=2)]

    assert [trace_view(spans, path).timestamp.second for path in PATHS] == [2, 1]


def test_shallow_event_gives_way_within_a_batch() -> None:
    """In one batch the root's event makes an earlier child's empty one redundant."""
    spans = [
        a_span(1, parent_span_id=f"{2:016x}"),
        a_span(2, attributes={"langfuse.environment": "prod"}),
    ]

    assert trace_view(spans, "legacy").environment == "prod"


def test_start_decides_within_a_batch() -> None:
    """In one batch the event of the span that started last is merged last."""
    spans = [
        a_span(5, attributes={"langfuse.trace.name": "later"}),
        a_span(1, attributes={"langfuse.trace.name": "earlier"}),
    ]

    assert trace_view(spans, "legacy").name == "later"


def test_child_leaves_the_attributes_of_the_root() -> None:
    """An updating child does not replace the attributes among the trace's metadata."""
    spans = [
        a_span(1, attributes={"k": "root"}, scope_name="mine"),
        a_span(2, attributes={"user.id": "u"}, scope_name="mine", parent_span_id=f"{1:016x}"),
    ]

    assert trace_view(spans, "legacy").metadata["attributes"] == '{"k":"root"}'


def test_later_batch_wins_field_by_field() -> None:
    """Across batches the later value wins where there is one, and metadata merges deeply."""
    spans = [
        a_span(
            5,
            batch=1,
            attributes={
                "langfuse.trace.name": "first",
                "langfuse.user.id": "u",
                "langfuse.trace.metadata": '{"a":{"x":1,"y":1}}',
            },
        ),
        a_span(
            1,
            batch=2,
            attributes={
                "langfuse.trace.name": "second",
                "langfuse.trace.metadata": '{"a":{"y":2}}',
            },
        ),
    ]
    trace = trace_view(spans, "legacy")

    assert (trace.name, trace.user_id, trace.metadata["a"]) == ("second", "u", '{"x":1,"y":2}')


def test_direct_takes_content_from_the_parentless_row() -> None:
    """On direct, input and output are those of the row without a parent."""
    spans = [
        a_span(1, attributes={"langfuse.observation.input": "root"}),
        a_span(2, attributes={"langfuse.observation.input": "child"}, parent_span_id=f"{1:016x}"),
    ]

    assert trace_view(spans, "direct").input == "root"


def test_trace_sums_cost_and_tokens() -> None:
    """Cost and tokens of a trace are sums, its level is the worst, its latency spans all."""
    attributes = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.usage_details": '{"input":2,"input_cached_tokens":1,"output":3}',
        "langfuse.observation.cost_details": '{"total":0.1}',
    }
    failed = {**attributes, "langfuse.observation.level": "ERROR"}
    spans = [a_span(1, attributes=attributes), a_span(4, attributes=failed)]
    trace = trace_view(spans, "direct")

    assert (
        trace.total_cost,
        trace.input_tokens,
        trace.output_tokens,
        trace.level,
        trace.latency_s,
    ) == (0.2, 6, 6, "ERROR", 4.0)


def test_dropped_observation_is_reported() -> None:
    """What the server drops is listed with the reason and is no observation."""
    attributes = {"langfuse.observation.type": "generation", "langfuse.prompt.name": "p"}
    trace = trace_view([a_span(attributes=attributes)], "legacy")

    assert (
        (),
        (Dropped(f"{1:016x}", "span 1", "a prompt needs both its name and its version"),),
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc),
    ) == (trace.observations, trace.dropped, trace.timestamp)
