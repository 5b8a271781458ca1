"""Which content of a call is not to be seen: LiteLLM's switches, the logger's and the caller's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langfuse_otel._call import is_true, mapping_of
from langfuse_otel._text import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._call import Call
    from langfuse_otel._records import Json

SWITCH = "turn_off_message_logging"


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

    What the operator `pinned` to key or team holds, whatever a request's header says. A value that
    LiteLLM cannot read, such as `yes` or 1, counts as set: a switch that fails open leaks.
    """
    asked = mapping_of(kwargs.get("standard_callback_dynamic_params")).get(SWITCH)
    is_read = isinstance(asked, bool) or str(asked).lower() in {"true", "false"}
    return is_true(pinned.get(SWITCH)) or (not is_read and is_true(asked))


def hidden_of(call: Call, switched: Hidden) -> Hidden:
    """Return what is hidden of a call: what was `switched`, else what its metadata mask."""
    if switched:
        return switched
    masks = {name: is_true(call.fields.get(f"mask_{name}")) for name in ("input", "output")}
    return Hidden(**masks, instead=REDACTED) if any(masks.values()) else SHOWN
