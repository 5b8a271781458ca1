"""Guardrail results under the call that they guarded."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls import a_call, observed
from langfuse_otel._litellm.guardrails import guardrails_of
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
    observation = observed(call)
    return list(guardrails_of(call, observation, identify(observation.clues)))


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
    call = {"standard_logging_object": {"guardrail_information": [{}]}}
    [found] = guardrails_of(call, guarded, identify(guarded.clues))

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
    call = a_call()
    call["standard_logging_object"]["guardrail_information"] = [RESULT]
    observation = observed(call)
    [found] = guardrails_of(call, observation, identify(observation.clues), is_quoting=False)

    assert found.output is None
    assert found == guarded_by(RESULT)[0]._replace(output=None)


@pytest.mark.parametrize("payload", [None, {}, {"guardrail_information": {"a": 1}}])
def test_nothing_guarded(payload: object) -> None:
    """Without results there is nothing."""
    observation = observed()
    call = {"standard_logging_object": payload}

    assert list(guardrails_of(call, observation, identify(observation.clues))) == []


@pytest.mark.parametrize(
    ("status", "level"),
    [("success", "DEFAULT"), ("guardrail_intervened", "WARNING"), (None, "DEFAULT")],
)
def test_level(status: str | None, level: str) -> None:
    """A guardrail that stepped in is a warning."""
    assert guarded_by({**RESULT, "guardrail_status": status})[0].level == level


def test_two_of_one_name() -> None:
    """The same guardrail twice is two observations."""
    assert len({identify(found.clues).span_id for found in guarded_by(RESULT, RESULT)}) == 2


@given(st.dictionaries(st.sampled_from(sorted(RESULT)), st.none() | st.integers() | st.text()))
def test_never_raises(result: dict[str, Any]) -> None:
    """A result of any shape is read as far as it can be."""
    assert len(guarded_by(result, None, "x")) == 1
