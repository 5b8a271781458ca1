"""What is held of a call that has ended, until the thread comes by that reads it. Pure.

Of LiteLLM's data only what is read later is held: in the whole of it the conversation stands several
times, and its many objects cost garbage collection for as long as they wait. What the caller may
change meanwhile, content and the two dictionaries of metadata, is held as JSON text; where it is a
long text among few objects, as a copy of these. What other threads may add to is copied in one step
before it is looked through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from langfuse_otel._litellm.names import (
    IDENTITY_FACTS,
    KNOWN,
    MASKS,
    MODEL_GROUP,
    NAMES,
    REQUESTERS,
    is_foreign,
    litellms_in,
)
from langfuse_otel._litellm.prices import is_unpriced
from langfuse_otel._litellm.redaction import REDACTED
from langfuse_otel._privacy.secrets import without_secrets
from langfuse_otel._text import FEW, json_text, plain_text, text_in
from langfuse_otel._values import UNCHANGEABLE, mapping_of, part, text_of

if TYPE_CHECKING:
    from langfuse_otel._records import Json

# What LiteLLM (1.106) puts in place of a response that is no chat, embedding or `responses`.
_LITELLMS_REDACTED = {"text": orjson.loads(REDACTED)}

# The dictionaries of metadata by their names.
Inlets = Mapping[str, Mapping[str, Any]]
INLETS = ("litellm_metadata", "metadata")

# What is read later of a call that succeeded, by the dictionary that it stands in: of the call ...
_CALL = (
    "cache_hit",
    "call_type",
    "completion_start_time",
    "custom_llm_provider",
    "litellm_call_id",
    "litellm_no_upstream_llm_call",
    "litellm_trace_id",
    "model",
    "prompt_id",
    "prompt_version",
    "response_cost",
    "stream",
    "user",
)
# ... of its `litellm_params`, beside the metadata ...
_PARAMS = ("_langfuse_masking_function", "api_base")
# ... of the body of a request ...
_BODY = ("litellm_metadata", "litellm_session_id", "litellm_trace_id")
# ... of its `standard_logging_object` ...
_PAYLOAD = ("api_base", "cost_breakdown", "end_user", "id", "model_group", "trace_id")
# ... and of the metadata there.
_IDENTITY = (
    *sorted(IDENTITY_FACTS),
    "mcp_tool_call_metadata",
    "prompt_management_metadata",
)

# Of values that could be changed: what is read of LiteLLM's own. The rest of its own objects there
# may hold keys, and the messages of earlier attempts.
_AS_IT_IS = frozenset({"inherited_tags", MODEL_GROUP, "user_api_key_auth_metadata", *KNOWN})
# What may be no JSON: Langfuse's object for a prompt.
_PROMPTS = frozenset({"langfuse_prompt", "prompt"})


# With fewer characters in it, to write content as JSON at once costs less than to copy its objects.
LONG = 32_768


class Held(NamedTuple):
    """A value that may have changed meanwhile, as the JSON text that it was."""

    text: Json


class Long(NamedTuple):
    """Content whose texts have `size` characters: a copy of what they stand in, and not of them.

    Texts cannot change, so whoever waits for the call need not wait for their JSON.
    """

    value: Any
    size: int


def held_whole(kwargs: Mapping[str, Any], inlets: Inlets) -> dict[str, Any]:
    """Return LiteLLM's dictionary about a call, with the caller's metadata as they were held.

    So a call is held that has failed: its error may quote whatever is in there.
    """
    params = mapping_of(kwargs.get("litellm_params"))
    return {**kwargs, "litellm_params": {**params, **inlets}}


def held(kwargs: Mapping[str, Any], inlets: Inlets) -> dict[str, Any]:
    """Return what is read later of LiteLLM's dictionary about a call, beside the metadata."""
    params = mapping_of(kwargs.get("litellm_params"))
    payload = mapping_of(kwargs.get("standard_logging_object"))
    return {
        **_chosen(kwargs, _CALL),
        **({"response_cost": None} if is_unpriced(kwargs, payload) else {}),
        "litellm_params": {
            **_chosen(params, _PARAMS),
            "proxy_server_request": _request(params.get("proxy_server_request")),
            **inlets,
        },
        "standard_logging_object": {
            **_chosen(payload, _PAYLOAD),
            "metadata": _chosen(mapping_of(payload.get("metadata")), _IDENTITY),
        },
    }


def held_metadata(kwargs: Mapping[str, Any]) -> Inlets:
    """Return the caller's metadata as they are now."""
    params = mapping_of(kwargs.get("litellm_params"))
    return {name: _held(inlet) for name in INLETS if (inlet := mapping_of(params.get(name)))}


def held_answer(response: object, kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is read later of a response, beside what it says; None where there is none."""
    if response is None:
        return None
    return {
        "id": part(response, "id"),
        "model": part(response, "model"),
        "usage": _usage(response, mapping_of(kwargs.get("standard_logging_object"))),
        **_ending(response, kwargs),
    }


def _ending(response: object, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Why it ended: of choices each says it, of the Responses API one that ended early or failed."""
    choices = part(response, "choices")
    if isinstance(choices, list):
        return {"choices": [{"finish_reason": part(one, "finish_reason")} for one in choices]}
    error = _error(response, kwargs) if part(response, "status") == "failed" else None
    return {"incomplete_details": part(response, "incomplete_details"), "error": error}


def _error(response: object, kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """What it failed of; the credentials that its text may quote are not held."""
    error = part(response, "error")
    text = text_of(part(error, "message"))
    said = without_secrets(text, kwargs) if text else None
    return {"code": part(error, "code"), "message": said} if error else None


def held_content(value: object) -> Json | Long | None:
    """Return what a call's input or output says now, for `content_of` to read later."""
    if value is None:
        return None
    size = text_in(value, FEW)
    if size is None:
        return json_text(value)
    return plain_text(value) if size < LONG else Long(_copy(value), size)


def content_of(taken: Json | Long | None) -> Json | None:
    """Return as JSON text what was held of content."""
    return json_text(taken.value) if isinstance(taken, Long) else taken


def content_size(taken: Json | Long | None) -> int:
    """Return how many characters content has that is held."""
    return taken.size if isinstance(taken, Long) else len(taken or "")


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in dict(value).items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def size_of(params: Mapping[str, Any]) -> int:
    """Return about how many bytes the metadata hold."""
    size = 0
    for name in INLETS:
        for value in mapping_of(params.get(name)).values():
            if isinstance(value, str):
                size += len(value)
            elif isinstance(value, Held):
                size += len(value.text)
    return size


def is_object(name: str, value: object) -> bool:
    """Whether a value is used as the object that it is, not as JSON: a mask, or Langfuse's prompt."""
    if name in MASKS:
        return callable(value)
    return name in _PROMPTS and not isinstance(value, (*UNCHANGEABLE, dict, list, Held))


def opened(value: Any) -> Any:
    """Return a value that was held, or one that needed no holding."""
    return orjson.loads(value.text) if isinstance(value, Held) else value


def _usage(response: object, payload: Mapping[str, Any]) -> object:
    """Of a realtime session, whose response is a list of events, LiteLLM's payload has the sum.

    There it is as well where LiteLLM has redacted a response as a whole.
    """
    if isinstance(response, dict) and response == _LITELLMS_REDACTED:
        return mapping_of(payload.get("metadata")).get("usage_object")
    return part(payload.get("response") if isinstance(response, list) else response, "usage")


def _request(request: object) -> dict[str, Any] | None:
    """What a request to the proxy says beside its content."""
    given = mapping_of(request)
    if not given:
        return None
    body = mapping_of(given.get("body"))
    return {"headers": given.get("headers"), "body": _chosen(body, _BODY)}


def _chosen(given: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The members of these names that are not None."""
    get = given.get
    return {name: value for name in names if (value := get(name)) is not None}


def _held(inlet: Mapping[str, Any]) -> dict[str, Any]:
    litellms = litellms_in(inlet)
    taken: dict[str, Any] = {}
    for name, value in dict(inlet).items():
        if isinstance(value, UNCHANGEABLE) or name in _AS_IT_IS or is_object(name, value):
            taken[name] = value
        elif name in NAMES or name == REQUESTERS or not is_foreign(name, litellms):
            taken[name] = Held(json_text(value))
    return taken
