"""Guardrail results under the call that they guarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls import a_call, observed
from langfuse_otel._litellm.guardrails import guardrails_of
from langfuse_otel._spans.identity import identify

if TYPE_CHECKING:
    from langfuse_otel._records import Observation

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
