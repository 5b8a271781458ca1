"""The names in a call's metadata: what means something to Langfuse, and what is LiteLLM's own. Pure."""

from __future__ import annotations

# Fields that mean something to Langfuse. Each may be written with the prefix `langfuse_`, too.
FIELDS = (
    "generation_name",
    "generation_id",
    "parent_observation_id",
    "version",
    "trace_id",
    "trace_name",
    "trace_user_id",
    "session_id",
    "tags",
    "trace_metadata",
    "trace_version",
    "trace_release",
    "trace_public",
    "existing_trace_id",
    "update_trace_keys",
    "prompt",
    "prompt_name",
    "prompt_version",
    "mask_input",
    "mask_output",
    "masking_function",
    "debug_langfuse",
    "ignore_context_propagation",
)
PREFIX = "langfuse_"

# What the proxy knows of the key, by the beginning of its names.
IDENTITY = "user_api_key"
KEY = "user_api_key_hash"
KNOWN = frozenset({KEY, "user_api_key_metadata", "user_api_key_team_metadata"})

# What it says of the key, team and user of a request: names, never the key.
IDENTITY_FACTS = frozenset(
    {
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
    }
)

# Other spellings: LangChain's, and that of LiteLLM's per-request settings.
_ALIASES = {"langfuse_user_id": "trace_user_id", "langfuse_public": "trace_public"}
NAMES = {name: name for name in FIELDS} | {PREFIX + name: name for name in FIELDS} | _ALIASES

# What LiteLLM's router and SDK put into the caller's metadata ...
ROUTERS = frozenset(
    {
        "api_base",
        "attempted_fallbacks",
        "attempted_retries",
        "caching_groups",
        "deployment",
        "deployment_model_name",
        "file_checksum",
        "file_name",
        "headers",
        "hidden_params",
        "llm_api_timing_windows",
        "max_retries",
        "model_group",
        "model_group_alias",
        "model_group_size",
        "model_info",
        "original_model_group",
        "previous_models",
        "standard_logging_guardrail_information",
    }
)
# ... and its proxy beside that.
PROXYS = ROUTERS | {
    "actor_agent_id",
    "agent_execution_mode",
    "agent_id",
    "applied_guardrails",
    "billing_agent_id",
    "caller_tags",
    "endpoint",
    "global_max_parallel_requests",
    "guardrails",
    "inherited_tags",
    "queue_time_seconds",
    "requester_custom_headers",
    "requester_ip_address",
    "requester_metadata",
    "spend_logs_metadata",
    "target_agent_id",
    "usage_object",
    "used_client_oauth_token",
    "user_agent",
    "verified_human_user_id",
}
# What begins with these is LiteLLM's, or may be a credential of ours.
_RESERVED_PREFIXES = (
    "litellm_",
    "_litellm_",
    "_routing_",
    IDENTITY,
    "user_api_end_user",
    PREFIX,
)


def is_foreign(key: object, foreign: frozenset[str]) -> bool:
    """Whether a name is LiteLLM's, whose own names in that place are `foreign`."""
    return key in foreign or str(key).startswith(_RESERVED_PREFIXES)
