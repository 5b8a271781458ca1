"""The attributes that the floors with a span give it, and the keys that they send it with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTHORIZATION = "Basic cGstbGYtYmVuY2g6c2stbGYtYmVuY2g="
NS_PER_S = 1_000_000_000


def output_of(response: Any) -> dict[str, Any]:
    """Return the answer's message."""
    message = response.choices[0].message
    return {"role": message.role, "content": message.content}


def pairs_of(kwargs: Mapping[str, Any], response: Any) -> dict[str, Any]:
    """Return fifteen attributes; what is no text is still to be made JSON."""
    usage = response.usage
    metadata = (kwargs.get("litellm_params") or {}).get("metadata") or {}
    return {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": kwargs.get("model") or "",
        "langfuse.observation.model.parameters": kwargs.get("optional_params") or {},
        "langfuse.observation.input": kwargs.get("messages"),
        "langfuse.observation.output": output_of(response),
        "langfuse.observation.usage_details": {
            "input": usage.prompt_tokens,
            "output": usage.completion_tokens,
            "total": usage.total_tokens,
        },
        "langfuse.observation.cost_details": {"total": kwargs.get("response_cost") or 0.0},
        "langfuse.trace.name": metadata.get("trace_name") or "",
        "session.id": metadata.get("session_id") or "",
        "user.id": metadata.get("trace_user_id") or "",
        "langfuse.trace.tags": metadata.get("tags") or [],
        "langfuse.environment": "default",
        "langfuse.version": "1",
        "gen_ai.system": kwargs.get("custom_llm_provider") or "",
        "gen_ai.response.id": response.id or "",
    }
