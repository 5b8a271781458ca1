"""A finished call, taken in LiteLLM's callback: what its caller may change is text from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from langfuse_otel._litellm import call_masks
from langfuse_otel._litellm.call import has_failed, id_of
from langfuse_otel._litellm.content import Kind, kind_of
from langfuse_otel._litellm.held import (
    Long,
    content_size,
    held,
    held_answer,
    held_content,
    held_metadata,
    held_whole,
    size_of,
)
from langfuse_otel._litellm.redaction import SHOWN, Hidden
from langfuse_otel._privacy.parameters import model_parameters
from langfuse_otel._records import ONLY_ATTEMPT, Attempt, Json
from langfuse_otel._values import nanoseconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._litellm.held import Inlets

# Bytes of memory that a small call was measured to take while it waits: ids, numbers, dictionaries.
BESIDE_CONTENT = 5_000


class Snapshot(NamedTuple):
    """A finished call, taken so that no later change of the caller's objects reaches it.

    What may change is JSON text here, or a copy. What is to be read of LiteLLM's own data, which
    nobody changes, waits for `observation_from`, in a thread that no caller waits for.
    """

    kwargs: Mapping[str, Any]
    response: Mapping[str, Any] | None
    attempt: Attempt
    started_ns: int
    ended_ns: int
    input: Json | Long | None
    output: Json | Long | None
    parameters: Json | None
    switched: Hidden
    mask: object

    @property
    def call_id(self) -> str:
        """LiteLLM's id of the call."""
        return id_of(self.kwargs)

    @property
    def size(self) -> int:
        """About how many bytes it holds: what is the caller's, and a constant for the rest."""
        content = content_size(self.input) + content_size(self.output) + len(self.parameters or "")
        return BESIDE_CONTENT + content + size_of(self.kwargs["litellm_params"])


def snapshot_of(
    kwargs: Mapping[str, Any],
    response: object,
    started: object,
    ended: object,
    attempt: Attempt = ONLY_ATTEMPT,
    *,
    metadata: Inlets | None = None,
    switched: Hidden = SHOWN,
    said: object = None,
) -> Snapshot:
    """Take a finished call; content that a switch hides is not even read.

    Args:
        kwargs: the dictionary that LiteLLM hands to every callback (`model_call_details`).
        response: LiteLLM's response object; None where the call failed.
        started: start of the call, a datetime.
        ended: end of the call, a datetime.
        attempt: which one it was, if LiteLLM repeated the call.
        metadata: the caller's metadata, if they were held when the call started.
        switched: what settings and switches hide of it.
        said: what a stream had said before it failed.
    """
    kind = kind_of(kwargs)
    began = nanoseconds_of(started) or nanoseconds_of(kwargs.get("start_time"))
    started_ns = max(began, nanoseconds_of(attempt.started))
    failed = has_failed(kwargs, response)
    answer = said if failed else response
    inlets = held_metadata(kwargs) if metadata is None else metadata
    return Snapshot(
        held_whole(kwargs, inlets) if failed else held(kwargs, inlets),
        held_answer(response, kwargs),
        attempt,
        started_ns,
        max(started_ns, nanoseconds_of(ended)),
        input=None if switched.input else held_content(kind.input(kwargs)),
        output=_output(kind, answer, switched),
        parameters=model_parameters(kwargs),
        switched=switched,
        mask=call_masks.noted(kwargs),
    )


def _output(kind: Kind, answer: object, hidden: Hidden) -> Json | Long | None:
    if answer is None:
        return None
    return hidden.instead if hidden.output else held_content(kind.output(answer))
