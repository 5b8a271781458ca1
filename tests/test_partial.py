"""Streams of each of LiteLLM's classes that nobody reads to the end, against raw answers."""

from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import pytest
from litellm import google_genai
from litellm.integrations.custom_logger import CustomLogger

import langfuse_otel
import providers
from langfuse_otel._hooks import broken, streams
from routes import WORDS, Provider
from upstream import ANSWER, BUCKETS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from langfuse_otel.testing import Collector, ReceivedSpan

# LiteLLM leaves the connections of its clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

MESSAGES = [{"role": "user", "content": "hi"}]
LOOK = {"name": "look", "arguments": "{}"}
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]


@dataclass(frozen=True)
class Way:
    """One of LiteLLM's functions that stream, and its arguments."""

    function: Callable[..., Any]
    path: str
    arguments: dict[str, Any]

    def on(self, host: str) -> Any:
        """Start the stream."""
        return self.function(api_base=host + self.path, api_key="sk-upstream", **self.arguments)


RESPONSES = {"model": "openai/gpt-4o", "input": "hi", "stream": True}
CHAT = {"model": "openai/responses/gpt-4o", "messages": MESSAGES, "stream": True}
ANTHROPIC = {"model": "anthropic/claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 10}
SEVERAL = Way(
    litellm.completion,
    "/v1",
    {"model": "openai/gpt-4o", "messages": MESSAGES, "stream": True, "n": 2},
)
GEMINI = {"model": "gemini/gemini-2.5-flash", "contents": CONTENTS}
SYNC = {
    "responses": Way(litellm.responses, "/v1", RESPONSES),
    "chat over responses": Way(litellm.completion, "/v1", CHAT),
    "gemini": Way(google_genai.generate_content_stream, "", GEMINI),
}
ASYNC = {
    "responses": Way(litellm.aresponses, "/v1", RESPONSES),
    "chat over responses": Way(litellm.acompletion, "/v1", CHAT),
    "messages": Way(litellm.anthropic.messages.acreate, "", {**ANTHROPIC, "stream": True}),
    "responses over anthropic": Way(
        litellm.aresponses, "", {**RESPONSES, "model": ANTHROPIC["model"]}
    ),
    "gemini": Way(google_genai.agenerate_content_stream, "", GEMINI),
}


@pytest.fixture(autouse=True)
def closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's connections are httpx's, which close as they are cleared away."""
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider for all routes."""
    with Provider() as running:
        yield running


def read_a_word(stream: Iterator[Any]) -> None:
    """Read until something was said."""
    while WORDS[0] not in str(next(stream)):
        pass


async def aread_a_word(stream: AsyncIterator[Any]) -> None:
    """Read until something was said."""
    while WORDS[0] not in str(await stream.__anext__()):
        pass


def only(langfuse: Collector) -> ReceivedSpan:
    """Return the one span that a flush delivers."""
    gc.collect()
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans
    return span


def said(span: ReceivedSpan) -> str:
    """Return the text of a message or of the only item of a response."""
    output = span.json("langfuse.observation.output")
    text: str = output[0]["content"][0]["text"] if isinstance(output, list) else output["content"]
    return text


def is_left(span: ReceivedSpan) -> bool:
    """Whether the span is that of a stream which was left after its first word."""
    return (
        span.attributes["langfuse.observation.level"] == "WARNING"
        and said(span) == WORDS[0]
        and span.json("langfuse.observation.metadata")["usage_is_estimated"] is True
        and span.json("langfuse.observation.usage_details")["total"] > 0
    )


@pytest.mark.parametrize("name", SYNC)
def test_break(langfuse: Collector, provider: Provider, name: str) -> None:
    """A stream that is left after its first word is one WARNING with that word."""
    read_a_word(SYNC[name].on(provider.slow))

    assert is_left(only(langfuse))


@pytest.mark.parametrize("name", ASYNC)
def test_close(langfuse: Collector, provider: Provider, name: str) -> None:
    """An asynchronous stream that is left after its first word is one WARNING with that word."""

    async def main() -> None:
        stream = await ASYNC[name].on(provider.slow)
        await aread_a_word(stream)
        if hasattr(stream, "aclose"):
            await stream.aclose()
        del stream
        gc.collect()
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())

    assert is_left(only(langfuse))


async def cancelled(name: str, provider: Provider) -> None:
    """Read the first word in a task, and cancel the task."""

    async def read(begun: asyncio.Event) -> None:
        stream = await ASYNC[name].on(provider.slow)
        await aread_a_word(stream)
        begun.set()
        await asyncio.Event().wait()

    begun = asyncio.Event()
    task = asyncio.create_task(read(begun))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("name", ASYNC)
def test_cancel(
    langfuse: Collector, provider: Provider, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A stream whose task is cancelled is one WARNING with its first word, without a flush."""
    monkeypatch.setattr(streams, "GRACE_S", 0.01)
    monkeypatch.setenv("LANGFUSE_FLUSH_INTERVAL", "0.01")

    async def main() -> None:
        await cancelled(name, provider)
        gc.collect()
        await asyncio.to_thread(langfuse.wait_for, 1)

    asyncio.run(main())

    assert is_left(only(langfuse))


@pytest.mark.parametrize("name", sorted(ASYNC.keys() - {"messages"}))
def test_end_of_the_loop(langfuse: Collector, provider: Provider, name: str) -> None:
    """A stream that ends with its event loop is one WARNING; LiteLLM may lose one of Messages."""
    asyncio.run(cancelled(name, provider))

    assert is_left(only(langfuse))


def of_events(*events: dict[str, Any]) -> providers.Answer:
    """Return the answer of a stream of these events."""
    lines = (f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return providers.Answer({}, "".join(lines).encode())


MESSAGE = {"id": "msg-1", "type": "message", "role": "assistant", "model": "claude", "content": []}
BROKEN = of_events(
    {"type": "message_start", "message": {**MESSAGE, "usage": {"input_tokens": 10}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Errors"}},
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
)


def read_broken() -> None:
    """Read a stream of Anthropic's to its end, which is an error."""

    async def main(host: str) -> None:
        async for _ in await ASYNC["messages"].on(host):
            pass
        assert await langfuse_otel.aflush(20)

    with providers.Provider(BROKEN) as provider:
        asyncio.run(main(provider.root))


def test_error_within_a_stream(langfuse: Collector) -> None:
    """A stream of Anthropic's that holds an error, which LiteLLM raises to nobody, is an ERROR."""
    read_broken()
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert span.attributes["langfuse.observation.status_message"] == "Overloaded"
    assert span.json("langfuse.observation.output")["content"] == "Errors"
    assert span.json("langfuse.observation.metadata")["error_code"] == 500


@pytest.mark.parametrize("way", [SYNC["gemini"], ASYNC["gemini"]], ids=["sync", "async"])
def test_error_within_a_stream_of_geminis(langfuse: Collector, way: Way) -> None:
    """A stream of Gemini's own form that holds an error, which LiteLLM raises to nobody, is an ERROR."""
    said = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Errors"}]}}]}
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    lines = "".join(f"data: {json.dumps(event)}\n\n" for event in (said, error))

    async def main(host: str) -> None:
        async for _ in await way.on(host):
            pass

    with providers.Provider(providers.Answer({}, lines.encode())) as provider:
        if way is SYNC["gemini"]:
            for _ in way.on(provider.root):
                pass
        else:
            asyncio.run(main(provider.root))
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert "overloaded" in span.attributes["langfuse.observation.status_message"]
    assert span.json("langfuse.observation.output")["content"] == "Errors"


def test_broken_is_the_attempt_without_words() -> None:
    """A whole answer is no error, though an earlier attempt of the same call was broken."""
    call = SimpleNamespace(litellm_call_id="of-two-attempts")
    named = {
        "all_chunks": ['data: {"error": {"message": "Overloaded"}}'],
        "litellm_logging_obj": call,
    }

    def read(all_chunks: list[str], litellm_logging_obj: object) -> None:
        if all_chunks:
            raise ValueError(litellm_logging_obj)

    with pytest.raises(ValueError, match="of-two-attempts"):
        broken._read(read, None, (), named)

    assert broken.broken("of-two-attempts", litellm.ModelResponse()) is not None
    assert broken.broken("of-two-attempts", litellm.mock_completion("m", MESSAGES)) is None


def of_a_failed_response() -> providers.Answer:
    """Return the answer of a stream of the Responses API that says a word and then that it failed."""
    begun = {"id": "r1", "object": "response", "created_at": 1, "model": "gpt-4o", "output": []}
    asked = {"parallel_tool_calls": True, "tools": [], "tool_choice": "auto"}
    error = {"code": "server_error", "message": "blew up"}
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    events = (
        {"type": "response.created", "response": {**begun, **asked, "status": "in_progress"}},
        {"type": "response.output_text.delta", "delta": WORDS[0], **place},
        {
            "type": "response.failed",
            "response": {**begun, **asked, "status": "failed", "error": error},
        },
    )
    return of_events(*events)


def test_failed_response(langfuse: Collector) -> None:
    """A stream of the Responses API that says that it failed keeps what it had said before."""
    with providers.Provider(of_a_failed_response()) as provider:
        stream = SYNC["responses"].on(provider.root)
        with pytest.raises(Exception, match="blew up"):
            list(stream)
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert said(span) == WORDS[0]


def test_hidden_error_within_a_stream(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With LiteLLM's messages turned off such a stream shows neither its error nor its words."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    read_broken()
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert span.attributes["langfuse.observation.status_message"] == "AnthropicError"
    assert "Overloaded" not in str(span.attributes)
    assert "Errors" not in str(span.attributes)


def test_routed(langfuse: Collector, provider: Provider) -> None:
    """A stream that came through a router is seen inside the router's own objects."""
    parameters = {**RESPONSES, "api_base": f"{provider.slow}/v1", "api_key": "sk-upstream"}
    router = litellm.Router([{"model_name": "m", "litellm_params": parameters}])

    async def main() -> None:
        await aread_a_word(await router.aresponses(model="m", input="hi", stream=True))

    asyncio.run(main())

    assert is_left(only(langfuse))


def test_whole_stream_that_litellm_forgets(langfuse: Collector, provider: Provider) -> None:
    """A synchronous stream of Gemini's is seen though LiteLLM calls nobody back at its end."""
    for _ in SYNC["gemini"].on(provider.root):
        pass
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "DEFAULT"
    assert span.json("langfuse.observation.output")["content"] == ANSWER
    assert span.json("langfuse.observation.usage_details") == BUCKETS


@pytest.mark.parametrize("name", ASYNC)
def test_read_to_the_end(langfuse: Collector, provider: Provider, name: str) -> None:
    """A stream that is read to its end is one observation without a warning."""

    async def main() -> None:
        async for _ in await ASYNC[name].on(provider.root):
            pass
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "DEFAULT"
    assert ANSWER in span.attributes["langfuse.observation.output"]
    assert streams._open == {}


def test_several_choices(langfuse: Collector, provider: Provider) -> None:
    """Each choice of a stream has its own text, though LiteLLM puts them together as one."""
    list(SEVERAL.on(provider.root))
    output = only(langfuse).json("langfuse.observation.output")

    assert [choice["content"] for choice in output] == [ANSWER, ANSWER]


def test_tool_calls_of_several_choices(langfuse: Collector) -> None:
    """Each choice of a stream has its own tool calls, also where none of them has text."""
    chunks = [
        {"index": n, "delta": {"tool_calls": [{"index": 0, "id": f"call_{n}", "function": LOOK}]}}
        for n in range(2)
    ]
    ends = [{"index": n, "delta": {}, "finish_reason": "tool_calls"} for n in range(2)]
    events = [
        {"id": "1", "object": "chat.completion.chunk", "created": 1, "choices": [choice]}
        for choice in chunks + ends
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    with providers.Provider(providers.Answer({}, body.encode())) as provider:
        list(SEVERAL.on(provider.root))
    output = only(langfuse).json("langfuse.observation.output")

    assert [[call["id"] for call in choice["tool_calls"]] for choice in output] == [
        ["call_0"],
        ["call_1"],
    ]


class Hiding(CustomLogger):
    """Hides what was answered before callbacks are told."""

    def logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> Any:
        """Hide it, in the answer of a stream as in any other."""
        for answer in (result, kwargs.get("complete_streaming_response")):
            for choice in getattr(answer, "choices", ()):
                choice.message.content = "hidden"
        return kwargs, result


def test_several_choices_that_a_hook_hides(langfuse: Collector, provider: Provider) -> None:
    """What a hook has put in place of the answer is not undone."""
    litellm.callbacks = [Hiding(), "langfuse_otel"]
    list(SEVERAL.on(provider.root))

    assert said(only(langfuse)) == "hidden"


def test_failure_in_the_middle(langfuse: Collector, provider: Provider) -> None:
    """A stream that breaks is one ERROR, and keeps what it had said."""
    stream = SYNC["responses"].on(provider.broken)
    with pytest.raises(httpx.RemoteProtocolError):
        list(stream)
    del stream
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert said(span) == WORDS[0]


def test_connection(langfuse: Collector, provider: Provider) -> None:
    """What is remembered of a stream does not keep the connection of a stream that is gone."""
    stream = SYNC["responses"].on(provider.slow)
    read_a_word(stream)
    [kept] = streams._open.values()
    response = stream.response
    del stream
    gc.collect()

    assert not any(held is response for held in kept.partial.__dict__["_attributes"].values())
    assert is_left(only(langfuse))


def test_another_version() -> None:
    """A stream object that lacks what we read is constructed all the same."""

    class CustomStreamWrapper:
        def __init__(self) -> None:
            self.chunks = None

    module: Any = SimpleNamespace(
        __name__="litellm.litellm_core_utils.streaming_handler",
        CustomStreamWrapper=CustomStreamWrapper,
    )
    streams.watch(module)

    assert module.CustomStreamWrapper().chunks is None


def test_a_module_without_the_class() -> None:
    """A version of LiteLLM's without one of the classes changes nothing."""
    module: Any = SimpleNamespace(__name__="litellm.responses.streaming_iterator")
    streams.watch(module)

    assert vars(module) == {"__name__": "litellm.responses.streaming_iterator"}
