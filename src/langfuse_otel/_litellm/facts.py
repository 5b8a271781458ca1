"""What LiteLLM knows of a call beyond what Langfuse has fields for: metadata. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.call import Call, call_id_of
from langfuse_otel._litellm.limits import short_text
from langfuse_otel._litellm.names import IDENTITY_FACTS, MODEL_GROUP
from langfuse_otel._values import is_true, mapping_of, part, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

IDS = frozenset({"trace_id", "existing_trace_id", "generation_id", "parent_observation_id"})
# What LiteLLM writes into the caller's metadata if asked to: the request as the provider got it.
QUOTING = frozenset({"raw_request"})
ROUTER_FACTS = frozenset(
    {"attempted_retries", "attempted_fallbacks", "deployment", "original_model_group"}
)


def observation_metadata(
    call: Call, retries: int | None = None, *, is_quoting: bool = True
) -> dict[str, Any]:
    """LiteLLM's facts, and over them what the caller gave beyond the fields of the trace.

    `retries`: how many attempts at the call there were before, where LiteLLM's router does not say.
    `is_quoting`: whether what may quote input or output is among them.
    """
    rest = call.rest if is_quoting else _without(call.rest, QUOTING)
    facts = {
        "litellm_call_id": call_id_of(call.kwargs),
        "call_type": call.kwargs.get("call_type"),
        "custom_llm_provider": call.kwargs.get("custom_llm_provider"),
        "api_base": call.payload.get("api_base") or call.params.get("api_base"),
        "model_group": call.payload.get("model_group") or _routers(call).get(MODEL_GROUP),
        "mcp_server_name": part(_mcp_call(call), "mcp_server_name"),
        "response_id": part(call.response, "id"),
        "response_model": part(call.response, "model"),
        "finish_reasons": _finish_reasons(call.response),
        "error_code": part(part(call.response, "error"), "code"),
        "cache_hit": call.kwargs.get("cache_hit") or None,
        "attempted_retries": retries,
        **_chosen(_routers(call), ROUTER_FACTS),
        **{name: call.text(name) for name in IDS & call.fields.keys()},
        **_identity_facts(call),
        **(_error_facts(call, is_quoting=is_quoting) if call.failed else {}),
    }
    if is_true(call.fields.get("debug_langfuse")):
        facts["metadata_passed_to_litellm"] = {**call.fields, **rest}
    said = {name: value for name, value in facts.items() if value or value == 0}
    return {**said, **rest}


def _finish_reasons(response: object) -> list[str]:
    choices = part(response, "choices")
    reasons = (
        [part(choice, "finish_reason") for choice in choices]
        if isinstance(choices, list)
        else [part(part(response, "incomplete_details"), "reason")]
    )
    return [reason for one in reasons if (reason := text_of(one))]


def _mcp_call(call: Call) -> object:
    return mapping_of(call.payload.get("metadata")).get("mcp_tool_call_metadata")


def _routers(call: Call) -> Mapping[str, Any]:
    """The dictionary that LiteLLM's router writes into."""
    return mapping_of(call.params.get("metadata") or call.params.get("litellm_metadata"))


def _identity_facts(call: Call) -> dict[str, Any]:
    return _chosen(call.payload.get("metadata"), IDENTITY_FACTS)


def _without(given: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def _chosen(container: object, names: frozenset[str]) -> dict[str, Any]:
    found = mapping_of(container)
    if names.isdisjoint(found):
        return {}
    shared = names & found.keys()
    return {name: _short(value) for name in sorted(shared) if (value := found[name]) is not None}


def _short(value: object) -> object:
    """The user is the request's own word."""
    return short_text(value) if isinstance(value, str) else value


def _error_facts(call: Call, *, is_quoting: bool) -> dict[str, Any]:
    """In metadata, since Langfuse drops exception events."""
    error = call.kwargs.get("exception")
    information = mapping_of(call.payload.get("error_information"))
    named = type(error)
    trace = call.kwargs.get("traceback_exception") or information.get("traceback")
    return {
        "exception.type": None if error is None else f"{named.__module__}.{named.__qualname__}",
        "exception.stacktrace": trace if is_quoting else None,
        "error_code": information.get("error_code") or part(error, "status_code"),
        "llm_provider": information.get("llm_provider") or part(error, "llm_provider"),
    }
