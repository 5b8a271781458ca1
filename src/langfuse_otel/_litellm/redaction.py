"""Which content of a call is not to be seen: LiteLLM's switches, the logger's and the caller's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langfuse_otel._text import json_text
from langfuse_otel._values import is_true, mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._litellm.call import Call
    from langfuse_otel._records import Json

SWITCH = "turn_off_message_logging"
HEADERS = ("x-litellm-enable-message-redaction", "litellm-enable-message-redaction")
HEADER_AGAINST = "litellm-disable-message-redaction"


@dataclass(frozen=True, slots=True)
class Hidden:
    """Whether input and output of a call are hidden, and what stands in their place, if anything."""

    input: bool
    output: bool
    instead: Json | None

    def __bool__(self) -> bool:
        """Whether anything is hidden: the text of an error, for one, may quote both."""
        return self.input or self.output


REDACTED = json_text("redacted-by-litellm")
SHOWN = Hidden(input=False, output=False, instead=None)
ALL_REDACTED = Hidden(input=True, output=True, instead=REDACTED)
NOT_CAPTURED = Hidden(input=True, output=True, instead=None)


def is_redacted(kwargs: Mapping[str, Any], pinned: Mapping[str, str]) -> bool:
    """Whether a call is to be redacted, beyond what LiteLLM (1.106) reads of its own switch.

    What the operator `pinned` to key or team holds, whatever a request's header says, and a header
    holds, whatever its body says. A value that LiteLLM cannot read, such as `yes` or 1, counts as set:
    a switch that fails open leaks. Of a request that its proxy passes through it looks at neither
    headers nor body, though it takes the switch out of the latter.
    """
    asked = mapping_of(kwargs.get("standard_callback_dynamic_params")).get(SWITCH)
    is_unread = is_true(asked) and str(asked).lower() != "true"
    return is_unread or is_true(pinned.get(SWITCH)) or _is_asked_by_request(kwargs)


def _is_asked_by_request(kwargs: Mapping[str, Any]) -> bool:
    params = mapping_of(kwargs.get("litellm_params"))
    request = params.get("proxy_server_request")
    if not request:
        return False
    if is_true(params.get(SWITCH)) or is_true(mapping_of(params.get("metadata")).get(SWITCH)):
        return True
    headers = mapping_of(mapping_of(request).get("headers"))
    return any(headers.get(name) for name in HEADERS) and not headers.get(HEADER_AGAINST)


def hidden_of(call: Call, switched: Hidden) -> Hidden:
    """Return what is hidden of a call: what was `switched`, else what its metadata mask."""
    if switched:
        return switched
    asked = is_true(call.fields.get("mask_input")), is_true(call.fields.get("mask_output"))
    return Hidden(*asked, instead=REDACTED) if any(asked) else SHOWN
