"""Callback arguments of LiteLLM → our record.

With `_content`, `_metadata` and `_usage` the only files that know LiteLLM's shapes. They read
LiteLLM's dictionaries and change none. Data of a missing or wrong type counts as absent: the
observation is made with what there is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from langfuse_otel._content import answer_of, default_name, kind_of, model_name
from langfuse_otel._identity import parent_of, without_context
from langfuse_otel._metadata import CallMetadata, call_metadata
from langfuse_otel._records import Clues, Json, Level, Observation, Parent, Prompt, TraceFields
from langfuse_otel._text import clean, json_text, message_of
from langfuse_otel._usage import cost_of, part, usage_of

REDACTED = "redacted-by-litellm"
MAX_NAME = 1_000

# Parameters that shape an answer. An allow-list, since the rest may hold credentials.
MODEL_PARAMETERS = (
    "audio",
    "dimensions",
    "encoding_format",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "min_p",
    "modalities",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "quality",
    "reasoning",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "seed",
    "service_tier",
    "size",
    "stop",
    "style",
    "temperature",
    "thinking",
    "tool_choice",
    "top_k",
    "top_logprobs",
    "top_n",
    "top_p",
    "verbosity",
    "voice",
)

# Metadata that the older `langfuse` callback documents, and the attribute names that LiteLLM's
# page on `langfuse_otel` promises for it. Langfuse reads none of these: they are there to be found.
DOCUMENTED = {
    "generation_name": "langfuse.generation.name",
    "generation_id": "langfuse.generation.id",
    "parent_observation_id": "langfuse.generation.parent_observation_id",
    "mask_input": "langfuse.generation.mask_input",
    "mask_output": "langfuse.generation.mask_output",
    "trace_id": "langfuse.trace.id",
    "existing_trace_id": "langfuse.trace.existing_id",
    "update_trace_keys": "langfuse.trace.update_keys",
    "session_id": "langfuse.trace.session_id",
    "trace_user_id": "langfuse.trace.user_id",
    "trace_version": "langfuse.trace.version",
    "trace_release": "langfuse.trace.release",
    "debug_langfuse": "langfuse.debug",
}

# Facts of LiteLLM's about the key, team and user of a proxy request: names, never the key.
IDENTITY_FACTS = (
    "user_api_key_alias",
    "user_api_key_team_id",
    "user_api_key_team_alias",
    "user_api_key_user_id",
    "user_api_key_user_email",
    "user_api_key_org_id",
    "user_api_key_org_alias",
    "user_api_key_project_id",
    "user_api_key_project_alias",
    "user_api_key_end_user_id",
    "user_api_key_request_route",
)
IDS = ("trace_id", "existing_trace_id", "generation_id", "parent_observation_id")
ROUTER_FACTS = ("attempted_retries", "attempted_fallbacks", "deployment", "original_model_group")

DEFAULT_USER_FROM = ("metadata", "argument", "end_user", "key_user")
USER_SOURCES: Mapping[str, Callable[[_Call], object]] = {
    "metadata": lambda call: call.fields.get("trace_user_id"),
    "argument": lambda call: call.kwargs.get("user"),
    "end_user": lambda call: call.payload.get("end_user"),
    "key_user": lambda call: _mapping(call.payload.get("metadata")).get("user_api_key_user_id"),
}


@dataclass(frozen=True, slots=True)
class _Call:
    """One callback's arguments, with what is looked up often made safe to read."""

    kwargs: Mapping[str, Any]
    response: object
    payload: Mapping[str, Any]
    params: Mapping[str, Any]
    metadata: CallMetadata
    failed: bool

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.metadata.fields

    def text(self, name: str) -> str | None:
        """Return a field of the metadata as text."""
        return text_of(self.fields.get(name))


def call_id_of(kwargs: Mapping[str, Any]) -> str | None:
    """Return LiteLLM's id of the call that these callback arguments are about."""
    return text_of(kwargs.get("litellm_call_id"))


def observation_of(
    kwargs: Mapping[str, Any],
    response: object,
    started: object,
    ended: object,
    *,
    ambient: Parent | None = None,
    user_from: Sequence[str] = DEFAULT_USER_FROM,
) -> Observation:
    """Return the finished observation of one call.

    Args:
        kwargs: the dictionary that LiteLLM hands to every callback (`model_call_details`).
        response: LiteLLM's response object; None where the call failed.
        started: start of the call, a datetime.
        ended: end of the call, a datetime.
        ambient: the OpenTelemetry span that was active when the call started.
        user_from: keys of `USER_SOURCES`; the first that names a user wins.
    """
    call = _call(kwargs, response)
    kind = kind_of(kwargs)
    started_ns = nanoseconds_of(started) or nanoseconds_of(kwargs.get("start_time"))
    given = _masked(call, "mask_input") or _json(kind.input(kwargs))
    answer = None if call.failed else _masked(call, "mask_output") or _json(kind.output(response))
    counts = kind.has_usage and not call.failed
    usage = usage_of(part(response, "usage")) if counts else None
    return Observation(
        name=(call.text("generation_name") or default_name(kwargs))[:MAX_NAME],
        type=kind.type,
        started_ns=started_ns,
        ended_ns=max(started_ns, nanoseconds_of(ended)),
        completion_started_ns=_completion_start(call),
        clues=replace(
            clues_of(kwargs, started_ns, ambient),
            is_superseded=call.failed and _is_retried(call),
        ),
        model=model_name(kwargs),
        model_parameters=_model_parameters(kwargs),
        input=given,
        output=answer,
        usage=usage,
        cost=_cost(call, usage) if kind.has_usage else None,
        level=_level(call),
        status_message=_status_message(call) if call.failed else None,
        version=call.text("version") or call.text("trace_version"),
        metadata=json_text(_observation_metadata(call)),
        prompt=_prompt(call),
        trace=_trace_fields(call, user_from, given, answer),
        documented=_documented(call),
    )


def unread_observation_of(observation: Observation) -> Observation:
    """Return the observation of a stream that nobody read to its end.

    The provider reports usage with the last chunk; before that LiteLLM counts what has come.
    """
    facts = {"stream": "not read to its end", "usage_is_estimated": True}
    return replace(
        observation,
        level="WARNING",
        status_message="The stream was not read to its end.",
        metadata=json_text({**json.loads(observation.metadata or "{}"), **facts}),
    )


def partial_observation_of(observation: Observation, response: object) -> Observation:
    """Return the observation of a stream that failed, with what it had said before."""
    return (
        observation if response is None else replace(observation, output=_json(answer_of(response)))
    )


def clues_of(kwargs: Mapping[str, Any], started_ns: int, ambient: Parent | None = None) -> Clues:
    """Return what decides about trace, parent and id; enough of it is known when a call starts."""
    call = _call(kwargs, None)
    headers = _mapping(_mapping(call.params.get("proxy_server_request")).get("headers"))
    remote = parent_of(
        next((v for k, v in headers.items() if str(k).lower() == "traceparent"), None)
    )
    clues = Clues(
        call_id=call_id_of(kwargs) or text_of(call.payload.get("id")) or "",
        started_ns=started_ns,
        trace_id=call.text("trace_id"),
        existing_trace_id=call.text("existing_trace_id"),
        parent_observation_id=call.text("parent_observation_id"),
        generation_id=call.text("generation_id"),
        litellm_trace_id=text_of(kwargs.get("litellm_trace_id"))
        or text_of(call.payload.get("trace_id")),
        remote=remote,
        ambient=ambient,
    )
    return (
        without_context(clues) if _is_true(call.fields.get("ignore_context_propagation")) else clues
    )


def is_proxied(kwargs: Mapping[str, Any]) -> bool:
    """Whether the call is a request to LiteLLM's proxy."""
    return bool(_mapping(kwargs.get("litellm_params")).get("proxy_server_request"))


def is_unauthenticated(kwargs: Mapping[str, Any]) -> bool:
    """Whether the proxy rejected the request before it knew who sent it.

    LiteLLM (1.106) then marks that no provider was asked and gives no request. What an unknown
    client says is not stored.
    """
    params = _mapping(kwargs.get("litellm_params"))
    metadata = _mapping(params.get("metadata"))
    return bool(
        kwargs.get("litellm_no_upstream_llm_call")
        and not params.get("proxy_server_request")
        and "user_api_key_hash" in metadata
    )


def _call(kwargs: Mapping[str, Any], response: object) -> _Call:
    payload = _mapping(kwargs.get("standard_logging_object"))
    params = _mapping(kwargs.get("litellm_params"))
    failed = response is None or payload.get("status") == "failure"
    return _Call(kwargs, response, payload, params, call_metadata(params), failed)


def _json(value: object) -> Json | None:
    return None if value is None else json_text(value)


def _masked(call: _Call, name: str) -> Json | None:
    return json_text(REDACTED) if _is_true(call.fields.get(name)) else None


def _is_retried(call: _Call) -> bool:
    """Whether LiteLLM repeats the call if it fails: its router does, and `num_retries` says so."""
    return "model_group" in _mapping(call.params.get("metadata")) or bool(
        call.kwargs.get("num_retries") or call.params.get("num_retries")
    )


def _is_true(value: object) -> bool:
    """Whether a flag is set; in doubt it is, for a mask that fails open leaks."""
    text = value.strip().lower() if isinstance(value, str) else value
    return bool(text) and text not in {"false", "0", "no", "off", "none", "null"}


def _model_parameters(kwargs: Mapping[str, Any]) -> Json | None:
    optional = _mapping(kwargs.get("optional_params"))
    found = {
        name: value
        for name in MODEL_PARAMETERS
        if (value := optional.get(name, kwargs.get(name))) is not None
    }
    return json_text(found) if found else None


def _completion_start(call: _Call) -> int | None:
    """LiteLLM sets it for every call; only on a stream it is the arrival of the first chunk."""
    if call.failed or not call.kwargs.get("stream"):
        return None
    return nanoseconds_of(call.kwargs.get("completion_start_time")) or None


def _cost(call: _Call, usage: object) -> dict[str, float] | None:
    """Explicitly 0 on failure and cache hit, for Langfuse would price what the text looks like.

    Of a stream that reported no usage LiteLLM says that it cost nothing, which nobody knows.
    """
    if call.failed or call.kwargs.get("cache_hit") is True:
        return {"total": 0.0}
    if call.kwargs.get("stream") and usage is None and not call.kwargs.get("response_cost"):
        return None
    return cost_of(call.kwargs.get("response_cost"), _mapping(call.payload.get("cost_breakdown")))


def _level(call: _Call) -> Level:
    """A request that the proxy rejected by its own rules is no error of a provider's."""
    if not call.failed:
        return "DEFAULT"
    return "WARNING" if call.kwargs.get("litellm_no_upstream_llm_call") else "ERROR"


def _status_message(call: _Call) -> str:
    error = call.kwargs.get("exception")
    if _is_true(call.fields.get("mask_input")):
        return type(error).__name__  # the text of an error may quote the input
    text = message_of(error) if error else text_of(call.payload.get("error_str"))
    return text or type(error).__name__


def _observation_metadata(call: _Call) -> dict[str, Any]:
    """LiteLLM's facts, and over them what the caller gave beyond the fields of the trace."""
    container = _mapping(call.params.get("metadata")) or _mapping(
        call.params.get("litellm_metadata")
    )
    facts = {
        "litellm_call_id": call_id_of(call.kwargs),
        "call_type": call.kwargs.get("call_type"),
        "custom_llm_provider": call.kwargs.get("custom_llm_provider"),
        "api_base": call.payload.get("api_base"),
        "model_group": call.payload.get("model_group"),
        "response_id": part(call.response, "id"),
        "response_model": part(call.response, "model"),
        "finish_reasons": _finish_reasons(call.response),
        "cache_hit": call.kwargs.get("cache_hit") or None,
        **{name: container.get(name) for name in ROUTER_FACTS},
        **{name: call.text(name) for name in IDS},
        **_identity_facts(call),
        **(_error_facts(call) if call.failed else {}),
    }
    if _is_true(call.fields.get("debug_langfuse")):
        facts["metadata_passed_to_litellm"] = {**call.fields, **call.metadata.rest}
    return {**{k: v for k, v in facts.items() if v not in (None, "", [])}, **call.metadata.rest}


def _finish_reasons(response: object) -> list[str]:
    choices = part(response, "choices")
    if not isinstance(choices, list):
        return []
    return [reason for c in choices if (reason := text_of(part(c, "finish_reason")))]


def _identity_facts(call: _Call) -> dict[str, Any]:
    metadata = _mapping(call.payload.get("metadata"))
    return {name: metadata.get(name) for name in IDENTITY_FACTS}


def _error_facts(call: _Call) -> dict[str, Any]:
    """In metadata, since Langfuse drops exception events."""
    error = call.kwargs.get("exception")
    information = _mapping(call.payload.get("error_information"))
    return {
        "exception.type": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.stacktrace": None
        if _is_true(call.fields.get("mask_input"))
        else call.kwargs.get("traceback_exception") or information.get("traceback"),
        "error_code": information.get("error_code") or part(error, "status_code"),
        "llm_provider": information.get("llm_provider") or part(error, "llm_provider"),
    }


def _prompt(call: _Call) -> Prompt | None:
    """The prompt that was used: Langfuse's object, a dictionary, name and version, or LiteLLM's."""
    given = call.fields.get("prompt")
    managed = _mapping(_mapping(call.payload.get("metadata")).get("prompt_management_metadata"))
    sources = (
        (part(given, "name"), part(given, "version")),
        (call.fields.get("prompt_name") or given, call.fields.get("prompt_version")),
        (call.kwargs.get("prompt_id"), call.kwargs.get("prompt_version")),
        (managed.get("prompt_id"), managed.get("prompt_version")),
    )
    for name, version in sources:
        number = _whole_number(version)
        if isinstance(name, str) and name and number is not None:
            return Prompt(clean(name), number)
    return None


def _whole_number(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _trace_fields(
    call: _Call, user_from: Sequence[str], given: Json | None, answer: Json | None
) -> TraceFields:
    """All fields of the trace; of a continued trace only those that it should change."""
    trace_metadata = call.fields.get("trace_metadata")
    fields = TraceFields(
        name=(call.text("trace_name") or "")[:MAX_NAME] or None,
        user_id=_user_id(call, user_from),
        session_id=call.text("session_id"),
        tags=_tags(call.fields.get("tags")),
        metadata=json_text(_named(trace_metadata)) if trace_metadata else None,
        version=call.text("trace_version") or call.text("version"),
        release=call.text("trace_release"),
        public=_is_true(call.fields.get("trace_public")) or None,
    )
    if not call.text("existing_trace_id"):
        return fields
    changed = set(_tags(call.fields.get("update_trace_keys")))
    return TraceFields(
        user_id=fields.user_id if "trace_user_id" in changed else None,
        metadata=fields.metadata if "trace_metadata" in changed else None,
        version=fields.version if {"trace_version", "version"} & changed else None,
        release=fields.release if "trace_release" in changed else None,
        input=given if "input" in changed else None,
        output=answer if "output" in changed else None,
        is_continued=True,
    )


def _named(metadata: object) -> Mapping[str, Any]:
    """Langfuse takes an object and drops anything else."""
    return metadata if isinstance(metadata, Mapping) else {"trace_metadata": metadata}


def _user_id(call: _Call, user_from: Sequence[str]) -> str | None:
    found = (text_of(USER_SOURCES[name](call)) for name in user_from if name in USER_SOURCES)
    return next((user for user in found if user), None)


def _tags(tags: object) -> tuple[str, ...]:
    given = [tags] if isinstance(tags, str) else tags
    if not isinstance(given, (list, tuple, set, frozenset)):
        return ()
    return tuple(text for tag in given if (text := text_of(tag)))


def _documented(call: _Call) -> dict[str, str | bool | tuple[str, ...]]:
    return {
        attribute: _as_attribute(call.fields[key])
        for key, attribute in DOCUMENTED.items()
        if call.fields.get(key) not in (None, "", [], ())
    }


def _as_attribute(value: object) -> str | bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    return text_of(value) or _tags(value) or json_text(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text_of(value: object) -> str | None:
    """Return a scalar as text; None for nothing, for empty text and for what is no scalar."""
    if isinstance(value, str):
        return clean(value) or None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number or isinstance(value, UUID) else None


def nanoseconds_of(moment: object) -> int:
    """Return a datetime as nanoseconds since the epoch; LiteLLM's are naive local times."""
    if not isinstance(moment, datetime):
        return 0
    return int(moment.timestamp() * 1_000_000) * 1_000
