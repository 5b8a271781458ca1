"""What a program says of an observation that it makes by hand → our record. Pure.

A value of a wrong type, or one that fails when it is read, counts as not given; what is given later
wins.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, get_args

from langfuse_otel._litellm.limits import short_text, short_text_of, storable
from langfuse_otel._litellm.trace import prompt_from
from langfuse_otel._litellm.usage import cost_of, is_cost, tokens, usage_of
from langfuse_otel._records import Level, Observation, ObservationType
from langfuse_otel._text import clean, json_text, message_of
from langfuse_otel._values import is_true, mapping_of, members, nanoseconds_of, text_of, texts_of

if TYPE_CHECKING:
    from datetime import datetime

    from langfuse_otel._records import Json

    Reader = Callable[[Observation, Any], Observation]

log = logging.getLogger("langfuse_otel")

# A provider's counts overlap and are divided into buckets; other names are Langfuse's own buckets.
_PROVIDERS_COUNTS = frozenset(
    {"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"}
)


class Fields(TypedDict, total=False):
    """What may be said of an observation when it begins, later, and when it ends."""

    name: str
    input: object
    output: object
    metadata: Mapping[str, Any]
    model: str
    model_parameters: Mapping[str, Any]
    usage: object
    cost: float | Mapping[str, float]
    prompt: object
    level: Level
    status_message: str
    version: str
    completion_start_time: datetime
    user_id: str
    session_id: str
    tags: list[str] | tuple[str, ...]
    public: bool


def changed(observation: Observation, given: Fields) -> Observation:
    """Return the observation with what is given.

    Raises:
        TypeError: a name is none of `Fields`.
    """
    unknown = given.keys() - Fields.__annotations__
    if unknown:
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(_READERS)}")
    for name, value in given.items():
        if value is not None:
            observation = _changed_by(observation, name, value)
    return observation


def _changed_by(observation: Observation, name: str, given: object) -> Observation:
    try:
        return _READERS[name](observation, given)
    except Exception as error:  # noqa: BLE001 - whatever a program's object raises when it is read
        log.warning("langfuse-otel: `%s` could not be read: %s", name, type(error).__name__)
        return observation


def type_from(given: object) -> ObservationType:
    """Return the type of observation that is meant; a span where it is none of Langfuse's."""
    known: Mapping[str, ObservationType] = {kind: kind for kind in get_args(ObservationType)}
    found = known.get((text_of(given) or "").lower())
    if found is None:
        log.warning("langfuse-otel: `as_type` is one of %s; this one is not", ", ".join(known))
    return found or "span"


def failed(observation: Observation, error: object, *, is_quoting: bool) -> Observation:
    """Return the observation with an error, an exception or a text.

    A task that is cancelled and a program that is ended are no errors. `is_quoting`: its stack trace,
    which may quote content, is told as well.
    """
    level: Level = "WARNING" if _is_end(error) else "ERROR"
    told = observation._replace(level=level, status_message=storable(message_of(error)))
    if not isinstance(error, BaseException):
        return told
    named = type(error)
    facts = {"exception.type": f"{named.__module__}.{named.__qualname__}"}
    if is_quoting:
        facts["exception.stacktrace"] = _stack_trace(error)
    return _with_metadata(told, facts)


def _stack_trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - whatever an exception raises when it is read
        return type(error).__name__


def as_trace(observation: Observation) -> Observation:
    """Return the observation that stands for its trace: the trace has its name and metadata."""
    told = observation.trace._replace(name=observation.name, metadata=observation.metadata)
    return observation._replace(trace=told)


def as_sent(observation: Observation, *, has_calls: bool) -> Observation:
    """Return the observation as it is exported.

    Usage and cost belong to the calls within, where there are any; of a failure they are 0, or
    Langfuse would price what the text looks like.

    Args:
        observation: has ended.
        has_calls: calls with a usage of their own were made within it.
    """
    if has_calls:
        is_call = observation.type in {"generation", "embedding"}
        plain = observation._replace(usage=None, cost=None, prompt=None)
        return plain._replace(type="span", model=None, model_parameters=None) if is_call else plain
    has_numbers = observation.usage or observation.cost
    if observation.type == "generation" and observation.level == "ERROR" and not has_numbers:
        return observation._replace(cost={"total": 0.0})
    return observation


def usage_from(given: object) -> dict[str, int] | None:
    """Return Langfuse's buckets of a provider's usage, or of a mapping that has them already."""
    counts = members(given)
    if _PROVIDERS_COUNTS & counts.keys():
        return usage_of(given)
    return {str(name): count for name in counts if (count := tokens(counts, name))} or None


def _is_end(error: object) -> bool:
    return isinstance(error, BaseException) and not isinstance(error, Exception)


def _cost(given: object) -> dict[str, float] | None:
    parts = {str(name): float(c) for name, c in mapping_of(given).items() if is_cost(c)}
    cost = {"total": sum(parts.values()), **parts} if parts else cost_of(given, {})
    if cost and is_cost(cost["total"]):
        return cost
    log.warning("langfuse-otel: a cost is a number of US dollars, 0 to 1e6; this one is not")
    return None


def _level(observation: Observation, given: object) -> Observation:
    known: Mapping[str, Level] = {level: level for level in get_args(Level)}
    return observation._replace(level=known.get(str(given).upper(), observation.level))


def _with_metadata(observation: Observation, more: object) -> Observation:
    before = json.loads(observation.metadata or "{}")
    given = more if isinstance(more, Mapping) else {"metadata": more}
    return observation._replace(metadata=json_text({**before, **json.loads(json_text(given))}))


def _with_tags(observation: Observation, more: object) -> Observation:
    tags = tuple(dict.fromkeys((*observation.trace.tags, *map(short_text, texts_of(more)))))
    return observation._replace(trace=observation.trace._replace(tags=tags))


def _field(name: str, read: Callable[[Any], Any]) -> Reader:
    def changed_by(observation: Observation, given: Any) -> Observation:
        values: Any = {name: read(given)}
        return observation._replace(**values)

    return changed_by


def _trace_field(name: str, read: Callable[[Any], Any]) -> Reader:
    def changed_by(observation: Observation, given: Any) -> Observation:
        values: Any = {name: read(given)}
        return observation._replace(trace=observation.trace._replace(**values))

    return changed_by


def _name(given: object) -> str:
    return short_text(clean(str(given)))


def _message(given: object) -> str | None:
    text = text_of(given)
    return storable(text) if text else None


def _parameters(given: object) -> Json | None:
    parameters = dict(mapping_of(given))
    return json_text(parameters) if parameters else None


_READERS: Mapping[str, Reader] = {
    "name": _field("name", _name),
    "input": _field("input", json_text),
    "output": _field("output", json_text),
    "metadata": _with_metadata,
    "model": _field("model", short_text_of),
    "model_parameters": _field("model_parameters", _parameters),
    "usage": _field("usage", usage_from),
    "cost": _field("cost", _cost),
    "prompt": _field("prompt", prompt_from),
    "level": _level,
    "status_message": _field("status_message", _message),
    "version": _field("version", short_text_of),
    "completion_start_time": _field("completion_started_ns", lambda at: nanoseconds_of(at) or None),
    "user_id": _trace_field("user_id", short_text_of),
    "session_id": _trace_field("session_id", short_text_of),
    "tags": _with_tags,
    "public": _trace_field("public", is_true),
}
