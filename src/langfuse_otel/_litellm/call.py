"""One callback of LiteLLM's, made safe to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from langfuse_otel._litellm.limits import short_text
from langfuse_otel._litellm.metadata import call_metadata, known_of
from langfuse_otel._litellm.names import END_USER, IDENTITY_FACTS
from langfuse_otel._values import mapping_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class Call(NamedTuple):
    """One callback's arguments, with what is looked up often made safe to read.

    From `fields` on as in `CallMetadata`.
    """

    kwargs: Mapping[str, Any]
    response: object
    payload: Mapping[str, Any]
    params: Mapping[str, Any]
    failed: bool
    fields: Mapping[str, Any]
    rest: Mapping[str, Any]
    pinned: frozenset[str]
    key: str | None

    def text(self, name: str) -> str | None:
        """Return a field of the metadata as text."""
        value = self.fields.get(name)
        return None if value is None else text_of(value)


def has_failed(kwargs: Mapping[str, Any], response: object) -> bool:
    """Whether the call failed; one without a response did."""
    return response is None or _payload(kwargs).get("status") == "failure"


def read_call(kwargs: Mapping[str, Any], response: object) -> Call:
    """Return the call that LiteLLM's dictionary and response are about; `response` is None if it failed."""
    params = mapping_of(kwargs.get("litellm_params"))
    failed = has_failed(kwargs, response)
    payload = _with_identity(_payload(kwargs), params)
    return Call(kwargs, response, payload, params, failed, *call_metadata(params))


def call_id_of(kwargs: Mapping[str, Any]) -> str | None:
    """Return LiteLLM's id of the call that these callback arguments are about, made short."""
    found = text_of(kwargs.get("litellm_call_id"))
    return short_text(found) if found else None


def id_of(kwargs: Mapping[str, Any]) -> str:
    """Return LiteLLM's id of a call, "" where it has none."""
    return call_id_of(kwargs) or text_of(_payload(kwargs).get("id")) or ""


def _payload(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping_of(kwargs.get("standard_logging_object"))


def _with_identity(payload: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """LiteLLM (1.106) has no payload for a call whose `tags` are no list; its proxy knows who called."""
    known = {} if payload.get("metadata") else known_of(params)
    if not known:
        return payload
    identity = {name: known[name] for name in IDENTITY_FACTS & known.keys()}
    return {"end_user": identity.get(END_USER), **payload, "metadata": identity}
