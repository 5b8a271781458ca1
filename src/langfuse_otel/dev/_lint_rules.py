"""The rules of the linter, each for one span; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from . import _fields as fields
from . import _kind as kind
from . import _metadata as metadata
from ._api import json_of_observation
from ._content import input_output_of, trace_input_output_of
from ._instants import read_instant
from ._mapping import observation_view
from ._reading import is_read
from ._rejection import COMPLETION_START
from ._usage import COST, USAGE, converted, cost_details_of, given_object, usage_details_of
from ._values import NOT_JSON, first_truthy, parse_json
from ._views import Dropped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._received import ReceivedSpan
    from ._views import WritePath

Remark = tuple[Literal["dropped", "ignored", "changed"], "str | None", str]

_PATHS: Final[dict[WritePath, str]] = {
    "legacy": "On the legacy path (Langfuse 3)",
    "direct": "On the direct path (Langfuse 4)",
}
_WRAPPERS: Final = {
    '{"arrayValue":': "an empty list",
    '{"kvlistValue":': "a map",
    '{"bytesValue":': "bytes",
}
_GENERATION: Final = (
    "completionStartTime",
    "model",
    "modelParameters",
    "usageDetails",
    "costDetails",
    "promptName",
)
_HIDDEN: Final = ("model", "usageDetails", "costDetails")
_OPERATION: Final = "gen_ai.operation.name"
_PROMPT: Final = ("langfuse.observation.prompt.name", "langfuse.prompt.name")
_NO_UPDATES: Final = (
    "langfuse.release",
    "langfuse.version",
    "langfuse.tags",
    "langfuse.public",
    "gen_ai.conversation.id",
)
_OWN: Final = ("langfuse.observation.", "langfuse.trace.")
_TRACE_CONTENT: Final = ("langfuse.trace.input", "langfuse.trace.output")


def _observation(span: ReceivedSpan) -> Iterator[Remark]:
    paths: dict[str, list[WritePath]] = {}
    for path in _PATHS:
        seen = observation_view(span, path)
        if isinstance(seen, Dropped):
            paths.setdefault(seen.reason, []).append(path)
    for reason, found in paths.items():
        where = _PATHS[found[0]] if len(found) == 1 else "On both paths (Langfuse 3 and 4)"
        text = f"{where} the whole observation is dropped: {reason}."
        yield "dropped", _culprit(span, found[0], reason), text


def _culprit(span: ReceivedSpan, path: WritePath, reason: str) -> str | None:
    """Give the attribute without which the observation is not dropped for this reason."""
    for name in span.attributes:
        rest = {key: value for key, value in span.attributes.items() if key != name}
        seen = observation_view(replace(span, attributes=rest), path)
        if not (isinstance(seen, Dropped) and seen.reason == reason):
            return name
    return None


def _wrappers(span: ReceivedSpan) -> Iterator[Remark]:
    for name, value in span.attributes.items():
        for start, what in _WRAPPERS.items():
            if isinstance(value, str) and value.startswith(start):
                becomes = "the tag" if name in fields.TAGS else "the text"
                yield "changed", name, f"Langfuse cannot read {what}: it becomes {becomes} {value}."


def _type(span: ReceivedSpan) -> Iterator[Remark]:
    given, stored = span.attributes.get(kind.TYPE), kind.observation_type(span)
    if given is not None and (not isinstance(given, str) or given != stored.lower()):
        text = f"{_quoted(given)} is no type of Langfuse's, in lower case: {stored} is stored."
        yield "changed", kind.TYPE, text


def _level(span: ReceivedSpan) -> Iterator[Remark]:
    given, known = span.attributes.get(kind.LEVEL), kind.explicit_level(span)
    if given is not None and known is None:
        text = f"{_quoted(given)} is no level: {kind.level_of(span)} is stored."
        yield "ignored", kind.LEVEL, text
    if known not in {None, "ERROR"} and kind.has_error_status(span):
        yield "changed", kind.LEVEL, f"{known} hides the status ERROR of the span."


def _environment(span: ReceivedSpan) -> Iterator[Remark]:
    given, stored = kind.given_environment(span), kind.environment_of(span)
    if given is not None and given[1] != stored:
        form = "lower-case letters, digits, - and _, 40 at most, not beginning with langfuse"
        yield "changed", given[0], f"{_quoted(given[1])} is stored as {_quoted(stored)}: {form}."


def _tags(span: ReceivedSpan) -> Iterator[Remark]:
    given = first_truthy(span.attributes, fields.TAGS)
    tags = fields.tags_of(span)
    if isinstance(given, str) and "," in given and len(tags) > 1 and not given.startswith("["):
        name = next(key for key in fields.TAGS if span.attributes.get(key) == given)
        yield "changed", name, f"The text is split at its commas, into {len(tags)} tags."


def _usage(span: ReceivedSpan) -> Iterator[Remark]:
    given = given_object(span.attributes.get(USAGE))
    stored = usage_details_of(span.attributes)
    yield from _object_remarks(span, USAGE, given)
    if given and converted(given) is given:
        lost = sorted(given.keys() - stored.keys())
        if lost:
            text = "a count is a whole number that is not negative"
            yield "ignored", USAGE, f"Dropped: {', '.join(lost)}; {text}."
        yield from _overlaps(given, stored)
    if given is None and stored.get("input") == 0 and _has_counted_input(span):
        text = "The cached tokens are subtracted from the input tokens, which leaves none."
        yield "changed", "gen_ai.usage.input_tokens", text


def _overlaps(given: dict[str, Any], stored: dict[str, int]) -> Iterator[Remark]:
    parts = sum(count for bucket, count in stored.items() if bucket != "total")
    if "total_tokens" in given:
        text = "OpenAI's shape is converted only without other keys: here each number becomes"
        yield "changed", USAGE, f"{text} a bucket of its own, and tokens are counted twice."
    elif "total" in given and parts > stored.get("total", parts):
        text = f"The buckets overlap: they add up to {parts}, the total is {stored['total']}."
        yield "changed", USAGE, f"{text} What is in two buckets is priced twice."


def _has_counted_input(span: ReceivedSpan) -> bool:
    names = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    return first_truthy(span.attributes, names) is not None


def _cost(span: ReceivedSpan) -> Iterator[Remark]:
    given = given_object(span.attributes.get(COST))
    yield from _object_remarks(span, COST, given)
    try:
        stored = cost_details_of(span.attributes, "legacy")
    except ValueError:
        return
    lost = sorted((given or {}).keys() - stored.keys())
    if lost:
        text = f"{_PATHS['legacy']} dropped: {', '.join(lost)}; a cost is a number from 0."
        yield "ignored", COST, text
    if stored and "total" not in stored:
        text = "Without total the trace has no cost, as there are others than input and output."
        yield "ignored", COST, text


def _object_remarks(
    span: ReceivedSpan, name: str, given: dict[str, Any] | None
) -> Iterator[Remark]:
    value = span.attributes.get(name)
    if value is not None and not isinstance(value, str):
        yield "ignored", name, "It must be text that holds a JSON object."
    elif value and not given and parse_json(value) != {}:
        yield "ignored", name, "The text holds no JSON object."


def _prompt(span: ReceivedSpan) -> Iterator[Remark]:
    stored = kind.observation_type(span)
    if stored != "GENERATION":
        for name in _PROMPT:
            if span.attributes.get(name):
                yield "ignored", name, f"A prompt is linked to a generation alone, not to {stored}."


def _metadata(span: ReceivedSpan) -> Iterator[Remark]:
    for name in (metadata.OBSERVATION, metadata.TRACE, metadata.SHARED):
        value = span.attributes.get(name)
        data = parse_json(value) if isinstance(value, str) else value
        if value is None or isinstance(data, dict):
            continue
        if isinstance(data, list):
            text = f"A list becomes the keys {', '.join(metadata.blob_of(data)) or 'of nothing'}."
            yield "changed", name, text
        else:
            what = "no JSON" if data is NOT_JSON else "no JSON object"
            yield "ignored", name, f"It is dropped: the text holds {what}."


def _completion_start(span: ReceivedSpan) -> Iterator[Remark]:
    given = span.attributes.get(COMPLETION_START)
    if given is not None and not (read_instant(given) or read_instant(parse_json(given))):
        yield "ignored", COMPLETION_START, "It is no date: ISO-8601 text with Z or an offset is."


def _of_generation(span: ReceivedSpan) -> Iterator[Remark]:
    """Compare what the two paths keep: model, usage, cost and so on belong to generations."""
    legacy, direct = (observation_view(span, path) for path in ("legacy", "direct"))
    if isinstance(legacy, Dropped) or isinstance(direct, Dropped):
        return
    kept, given = json_of_observation(legacy), json_of_observation(direct)
    lost = [name for name in _GENERATION if given[name] and not kept[name]]
    if lost:
        text = f"{_PATHS['legacy']} an observation of type {legacy.type} has no {', '.join(lost)}."
        yield "ignored", None, text
    if _hides_model(span):
        text = f"For {span.attributes[_OPERATION]} Langfuse reads neither model nor usage nor cost."
        yield "ignored", _OPERATION, text


def _hides_model(span: ReceivedSpan) -> bool:
    """Tell whether the operation of a span is what hides its model, usage or cost."""
    typed = {**span.attributes, kind.TYPE: kind.observation_type(span).lower()}
    typed.pop(_OPERATION, None)
    seen = [observation_view(one, "direct") for one in (span, replace(span, attributes=typed))]
    kept = [{} if isinstance(one, Dropped) else json_of_observation(one) for one in seen]
    return any(kept[1].get(name) and not kept[0].get(name) for name in _HIDDEN)


def _name(span: ReceivedSpan) -> Iterator[Remark]:
    stored = kind.observation_name(span)
    if stored != span.name and kind.observation_type(span) == "GENERATION":
        yield (
            "changed",
            None,
            f"The generation is named {_quoted(stored)} after a tool's attribute.",
        )


def _trace_fields(span: ReceivedSpan) -> Iterator[Remark]:
    if span.parent_span_id and not fields.has_trace_update(span):
        for name in _NO_UPDATES:
            if span.attributes.get(name) and not fields.is_set(span, "langfuse.internal.as_root"):
                text = "on a span with a parent does not reach the trace."
                yield "ignored", name, f"{_PATHS['legacy']} it {text}"
    if span.parent_span_id or trace_input_output_of(span) != input_output_of(span):
        for name in _TRACE_CONTENT:
            if span.attributes.get(name):
                text = "it is not read: the trace shows what the observation without a parent has."
                yield "ignored", name, f"{_PATHS['direct']} {text}"


def _resource(span: ReceivedSpan) -> Iterator[Remark]:
    if span.resource_attributes.get("langfuse.version"):
        text = "It is not read from the resource; service.version is."
        yield "ignored", "resource.langfuse.version", text


def _shape(span: ReceivedSpan) -> Iterator[Remark]:
    if span.parent_span_id and not span.parent_span_id.strip("0"):
        yield "changed", None, "A parent id of zeros is no root: the trace has no name and content."
    if span.end_ns < span.start_ns:
        yield "changed", None, "The span ends before it starts."
    if any(event.name == "exception" for event in span.events):
        text = "The event is not kept; the description of the status is shown as the error."
        yield "ignored", "exception", text


def _unknown(span: ReceivedSpan) -> Iterator[Remark]:
    for name in span.attributes:
        if name.startswith(_OWN) and not is_read(span, name):
            yield "ignored", name, "Langfuse reads no such attribute; it is kept in the metadata."


def _quoted(value: object) -> str:
    return f"“{value}”"


RULES: Final = (
    _observation,
    _wrappers,
    _type,
    _level,
    _environment,
    _tags,
    _usage,
    _cost,
    _prompt,
    _metadata,
    _completion_start,
    _of_generation,
    _name,
    _trace_fields,
    _resource,
    _shape,
    _unknown,
)
"""In the order in which their warnings are given."""
