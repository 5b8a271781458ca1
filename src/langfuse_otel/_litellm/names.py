"""The names in a call's metadata: what means something to Langfuse, and what is LiteLLM's own. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

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
MASKS = frozenset({"masking_function", "langfuse_masking_function"})

# What the proxy knows of the key, by the beginning of its names.
IDENTITY = "user_api_key"
KEY = "user_api_key_hash"
END_USER = "user_api_key_end_user_id"
KNOWN = frozenset({KEY, "user_api_key_metadata", "user_api_key_team_metadata"})

# Where it keeps what the request's body says.
REQUESTERS = "requester_metadata"

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
        END_USER,
        "user_api_key_request_route",
    }
)

# Other spellings: LangChain's, and that of LiteLLM's per-request settings.
_ALIASES = {"langfuse_user_id": "trace_user_id", "langfuse_public": "trace_public"}
NAMES = {name: name for name in FIELDS} | {PREFIX + name: name for name in FIELDS} | _ALIASES


class Litellms(NamedTuple):
    """Which names in a dictionary of metadata are LiteLLM's: these, and what begins with those."""

    names: frozenset[str]
    beginnings: tuple[str, ...]


# What LiteLLM (1.106) writes into the metadata of any call, and what may hold keys or messages. Who
# called is nobody's to say but the proxy's.
_ANYWHERE = Litellms(
    frozenset(
        {
            "file_checksum",
            "hidden_params",
            "llm_api_timing_windows",
            "model_info",
            "previous_models",
            "standard_logging_guardrail_information",
        }
    ),
    (IDENTITY, "user_api_end_user"),
)
# What its proxy writes into a request's own metadata before it puts them aside.
OF_A_REQUEST = Litellms(
    _ANYWHERE.names | {"headers", "used_client_oauth_token"}, _ANYWHERE.beginnings
)
# What its router writes beside that, where it names the group of the model ...
MODEL_GROUP = "model_group"
_OF_THE_ROUTER = Litellms(
    _ANYWHERE.names
    | {
        "api_base",
        "attempted_fallbacks",
        "attempted_retries",
        "caching_groups",
        "deployment",
        "deployment_model_name",
        "max_retries",
        MODEL_GROUP,
        "model_group_alias",
        "model_group_size",
        "original_model_group",
        "request_retry_count",
    },
    (*_ANYWHERE.beginnings, "litellm_", "_litellm_", "_routing_"),
)
# ... and its proxy, where it says who called: any name, for its guardrails write there what they find.
_OF_THE_PROXY = Litellms(frozenset(), ("",))
_OF_WHO_CALLED = KNOWN | {"user_api_key", REQUESTERS}

# Of the names that begin like our fields, those that set the project of a call.
_SETTINGS = frozenset({"langfuse_environment", "langfuse_host"})
_SECRET = ("auth", "key", "password", "secret", "token")


def litellms_in(inlet: Mapping[str, Any]) -> Litellms:
    """Return which names are LiteLLM's in a dictionary that its router or proxy may write into."""
    if not _OF_WHO_CALLED.isdisjoint(inlet):
        return _OF_THE_PROXY
    return _OF_THE_ROUTER if MODEL_GROUP in inlet else _ANYWHERE


def is_foreign(key: object, litellms: Litellms) -> bool:
    """Whether a name is none of the caller's: one of LiteLLM's, or of our own settings."""
    name = str(key)
    if name.startswith(PREFIX):
        return name in _SETTINGS or any(word in name for word in _SECRET)
    return name in litellms.names or name.startswith(litellms.beginnings)
