"""What is missing in a callback of LiteLLM's: said once, before somebody misses it in Langfuse.

The span is sent with what there is. What LiteLLM gives differs between its releases; the ones that
this version knows are in `_litellm/versions.py`.
"""

from __future__ import annotations

import logging
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.content import kind_of
from langfuse_otel._litellm.held import INLETS
from langfuse_otel._litellm.versions import standing_of
from langfuse_otel._values import mapping_of, part
from langfuse_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger("langfuse_otel")

PAYLOAD = "standard_logging_object"

# What every call has. A model is not among it: calls about files, batches and tools have none.
NEEDED = (
    "litellm_call_id",
    "litellm_params",
    "call_type",
    "optional_params",
    PAYLOAD,
)

# Operation → the members of which an answer has one.
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "chat": ("choices", "output", "content"),
    "text_completion": ("choices",),
    "embeddings": ("data",),
    "image_generation": ("data",),
    "image_edit": ("data",),
    "transcription": ("text",),
    "rerank": ("results",),
    "moderation": ("results",),
}

_said: set[str] = set()


def warn_of_missing(
    kwargs: Mapping[str, Any], response: object, started: object, ended: object
) -> None:
    """Log a line, once in a process, for each field that LiteLLM should have given a callback.

    The arguments are those of the callback; `response` is None where the call failed.
    """
    for field in missing_in(kwargs, response, started, ended):
        if field not in _said:
            _said.add(field)
            log.warning("langfuse-otel: %s", _line(field))


def missing_in(
    kwargs: Mapping[str, Any], response: object, started: object, ended: object
) -> Iterator[str]:
    """Yield the names of what is missing, or is of no known shape."""
    if None in map(kwargs.get, NEEDED):
        missing = (name for name in NEEDED if kwargs.get(name) is None)
        yield from (name for name in missing if name != PAYLOAD or _has_payload(kwargs))
    if not isinstance(started, datetime):
        yield "start_time"
    if not isinstance(ended, datetime):
        yield "end_time"
    if response is not None:
        operation = kind_of(kwargs).operation
        if not _is_known(response, ANSWERS.get(operation)):
            yield f"response_obj of {operation}"


def _has_payload(kwargs: Mapping[str, Any]) -> bool:
    """LiteLLM (1.106) makes none for what uses no model, and where the caller's tags are no list."""
    if not kind_of(kwargs).has_usage:
        return False
    params = mapping_of(kwargs.get("litellm_params"))
    given = (mapping_of(params.get(name)).get("tags") for name in INLETS)
    return all(isinstance(tags, list) for tags in given if tags)


def _is_known(response: object, names: tuple[str, ...] | None) -> bool:
    """LiteLLM puts `{"text": ...}` in place of an answer that it has redacted."""
    if names is None or part(response, names[0]) is not None:
        return True
    return any(part(response, name) is not None for name in (*names, "text"))


def _line(field: str) -> str:
    litellm = version("litellm")
    standing = standing_of(litellm)
    tested = f"this LiteLLM is {standing}" if standing else "this LiteLLM was tested"
    return (
        f"LiteLLM {litellm} gave a callback no {field} that langfuse-otel {__version__} can read: "
        f"spans are sent with what there is; {tested}. Please report this."
    )
