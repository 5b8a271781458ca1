"""Callback arguments of LiteLLM → our record.

LiteLLM's shapes are known here and in the files that this one puts together: `_call` makes them safe
to read, `_content`, `_metadata`, `_trace`, `_usage`, `_parameters` and `_facts` each read one part.
They change none of LiteLLM's dictionaries. Data of a missing or wrong type counts as absent: the
observation is made with what there is.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from langfuse_otel._litellm.call import Call, read_call
from langfuse_otel._litellm.call_masks import mask_of_call
from langfuse_otel._litellm.clues import clues_from, id_of
from langfuse_otel._litellm.content import Kind, default_name, kind_of, model_name
from langfuse_otel._litellm.facts import observation_metadata
from langfuse_otel._litellm.redaction import REDACTED, SHOWN, Hidden, hidden_of
from langfuse_otel._litellm.trace import MAX_NAME, documented_of, prompt_of, trace_fields
from langfuse_otel._litellm.trust import distrusted
from langfuse_otel._litellm.usage import cost_of, usage_of
from langfuse_otel._privacy.parameters import model_parameters
from langfuse_otel._privacy.secrets import without_secrets
from langfuse_otel._records import (
    ONLY_ATTEMPT,
    Attempt,
    Defaults,
    Json,
    Level,
    Mask,
    Observation,
    Parent,
)
from langfuse_otel._text import json_text, message_of
from langfuse_otel._values import mapping_of, part, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_DEFAULTS = Defaults()
UNREAD = "The stream was not read to its end."

# What LiteLLM (1.106) puts in place of a response that is no chat, embedding or `responses`.
LITELLMS_REDACTED = {"text": json.loads(REDACTED)}


class Snapshot(NamedTuple):
    """A finished call, taken so that no later change of the caller's objects reaches it.

    What may change is JSON text here. LiteLLM's own data, which nobody changes, waits to be read by
    `observation_from`, in a thread that no caller waits for.
    """

    call: Call
    attempt: Attempt
    started_ns: int
    ended_ns: int
    completion_started_ns: int | None
    input: Json | None
    output: Json | None
    parameters: Json | None
    hidden: Hidden
    mask: Mask | None

    @property
    def call_id(self) -> str:
        """LiteLLM's id of the call."""
        return id_of(self.call)

    @property
    def size(self) -> int:
        """About how many bytes it holds: the content, and a constant for the rest."""
        texts = self.input, self.output, self.parameters
        return 2_000 + self.call.metadata.size + sum(len(text) for text in texts if text)


def snapshot_of(
    kwargs: Mapping[str, Any],
    response: object,
    started: object,
    ended: object,
    attempt: Attempt = ONLY_ATTEMPT,
    *,
    switched: Hidden = SHOWN,
    said: object = None,
) -> Snapshot:
    """Take a finished call; what is hidden of it is not even read.

    Args:
        kwargs: the dictionary that LiteLLM hands to every callback (`model_call_details`).
        response: LiteLLM's response object; None where the call failed.
        started: start of the call, a datetime.
        ended: end of the call, a datetime.
        attempt: which one it was, if LiteLLM repeated the call.
        switched: what settings and switches hide of it.
        said: what a stream had said before it failed.
    """
    call = read_call(dict(kwargs), response)
    kind = kind_of(kwargs)
    began = nanoseconds_of(started) or nanoseconds_of(kwargs.get("start_time"))
    started_ns = max(began, nanoseconds_of(attempt.started))
    hidden = hidden_of(call, switched)
    answer = said if call.failed else response
    return Snapshot(
        call,
        attempt,
        started_ns,
        max(started_ns, nanoseconds_of(ended)),
        _completion_start(call, ended),
        input=hidden.instead if hidden.input else _json(kind.input(kwargs)),
        output=_output(kind, answer, hidden),
        parameters=model_parameters(kwargs, are_quoting=not hidden.input),
        hidden=hidden,
        mask=mask_of_call(call),
    )


def observation_from(
    taken: Snapshot, ambient: Parent | None = None, defaults: Defaults = NO_DEFAULTS
) -> Observation:
    """Return the observation of a call.

    Args:
        taken: the call.
        ambient: the OpenTelemetry span that was active when the call started.
        defaults: what the settings say.
    """
    call = taken.call if defaults.trusts_requests else distrusted(taken.call)
    attempt, kind = taken.attempt, kind_of(call.kwargs)
    is_superseded = call.failed and (attempt.is_repeated or _is_retried(call))
    retries = attempt.number if attempt.is_repeated or is_superseded else None
    counts = kind.has_usage and not call.failed
    usage = usage_of(_usage(call)) if counts else None
    return Observation(
        name=(call.text("generation_name") or default_name(call.kwargs))[:MAX_NAME],
        type=kind.type,
        started_ns=taken.started_ns,
        ended_ns=taken.ended_ns,
        completion_started_ns=taken.completion_started_ns,
        clues=clues_from(
            call,
            taken.started_ns,
            ambient,
            attempt.number,
            is_superseded=is_superseded,
            ignores_context=defaults.ignores_context,
        ),
        model=model_name(call.kwargs),
        model_parameters=taken.parameters,
        input=taken.input,
        output=taken.output,
        usage=usage,
        cost=_cost(call, usage) if kind.has_usage else None,
        level=_level(call),
        status_message=_status_message(call, taken.hidden) if call.failed else None,
        version=call.text("version") or call.text("trace_version"),
        metadata=_metadata(call, retries, taken.hidden),
        prompt=prompt_of(call),
        environment=defaults.environment,
        trace=trace_fields(call, defaults, taken.input, taken.output),
        documented=documented_of(call),
        mask=taken.mask,
    )


def unread_observation_of(observation: Observation) -> Observation:
    """Return the observation of a stream that nobody read to its end.

    The provider reports usage with the last chunk; before that LiteLLM counts what has come.
    """
    facts = {"stream": "not read to its end", "usage_is_estimated": True}
    return observation._replace(
        level="WARNING",
        status_message=UNREAD,
        metadata=json_text({**json.loads(observation.metadata or "{}"), **facts}),
    )


def is_proxied(kwargs: Mapping[str, Any]) -> bool:
    """Whether the call is a request to LiteLLM's proxy."""
    return bool(mapping_of(kwargs.get("litellm_params")).get("proxy_server_request"))


def is_cut_short(kwargs: Mapping[str, Any]) -> bool:
    """Whether a stream of Anthropic's has not come to its end: LiteLLM notes if it has."""
    if kwargs.get("prompt_cache_response_complete") is not False:
        return False
    operation, provider = kind_of(kwargs).operation, kwargs.get("custom_llm_provider")
    return operation == "chat" or (operation == "pass_through" and provider == "anthropic")


def is_unauthenticated(kwargs: Mapping[str, Any]) -> bool:
    """Whether the proxy rejected the request before it knew who sent it.

    LiteLLM (1.106) then marks that no provider was asked and gives no request. What an unknown
    client says is not stored.
    """
    params = mapping_of(kwargs.get("litellm_params"))
    metadata = mapping_of(params.get("metadata"))
    return bool(
        kwargs.get("litellm_no_upstream_llm_call")
        and not params.get("proxy_server_request")
        and "user_api_key_hash" in metadata
    )


def _json(value: object) -> Json | None:
    return None if value is None else json_text(value)


def _output(kind: Kind, answer: object, hidden: Hidden) -> Json | None:
    if answer is None or hidden.output:
        return None if answer is None else hidden.instead
    return _json(kind.output(answer))


def _is_retried(call: Call) -> bool:
    """Whether LiteLLM repeats the call if it fails: its router does, and `num_retries` says so.

    LiteLLM (1.106) shows callbacks the `num_retries` of a call as its `max_retries`.
    """
    return "model_group" in mapping_of(call.params.get("metadata")) or any(
        given.get(name)
        for given in (call.kwargs, call.params)
        for name in ("num_retries", "max_retries")
    )


def _completion_start(call: Call, ended: object) -> int | None:
    """LiteLLM sets it for every call; only on a stream it is the arrival of the first chunk.

    Where it did not see that one, as of Gemini's own streams, it puts the very end there.
    """
    started = call.kwargs.get("completion_start_time")
    if call.failed or not call.kwargs.get("stream") or started == ended:
        return None
    return nanoseconds_of(started) or None


def _usage(call: Call) -> object:
    """Of a realtime session, whose response is a list of events, LiteLLM's payload has the sum.

    There it is as well where LiteLLM has redacted a response as a whole.
    """
    if isinstance(call.response, dict) and call.response == LITELLMS_REDACTED:
        return mapping_of(call.payload.get("metadata")).get("usage_object")
    summed = call.payload.get("response") if isinstance(call.response, list) else call.response
    return part(summed, "usage")


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
    """A request that the proxy rejected by its own rules is no error of a provider's."""
    if not call.failed:
        return "DEFAULT"
    return "WARNING" if call.kwargs.get("litellm_no_upstream_llm_call") else "ERROR"


def _status_message(call: Call, hidden: Hidden) -> str:
    error = call.kwargs.get("exception")
    if hidden:
        return type(error).__name__
    text = message_of(error) if error else text_of(call.payload.get("error_str"))
    return without_secrets(text or "", call.kwargs) or type(error).__name__


def _metadata(call: Call, retries: int | None, hidden: Hidden) -> Json:
    """A failure's traceback quotes the error."""
    text = json_text(observation_metadata(call, retries, is_quoting=not hidden))
    return without_secrets(text, call.kwargs) if call.failed else text


def nanoseconds_of(moment: object) -> int:
    """Return a datetime as nanoseconds since the epoch; LiteLLM's are naive local times."""
    if not isinstance(moment, datetime):
        return 0
    return int(moment.timestamp() * 1_000_000) * 1_000
