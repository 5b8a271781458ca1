"""Which trace the answer to a call belongs to, and the address of its page."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.clues import clues_of, what_decides
from langfuse_otel._litellm.limits import short_text
from langfuse_otel._newest import Newest
from langfuse_otel._pipeline import defaults_of
from langfuse_otel._read_settings import read_settings
from langfuse_otel._spans.identity import identify
from langfuse_otel.settings import project_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._destination import Destination
    from langfuse_otel._records import Defaults, Parent
    from langfuse_otel.settings import Settings

_calls: Newest[str, tuple[Mapping[str, Any], Parent | None]] = Newest()
_projects: dict[Destination, str] = {}


def announce(call_id: str, kwargs: Mapping[str, Any], ambient: Parent | None) -> None:
    """Remember a call by what decides about its trace, to be read if anyone asks.

    An id that somebody uses again is that of the later call.
    """
    _calls.put(call_id, (what_decides(kwargs), ambient and ambient.bare))


def announce_late(call_id: str, kwargs: Mapping[str, Any], ambient: Parent | None) -> None:
    """Do so when a call has ended that LiteLLM did not announce."""
    if call_id not in _calls:
        announce(call_id, kwargs, ambient)


def trace_of_call(call_id: object, defaults: Defaults) -> str | None:
    """Return the trace id of a call as 32 hex digits; None for one that is not remembered."""
    known_as = short_text(call_id) if isinstance(call_id, str) else ""
    found = _calls.get(known_as)
    if found is None:
        return None
    decisive, ambient = found
    clues = clues_of({"litellm_call_id": known_as, **decisive}, ambient, defaults)
    return f"{identify(clues).trace_id:032x}"


def trace_id(response: object) -> str | None:
    """Return the trace that a response of LiteLLM's belongs to.

    Args:
        response: what `litellm.completion` and its like return, also a stream.

    Returns:
        The trace id in Langfuse, 32 hex digits; None for a response of no recent call, or where
        the callback is not registered.
    """
    call_id = _call_id(response)
    return trace_of_call(call_id, defaults_of(_settings())) if call_id else None


def trace_url(response: object) -> str | None:
    """Return the address of the page that shows the trace of a response.

    The project's id is asked from Langfuse once.

    Args:
        response: as for `trace_id`.

    Returns:
        The address; None where `trace_id` is None, where the settings name no address, or where
        Langfuse does not tell the project.
    """
    found = trace_id(response)
    if found is None:
        return None
    settings = _settings()
    try:
        base = settings.ui_url or settings.address()
        project = _project(project_of(settings), settings.timeout)
    except ValueError:
        return None
    return f"{base.rstrip('/')}/project/{project}/traces/{found}" if project else None


@cache
def _settings() -> Settings:
    """As they were when somebody first asked: a program may set them after the import."""
    return read_settings()


def _call_id(response: object) -> Any:
    hidden = getattr(response, "_hidden_params", None)
    call_id = hidden.get("litellm_call_id") if isinstance(hidden, dict) else None
    return call_id or getattr(getattr(response, "logging_obj", None), "litellm_call_id", None)


def _project(destination: Destination, timeout_s: float) -> str | None:
    from langfuse_otel._rest import project_id  # noqa: PLC0415 - only who asks pays

    if destination not in _projects and (found := project_id(destination, timeout_s)):
        _projects[destination] = found
    return _projects.get(destination)
