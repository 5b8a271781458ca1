"""Callback arguments of LiteLLM → our record.

LiteLLM's shapes are known in this room alone: `snapshot` takes a call, `call` makes it safe to read,
and `content`, `metadata`, `trace`, `usage` and `facts` each read one part, which are put together
here. None of LiteLLM's dictionaries is changed. Data of a missing or wrong type counts as absent: the
observation is made with what there is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm import call_masks
from langfuse_otel._litellm.call import Call, read_call
from langfuse_otel._litellm.clues import believed, clues_from
from langfuse_otel._litellm.content import default_name, kind_of, model_name
from langfuse_otel._litellm.facts import observation_metadata
from langfuse_otel._litellm.held import content_of
from langfuse_otel._litellm.limits import storable
from langfuse_otel._litellm.names import MODEL_GROUP
from langfuse_otel._litellm.redaction import Hidden, hidden_of
from langfuse_otel._litellm.trace import (
    documented_of,
    prompt_of,
    trace_fields,
    version_of,
)
from langfuse_otel._litellm.usage import cost_of, usage_of
from langfuse_otel._privacy.parameters import without_quoting
from langfuse_otel._privacy.secrets import without_secrets
from langfuse_otel._records import Observation
from langfuse_otel._text import json_text, message_of
from langfuse_otel._values import mapping_of, nanoseconds_of, part, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._litellm.snapshot import Snapshot
    from langfuse_otel._records import Defaults, Json, Level, Parent

UNREAD = "The stream was not read to its end."


def observation_from(taken: Snapshot, ambient: Parent | None, defaults: Defaults) -> Observation:
    """Return the observation of a call.

    Args:
        taken: the call.
        ambient: the OpenTelemetry span that was active when the call started, if one was.
        defaults: what the settings say.
    """
    said = read_call(taken.kwargs, taken.response)
    hidden = hidden_of(said, taken.switched)
    given = hidden.instead if hidden.input else content_of(taken.input)
    answer = hidden.instead if hidden.output and taken.output else content_of(taken.output)
    call, active = believed(said, ambient, defaults)
    attempt, kind = taken.attempt, kind_of(call.kwargs)
    is_superseded = call.failed and (attempt.is_repeated or _is_retried(call))
    retries = attempt.number if attempt.is_repeated or is_superseded else None
    counts = kind.has_usage and not call.failed
    usage = usage_of(part(call.response, "usage")) if counts else None
    return Observation(
        name=call.text("generation_name") or default_name(call.kwargs),
        type=kind.type,
        started_ns=taken.started_ns,
        ended_ns=taken.ended_ns,
        completion_started_ns=_completion_start(call, taken.ended_ns),
        clues=clues_from(
            call,
            taken.started_ns,
            active,
            attempt.number,
            is_superseded=is_superseded,
            ignores_context=defaults.ignores_context,
        ),
        model=model_name(call.kwargs),
        model_parameters=without_quoting(taken.parameters) if hidden.input else taken.parameters,
        input=given,
        output=answer,
        usage=usage,
        cost=_cost(call, usage) if kind.has_usage else None,
        level=_level(call),
        status_message=_status_message(call, hidden),
        version=version_of(call),
        metadata=_metadata(call, retries, hidden),
        prompt=prompt_of(call),
        environment=defaults.environment,
        trace=trace_fields(call, defaults, given, answer),
        documented=documented_of(call),
        mask=call_masks.mask_of_call(said, taken.mask),
    )


def unread_observation_of(observation: Observation) -> Observation:
    """Return the observation of a stream that nobody read to its end.

    The provider reports usage with the last chunk; before that LiteLLM counts what has come, and
    makes up why it ended.
    """
    known = json.loads(observation.metadata or "{}")
    known.pop("finish_reasons", None)
    facts = {"stream": "not read to its end", "usage_is_estimated": True}
    return observation._replace(
        level="WARNING", status_message=UNREAD, metadata=json_text({**known, **facts})
    )


def is_cut_short(kwargs: Mapping[str, Any]) -> bool:
    """Whether a stream of Anthropic's has not come to its end: LiteLLM notes if it has."""
    if kwargs.get("prompt_cache_response_complete") is not False:
        return False
    operation, provider = kind_of(kwargs).operation, kwargs.get("custom_llm_provider")
    return operation == "chat" or (operation == "pass_through" and provider == "anthropic")


def _is_retried(call: Call) -> bool:
    """Whether LiteLLM repeats the call if it fails: its router does, and `num_retries` says so.

    LiteLLM (1.106) shows callbacks the `num_retries` of a call as its `max_retries`.
    """
    return MODEL_GROUP in mapping_of(call.params.get("metadata")) or any(
        given.get(name)
        for given in (call.kwargs, call.params)
        for name in ("num_retries", "max_retries")
    )


def _completion_start(call: Call, ended_ns: int) -> int | None:
    """LiteLLM sets it for every call; only on a stream it is the arrival of the first chunk.

    Where it did not see that one, as of Gemini's own streams, it puts the very end there.
    """
    if call.failed or not call.kwargs.get("stream"):
        return None
    began_ns = nanoseconds_of(call.kwargs.get("completion_start_time"))
    return None if began_ns == ended_ns else began_ns or None


def _cost(call: Call, usage: object) -> dict[str, float] | None:
    """Explicitly 0 on failure and cache hit, for Langfuse would price what the text looks like.

    Of a stream that reported no usage, and of what the proxy passes through, LiteLLM says that it
    cost nothing, which nobody knows.
    """
    if call.failed or call.kwargs.get("cache_hit") is True:
        return {"total": 0.0}
    is_unsure = call.kwargs.get("stream") or kind_of(call.kwargs).operation == "pass_through"
    if is_unsure and usage is None and not call.kwargs.get("response_cost"):
        return None
    return cost_of(call.kwargs.get("response_cost"), mapping_of(call.payload.get("cost_breakdown")))


def _level(call: Call) -> Level:
    """A request that the proxy rejected by its own rules is no error of a provider's.

    A failed response of the Responses API is an answer like any other, for LiteLLM.
    """
    if not call.failed:
        return "ERROR" if part(call.response, "error") else "DEFAULT"
    return "WARNING" if call.kwargs.get("litellm_no_upstream_llm_call") else "ERROR"


def _status_message(call: Call, hidden: Hidden) -> str | None:
    """Where content is hidden, an error's type stands for its text, which may quote it."""
    if not call.failed:
        said = text_of(part(part(call.response, "error"), "code" if hidden else "message"))
        return storable(said) if said else None
    error = call.kwargs.get("exception")
    if hidden:
        return type(error).__name__ if error else None
    text = message_of(error) if error else text_of(call.payload.get("error_str"))
    return storable(without_secrets(text, call.kwargs)) if text else None


def _metadata(call: Call, retries: int | None, hidden: Hidden) -> Json:
    """A failure's traceback quotes the error."""
    text = json_text(observation_metadata(call, retries, is_quoting=not hidden))
    return without_secrets(text, call.kwargs) if call.failed else text
