"""Our attributes, and what Langfuse makes of them on both of its write paths."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from golden.cases import CASES
from langfuse_otel._litellm.trace import DOCUMENTED
from langfuse_otel._records import Clues, Observation, Prompt, TraceFields
from langfuse_otel._spans.attributes import attributes_of, trace_attributes_of
from langfuse_otel.dev._mapping import observation_view
from langfuse_otel.dev._received import ReceivedSpan
from langfuse_otel.dev._trace import trace_view
from langfuse_otel.dev._views import ObservationView, WritePath

SECOND = 10**9
FULL = Observation(
    name="welcome",
    type="generation",
    started_ns=1_700_000_000 * SECOND,
    ended_ns=1_700_000_002 * SECOND,
    clues=Clues(call_id="call-1", started_ns=0),
    completion_started_ns=1_700_000_001 * SECOND + 250_000_000,
    model="gpt-4o",
    model_parameters='{"temperature":0}',
    input='[{"role":"user","content":"hi"}]',
    output='{"role":"assistant","content":"hello"}',
    usage={"input": 10, "output": 20, "total": 30},
    cost={"input": 0.25, "output": 0.5, "total": 0.75},
    level="ERROR",
    status_message="boom",
    version="v-1",
    environment="production",
    metadata='{"mine":1}',
    prompt=Prompt("greeting", 3),
    trace=TraceFields("checkout", "u-1", "s-1", ("a", "b"), '{"k":"v"}', "r-1", public=True),
    documented={"langfuse.generation.name": "welcome"},
)


def shown(observation: Observation, path: WritePath) -> ObservationView:
    """Return what Langfuse shows of our attributes."""
    view = observation_view(received(observation), path)
    assert isinstance(view, ObservationView)
    return view


def received(observation: Observation) -> ReceivedSpan:
    """Return our attributes as Langfuse receives them."""
    wire = {
        k: list(v) if isinstance(v, tuple) else v for k, v in attributes_of(observation).items()
    }
    return ReceivedSpan(
        trace_id="0af7651916cd43dd8448eb211c80319c",
        span_id="b7ad6b7169203331",
        parent_span_id=None,
        name=observation.name,
        start_ns=observation.started_ns,
        end_ns=observation.ended_ns,
        attributes=wire,
        scope_name="langfuse_otel",
    )


def test_all_attributes() -> None:
    """A full record has these attributes and no other."""
    assert attributes_of(FULL) == {
        "langfuse.generation.name": "welcome",
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o",
        "langfuse.observation.model.parameters": '{"temperature":0}',
        "langfuse.observation.input": '[{"role":"user","content":"hi"}]',
        "langfuse.observation.output": '{"role":"assistant","content":"hello"}',
        "langfuse.observation.usage_details": '{"input":10,"output":20,"total":30}',
        "langfuse.observation.cost_details": '{"input":0.25,"output":0.5,"total":0.75}',
        "langfuse.observation.completion_start_time": "2023-11-14T22:13:21.250Z",
        "langfuse.observation.level": "ERROR",
        "langfuse.observation.status_message": "boom",
        "langfuse.observation.metadata": '{"mine":1}',
        "langfuse.observation.prompt.name": "greeting",
        "langfuse.observation.prompt.version": 3,
        "langfuse.trace.public": True,
        "langfuse.environment": "production",
        "langfuse.version": "v-1",
        "langfuse.trace.name": "checkout",
        "langfuse.trace.tags": ("a", "b"),
        "langfuse.trace.metadata": '{"k":"v"}',
        "user.id": "u-1",
        "session.id": "s-1",
        "langfuse.release": "r-1",
    }


def test_trace_attributes() -> None:
    """A span of others says of its trace what ours does, and nothing that is absent."""
    assert trace_attributes_of(FULL.trace) == {
        "langfuse.trace.name": "checkout",
        "langfuse.trace.tags": ("a", "b"),
        "langfuse.trace.metadata": '{"k":"v"}',
        "user.id": "u-1",
        "session.id": "s-1",
        "langfuse.release": "r-1",
        "langfuse.trace.public": True,
    }
    assert trace_attributes_of(TraceFields(input="in", output="out")) == {
        "langfuse.trace.input": "in",
        "langfuse.trace.output": "out",
    }


def test_absent_is_absent() -> None:
    """What a record does not hold has no attribute: no None, no empty list."""
    bare = Observation("x", "span", 0, 0, Clues("call-1", 0))

    assert attributes_of(bare) == {
        "langfuse.observation.type": "span",
        "langfuse.observation.level": "DEFAULT",
    }


@pytest.mark.parametrize("path", ["legacy", "direct"])
def test_observation_in_langfuse(path: WritePath) -> None:
    """Langfuse shows every field of the observation as the record has it."""
    view = shown(FULL, path)

    assert (view.name, view.type, view.model) == ("welcome", "GENERATION", "gpt-4o")
    assert view.model_parameters == {"temperature": 0}
    assert (view.input, view.output) == (FULL.input, FULL.output)
    assert view.usage_details == FULL.usage
    assert view.cost_details == FULL.cost
    assert (view.level, view.status_message) == ("ERROR", "boom")
    assert (view.version, view.environment) == ("v-1", "production")
    assert view.completion_start_time == datetime(
        2023, 11, 14, 22, 13, 21, 250_000, tzinfo=timezone.utc
    )
    assert (view.prompt_name, view.prompt_version) == ("greeting", 3)
    assert view.metadata["mine"] in ("1", 1)


@pytest.mark.parametrize("path", ["legacy", "direct"])
def test_trace_in_langfuse(path: WritePath) -> None:
    """Langfuse shows every field of the trace as the record has it."""
    view = trace_view([received(FULL)], path)

    assert (view.name, view.user_id, view.session_id) == ("checkout", "u-1", "s-1")
    assert (view.tags, view.version, view.release) == (("a", "b"), "v-1", "r-1")
    assert (view.environment, view.input, view.output) == ("production", FULL.input, FULL.output)
    assert view.metadata["k"] == "v"
    assert view.public


def orphan(observation: Observation, **trace: object) -> ReceivedSpan:
    """Return an observation whose parent never comes, as Langfuse receives it."""
    changed = observation._replace(trace=observation.trace._replace(**trace))
    wire = attributes_of(changed, is_orphan=True)
    return replace(
        received(changed),
        parent_span_id="00000000000000aa",
        attributes={k: list(v) if isinstance(v, tuple) else v for k, v in wire.items()},
    )


def test_orphan_on_the_older_path() -> None:
    """Under a parent that never comes the trace shows name, input and output."""
    view = trace_view([orphan(FULL, name=None)], "legacy")

    assert (view.name, view.input, view.output) == ("welcome", FULL.input, FULL.output)


def test_orphan_on_an_older_server() -> None:
    """Input and output of the trace are written out, for servers that know no `as_root`."""
    found = attributes_of(FULL, is_orphan=True)

    assert found["langfuse.trace.input"] == FULL.input
    assert found["langfuse.trace.output"] == FULL.output


def test_orphan_on_the_newer_path() -> None:
    """There the trace shows the name; input and output it takes from a root alone."""
    view = trace_view([orphan(FULL, name=None)], "direct")

    assert view.name == "welcome"
    assert (view.observations[0].input, view.observations[0].output) == (FULL.input, FULL.output)


@pytest.mark.parametrize("path", ["legacy", "direct"])
def test_continuation_leaves_the_trace(path: WritePath) -> None:
    """A continuation changes neither name, user, session, tags nor output of the trace."""
    first = received(FULL)
    bare = TraceFields(is_continued=True)
    later = FULL._replace(name="later", output='"other"', trace=bare, started_ns=FULL.ended_ns)
    second = replace(received(later), span_id="00000000000000bb", parent_span_id="00000000000000cc")
    view = trace_view([first, second], path)

    assert (view.name, view.user_id, view.session_id) == ("checkout", "u-1", "s-1")
    assert (view.tags, view.output) == (("a", "b"), FULL.output)


def test_continuation_changes_what_it_names() -> None:
    """On the older path a continuation replaces the output that it names."""
    later = FULL._replace(trace=TraceFields(output='"new"', is_continued=True))
    second = replace(received(later), span_id="00000000000000bb", parent_span_id="00000000000000cc")
    view = trace_view([received(FULL), second], "legacy")

    assert (view.input, view.output) == (FULL.input, '"new"')


def test_every_attribute_has_a_golden_case() -> None:
    """Each attribute that we send and Langfuse reads is in the golden cases, with its type."""
    golden = {(key, type(value)) for case in CASES for key, value in case.attributes.items()}
    sent = {
        (key, list if isinstance(value, tuple) else type(value))
        for key, value in attributes_of(FULL).items()
        if key not in DOCUMENTED.values()
    }

    assert sent - golden == set()


@pytest.mark.parametrize("path", ["legacy", "direct"])
def test_failed_call_is_not_priced(path: WritePath) -> None:
    """The explicit zero keeps Langfuse from pricing a failed call by its text."""
    failed = FULL._replace(usage=None, cost={"total": 0.0})

    assert shown(failed, path).cost_details == {"total": 0.0}


def test_json_attributes_are_json() -> None:
    """The attributes that Langfuse parses hold JSON objects."""
    found = attributes_of(FULL)
    names = ("usage_details", "cost_details", "model.parameters", "metadata")

    for name in names:
        assert isinstance(json.loads(str(found[f"langfuse.observation.{name}"])), dict)
