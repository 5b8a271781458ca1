"""
Input and output of a span: the first source that has either decides both.

Left out: the sources of genkit, the Vercel AI SDK, Vertex agents, logfire, LiveKit, MLflow and
Pydantic AI.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ._values import NOT_JSON, is_truthy, json_text, optional_text, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._received import ReceivedEvent, ReceivedSpan
    from ._views import WritePath

Pair = tuple[Any, Any]

_OWN: Final = ("langfuse.observation.input", "langfuse.observation.output")
_TRACE: Final = ("langfuse.trace.input", "langfuse.trace.output")
_DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
_MESSAGE_EVENT: Final = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")
_CONTENT_EVENTS: Final = ("gen_ai.content.prompt", "gen_ai.content.completion")
_PLAIN_PAIRS: Final = (
    ("traceloop.entity.input", "traceloop.entity.output"),
    ("input.value", "output.value"),
    ("input", "output"),
    ("tool_arguments", "tool_response"),
)
_INDEXED_PAIRS: Final = (
    ("gen_ai.prompt", "gen_ai.completion"),
    ("llm.input_messages", "llm.output_messages"),
)
_MESSAGES: Final = ("gen_ai.input.messages", "gen_ai.output.messages")
_TOOL_CALL: Final = ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result")
_LAST_SLOT: Final = 10_000

CONTENT_KEYS: Final = frozenset(
    {*_OWN, *_TRACE, *_MESSAGES, *_TOOL_CALL, "gen_ai.system_instructions"}
    | {key for pair in _PLAIN_PAIRS for key in pair}
)
"""Attributes that are content and therefore do not appear among the metadata's `attributes`."""

CONTENT_PREFIXES: Final = tuple(prefix for pair in _INDEXED_PAIRS for prefix in pair)


def input_output_of(span: ReceivedSpan) -> Pair:
    """Take a span, give the raw input and output of its observation."""
    return next((found for source in _SOURCES if _is_hit(found := source(span))), (None, None))


def trace_input_output_of(span: ReceivedSpan) -> Pair:
    """Take a root span on the legacy path, give the raw input and output of its trace."""
    attributes = span.attributes
    own = tuple(
        attributes[trace] if attributes.get(trace) else attributes.get(observation)
        for trace, observation in zip(_TRACE, _OWN, strict=True)
    )
    return (own[0], own[1]) if _is_hit(own) else input_output_of(span)


def stored_text(value: Any, path: WritePath) -> str | None:
    """Take raw content, give the stored text: the legacy path stores nothing for what is falsy."""
    if path == "legacy" and not is_truthy(value):
        return None
    return optional_text(value)


def with_tools(given: Any, tools: list[Any]) -> str:
    """Take an input and tool definitions, give the input that holds both."""
    data = parse_json(given) if isinstance(given, str) else given
    if isinstance(data, list):
        return json_text({"messages": data, "tools": tools})
    if isinstance(data, dict) and "messages" in data:
        return json_text({**data, "tools": tools})
    return json_text({"prompt": given if data is NOT_JSON else data, "tools": tools})


def _is_hit(found: tuple[Any, ...]) -> bool:
    return any(part is not None for part in found)


def _pair_of(attributes: Mapping[str, Any], keys: tuple[str, str]) -> Pair:
    return attributes.get(keys[0]), attributes.get(keys[1])


def _own(span: ReceivedSpan) -> Pair:
    return _pair_of(span.attributes, _OWN)


def _details_event(span: ReceivedSpan) -> Pair:
    event = _event_named(span, _DETAILS_EVENT)
    return (None, None) if event is None else _messages_of(event.attributes)


def _message_events(span: ReceivedSpan) -> Pair:
    messages = [
        {"role": found[1], **event.attributes}
        for event in span.events
        if (found := _MESSAGE_EVENT.fullmatch(event.name))
    ]
    choices = [dict(event.attributes) for event in span.events if event.name == "gen_ai.choice"]
    return messages or None, choices[0] if len(choices) == 1 else choices or None


def _content_events(span: ReceivedSpan) -> Pair:
    asked, answered = (_event_named(span, name) for name in _CONTENT_EVENTS)
    return (
        None if asked is None else asked.attributes.get("gen_ai.prompt", dict(asked.attributes)),
        None
        if answered is None
        else answered.attributes.get("gen_ai.completion", dict(answered.attributes)),
    )


def _event_named(span: ReceivedSpan, name: str) -> ReceivedEvent | None:
    return next((event for event in span.events if event.name == name), None)


def _plain(keys: tuple[str, str]) -> Callable[[ReceivedSpan], Pair]:
    def source(span: ReceivedSpan) -> Pair:
        found = _pair_of(span.attributes, keys)
        return found if any(map(is_truthy, found)) else (None, None)

    return source


def _indexed(prefixes: tuple[str, str]) -> Callable[[ReceivedSpan], Pair]:
    def source(span: ReceivedSpan) -> Pair:
        return _rebuilt(span.attributes, prefixes[0]), _rebuilt(span.attributes, prefixes[1])

    return source


def _rebuilt(attributes: Mapping[str, Any], prefix: str) -> Any:
    """Give the list of objects that dotted keys spell out, the whole value if it is not split."""
    if attributes.get(prefix):
        return attributes[prefix]
    slots: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        found = re.match(rf"{re.escape(prefix)}\.(\d{{1,5}})\.(.+)", key)
        if found and int(found[1]) <= _LAST_SLOT:
            _put(slots.setdefault(int(found[1]), {}), found[2].split("."), value)
    return [_listed(slots[index]) for index in sorted(slots)] or None


def _put(holder: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = holder.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        holder = inner
    holder[path[-1]] = value


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isascii() and key.isdigit() for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}


def _messages(span: ReceivedSpan) -> Pair:
    return _messages_of(span.attributes)


def _messages_of(attributes: Mapping[str, Any]) -> Pair:
    asked, answered = _pair_of(attributes, _MESSAGES)
    instructions = attributes.get("gen_ai.system_instructions")
    return (_prepended(instructions, asked) if instructions else asked), answered


def _prepended(instructions: Any, asked: Any) -> Any:
    system = parse_json(instructions)
    content = instructions if system is NOT_JSON else system
    messages = parse_json(asked)
    first = {"role": "system", "content": content}
    return [first, *messages] if isinstance(messages, list) else asked or [first]


_SOURCES: Final = (
    _own,
    _details_event,
    _message_events,
    _content_events,
    *map(_plain, _PLAIN_PAIRS),
    *map(_indexed, _INDEXED_PAIRS),
    _messages,
    _plain(_TOOL_CALL),
)
