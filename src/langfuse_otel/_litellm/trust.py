"""Which calls come by LiteLLM's proxy, and what of such a request counts that nobody trusts. Pure.

The client of a proxy may choose more ids than those in its metadata: LiteLLM (1.106) takes its trace
id from the headers `x-litellm-trace-id`, `x-litellm-session-id`, `x-*-session-id` and `traceparent`,
and the id of the call from `x-litellm-call-id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.call import Call, call_id_of
from langfuse_otel._litellm.names import END_USER, KEY
from langfuse_otel._values import mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

# Fields of the metadata that choose a trace, its user or its session, or change that trace.
OF_A_TRACE = frozenset(
    {
        "existing_trace_id",
        "generation_id",
        "parent_observation_id",
        "session_id",
        "trace_id",
        "trace_metadata",
        "trace_name",
        "trace_public",
        "trace_release",
        "trace_user_id",
        "trace_version",
        "update_trace_keys",
    }
)


def is_proxied(kwargs: Mapping[str, Any]) -> bool:
    """Whether the call is a request to LiteLLM's proxy."""
    return bool(mapping_of(kwargs.get("litellm_params")).get("proxy_server_request"))


def came_by_proxy(kwargs: Mapping[str, Any]) -> bool:
    """Whether LiteLLM's proxy made the call, as far as any of its traces shows."""
    params = mapping_of(kwargs.get("litellm_params"))
    inlets = (mapping_of(params.get(name)) for name in ("metadata", "litellm_metadata"))
    return (
        bool(params.get("proxy_server_request") or kwargs.get("litellm_no_upstream_llm_call"))
        or kwargs.get("call_type") == "pass_through_endpoint"
        or any(KEY in inlet or "user_api_key" in inlet for inlet in inlets)
    )


def is_unauthenticated(kwargs: Mapping[str, Any]) -> bool:
    """Whether the proxy rejected the request before it knew who sent it.

    LiteLLM (1.106) then marks that no provider was asked and gives no request. What an unknown
    client says is not stored.
    """
    if not kwargs.get("litellm_no_upstream_llm_call"):
        return False
    params = mapping_of(kwargs.get("litellm_params"))
    metadata = mapping_of(params.get("metadata"))
    return not params.get("proxy_server_request") and KEY in metadata


def distrusted(call: Call) -> Call:
    """Return a call as if its request had named no trace, no user and no session.

    What the operator pinned to the key or team stays. The attempts at one request still share a
    trace: its id is made of the call's id and the key, so that no other key's request has the same.
    """
    if not came_by_proxy(call.kwargs):
        return call
    payload = mapping_of(call.payload.get("metadata"))
    kept = {
        name: value
        for name, value in call.fields.items()
        if name not in OF_A_TRACE or name in call.pinned
    }
    own_trace = f"{call_id_of(call.kwargs)}|{call.key}"
    return call._replace(
        kwargs={**call.kwargs, "user": None, "litellm_trace_id": own_trace},
        payload={**call.payload, "end_user": None, "metadata": {**payload, END_USER: None}},
        params={**call.params, "proxy_server_request": None},
        fields=kept,
    )
