"""LiteLLM's guardrail results → observations under the call that they guarded. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langfuse_otel._records import Clues, Identity, Observation
from langfuse_otel._text import json_text

# The rest of a result says what was found where, and may quote it.
FACTS = ("guardrail_mode", "guardrail_provider", "guardrail_status", "guardrail_id", "duration")
# OTLP's times are nanoseconds in 64 bits.
LATEST_S = 2**63 / 1e9


def guardrails_of(
    kwargs: Mapping[str, Any], guarded: Observation, identity: Identity, *, is_quoting: bool = True
) -> Iterator[Observation]:
    """Return an observation for each guardrail that looked at a call.

    Args:
        kwargs: LiteLLM's dictionary about the call.
        guarded: the call's own observation.
        identity: where that one stands.
        is_quoting: whether what it found, which may quote the call, is shown.
    """
    payload = kwargs.get("standard_logging_object")
    results = payload.get("guardrail_information") if isinstance(payload, Mapping) else None
    for number, result in enumerate(results if isinstance(results, list) else []):
        if isinstance(result, Mapping):
            found = _observation(result, number, guarded, identity)
            yield found if is_quoting else found._replace(output=None)


def _observation(
    result: Mapping[str, Any], number: int, guarded: Observation, identity: Identity
) -> Observation:
    name = str(result.get("guardrail_name") or "guardrail")
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
        output=None if response is None else json_text(response),
        level="DEFAULT" if result.get("guardrail_status") in {None, "success"} else "WARNING",
        environment=guarded.environment,
        metadata=json_text({fact: result[fact] for fact in FACTS if result.get(fact) is not None}),
        trace=guarded.trace,
        mask=guarded.mask,
    )


def _nanoseconds(seconds: object) -> int:
    if isinstance(seconds, (int, float)) and abs(seconds) < LATEST_S:
        return max(0, int(seconds * 1e9))
    return 0
