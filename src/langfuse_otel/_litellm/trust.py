"""What a request to LiteLLM's proxy says of trace, user and session, where nobody trusts it. Pure.

The client of a proxy may choose more ids than those in its metadata: LiteLLM (1.106) takes its trace
id from the headers `x-litellm-trace-id`, `x-litellm-session-id`, `x-*-session-id` and `traceparent`,
and the id of the call from `x-litellm-call-id`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.call import Call, call_id_of
from langfuse_otel._litellm.names import END_USER
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


def came_by_proxy(kwargs: Mapping[str, Any]) -> bool:
    """Whether LiteLLM's proxy made the call, as far as any of its traces shows."""
    params = mapping_of(kwargs.get("litellm_params"))
    inlets = (mapping_of(params.get(name)) for name in ("metadata", "litellm_metadata"))
    return (
        bool(params.get("proxy_server_request") or kwargs.get("litellm_no_upstream_llm_call"))
        or kwargs.get("call_type") == "pass_through_endpoint"
        or any("user_api_key_hash" in inlet or "user_api_key" in inlet for inlet in inlets)
    )


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
