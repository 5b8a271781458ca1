"""Which trace an observation belongs to, under which parent, and what it inherits from that. Pure.

An explicit id wins over a request's `traceparent`, that over the OpenTelemetry span that was active
when the call started, and that over LiteLLM's own trace id, which the retries and fallbacks of one
request share. Ids are computed from what is known of a call, so the same call always has the same
ids, and sending it twice changes nothing in Langfuse.
"""

from __future__ import annotations

import hashlib
import re

from langfuse_otel._records import Clues, Identity, Observation, Parent

_TRACE_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX_SPAN = re.compile(r"[0-9a-f]{16}")
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)


def trace_id_of(text: str) -> int:
    """Return the trace id that `text` means.

    32 hex digits are kept, a UUID loses its hyphens, any other text becomes the first 16 bytes of
    its SHA-256, as Langfuse's `create_trace_id(seed=...)` has it.
    """
    lowered = text.strip().lower()
    kept = int(lowered.replace("-", ""), 16) if _TRACE_ID.fullmatch(lowered) else 0
    return kept or _hashed(text, 16)


def observation_id_of(text: str) -> int:
    """Return the observation id that `text` means: 16 hex digits kept, else 8 bytes of SHA-256."""
    lowered = text.strip().lower()
    kept = int(lowered, 16) if _HEX_SPAN.fullmatch(lowered) else 0
    return kept or _hashed(text, 8)


def identify(clues: Clues) -> Identity:
    """Decide trace, parent and id of the observation that `clues` describe."""
    trace_id = _trace(clues)
    parent_id, is_orphan = _parent(clues, trace_id)
    return Identity(trace_id, _observation(clues), parent_id, is_orphan)


def around(clues: Clues) -> Parent | None:
    """Return the active span, if the observation is in its trace."""
    active = clues.ambient
    return active if active and _trace(clues) == active.trace_id else None


def with_inherited(observation: Observation) -> Observation:
    """Return an observation with what ours around it says of trace and prompt, where it does not."""
    parent = around(observation.clues)
    own = observation.trace
    if parent is None or parent.trace is None or own.is_continued:
        return observation
    has_prompt = observation.type == "generation"
    return observation._replace(
        prompt=observation.prompt or (parent.prompt if has_prompt else None),
        trace=own._replace(
            name=own.name or parent.trace.name,
            user_id=own.user_id or parent.trace.user_id,
            session_id=own.session_id or parent.trace.session_id,
            tags=tuple(dict.fromkeys((*parent.trace.tags, *own.tags))),
            metadata=own.metadata or parent.trace.metadata,
            release=own.release or parent.trace.release,
            public=own.public or parent.trace.public,
        ),
    )


def parent_of(traceparent: object) -> Parent | None:
    """Return the span that a W3C `traceparent` header names; None where it names none."""
    found = _TRACEPARENT.fullmatch(traceparent.strip()) if isinstance(traceparent, str) else None
    if not found or found["version"] == "ff":
        return None
    parent = Parent(int(found["trace"], 16), int(found["span"], 16))
    return parent if parent.trace_id and parent.span_id else None


def without_context(clues: Clues) -> Clues:
    """Return `clues` as if no OpenTelemetry context had come along.

    LiteLLM's proxy (1.106) writes the trace id of a `traceparent` into the metadata: that one goes
    as well.
    """

    def unless_remote(text: str | None) -> str | None:
        is_remote = text and clues.remote and trace_id_of(text) == clues.remote.trace_id
        return None if is_remote else text

    return clues._replace(
        trace_id=unless_remote(clues.trace_id),
        litellm_trace_id=unless_remote(clues.litellm_trace_id),
        remote=None,
        ambient=None,
    )


def _trace(clues: Clues) -> int:
    if explicit := clues.trace_id or clues.existing_trace_id:
        return trace_id_of(explicit)
    if clues.remote:
        return clues.remote.trace_id
    if clues.ambient:
        return clues.ambient.trace_id
    if clues.litellm_trace_id:
        return trace_id_of(clues.litellm_trace_id)
    return _hashed(clues.call_id, 16)


def _parent(clues: Clues, trace_id: int) -> tuple[int | None, bool]:
    """The parent's id, and whether it may never come; a parent in another trace would dangle.

    A continued trace keeps its name, input and output from Langfuse's hands only if the
    observation is no root: without a parent it gets one that nobody has.
    """
    if clues.parent_observation_id:
        return observation_id_of(clues.parent_observation_id), False
    for parent in (clues.remote, clues.ambient):
        if parent and parent.trace_id == trace_id:
            return parent.span_id, not parent.in_langfuse
    if clues.existing_trace_id and not clues.trace_id:
        return _hashed(f"continued|{trace_id}", 8), False
    return None, False


def _observation(clues: Clues) -> int:
    """The id that the caller gave belongs to the answer, not to the attempts that failed before."""
    if clues.generation_id and not clues.is_superseded:
        return observation_id_of(clues.generation_id)
    return _hashed(f"{clues.call_id}|{clues.attempt}|{clues.started_ns}", 8)


def _hashed(text: str, size: int) -> int:
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    return int(digest[:size].hex(), 16)
