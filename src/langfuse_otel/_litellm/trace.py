"""What the caller's metadata says of the trace, and of the prompt that was used. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.limits import short_text, short_text_of
from langfuse_otel._records import Defaults, Json, Prompt, TraceFields
from langfuse_otel._text import clean, json_text
from langfuse_otel._values import is_true, mapping_of, part, text_of, texts_of

if TYPE_CHECKING:
    from langfuse_otel._litellm.call import Call

# Langfuse counts versions of prompts in 32 bits.
MAX_VERSION = 2**31 - 1
_VERSION = re.compile(r"\s*\d{1,10}\s*")

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


def _user_argument(call: Call) -> object:
    """LiteLLM puts a word there for a request that the proxy passes through."""
    user = call.kwargs.get("user")
    is_made_up = user == "unknown" and call.kwargs.get("call_type") == "pass_through_endpoint"
    return None if is_made_up else user


# Whom LiteLLM's proxy calls the user of its master key.
MASTER_KEY_USER = "default_user_id"


def _key_user(call: Call) -> object:
    user = mapping_of(call.payload.get("metadata")).get("user_api_key_user_id")
    return None if user == MASTER_KEY_USER else user


USER_SOURCES: Mapping[str, Callable[[Call], object]] = {
    "metadata": lambda call: call.fields.get("trace_user_id"),
    "argument": _user_argument,
    "end_user": lambda call: call.payload.get("end_user"),
    "key_user": _key_user,
}


def trace_fields(
    call: Call, defaults: Defaults, given: Json | None, answer: Json | None
) -> TraceFields:
    """All fields of the trace; of a continued trace only those that it should change."""
    trace_metadata = call.fields.get("trace_metadata")
    fields = TraceFields(
        name=call.text("trace_name"),
        user_id=_user_id(call, defaults),
        session_id=call.text("session_id"),
        tags=tuple(dict.fromkeys(texts_of(call.fields.get("tags")))),
        metadata=json_text(_named(trace_metadata)) if trace_metadata else None,
        release=call.text("trace_release") or defaults.release,
        public=is_true(call.fields.get("trace_public")) or None,
    )
    if not call.text("existing_trace_id"):
        return fields
    changed = _changed(call)
    return TraceFields(
        user_id=fields.user_id if "trace_user_id" in changed else None,
        metadata=fields.metadata if "trace_metadata" in changed else None,
        release=call.text("trace_release") if "trace_release" in changed else None,
        public=fields.public,
        input=given if "input" in changed else None,
        output=answer if "output" in changed else None,
        is_continued=True,
    )


def version_of(call: Call) -> str | None:
    """The one version that Langfuse reads: the observation's own, else that of its trace.

    Of a continued trace that one comes first if it is to be changed, and does not count otherwise.
    """
    own, of_trace = call.text("version"), call.text("trace_version")
    if not call.text("existing_trace_id"):
        return own or of_trace
    return of_trace or own if "trace_version" in _changed(call) else own


def _changed(call: Call) -> set[str]:
    return set(texts_of(call.fields.get("update_trace_keys")))


def _named(metadata: object) -> Mapping[str, Any]:
    """Langfuse takes an object and drops anything else."""
    return metadata if isinstance(metadata, Mapping) else {"trace_metadata": metadata}


def _user_id(call: Call, defaults: Defaults) -> str | None:
    """The one that the operator pinned comes before those that a request may name."""
    pinned = ("metadata",) if "trace_user_id" in call.pinned else ()
    for name in (*pinned, *defaults.user_from):
        source = USER_SOURCES.get(name)
        if source and (user := short_text_of(source(call))):
            return user
    return None


def prompt_of(call: Call) -> Prompt | None:
    """The prompt that was used: Langfuse's object, a dictionary, name and version, or LiteLLM's."""
    return next(filter(None, _prompts(call)), None)


def prompt_from(given: object) -> Prompt | None:
    """Return what Langfuse's object for a prompt, or a dictionary with name and version, means.

    A prompt that the program falls back to is none of Langfuse's.
    """
    is_fallback = part(given, "is_fallback") is True
    return None if is_fallback else prompt_named(part(given, "name"), part(given, "version"))


def prompt_named(name: object, version: object) -> Prompt | None:
    """Return a prompt where both are valid."""
    number = _whole_number(version)
    if not (isinstance(name, str) and name) or number is None:
        return None
    return Prompt(short_text(clean(name)), number)


def _prompts(call: Call) -> Iterator[Prompt | None]:
    """What each place names, in the order in which they win."""
    given = call.fields.get("prompt")
    if given is not None:
        yield prompt_from(given)
    if "prompt_version" in call.fields:
        yield prompt_named(call.fields.get("prompt_name") or given, call.fields["prompt_version"])
    if (named := call.kwargs.get("prompt_id")) is not None:
        yield prompt_named(named, call.kwargs.get("prompt_version"))
    managed = mapping_of(call.payload.get("metadata")).get("prompt_management_metadata")
    if managed:
        yield prompt_named(part(managed, "prompt_id"), part(managed, "prompt_version"))


def _whole_number(value: object) -> int | None:
    if isinstance(value, str) and _VERSION.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_VERSION else None


def documented_of(call: Call) -> dict[str, str | bool | tuple[str, ...]]:
    """Return the documented attributes, with the values as the caller gave them."""
    return {
        DOCUMENTED[key]: _as_attribute(value)
        for key, value in call.fields.items()
        if key in DOCUMENTED and (value or value == 0)
    }


def _as_attribute(value: object) -> str | bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    return text_of(value) or texts_of(value) or json_text(value)
