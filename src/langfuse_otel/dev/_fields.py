"""The trace-level fields that a span carries: user, session, tags, release, public, trace name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._values import first_present, first_truthy, optional_text, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._received import ReceivedSpan

_OBSERVATION: Final = "langfuse.observation.metadata"
_TRACE: Final = "langfuse.trace.metadata"
_VERCEL: Final = "ai.telemetry.metadata"

_USERS: Final = (
    "langfuse.user.id",
    "user.id",
    f"{_OBSERVATION}.langfuse_user_id",
    f"{_TRACE}.langfuse_user_id",
    f"{_VERCEL}.userId",
)
_SESSIONS: Final = (
    "langfuse.session.id",
    "session.id",
    "gen_ai.conversation.id",
    f"{_OBSERVATION}.langfuse_session_id",
    f"{_TRACE}.langfuse_session_id",
    f"{_VERCEL}.sessionId",
)
TAGS: Final = (
    "langfuse.trace.tags",
    "langfuse.tags",
    f"{_OBSERVATION}.langfuse_tags",
    f"{_TRACE}.langfuse_tags",
    f"{_VERCEL}.tags",
    "tag.tags",
)
_PUBLIC: Final = ("langfuse.trace.public", "langfuse.public")
_UPDATES: Final = (
    "langfuse.trace.name",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "langfuse.trace.public",
    "langfuse.trace.tags",
    "langfuse.user.id",
    "langfuse.session.id",
    "user.id",
    "session.id",
    *(f"{_OBSERVATION}.langfuse_{key}" for key in ("user_id", "session_id", "tags")),
    *(f"{_VERCEL}.{key}" for key in ("userId", "sessionId", "tags")),
    "tag.tags",
)


def row_fields(span: ReceivedSpan) -> dict[str, Any]:
    """Take a span, give the trace-level fields of its row on the direct path."""
    return {
        "trace_name": optional_text(span.attributes.get("langfuse.trace.name")),
        "user_id": user_id_of(span),
        "session_id": session_id_of(span),
        "tags": tags_of(span),
        "release": release_of(span),
        "public": bool(public_of(span)),
        "is_app_root": is_set(span, "langfuse.internal.is_app_root"),
    }


def user_id_of(span: ReceivedSpan) -> str | None:
    """Take a span, give its user."""
    return optional_text(first_truthy(span.attributes, _USERS))


def session_id_of(span: ReceivedSpan) -> str | None:
    """Take a span, give its session."""
    return optional_text(first_truthy(span.attributes, _SESSIONS))


def tags_of(span: ReceivedSpan) -> tuple[str, ...]:
    """Take a span, give its tags out of a list, a JSON list, a comma list or one text."""
    given = first_truthy(span.attributes, TAGS)
    if isinstance(given, str):
        data = parse_json(given) if given.strip().startswith("[") else None
        given = data if isinstance(data, list) else _split(given)
    return tuple(optional_text(tag) or "" for tag in given) if isinstance(given, list) else ()


def version_of(span: ReceivedSpan) -> str | None:
    """Take a span, give its version, else its resource's `service.version`."""
    given = span.attributes.get("langfuse.version")
    # `langfuse.version` on the resource is ignored.
    return optional_text(
        span.resource_attributes.get("service.version") if given is None else given
    )


def release_of(span: ReceivedSpan) -> str | None:
    """Take a span, give its release, else that of its resource."""
    holders = (span.attributes, span.resource_attributes)
    given = (holder.get("langfuse.release") for holder in holders)
    return optional_text(next((value for value in given if value is not None), None))


def public_of(span: ReceivedSpan) -> bool | None:
    """Take a span, tell whether it makes the trace public, None where it says nothing."""
    given = first_present(span.attributes, _PUBLIC)
    # The integer 1 is not enough.
    return None if given is None else given is True or given == "true"


def is_set(span: ReceivedSpan, key: str) -> bool:
    """Take a span and the key of a switch, tell whether it is true or "true"."""
    given = span.attributes.get(key)
    return given is True or given == "true"


def has_trace_update(span: ReceivedSpan) -> bool:
    """Take a span, tell whether it updates its trace on the legacy path though it has a parent."""
    return first_truthy(span.attributes, _UPDATES) is not None or _has_trace_metadata(
        span.attributes
    )


def _has_trace_metadata(attributes: Mapping[str, Any]) -> bool:
    return any(key.startswith(_TRACE) and bool(value) for key, value in attributes.items())


def _split(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",")] if "," in text else [text]
