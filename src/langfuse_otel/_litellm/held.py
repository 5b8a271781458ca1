"""What a caller may change when a call has ended, held as it was. Pure.

The callback copies LiteLLM's two dictionaries of metadata, and puts JSON text in place of those of
their values that may change. All else about them waits for the thread that reads the call. What other
threads may add to is copied in one step before it is looked through.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from langfuse_otel._litellm.names import NAMES, PROXYS, ROUTERS, is_foreign
from langfuse_otel._text import json_text
from langfuse_otel._values import is_unchangeable, mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._records import Json

INLETS = ("litellm_metadata", "metadata")

# Where the proxy keeps what the request's body says.
REQUESTERS = "requester_metadata"


class Held(NamedTuple):
    """A value that may have changed meanwhile, as the JSON text that it was."""

    text: Json


def held(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return LiteLLM's `litellm_params` with the caller's metadata as they are now.

    LiteLLM's own values among them stay what they are, and so does Langfuse's object for a prompt.
    """
    own = PROXYS if params.get("proxy_server_request") else ROUTERS
    inlets = {name: mapping_of(params.get(name)) for name in INLETS}
    return {**params, **{name: _held(inlet, own) for name, inlet in inlets.items() if inlet}}


def size_of(params: Mapping[str, Any]) -> int:
    """Return about how many bytes the metadata hold."""
    return sum(
        len(value.text if isinstance(value, Held) else value)
        for name in INLETS
        for value in mapping_of(params.get(name)).values()
        if isinstance(value, (str, Held))
    )


def opened(value: Any) -> Any:
    """Return what was held, or the value that needed no holding."""
    return json.loads(value.text) if isinstance(value, Held) else value


def _held(inlet: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    return {
        name: value if is_unchangeable(value) or _stays(name, own) else Held(json_text(value))
        for name, value in dict(inlet).items()
    }


def _stays(name: str, own: frozenset[str]) -> bool:
    if name in NAMES:
        return NAMES[name] == "prompt"
    return name != REQUESTERS and is_foreign(name, own)
