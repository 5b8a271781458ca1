"""`observe()`: functions of every kind, and what they stream."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import socket
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

import fastapi
import httpx
import litellm
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from opentelemetry import trace as otel
from starlette.responses import Response

import langfuse_otel
from langfuse_otel import observe, span
from langfuse_otel._by_hand.observe import MAX_KEPT
from test_tracing import CALL, arrived, here, one

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from langfuse_otel.testing import Collector, ReceivedSpan

__all__ = ["here"]


def output(seen: ReceivedSpan) -> Any:
    """Return what is recorded as output."""
    return seen.json("langfuse.observation.output")


def test_function(here: Collector) -> None:
    """A function's call is a span with its arguments and its result; it works as before."""

    @observe
    def add(a: int, b: int = 0) -> int:
        """Add."""
        return a + b

    assert add(1, b=2) == 3
    seen = one(here)

    assert seen.name == "add"
    assert seen.attributes["langfuse.observation.type"] == "span"
    assert seen.json("langfuse.observation.input") == {"args": [1], "kwargs": {"b": 2}}
    assert output(seen) == 3
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert str(inspect.signature(add)) == "(a: 'int', b: 'int' = 0) -> 'int'"


def test_name_in_the_wrong_place() -> None:
    """A name that stands where the function belongs is an error where it is written."""
    with pytest.raises(TypeError, match=r"observe\(name=...\)"):
        observe("search")  # type: ignore[type-var]


def test_method(here: Collector) -> None:
    """The object of a method is none of its arguments."""

    class Shop:
        @observe()
        def sell(self, what: str) -> str:
            return what

        @classmethod
        @observe(name="opened")
        def open(cls) -> str:
            return cls.__name__

    assert (Shop().sell("tea"), Shop.open()) == ("tea", "Shop")
    spans = arrived(here)

    assert spans["sell"].json("langfuse.observation.input") == {"args": ["tea"], "kwargs": {}}
    assert spans["opened"].json("langfuse.observation.input") == {"args": [], "kwargs": {}}


def test_coroutine(here: Collector) -> None:
    """A coroutine function stays one; concurrent calls nest each in their own."""

    @observe
    async def inner(number: int) -> int:
        await asyncio.sleep(0)
        return number

    @observe
    async def outer(number: int) -> int:
        return await inner(number)

    async def main() -> list[int]:
        return await asyncio.gather(*(outer(number) for number in range(20)))

    assert inspect.iscoroutinefunction(outer)
    assert asyncio.run(main()) == list(range(20))
    assert langfuse_otel.flush(20)
    outers = {output(seen): seen for seen in here.spans if seen.name == "outer"}
    inners = [seen for seen in here.spans if seen.name == "inner"]

    assert len(outers) == len(inners) == 20
    assert all(outers[output(seen)].span_id == seen.parent_id for seen in inners)


def test_arguments(here: Collector) -> None:
    """Name and type can be chosen, input and output left out."""

    @observe(name="search", as_type="tool", capture_input=False, capture_output=False)
    def find(what: str) -> str:
        return what

    find("secret")
    seen = one(here)

    assert seen.name == "search"
    assert seen.attributes["langfuse.observation.type"] == "tool"
    assert not {"langfuse.observation.input", "langfuse.observation.output"} & set(seen.attributes)


@pytest.mark.parametrize("is_async", [False, True])
def test_exception(here: Collector, is_async: bool) -> None:
    """An exception is noted and goes on as it is."""
    error = KeyError("gone")

    @observe
    def fails() -> None:
        raise error

    @observe
    async def afails() -> None:
        raise error

    with pytest.raises(KeyError) as raised:
        asyncio.run(afails()) if is_async else fails()
    seen = one(here)

    assert raised.value is error
    assert seen.attributes["langfuse.observation.level"] == "ERROR"
    assert seen.status == "'gone'"


def numbers() -> Iterator[int]:
    """A generator that says what is active in each of its steps, and can be talked to."""
    for number in (1, 2, 3):
        with span(f"step {number}"):
            yield number


async def anumbers() -> AsyncIterator[int]:
    """The same, asynchronously."""
    for number in (1, 2, 3):
        await asyncio.sleep(0)
        with span(f"step {number}"):
            yield number


def drained(stream: Any) -> list[Any]:
    """Read a stream of either kind, and see that it leaves nothing active."""

    async def aread() -> list[Any]:
        items = []
        async for item in stream:
            items.append(item)
            assert otel.get_current_span() is otel.INVALID_SPAN
        return items

    def read() -> list[Any]:
        items = []
        for item in stream:
            items.append(item)
            assert otel.get_current_span() is otel.INVALID_SPAN
        return items

    return asyncio.run(aread()) if inspect.isasyncgen(stream) else read()


KINDS = pytest.mark.parametrize("function", [numbers, anumbers])


@KINDS
def test_stream(here: Collector, function: Callable[[], Any]) -> None:
    """A generator's observation ends with it; within it is active, outside nothing of it is."""
    decorated = observe(function)
    assert inspect.isgeneratorfunction(decorated) == inspect.isgeneratorfunction(function)
    assert inspect.isasyncgenfunction(decorated) == inspect.isasyncgenfunction(function)
    assert drained(decorated()) == [1, 2, 3]
    spans = arrived(here)
    seen = spans[function.__name__]

    assert output(seen) == [1, 2, 3]
    assert seen.attributes["langfuse.observation.level"] == "DEFAULT"
    assert {spans[f"step {n}"].parent_id for n in (1, 2, 3)} == {seen.span_id}
    assert "langfuse.observation.completion_start_time" in seen.attributes
    assert seen.json("langfuse.observation.metadata")["time_to_first_chunk_s"] >= 0
    assert seen.end_ns >= spans["step 3"].end_ns


@KINDS
def test_stream_is_left(
    here: Collector, function: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A stream that is not read to its end is a warning with what was read."""

    def leave() -> None:
        for _ in observe(function)():
            break

    async def aleave() -> None:
        async for _ in observe(function)():
            break

    asyncio.run(aleave()) if function is anumbers else leave()
    gc.collect()
    seen = arrived(here)[function.__name__]

    assert output(seen) == [1]
    assert seen.attributes["langfuse.observation.level"] == "WARNING"
    assert "not read to its end" in seen.attributes["langfuse.observation.status_message"]
    assert [record for record in caplog.records if "detach" in record.message] == []


def test_closed_stream(here: Collector) -> None:
    """To close a stream closes the function's own generator, within its own context."""
    ends: list[int] = []

    @observe
    def words() -> Iterator[str]:
        try:
            yield "one"
        finally:
            ends.append(otel.get_current_span().get_span_context().span_id)

    @observe
    async def awords() -> AsyncIterator[str]:
        try:
            yield "one"
        finally:
            ends.append(otel.get_current_span().get_span_context().span_id)

    async def main() -> None:
        stream: Any = awords()
        await anext(stream)
        await stream.aclose()
        assert len(ends) == 2

    stream: Any = words()
    next(stream)
    stream.close()
    asyncio.run(main())
    spans = arrived(here)

    assert [f"{end:016x}" for end in ends] == [spans[name].span_id for name in ("words", "awords")]


def test_stream_is_never_begun(here: Collector) -> None:
    """A stream that nobody reads is a warning, too."""
    observe(numbers)()
    asyncio.run(streamed())
    gc.collect()
    levels = [seen.attributes["langfuse.observation.level"] for seen in arrived(here).values()]

    assert levels == ["WARNING", "WARNING"]


@pytest.mark.parametrize("is_async", [False, True])
def test_stream_fails(here: Collector, is_async: bool) -> None:
    """A stream that fails has its error, and what it said before."""

    @observe
    def fails() -> Iterator[str]:
        yield "be"
        raise ValueError("broken")

    @observe
    async def afails() -> AsyncIterator[str]:
        yield "be"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        drained(afails() if is_async else fails())
    seen = one(here)

    assert output(seen) == "be"
    assert seen.status == "broken"


def test_generator_is_talked_to(here: Collector) -> None:
    """What is sent and thrown reaches the generator, and what it returns comes back."""

    @observe
    def echo() -> Any:
        said = yield "begin"
        try:
            yield said
        except KeyError:
            yield "caught"
        return "end"

    def delegate() -> Any:
        return (yield from echo())

    stream = delegate()
    assert (next(stream), stream.send("hello"), stream.throw(KeyError())) == (
        "begin",
        "hello",
        "caught",
    )
    with pytest.raises(StopIteration) as stopped:
        next(stream)

    assert stopped.value.value == "end"
    assert output(one(here)) == "beginhellocaught"


def test_async_generator_is_talked_to(here: Collector) -> None:
    """The same for an asynchronous one, as a framework's dependency is."""

    @contextlib.asynccontextmanager
    @observe(capture_output=False)
    async def resource() -> AsyncIterator[int]:
        try:
            yield 1
        except KeyError:
            seen.append("caught")
            raise

    seen: list[str] = []

    async def main() -> None:
        with pytest.raises(KeyError):
            async with resource():
                raise KeyError

    asyncio.run(main())

    assert seen == ["caught"]
    assert one(here).attributes["langfuse.observation.level"] == "ERROR"


def test_cancelled_stream(here: Collector) -> None:
    """A stream whose reader is cancelled is a warning with what it said."""

    @observe
    async def slow() -> AsyncIterator[str]:
        yield "be"
        await asyncio.sleep(60)

    async def read(begun: asyncio.Event) -> None:
        async for _ in slow():
            begun.set()

    async def main() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(read(begun))
        await begun.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    seen = one(here)

    assert output(seen) == "be"
    assert seen.attributes["langfuse.observation.level"] == "WARNING"


def test_context_of_a_stream(here: Collector) -> None:
    """A stream sees what was set before its call, and keeps what it sets, from thread to thread."""
    variable: ContextVar[str] = ContextVar("variable", default="nothing")

    @observe
    def stream() -> Iterator[str]:
        yield variable.get()
        variable.set("within")
        yield variable.get()
        yield variable.get()

    variable.set("before")
    items = stream()
    seen: list[str] = []

    def step() -> None:
        seen.append(next(items))

    for _ in range(3):
        thread = threading.Thread(target=step)
        thread.start()
        thread.join()

    assert seen == ["before", "within", "within"]
    assert variable.get() == "before"


def test_transform_each(here: Collector) -> None:
    """`transform_to_string` makes text of each chunk, as LISA's guide has it."""

    @observe(transform_to_string=lambda line: f"{line}\n\n")
    def lines() -> Iterator[str]:
        yield from ("data: 1", "data: 2")

    assert list(lines()) == ["data: 1", "data: 2"]
    assert output(one(here)) == "data: 1\n\ndata: 2\n\n"


def test_transform_all(here: Collector) -> None:
    """One that wants all chunks in a list, as the Langfuse SDK's does, is given them."""

    @observe(transform_to_string=lambda chunks: "+".join(chunk["text"] for chunk in chunks))
    def chunks() -> Iterator[dict[str, str]]:
        yield from ({"text": "a"}, {"text": "b"})

    list(chunks())

    assert output(one(here)) == "a+b"


def test_transform_fails(here: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """One that fails is warned of, and harms nobody; the log quotes no content."""

    def fails(_chunk: object) -> str:
        raise ValueError("secret")

    @observe(transform_to_string=fails)
    def chunks() -> Iterator[str]:
        yield "a"

    assert list(chunks()) == ["a"]
    assert output(one(here)) == "a"
    assert "transform_to_string raises ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_long_stream(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stream without end no more is kept than is sent in one request by default."""
    monkeypatch.setenv("LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES", "20000000")

    @observe
    def long() -> Iterator[bytes]:
        for _ in range(6):
            yield b"x" * (MAX_KEPT // 4)

    read = sum(len(chunk) for chunk in long())
    assert langfuse_otel.flush(20)

    assert read == MAX_KEPT // 4 * 6
    assert len(one(here).attributes["langfuse.observation.output"]) <= MAX_KEPT + 2


@pytest.mark.parametrize("is_async", [False, True])
def test_litellm_within_a_stream(langfuse: Collector, is_async: bool) -> None:
    """A LiteLLM call that a stream makes while it is read is its child."""

    @observe(name="mine")
    def words() -> Iterator[str]:
        yield "one"
        for chunk in litellm.completion(**CALL, stream=True):
            yield chunk.choices[0].delta.content or ""

    @observe(name="mine")
    async def awords() -> AsyncIterator[str]:
        yield "one"
        async for chunk in await litellm.acompletion(**CALL, stream=True):
            yield chunk.choices[0].delta.content or ""

    async def main() -> None:
        async for _ in awords():
            pass
        assert await langfuse_otel.aflush(20)

    asyncio.run(main()) if is_async else list(words())
    spans = arrived(langfuse)

    assert spans["chat gpt-4o"].parent_id == spans["mine"].span_id
    assert output(spans["mine"]) == "onehello"


# --- requests and responses

app = FastAPI()


@app.api_route("/plain/{api_path:path}", methods=["POST"])
@observe()
async def plain(request: Request, api_path: str) -> Response:
    """A pass-through, not streamed."""
    headers = {"set-cookie": "secret-cookie", "x-api-key": "secret-key", "x-kind": "test"}
    return JSONResponse({"id": "chatcmpl-1", "said": await request.json()}, headers=headers)


@app.get("/stream")
@observe(name="streamed")
async def streamed() -> StreamingResponse:
    """A pass-through, streamed; synchronous content is read in other threads."""

    def events() -> Iterator[bytes]:
        for number in range(3):
            with span(f"step {number}"):
                yield f"data: {number}\n\n".encode()

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/endless")
@observe(name="endless")
async def endless() -> StreamingResponse:
    """One that its client has to leave."""

    async def events() -> AsyncIterator[str]:
        while True:
            yield "data: again\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/broken")
@observe(name="broken")
def broken() -> StreamingResponse:
    """One that fails in the middle."""

    async def events() -> AsyncIterator[str]:
        yield "data: 1\n\n"
        raise ValueError("upstream is gone")

    return StreamingResponse(events())


@observe(name="dependency", capture_output=False)
def connection() -> Iterator[int]:
    """A dependency with a generator, which FastAPI knows by its function."""
    yield 7


@app.get("/dependent")
@observe
def dependent(number: Annotated[int, Depends(connection)]) -> dict[str, int]:
    """An endpoint with a dependency."""
    return {"number": number}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The application, served on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    thread.join()


def test_response(here: Collector, server: str) -> None:
    """A pass-through shows its arguments and the whole response, and no credentials."""
    asked = {"authorization": "Bearer secret-token"}
    answer = httpx.post(f"{server}/plain/chat/completions", json={"a": 1}, headers=asked)
    seen = one(here)

    assert seen.json("langfuse.observation.input") == {
        "args": [],
        "kwargs": {
            "request": {"method": "POST", "path": "/plain/chat/completions"},
            "api_path": "chat/completions",
        },
    }
    assert output(seen) == {
        "status_code": 200,
        "body": {"id": "chatcmpl-1", "said": {"a": 1}},
        "raw_headers": [
            ["x-kind", "test"],
            ["content-length", answer.headers["content-length"]],
            ["content-type", "application/json"],
        ],
    }
    assert "secret" not in str(seen.attributes)


def test_streaming_response(here: Collector, server: str) -> None:
    """A streamed response shows what was streamed, once it is; within it the span is active."""
    answer = httpx.get(f"{server}/stream")
    here.wait_for(4)
    spans = arrived(here)
    seen = spans["streamed"]

    assert output(seen)["body"] == answer.text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert output(seen)["status_code"] == 200
    assert {spans[f"step {n}"].parent_id for n in range(3)} == {seen.span_id}
    assert seen.attributes["langfuse.observation.level"] == "DEFAULT"
    assert seen.json("langfuse.observation.metadata")["time_to_first_chunk_s"] >= 0


def test_client_leaves(here: Collector, server: str, caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes away makes a warning with what it was sent."""
    with httpx.stream("GET", f"{server}/endless") as answer:
        next(answer.iter_text())
    [seen] = here.wait_for(1)

    assert output(seen)["body"].startswith("data: again")
    assert seen.attributes["langfuse.observation.level"] == "WARNING"
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_stream_breaks(here: Collector, server: str) -> None:
    """A streamed response that fails in the middle has its error."""
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server}/broken")
    [seen] = here.wait_for(1)

    assert seen.status == "upstream is gone"
    assert output(seen)["body"] == "data: 1\n\n"


def test_dependency(here: Collector, server: str) -> None:
    """FastAPI sees a decorated dependency for what it is."""
    assert httpx.get(f"{server}/dependent").json() == {"number": 7}
    here.wait_for(2)
    spans = arrived(here)

    assert spans["dependency"].attributes["langfuse.observation.level"] == "DEFAULT"
    assert output(spans["dependent"]) == {"number": 7}


def test_binary_response(here: Collector) -> None:
    """A body that is no text is told by its size."""

    @observe
    def picture() -> Response:
        return Response(b"\xff\xfe", media_type="image/png")

    picture()

    assert output(one(here))["body"] == "2 bytes"


def test_broken_response(here: Collector) -> None:
    """A response that cannot be read is still given to the caller."""

    class Odd(fastapi.Response):
        raw_headers = property(lambda self: 1 / 0, lambda self, value: None)  # type: ignore[assignment]

    @observe
    def odd() -> fastapi.Response:
        return Odd()

    assert isinstance(odd(), Odd)
    assert output(one(here)) == "Odd"
