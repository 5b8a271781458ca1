"""Guardrail results under the call that they guarded."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls import a_call, observed
from langfuse_otel._litellm.guardrails import guardrail_of, results_of
from langfuse_otel._litellm.limits import MAX_TEXT
from langfuse_otel._records import Observation, TraceFields
from langfuse_otel._spans.identity import identify

RESULT = {
    "guardrail_name": "pii",
    "guardrail_mode": "pre_call",
    "guardrail_status": "success",
    "guardrail_response": {"found": 0},
    "guardrail_request": {"text": "what the caller said"},
    "start_time": 1_700_000_000.5,
    "end_time": 1_700_000_001.0,
}


def guarded_by(*results: object) -> list[Observation]:
    """Return the observations of these results."""
    call = a_call()
    call["standard_logging_object"]["guardrail_information"] = list(results)
    guarded = observed(call)
    identity = identify(guarded.clues)
    found = results_of(call)
    return [guardrail_of(result, number, guarded, identity) for number, result in enumerate(found)]


def test_result() -> None:
    """A result is a guardrail observation with its time, answer and mode, under the call."""
    [found] = guarded_by(RESULT)
    identity = identify(observed().clues)
    placed = identify(found.clues)

    assert (found.name, found.type, found.output) == ("pii", "guardrail", '{"found":0}')
    assert (found.started_ns, found.ended_ns) == (1_700_000_000_500_000_000, 1_700_000_001 * 10**9)
    assert found.metadata == '{"guardrail_mode":"pre_call","guardrail_status":"success"}'
    assert (placed.trace_id, placed.parent_id) == (identity.trace_id, identity.span_id)
    assert placed.span_id != identity.span_id


def test_what_it_shares() -> None:
    """Environment, trace and mask are those of the call; what is not said is absent."""
    guarded = observed()._replace(
        environment="prod", mask=lambda data, _: data, trace=TraceFields("checkout", "u")
    )
    found = guardrail_of({}, 0, guarded, identify(guarded.clues))

    assert found == Observation(
        name="guardrail",
        type="guardrail",
        started_ns=guarded.started_ns,
        ended_ns=guarded.started_ns,
        clues=found.clues,
        environment="prod",
        metadata="{}",
        trace=guarded.trace,
        mask=guarded.mask,
    )
    assert (found.clues.call_id, found.clues.started_ns) == (
        "call-1|guardrail|0",
        guarded.started_ns,
    )


@pytest.mark.parametrize(
    "time", ["soon", -1.0, 0, None, 1e10, 10**400, math.inf, -math.inf, math.nan]
)
def test_odd_times(time: object) -> None:
    """Without a time of its own it is where the call began; it never ends before that."""
    [found] = guarded_by({**RESULT, "start_time": time, "end_time": time})

    assert found.started_ns == found.ended_ns == observed().started_ns


def test_not_quoting() -> None:
    """What a guardrail found may quote the call, and is not shown where that is hidden."""
    guarded = observed()
    found = guardrail_of(RESULT, 0, guarded, identify(guarded.clues), is_quoting=False)

    assert found.output is None
    assert found == guarded_by(RESULT)[0]._replace(output=None)


@pytest.mark.parametrize("payload", [None, {}, {"guardrail_information": {"a": 1}}])
def test_nothing_guarded(payload: object) -> None:
    """Without results there is nothing."""
    assert results_of({"standard_logging_object": payload}) == []


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("success", "DEFAULT"),
        ("guardrail_intervened", "WARNING"),
        (None, "DEFAULT"),
        (["of no use"], "DEFAULT"),
    ],
)
def test_level(status: object, level: str) -> None:
    """A guardrail that stepped in is a warning."""
    assert guarded_by({**RESULT, "guardrail_status": status})[0].level == level


@pytest.mark.parametrize(
    ("given", "name"), [("a\ud800", "a\ufffd"), (None, "guardrail"), (["of no use"], "guardrail")]
)
def test_name(given: object, name: str) -> None:
    """A name is one that can be sent."""
    assert guarded_by({**RESULT, "guardrail_name": given})[0].name == name


def test_long_name() -> None:
    """A name is as long as other names may be."""
    [found] = guarded_by({**RESULT, "guardrail_name": "x" * 5_000})

    assert len(found.name) <= MAX_TEXT
    assert len(found.clues.call_id) <= MAX_TEXT + 100


def test_two_of_one_name() -> None:
    """The same guardrail twice is two observations."""
    assert len({identify(found.clues).span_id for found in guarded_by(RESULT, RESULT)}) == 2


@given(st.dictionaries(st.sampled_from(sorted(RESULT)), st.none() | st.integers() | st.text()))
def test_never_raises(result: dict[str, Any]) -> None:
    """A result of any shape is read as far as it can be."""
    assert len(guarded_by(result, None, "x")) == 1
