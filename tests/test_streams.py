"""Streams that nobody reads to the end, and streams that break."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from datetime import datetime
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import langfuse_otel
from langfuse_otel import _process
from langfuse_otel._hooks import streams
from programs import run_program
from routes import Provider
from test_logger import acomplete, complete
from upstream import ANSWER, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel.testing import Collector, ReceivedSpan

TEXT = "one two three four five six seven eight nine ten"


def start(chunks: int, stream: Any) -> Any:
    """Read so many chunks of a stream."""
    for _ in range(chunks):
        next(stream)
    return stream


def only(langfuse: Collector) -> ReceivedSpan:
    """Return the one span that a flush delivers."""
    gc.collect()
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans
    return span


def is_left(span: ReceivedSpan) -> bool:
    """Whether the span is that of a stream which was left, with what it had said."""
    output = span.json("langfuse.observation.output")["content"]
    metadata = span.json("langfuse.observation.metadata")
    return (
        span.attributes["langfuse.observation.level"] == "WARNING"
        and TEXT.startswith(output)
        and 0 < len(output) < len(TEXT)
        and metadata["usage_is_estimated"] is True
        and span.json("langfuse.observation.usage_details")["total"] > 0
        and "langfuse.observation.completion_start_time" in span.attributes
    )


def test_break(langfuse: Collector) -> None:
    """A stream that is left in the middle is one WARNING with what it had said."""
    start(4, complete(mock_response=TEXT, stream=True))

    assert is_left(only(langfuse))


def test_close(langfuse: Collector) -> None:
    """An asynchronous stream that is closed in the middle is one WARNING."""

    async def main() -> None:
        stream = await acomplete(mock_response=TEXT, stream=True)
        for _ in range(4):
            await stream.__anext__()
        await stream.aclose()
        del stream

    asyncio.run(main())

    assert is_left(only(langfuse))


def test_cancel(langfuse: Collector) -> None:
    """A stream whose task is cancelled in the middle is one WARNING."""

    async def read(begun: asyncio.Event) -> None:
        stream = await acomplete(mock_response=TEXT, stream=True)
        for _ in range(4):
            await stream.__anext__()
        begun.set()
        await asyncio.Event().wait()

    async def main() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(read(begun))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())

    assert is_left(only(langfuse))


def test_timer(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a flush a left stream is exported a little later by itself."""
    monkeypatch.setattr(streams, "GRACE_S", 0.01)
    monkeypatch.setenv("LANGFUSE_FLUSH_INTERVAL", "0.01")
    start(4, complete(mock_response=TEXT, stream=True))
    gc.collect()
    [span] = langfuse.wait_for(1)

    assert is_left(span)


@pytest.mark.parametrize("deliver", [langfuse_otel.flush, _process.end])
def test_a_timer_is_waited_for(
    langfuse: Collector, monkeypatch: pytest.MonkeyPatch, deliver: Callable[[], object]
) -> None:
    """A flush and the end take along a left stream that is being exported by itself just then."""
    is_exporting, may_end = threading.Event(), threading.Event()
    answer = streams.Stream.answer

    def slow_answer(stream: streams.Stream) -> object:
        is_exporting.set()
        may_end.wait(20)
        return answer(stream)

    monkeypatch.setattr(streams, "GRACE_S", 0.01)
    monkeypatch.setattr(streams.Stream, "answer", slow_answer)
    start(4, complete(mock_response=TEXT, stream=True))
    gc.collect()
    assert is_exporting.wait(20)
    threading.Timer(0.2, may_end.set).start()
    deliver()
    [span] = langfuse.spans

    assert is_left(span)


def test_read_to_the_end(langfuse: Collector) -> None:
    """A stream that is read to the end is one observation without a warning."""
    for _ in complete(mock_response=TEXT, stream=True):
        pass
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "DEFAULT"
    assert span.json("langfuse.observation.output")["content"] == TEXT
    assert langfuse_otel.stats().created == 1
    assert streams._open == {}


def test_end_of_the_program(collector: Collector) -> None:
    """A stream that is still open when the program ends is exported."""
    code = f"""
import langfuse_otel, litellm
litellm.callbacks = ["langfuse_otel"]
stream = litellm.completion(**call(mock_response={TEXT!r}, stream=True))
for _ in range(4):
    next(stream)
"""
    run = run_program(code, collector)

    assert len(collector.spans) == 1, run.stderr
    assert is_left(collector.spans[0])


def test_nothing_was_said(langfuse: Collector) -> None:
    """A stream of which nobody read anything is no observation: there is nothing to show."""
    complete(mock_response=TEXT, stream=True)
    gc.collect()
    langfuse_otel.flush(20)

    assert langfuse.spans == []
    assert streams._open == {}


def test_anthropic(langfuse: Collector) -> None:
    """A left stream is seen where LiteLLM's data about the call leads to the stream object."""
    with Provider() as provider:
        arguments = {"model": "anthropic/claude-sonnet-4-5", "api_key": "sk-none"}
        messages = [{"role": "user", "content": "hi"}]
        stream = litellm.completion(
            **arguments, messages=messages, api_base=provider.root, stream=True
        )
        start(3, stream)
        seen = weakref.ref(stream)
        del stream
        deadline = time.monotonic() + 20
        while seen() is not None and time.monotonic() < deadline:
            gc.collect()  # a thread of LiteLLM's may hold it for a moment
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "WARNING"


def test_two_projects(langfuse: Collector) -> None:
    """A left stream goes to each project that the call goes to."""
    with type(langfuse)("pk-lf-2", "sk-lf-2") as second:
        litellm.callbacks = [
            langfuse_otel.LangfuseOtelLogger(
                host=c.url, public_key=c.public_key, secret_key=c.secret_key
            )
            for c in (langfuse, second)
        ]
        start(4, complete(mock_response=TEXT, stream=True))
        gc.collect()
        assert langfuse_otel.flush(20)

        assert [is_left(span) for span in langfuse.spans + second.spans] == [True, True]


def fails(stream: Any) -> None:
    """Read a stream that breaks."""
    with pytest.raises(litellm.exceptions.ServiceUnavailableError):
        for _ in stream:
            pass


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_failure_in_the_middle(langfuse: Collector) -> None:
    """A stream that breaks is one ERROR, and keeps what it had said."""
    with Upstream() as upstream:
        messages = [{"role": "user", "content": "break"}]
        arguments = {"api_base": upstream.url, "api_key": "sk-none", "mock_response": None}
        fails(complete(messages=messages, stream=True, max_retries=0, **arguments))
    span = only(langfuse)
    output = span.json("langfuse.observation.output")["content"]

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert ANSWER.startswith(output)
    assert 0 < len(output) < len(ANSWER)


def test_redacted_and_left(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With LiteLLM's messages turned off a left stream shows nothing of what was said."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    start(4, complete(mock_response=TEXT, stream=True))
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "WARNING"
    assert "one" not in span.attributes["langfuse.observation.output"]
    assert "hi" not in span.attributes["langfuse.observation.input"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_redacted_and_broken(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With LiteLLM's messages turned off a stream that breaks shows nothing of what was said."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    with Upstream() as upstream:
        messages = [{"role": "user", "content": "break"}]
        arguments = {"api_base": upstream.url, "api_key": "sk-none", "mock_response": None}
        fails(complete(messages=messages, stream=True, max_retries=0, **arguments))
    span = only(langfuse)

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert "Hello" not in span.attributes["langfuse.observation.output"]
    assert "break" not in span.attributes["langfuse.observation.input"]


def test_first_token(langfuse: Collector) -> None:
    """The time of the first token is the upstream's: not the end, and not the start."""
    with Upstream() as upstream:
        messages = [{"role": "user", "content": "hi"}]
        arguments = {"api_base": upstream.url, "api_key": "sk-none", "mock_response": None}
        for _ in complete(messages=messages, stream=True, **arguments):
            pass
        answered_ns = upstream.answered_ns
    span = only(langfuse)
    text = span.attributes["langfuse.observation.completion_start_time"]
    first_ns = int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1_000) * 10**6

    assert span.start_ns <= answered_ns
    assert answered_ns // 10**6 * 10**6 <= first_ns <= span.end_ns
