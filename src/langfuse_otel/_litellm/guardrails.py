"""LiteLLM's guardrail results → observations under the call that they guarded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langfuse_otel._litellm.limits import short_text
from langfuse_otel._records import Clues, Identity, Observation
from langfuse_otel._text import json_text
from langfuse_otel._values import mapping_of, text_of

# The rest of a result says what was found where, and may quote it.
FACTS = ("guardrail_mode", "guardrail_provider", "guardrail_status", "guardrail_id", "duration")
# OTLP's times are nanoseconds in 64 bits.
LATEST_S = 2**63 / 1e9


def results_of(kwargs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what LiteLLM says of each guardrail that looked at a call."""
    found = mapping_of(kwargs.get("standard_logging_object")).get("guardrail_information")
    return [r for r in found if isinstance(r, Mapping)] if isinstance(found, list) else []


def guardrail_of(
    result: Mapping[str, Any],
    number: int,
    guarded: Observation,
    identity: Identity,
    *,
    is_quoting: bool = True,
) -> Observation:
    """Return the observation of a guardrail.

    Args:
        result: what LiteLLM says of it.
        number: which of the call's guardrails it was.
        guarded: the call's own observation.
        identity: where that one stands.
        is_quoting: whether what it found, which may quote the call, is shown.
    """
    name = short_text(text_of(result.get("guardrail_name")) or "guardrail")
    status = text_of(result.get("guardrail_status"))
    started_ns = _nanoseconds(result.get("start_time")) or guarded.started_ns
    response = result.get("guardrail_response")
    return Observation(
        name=name,
        type="guardrail",
        started_ns=started_ns,
        ended_ns=max(started_ns, _nanoseconds(result.get("end_time"))),
        clues=Clues(
            call_id=f"{guarded.clues.call_id}|{name}|{number}",
            started_ns=started_ns,
            trace_id=f"{identity.trace_id:032x}",
            parent_observation_id=f"{identity.span_id:016x}",
        ),
        output=json_text(response) if is_quoting and response is not None else None,
        level="DEFAULT" if status in {None, "success"} else "WARNING",
        environment=guarded.environment,
        metadata=json_text({fact: result[fact] for fact in FACTS if result.get(fact) is not None}),
        trace=guarded.trace,
        mask=guarded.mask,
    )


def _nanoseconds(seconds: object) -> int:
    if isinstance(seconds, (int, float)) and abs(seconds) < LATEST_S:
        return max(0, int(seconds * 1e9))
    return 0
