"""Which trace an observation belongs to, under which parent, and why. Pure.

An explicit id wins over the active OpenTelemetry span, which wins over LiteLLM's own trace id (the
one that retries and fallbacks of a request share). Ids follow from what they are made of, so the
same call always has the same ids, and sending it twice changes nothing in Langfuse.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from langfuse_otel._records import Clues, Identity, Parent

if TYPE_CHECKING:
    from typing import Literal

_HEX_TRACE = re.compile(r"[0-9a-f]{32}")
_HEX_SPAN = re.compile(r"[0-9a-f]{16}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def trace_id_of(text: str) -> int:
    """Return the trace id that `text` means.

    32 hex digits are kept, a UUID loses its hyphens, any other text becomes the first 16 bytes of
    its SHA-256, as Langfuse's `create_trace_id(seed=...)` has it.
    """
    lowered = text.strip().lower()
    if _UUID.fullmatch(lowered):
        lowered = lowered.replace("-", "")
    if _HEX_TRACE.fullmatch(lowered) and int(lowered, 16):
        return int(lowered, 16)
    return _hashed(text, 16)


def observation_id_of(text: str) -> int:
    """Return the observation id that `text` means: 16 hex digits kept, else 8 bytes of SHA-256."""
    lowered = text.strip().lower()
    if _HEX_SPAN.fullmatch(lowered) and int(lowered, 16):
        return int(lowered, 16)
    return _hashed(text, 8)


def identify(clues: Clues) -> Identity:
    """Decide trace, parent and id of the observation that `clues` describe."""
    trace_id, reason = _trace(clues)
    return Identity(trace_id, _observation(clues), _parent(clues, trace_id), reason)


def _trace(clues: Clues) -> tuple[int, Literal["metadata", "context", "litellm", "call"]]:
    explicit = clues.trace_id or clues.existing_trace_id
    if explicit:
        return trace_id_of(explicit), "metadata"
    if clues.ambient:
        return clues.ambient.trace_id, "context"
    if clues.litellm_trace_id:
        return trace_id_of(clues.litellm_trace_id), "litellm"
    return _hashed(clues.call_id, 16), "call"


def _parent(clues: Clues, trace_id: int) -> int | None:
    if clues.parent_observation_id:
        return observation_id_of(clues.parent_observation_id)
    return _in_trace(clues.ambient, trace_id)


def _in_trace(parent: Parent | None, trace_id: int) -> int | None:
    """A parent in another trace would dangle."""
    return parent.span_id if parent and parent.trace_id == trace_id else None


def _observation(clues: Clues) -> int:
    if clues.generation_id:
        return observation_id_of(clues.generation_id)
    return _hashed(f"{clues.call_id}|{clues.attempt}|{clues.started_ns}", 8)


def _hashed(text: str, size: int) -> int:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:size], "big") or 1
