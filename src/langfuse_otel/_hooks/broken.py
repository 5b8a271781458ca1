"""Streams of Anthropic's and Gemini's own form within which the provider says that it failed.

The caller reads the event like any other, so LiteLLM (1.106) reports such a stream as a success, or not
at all; only its reader of whole streams raises the error, which LiteLLM logs and forgets, with what had
been said.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import wrapt

from langfuse_otel._litellm.limits import short_text
from langfuse_otel._litellm.redaction import REDACTED
from langfuse_otel._values import part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType

# Module, class and name of LiteLLM's readers of whole streams.
HANDLERS = "litellm.proxy.pass_through_endpoints.llm_provider_handlers"
READERS: Mapping[str, tuple[str, str]] = {
    f"{HANDLERS}.anthropic_passthrough_logging_handler": (
        "AnthropicPassthroughLoggingHandler",
        "build_complete_streaming_response",
    ),
    f"{HANDLERS}.gemini_passthrough_logging_handler": (
        "GeminiPassthroughLoggingHandler",
        "_build_complete_streaming_response",
    ),
}

# What stands in an answer without words, and in any that LiteLLM has redacted.
WORDLESS = (None, "", json.loads(REDACTED))

# Held by LiteLLM's object of the call alone.
_broken: WeakValueDictionary[str, Broken] = WeakValueDictionary()


@dataclass(eq=False)
class Broken:
    """The error of a stream, and what it had said until then, as LiteLLM's response object."""

    error: Exception
    said: object


def watch(module: ModuleType) -> None:
    """Wrap that reader in LiteLLM's module, which has just been imported."""
    handler, read = READERS[module.__name__]
    if hasattr(getattr(module, handler, None), read):
        wrapt.wrap_function_wrapper(module, f"{handler}.{read}", _read)


def broken(call_id: str | None, response: object = None) -> Broken | None:
    """Return what is known of a call whose stream held an error; None of any other.

    LiteLLM's `response` to such a stream has no words: one that has is another attempt's.
    """
    known = _broken.get(call_id) if call_id else None
    return None if known is None or _has_words(response) else known


def _has_words(response: object) -> bool:
    messages = [part(choice, "message") for choice in part(response, "choices") or ()]
    return any(part(one, "tool_calls") or part(one, "content") not in WORDLESS for one in messages)


def _read(
    read: Callable[..., Any], _handler: object, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    try:
        return read(*arguments, **named)
    except Exception as error:
        with suppress(Exception):  # another version's names must not hide LiteLLM's own error
            _note(error, read, named)
        raise


def _note(error: Exception, read: Callable[..., Any], named: dict[str, Any]) -> None:
    chunks, call = named["all_chunks"], named["litellm_logging_obj"]
    before = list(takewhile(lambda chunk: not _is_error(chunk), chunks))
    if len(before) < len(chunks):
        said = read(**{**named, "all_chunks": before})
        known = call._langfuse_otel_broken = Broken(error, said)  # noqa: SLF001 - a name of ours
        _broken[short_text(str(call.litellm_call_id))] = known


def _is_error(chunk: str | bytes) -> bool:
    lines: Iterable[str] = (chunk.decode() if isinstance(chunk, bytes) else chunk).splitlines()
    return any(_has_error(line.removeprefix("data:")) for line in lines if "error" in line)


def _has_error(text: str) -> bool:
    try:
        return bool(part(json.loads(text), "error"))
    except ValueError:
        return False
