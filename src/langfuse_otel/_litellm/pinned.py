"""What the operator's settings say of the key or team behind a call to LiteLLM's proxy.

LiteLLM (1.106) keeps it on its logging object, which it shows to the hooks before a call and to no
callback after it. A body may hold anything, but no object of that kind.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from langfuse_otel._litellm.limits import short_text
from langfuse_otel._newest import Newest

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, str] = MappingProxyType({})

_calls: Newest[str, Mapping[str, str]] = Newest()


def note(logging: object) -> None:
    """Remember the operator's variables for the call that LiteLLM's object `logging` is about."""
    call_id = getattr(logging, "litellm_call_id", None)
    variables = getattr(logging, "_trusted_callback_vars", None)
    if isinstance(call_id, str) and isinstance(variables, tuple) and variables:
        _calls.put(short_text(call_id), MappingProxyType(dict(variables)))


def of_call(call_id: str | None) -> Mapping[str, str]:
    """Return what was noted of a call; nothing where LiteLLM did not say."""
    return _calls.get(call_id or "", NOTHING)
