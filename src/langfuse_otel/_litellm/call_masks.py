"""The caller's `langfuse_masking_function`, for all attempts at a call.

LiteLLM (1.106) takes it out of the caller's metadata at the first attempt: what its router tries
next has lost it. A mask that is lost leaks, so it is remembered for all that LiteLLM knows by the
same trace id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langfuse_otel._newest import Newest
from langfuse_otel._privacy.masking import mask_of_texts
from langfuse_otel._values import mapping_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._litellm.call import Call
    from langfuse_otel._records import Mask

# Where LiteLLM puts it.
_MOVED = "_langfuse_masking_function"

_functions: Newest[str, object] = Newest()


def note(kwargs: Mapping[str, Any]) -> None:
    """Remember the masking function of the call that LiteLLM is about to make, if it has one."""
    function = mapping_of(kwargs.get("litellm_params")).get(_MOVED)
    if function and (trace_id := text_of(kwargs.get("litellm_trace_id"))):
        _functions.put(trace_id, function)


def noted(kwargs: Mapping[str, Any]) -> object:
    """Return the masking function that is remembered for a call; None if none."""
    return _functions.get(text_of(kwargs.get("litellm_trace_id")) or "") if _functions else None


def mask_of_call(call: Call, remembered: object = None) -> Mask | None:
    """Return the mask that the caller gave with a call, or that was remembered; None if none."""
    given = call.params.get(_MOVED) or call.fields.get("masking_function") or remembered
    return mask_of_texts(given) if given else None
