"""Why the strict schema of the legacy path drops a whole observation, in the user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._instants import read_instant
from ._kind import UNTYPED, observation_type
from ._values import first_present, parse_json

if TYPE_CHECKING:
    from ._received import ReceivedSpan

COMPLETION_START: Final = "langfuse.observation.completion_start_time"
_LONGEST_ID: Final = 800


def legacy_rejection(span: ReceivedSpan) -> str | None:
    """Take a span, give the first reason for which the legacy path drops it, or None."""
    checks = (_of_ids, _of_texts) if observation_type(span) in UNTYPED else _ALL
    return next((reason for check in checks if (reason := check(span))), None)


def version_rejection(span: ReceivedSpan) -> str | None:
    """Take a span, give why its version makes the legacy path drop observation and trace."""
    keys = (
        span.attributes.get("langfuse.version"),
        span.resource_attributes.get("service.version"),
    )
    given = next((value for value in keys if value is not None), None)
    return None if given is None or isinstance(given, str) else "the version is not a string"


def _of_ids(span: ReceivedSpan) -> str | None:
    for given in (span.trace_id, span.span_id):
        if len(given) > _LONGEST_ID or "\r" in given:
            return f"an id is longer than {_LONGEST_ID} characters or contains a line break"
    return None


def _of_texts(span: ReceivedSpan) -> str | None:
    message = span.attributes.get("langfuse.observation.status_message")
    if message is not None and not isinstance(message, str):
        return "the status message is not a string"
    return version_rejection(span)


def _of_completion_start(span: ReceivedSpan) -> str | None:
    given = span.attributes.get(COMPLETION_START)
    read = read_instant(given) or read_instant(parse_json(given))
    if read is None or read.is_strict:
        return None
    return "the completion start time is not ISO-8601 text with an offset"


def _of_model_parameters(span: ReceivedSpan) -> str | None:
    given = parse_json(span.attributes.get("langfuse.observation.model.parameters"))
    return "the model parameters are a JSON string" if isinstance(given, str) else None


def _of_prompt(span: ReceivedSpan) -> str | None:
    name = _prompt_part(span, "name")
    version = _prompt_part(span, "version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        return "the prompt version is not an integer"
    if name is not None and not isinstance(name, str):
        return "the prompt name is not a string"
    return None if bool(name) == bool(version) else "a prompt needs both its name and its version"


def _prompt_part(span: ReceivedSpan, part: str) -> Any:
    keys = (f"langfuse.observation.prompt.{part}", f"langfuse.prompt.{part}")
    return first_present(span.attributes, keys)


_ALL: Final = (_of_ids, _of_texts, _of_completion_start, _of_model_parameters, _of_prompt)
