"""What a stream has said so far, for each of LiteLLM's (1.106) classes of stream objects.

LiteLLM puts the chunks together only at the end of a stream, by methods of the stream object. What
these need is held here without the object itself, so that the caller can still drop it.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.limits import short_text
from langfuse_otel._values import mapping_of, part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SEVERAL = 2

# Attributes of a stream object that keep its connection open.
CONNECTION = ("response", "stream_iterator")

GEMINI_HANDLER = (
    "litellm.proxy.pass_through_endpoints.llm_provider_handlers.gemini_passthrough_logging_handler"
)


class Partial(ABC):
    """What one stream has said so far, and LiteLLM's dictionary about the call."""

    def __init__(self, logging_obj: Any) -> None:
        self.call_id = short_text(str(logging_obj.litellm_call_id))
        self.kwargs: Mapping[str, Any] = logging_obj.model_call_details

    @property
    @abstractmethod
    def has_begun(self) -> bool:
        """Whether anything was read."""

    @property
    @abstractmethod
    def is_complete(self) -> bool:
        """Whether the provider said that this was all."""

    @abstractmethod
    def answer(self) -> object:
        """Return it as LiteLLM's response object."""

    def told_apart(self, response: Any) -> Any:
        """Return LiteLLM's response with the choices one by one that LiteLLM puts together."""
        return response

    def let_go(self) -> None:  # noqa: B027 - most have nothing to close
        """Close what the stream object, which is gone, would have closed."""


class Chat(Partial):
    """Of `CustomStreamWrapper`: chat and text completions, and what is bridged to them."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream.logging_obj)
        self._chunks: list[Any] = stream.chunks
        self._stream = weakref.ref(stream)

    @property
    def has_begun(self) -> bool:
        """Whether there is a chunk."""
        return bool(self._chunks)

    @property
    def is_complete(self) -> bool:
        """Whether the provider said why it stopped, or LiteLLM did in its place."""
        if getattr(self._stream(), "sent_last_chunk", False):
            return True
        choices = (choice for chunk in self._chunks for choice in part(chunk, "choices") or ())
        return any(part(choice, "finish_reason") for choice in choices)

    def answer(self) -> object:
        """Return the chunks as one chat completion."""
        return _built(self._chunks, self.kwargs.get("messages"))

    def told_apart(self, response: Any) -> Any:
        """Return it with as many choices as were asked for."""
        number = mapping_of(self.kwargs.get("optional_params")).get("n")
        if not isinstance(number, int) or number < SEVERAL or not self._is_whole(response):
            return response
        choices = [
            _built(chunks, None).choices[0].model_copy(update={"index": index})
            for index in range(number)
            if (chunks := list(_chunks_of(index, self._chunks)))
        ]
        return response.model_copy(update={"choices": choices})

    def _is_whole(self, response: Any) -> bool:
        """Whether it says what the chunks say: a hook may have hidden some of it."""
        message = response.choices[0].message
        deltas = [choice.delta for chunk in self._chunks for choice in part(chunk, "choices") or ()]
        is_all_text = (message.content or "") == "".join(part(d, "content") or "" for d in deltas)
        # Those of several tool calls may come by turns.
        return is_all_text and sorted(_arguments(message)) == sorted(
            "".join(map(_arguments, deltas))
        )


def _arguments(message: Any) -> str:
    functions = [part(call, "function") for call in part(message, "tool_calls") or ()]
    return "".join(part(function, "arguments") or "" for function in functions)


def _built(chunks: Iterable[Any], messages: object) -> Any:
    return import_module("litellm").stream_chunk_builder(list(chunks), messages=messages)


def _chunks_of(index: int, chunks: Iterable[Any]) -> Iterator[Any]:
    """The chunks of one choice, as if there was no other."""
    for chunk in list(chunks):
        if choices := [choice for choice in part(chunk, "choices") or () if choice.index == index]:
            yield chunk.model_copy(update={"choices": choices})


class Responses(Partial):
    """Of `ResponsesAPIStreamingIterator` and its synchronous twin: the Responses API."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream.logging_obj)
        self._class = type(stream)
        self._attributes = vars(stream)

    @property
    def has_begun(self) -> bool:
        """Whether the event came that announces the response."""
        return self.is_complete or self._attributes.get("_created_response") is not None

    @property
    def is_complete(self) -> bool:
        """Whether the event came that holds the whole response."""
        return self._attributes.get("completed_response") is not None

    def answer(self) -> object:
        """Return the whole response, else the text so far, else the response as it was announced.

        One that failed may not hold what it had said.
        """
        whole = part(self._attributes.get("completed_response"), "response")
        if whole is not None and (part(whole, "status") != "failed" or part(whole, "output")):
            return whole
        event = self._like_the_stream().partial_response_on_disconnect()
        return part(event, "response") or whole or self._attributes["_created_response"]

    def let_go(self) -> None:
        """Drop the connection."""
        self._attributes = {k: v for k, v in self._attributes.items() if k not in CONNECTION}

    def _like_the_stream(self) -> Any:
        """Return a stream object that knows the same, but for its end and a failure.

        Of a stream whose failure it has noted LiteLLM (1.109) says nothing more.
        """
        like = object.__new__(self._class)
        vars(like).update(self._attributes, _failure_handled=False, completed_response=None)
        return like


class Gemini(Partial):
    """Of `generate_content_stream`: server-sent events as they came."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream.litellm_logging_obj)
        self._logging_obj = stream.litellm_logging_obj
        self._events: list[bytes] = stream.collected_chunks

    @property
    def has_begun(self) -> bool:
        """Whether there is an event."""
        return bool(self._events)

    @property
    def is_complete(self) -> bool:
        """Whether the provider said why it stopped."""
        return any(b'"finishReason"' in event for event in self._events)

    def answer(self) -> object:
        """Return the events as one chat completion, as LiteLLM does at the end of such a stream."""
        lines = b"".join(self._events).decode(errors="replace").splitlines()
        handler = import_module(GEMINI_HANDLER).GeminiPassthroughLoggingHandler
        return handler._build_complete_streaming_response(  # noqa: SLF001 - no public name
            all_chunks=[line for line in lines if line.strip()],
            litellm_logging_obj=self._logging_obj,
            model=str(self.kwargs.get("model")),
            url_route="/v1/generateContent",
        )


# Module and name of LiteLLM's classes, and what reads them.
READERS: Mapping[str, tuple[str, type[Any]]] = {
    "litellm.litellm_core_utils.streaming_handler": ("CustomStreamWrapper", Chat),
    "litellm.responses.streaming_iterator": ("BaseResponsesAPIStreamingIterator", Responses),
    "litellm.google_genai.streaming_iterator": (
        "BaseGoogleGenAIGenerateContentStreamingIterator",
        Gemini,
    ),
}
