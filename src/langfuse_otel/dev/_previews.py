"""The question and the answer of a trace in one line each, out of any shape of input; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._values import NOT_JSON, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 200
_DEEPEST: Final = 12
_HOLDERS: Final = ("content", "text", "parts", "messages", "prompt", "query", "input", "message")
_NOT_SAID: Final = frozenset(("system", "developer", "tool"))


def asked(stored: str | None) -> str:
    """Take a stored input, give what was asked last, shortened: the words of the last message."""
    return _line(_data(stored), is_question=True)


def answered(stored: str | None) -> str:
    """Take a stored output, give what was answered, shortened; for tool calls, their names."""
    return _line(_data(stored), is_question=False)


def _data(stored: str | None) -> Any:
    data = parse_json(stored)
    return stored if data is NOT_JSON else data


def _line(data: Any, *, is_question: bool) -> str:
    messages = data.get("messages", data) if isinstance(data, dict) else data
    if is_question and _is_conversation(messages):
        said = [message for message in messages if message.get("role") not in _NOT_SAID]
        messages = (said or messages)[-1]
    return _shortened(" ".join(" ".join(_words(messages, 0)).split()))


def _is_conversation(messages: Any) -> bool:
    return (
        isinstance(messages, list)
        and bool(messages)
        and all(isinstance(message, dict) for message in messages)
    )


def _words(node: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(node, str):
        yield node[: 2 * _LONGEST]
    elif isinstance(node, list):
        for item in node[:20]:
            yield from _words(item, depth + 1)
    elif isinstance(node, dict):
        for holder in _HOLDERS:
            yield from _words(node.get(holder), depth + 1)
        yield from _called(node)


def _called(node: dict[str, Any]) -> Iterator[str]:
    calls = node.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            yield f"{name}(…)"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
