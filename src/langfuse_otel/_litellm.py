"""Callback arguments of LiteLLM → our record. The only file that knows LiteLLM's shapes.

Reads LiteLLM's dictionaries and changes none. Data of a missing or wrong type counts as absent:
the observation is made with what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from langfuse_otel._records import Clues, Json, Observation, Parent, TraceFields
from langfuse_otel._text import clean, json_text
from langfuse_otel._usage import cost_of, part, usage_of

REDACTED = "redacted-by-litellm"

# OpenTelemetry's `gen_ai.operation.name` for LiteLLM's call types; the rest go by their own name.
OPERATIONS = {"completion": "chat", "acompletion": "chat"}

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
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "temperature",
    "thinking",
    "tool_choice",
    "top_k",
    "top_logprobs",
    "top_p",
    "verbosity",
)

# What LiteLLM's proxy and router put into the caller's metadata.
LITELLM_METADATA = frozenset(
    {
        "actor_agent_id",
        "agent_execution_mode",
        "agent_id",
        "api_base",
        "applied_guardrails",
        "attempted_fallbacks",
        "attempted_retries",
        "billing_agent_id",
        "caching_groups",
        "deployment",
        "deployment_model_name",
        "endpoint",
        "global_max_parallel_requests",
        "guardrails",
        "headers",
        "hidden_params",
        "max_retries",
        "model_group",
        "model_group_alias",
        "model_group_size",
        "model_info",
        "previous_models",
        "requester_custom_headers",
        "requester_ip_address",
        "requester_metadata",
        "spend_logs_metadata",
        "standard_logging_guardrail_information",
        "target_agent_id",
        "used_client_oauth_token",
        "user_agent",
        "usage_object",
        "verified_human_user_id",
    }
)
LITELLM_PREFIXES = ("litellm_", "user_api_key", "user_api_end_user", "langfuse_", "_")

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
TRACE_METADATA = frozenset({"trace_name", "trace_metadata", "tags", "version"})

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


def call_id_of(kwargs: Mapping[str, Any]) -> str | None:
    """Return LiteLLM's id of the call that these callback arguments are about."""
    return _text(kwargs.get("litellm_call_id"))


def observation_of(
    kwargs: Mapping[str, Any],
    response: object,
    started: object,
    ended: object,
    ambient: Parent | None = None,
) -> Observation:
    """Return the finished observation of one call.

    Args:
        kwargs: the dictionary that LiteLLM hands to every callback (`model_call_details`).
        response: LiteLLM's response object; None where the call failed.
        started: start of the call, a datetime.
        ended: end of the call, a datetime.
        ambient: the OpenTelemetry span that was active when the call started.
    """
    payload = _mapping(kwargs.get("standard_logging_object"))
    metadata = caller_metadata(kwargs)
    failed = response is None or payload.get("status") == "failure"
    started_ns = _nanoseconds(started) or _nanoseconds(kwargs.get("start_time"))
    model = _text(kwargs.get("model"))
    version = _text(metadata.get("version"))
    return Observation(
        name=_text(metadata.get("generation_name")) or _default_name(kwargs, model),
        type="generation",
        started_ns=started_ns,
        ended_ns=max(started_ns, _nanoseconds(ended)),
        completion_started_ns=_completion_start(kwargs, failed=failed),
        clues=_clues(kwargs, payload, metadata, started_ns, ambient),
        model=model,
        model_parameters=_model_parameters(kwargs),
        input=_masked(metadata, "mask_input") or _input(kwargs),
        output=None if failed else _masked(metadata, "mask_output") or _output(response),
        usage=None if failed else usage_of(part(response, "usage")),
        cost=_cost(kwargs, payload, failed=failed),
        level="ERROR" if failed else "DEFAULT",
        status_message=_status_message(kwargs, payload) if failed else None,
        version=version or _text(metadata.get("trace_version")),
        metadata=json_text(_observation_metadata(kwargs, payload, metadata, response)),
        trace=_trace_fields(kwargs, payload, metadata, version),
        documented=_documented(metadata),
    )


def caller_metadata(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata that the caller gave, without what LiteLLM added to it.

    Behind the proxy the caller's own stands untouched under `requester_metadata`; only the tags
    are taken from the merged metadata, where those of key and team are added.
    """
    params = _mapping(kwargs.get("litellm_params"))
    merged = {**_mapping(params.get("litellm_metadata")), **_mapping(params.get("metadata"))}
    requested = merged.get("requester_metadata")
    if params.get("proxy_server_request") and isinstance(requested, Mapping):
        merged = {**requested, "tags": merged.get("tags")}
    return {
        str(key): value
        for key, value in merged.items()
        if value is not None and key not in LITELLM_METADATA and not _is_litellms(key)
    }


def _is_litellms(key: object) -> bool:
    return isinstance(key, str) and key.startswith(LITELLM_PREFIXES)


def _default_name(kwargs: Mapping[str, Any], model: str | None) -> str:
    """The span name of OpenTelemetry's GenAI conventions: operation and model."""
    call_type = _text(kwargs.get("call_type")) or "call"
    operation = OPERATIONS.get(call_type, call_type)
    return f"{operation} {model}" if model else operation


def _clues(
    kwargs: Mapping[str, Any],
    payload: Mapping[str, Any],
    metadata: Mapping[str, Any],
    started_ns: int,
    ambient: Parent | None,
) -> Clues:
    return Clues(
        call_id=call_id_of(kwargs) or _text(payload.get("id")) or "",
        started_ns=started_ns,
        trace_id=_text(metadata.get("trace_id")),
        existing_trace_id=_text(metadata.get("existing_trace_id")),
        parent_observation_id=_text(metadata.get("parent_observation_id")),
        generation_id=_text(metadata.get("generation_id")),
        litellm_trace_id=_text(payload.get("trace_id")) or _text(kwargs.get("litellm_trace_id")),
        ambient=ambient,
    )


def _input(kwargs: Mapping[str, Any]) -> Json | None:
    messages = kwargs.get("messages") or kwargs.get("input")
    if messages is None:
        return None
    optional = _mapping(kwargs.get("optional_params"))
    tools = {
        name: given
        for name in ("tools", "functions")
        if (given := optional.get(name) or kwargs.get(name))
    }
    return json_text({"messages": messages, **tools} if tools else messages)


def _output(response: object) -> Json | None:
    choices = part(response, "choices")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        return None if response is None else json_text(response)
    messages = [_message(choice) for choice in choices]
    return json_text(messages[0] if len(messages) == 1 else messages)


def _message(choice: object) -> object:
    message = part(choice, "message")
    return part(choice, "text") if message is None else message


def _masked(metadata: Mapping[str, Any], name: str) -> Json | None:
    return json_text(REDACTED) if _is_true(metadata.get(name)) else None


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _model_parameters(kwargs: Mapping[str, Any]) -> Json | None:
    optional = _mapping(kwargs.get("optional_params"))
    found = {
        name: value
        for name in MODEL_PARAMETERS
        if (value := optional.get(name, kwargs.get(name))) is not None
    }
    return json_text(found) if found else None


def _completion_start(kwargs: Mapping[str, Any], *, failed: bool) -> int | None:
    """LiteLLM sets it for every call; only on a stream it is the arrival of the first chunk."""
    if failed or not kwargs.get("stream"):
        return None
    return _nanoseconds(kwargs.get("completion_start_time")) or None


def _cost(
    kwargs: Mapping[str, Any], payload: Mapping[str, Any], *, failed: bool
) -> dict[str, float] | None:
    """Explicitly 0 on failure and cache hit, for Langfuse would price what the text looks like."""
    if failed or kwargs.get("cache_hit") is True:
        return {"total": 0.0}
    return cost_of(kwargs.get("response_cost"), _mapping(payload.get("cost_breakdown")))


def _status_message(kwargs: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    error = kwargs.get("exception")
    text = str(error) if error else _text(payload.get("error_str"))
    return clean(text or type(error).__name__)


def _observation_metadata(
    kwargs: Mapping[str, Any],
    payload: Mapping[str, Any],
    metadata: Mapping[str, Any],
    response: object,
) -> dict[str, Any]:
    """LiteLLM's facts, and over them what the caller gave beyond the documented keys."""
    own = {k: v for k, v in metadata.items() if k not in DOCUMENTED and k not in TRACE_METADATA}
    facts = {
        "litellm_call_id": call_id_of(kwargs),
        "call_type": kwargs.get("call_type"),
        "custom_llm_provider": kwargs.get("custom_llm_provider"),
        "api_base": payload.get("api_base"),
        "model_group": payload.get("model_group"),
        "response_id": part(response, "id"),
        "response_model": part(response, "model"),
        "finish_reasons": _finish_reasons(response),
        "cache_hit": kwargs.get("cache_hit") or None,
        **_identity_facts(payload),
        **_error_facts(kwargs, payload),
    }
    return {**{k: v for k, v in facts.items() if v not in (None, "", [])}, **own}


def _finish_reasons(response: object) -> list[str]:
    choices = part(response, "choices")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        return []
    return [reason for c in choices if (reason := _text(part(c, "finish_reason")))]


def _identity_facts(payload: Mapping[str, Any]) -> dict[str, Any]:
    metadata = _mapping(payload.get("metadata"))
    return {name: metadata.get(name) for name in IDENTITY_FACTS}


def _error_facts(kwargs: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """In metadata, since Langfuse drops exception events."""
    error = kwargs.get("exception")
    if error is None:
        return {}
    information = _mapping(payload.get("error_information"))
    return {
        "exception.type": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.stacktrace": kwargs.get("traceback_exception") or information.get("traceback"),
        "error_code": information.get("error_code") or part(error, "status_code"),
        "llm_provider": information.get("llm_provider") or part(error, "llm_provider"),
    }


def _trace_fields(
    kwargs: Mapping[str, Any],
    payload: Mapping[str, Any],
    metadata: Mapping[str, Any],
    version: str | None,
) -> TraceFields:
    trace_metadata = metadata.get("trace_metadata")
    return TraceFields(
        name=_text(metadata.get("trace_name")),
        user_id=_user_id(kwargs, payload, metadata),
        session_id=_text(metadata.get("session_id")),
        tags=_tags(metadata.get("tags")),
        metadata=json_text(trace_metadata) if isinstance(trace_metadata, Mapping) else None,
        version=_text(metadata.get("trace_version")) or version,
        release=_text(metadata.get("trace_release")),
    )


def _user_id(
    kwargs: Mapping[str, Any], payload: Mapping[str, Any], metadata: Mapping[str, Any]
) -> str | None:
    return (
        _text(metadata.get("trace_user_id"))
        or _text(kwargs.get("user"))
        or _text(payload.get("end_user"))
        or _text(_mapping(payload.get("metadata")).get("user_api_key_user_id"))
    )


def _tags(tags: object) -> tuple[str, ...]:
    given = [tags] if isinstance(tags, str) else tags
    if not isinstance(given, (list, tuple, set, frozenset)):
        return ()
    return tuple(text for tag in given if (text := _text(tag)))


def _documented(metadata: Mapping[str, Any]) -> dict[str, str | bool | tuple[str, ...]]:
    return {
        attribute: _as_attribute(metadata[key])
        for key, attribute in DOCUMENTED.items()
        if metadata.get(key) not in (None, "", [], ())
    }


def _as_attribute(value: object) -> str | bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    return _tags(value) or json_text(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    """Return a scalar as text; None for nothing, for empty text and for what is no scalar."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def _nanoseconds(moment: object) -> int:
    """Return a datetime as nanoseconds since the epoch; LiteLLM's are naive local times."""
    if not isinstance(moment, datetime):
        return 0
    return int(moment.timestamp() * 1_000_000) * 1_000
