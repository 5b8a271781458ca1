"""Every kind of call, made in every way, under every kind of parent: real LiteLLM, raw answers."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from dirty_equals import IsPartialDict
from langfuse import Langfuse, observe
from litellm import google_genai
from litellm.integrations.custom_logger import CustomLogger
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import langfuse_otel
from langfuse_otel._litellm.versions import _numbers
from langfuse_otel._spans.identity import observation_id_of
from langfuse_otel.testing import Collector
from proxies import a_proxy
from routes import FOUND, RANKED, UNKNOWN_ITEM, VERDICT, Provider
from upstream import ANSWER, BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    import httpx

    from langfuse_otel.testing import ReceivedSpan

# LiteLLM leaves the connections of its clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MESSAGES = [{"role": "user", "content": "hi"}]
SYSTEM = {"role": "system", "content": "be nice"}
TOOLS = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
CHAT_TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
REPLY = {"role": "assistant", "content": ANSWER}
REMOTE = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
TRACEPARENT = f"00-{REMOTE[0]}-{REMOTE[1]}-01"
MESSAGES_BUCKETS = {
    "input": 10,
    "input_cached_tokens": 20,
    "input_cache_creation_5m": 10,
    "input_cache_creation_1h": 20,
    "output": 5,
    "total": 65,
}
RESPONSE_ITEMS = [
    {"type": "reasoning", "id": "rs-1", "summary": []},
    {
        "type": "message",
        "id": "msg-1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": ANSWER, "annotations": []}],
    },
    UNKNOWN_ITEM,
]

# What LiteLLM calls each route, with the arguments of one call; `base` is the provider's host.
ROUTES: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "completion": (
        "completion",
        lambda base: {
            "model": "openai/gpt-4o-mini",
            "messages": MESSAGES,
            "api_base": f"{base}/v1",
        },
    ),
    "text_completion": (
        "text_completion",
        lambda base: {
            "model": "text-completion-openai/gpt-3.5-turbo-instruct",
            "prompt": "say hi",
            "api_base": f"{base}/v1",
        },
    ),
    "embedding": (
        "embedding",
        lambda base: {
            "model": "openai/text-embedding-3-small",
            "input": ["a", "b"],
            "api_base": f"{base}/v1",
        },
    ),
    "responses": (
        "responses",
        lambda base: {"model": "openai/gpt-4o", "input": "hi", "api_base": f"{base}/v1"},
    ),
    "rerank": (
        "rerank",
        lambda base: {
            "model": "cohere/rerank-v3.5",
            "query": "q",
            "documents": ["a", "b"],
            "api_base": f"{base}/v2/rerank",
        },
    ),
    "messages": (
        "messages",
        lambda base: {
            "model": "anthropic/claude-sonnet-4-5",
            "max_tokens": 10,
            "messages": MESSAGES,
            "api_base": base,
        },
    ),
    "image_generation": (
        "image_generation",
        lambda base: {"model": "openai/gpt-image-1", "prompt": "cat", "api_base": f"{base}/v1"},
    ),
    "image_edit": (
        "image_edit",
        lambda base: {
            "model": "openai/gpt-image-1",
            "prompt": "cat",
            "image": b"\x89PNG\r\n\x1a\n",
            "api_base": f"{base}/v1",
        },
    ),
    "transcription": (
        "transcription",
        lambda base: {
            "model": "openai/whisper-1",
            "file": ("a.wav", b"RIFF0000"),
            "api_base": f"{base}/v1",
        },
    ),
    "speech": (
        "speech",
        lambda base: {
            "model": "openai/tts-1",
            "voice": "alloy",
            "input": "say this",
            "api_base": f"{base}/v1",
        },
    ),
    "moderation": (
        "moderation",
        lambda base: {
            "model": "omni-moderation-latest",
            "input": "bad",
            "api_base": f"{base}/v1",
        },
    ),
    "generate_content": (
        "generate_content",
        lambda base: {
            "model": "gemini/gemini-2.5-flash",
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "api_base": base,
        },
    ),
    "create_file": (
        "create_file",
        lambda base: {
            "file": ("batch.jsonl", b"{}\n"),
            "purpose": "batch",
            "custom_llm_provider": "openai",
            "api_base": f"{base}/v1",
        },
    ),
    "create_batch": (
        "create_batch",
        lambda base: {
            "completion_window": "24h",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-1",
            "custom_llm_provider": "openai",
            "api_base": f"{base}/v1",
        },
    ),
    "vector_store_search": (
        "search",
        lambda base: {
            "vector_store_id": "vs-1",
            "query": "cats",
            "custom_llm_provider": "openai",
            "api_base": f"{base}/v1",
        },
    ),
}
WAYS = ("sync", "async", "stream", "async stream")
STREAMING = ("completion", "text_completion", "responses", "messages")

# `litellm.anthropic.messages.create` raises: LiteLLM has no synchronous one.
WITHOUT_SYNC = ("messages",)
MATRIX = [
    (route, way)
    for route in ("completion", "text_completion", "embedding", "responses", "rerank", "messages")
    for way in WAYS
    if ("stream" not in way or route in STREAMING) and ("async" in way or route not in WITHOUT_SYNC)
]


class Probe(CustomLogger):
    """Keeps the cost that LiteLLM names to its callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.costs: list[float | None] = []

    def log_success_event(self, kwargs: Any, *_rest: Any, **_named: Any) -> None:
        """Keep the cost of a synchronous call."""
        self.costs.append(kwargs.get("response_cost"))

    async def async_log_success_event(self, kwargs: Any, *_rest: Any, **_named: Any) -> None:
        """Keep the cost of an asynchronous call."""
        self.costs.append(kwargs.get("response_cost"))


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider for all routes."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for the module, for LiteLLM keeps clients for each."""
    running = asyncio.new_event_loop()
    yield running
    running.run_until_complete(litellm.close_litellm_async_clients())
    left = asyncio.all_tasks(running)
    for task in left:
        task.cancel()
    if left:
        running.run_until_complete(asyncio.wait(left))
    running.run_until_complete(running.shutdown_default_executor())
    running.close()
    gc.collect()


@pytest.fixture(scope="module")
def project() -> Iterator[Collector]:
    """One Langfuse for the module, since the SDK has one client for a public key."""
    with Collector("pk-lf-matrix", "sk-lf-matrix") as running:
        yield running


@pytest.fixture(scope="module")
def sdk(project: Collector) -> Iterator[Langfuse]:
    """The Langfuse SDK's own client for the same project, with a provider of its own."""
    client = Langfuse(
        public_key=project.public_key,
        secret_key=project.secret_key,
        base_url=project.url,
        tracer_provider=TracerProvider(),
    )
    yield client
    client.shutdown()


@pytest.fixture
def probe() -> Probe:
    """A second callback beside ours."""
    return Probe()


@pytest.fixture
def langfuse(
    fresh_litellm: None, project: Collector, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> Collector:
    """A Langfuse without spans that the environment points to, with the callback by name."""
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)
    litellm.callbacks = ["langfuse_otel", probe]
    project.spans.clear()
    return project


def function_of(route: str, way: str) -> Callable[..., Any]:
    """Return LiteLLM's function for one route."""
    name = ROUTES[route][0]
    module: Any = litellm
    if route == "generate_content":
        module, name = google_genai, name + ("_stream" if "stream" in way else "")
    elif route == "messages":
        return litellm.anthropic.messages.acreate
    elif route == "vector_store_search":
        module = litellm.vector_stores
    found: Callable[..., Any] = getattr(module, f"a{name}" if "async" in way else name)
    return found


def arguments_of(route: str, way: str, base: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of one call; the last chunk of a stream reports its usage."""
    arguments = {**ROUTES[route][1](base), "api_key": "sk-upstream", **more}
    if "stream" in way and route != "generate_content":
        arguments["stream"] = True
    if "stream" in way and route in {"completion", "text_completion"}:
        arguments["stream_options"] = {"include_usage": True}
    return arguments


def untouched(body: Callable[..., Any]) -> Callable[..., Any]:
    """Put a call under no parent."""
    return body


@dataclass(frozen=True)
class Caller:
    """Makes calls to the provider, reads their streams to the end, and flushes."""

    provider: Provider
    loop: asyncio.AbstractEventLoop

    def __call__(
        self,
        route: str,
        way: str,
        under: Callable[[Callable[..., Any]], Callable[..., Any]] = untouched,
        **more: Any,
    ) -> tuple[str, str]:
        """Make one call; return the ids of the span that was active around it."""
        function = function_of(route, way)
        arguments = arguments_of(route, way, self.provider.root, more)
        return self.run(function, arguments, way, under)

    def run(
        self,
        function: Callable[..., Any],
        arguments: dict[str, Any],
        way: str,
        under: Callable[[Callable[..., Any]], Callable[..., Any]],
    ) -> tuple[str, str]:
        """As `__call__`, for any function."""

        def body() -> tuple[str, str]:
            answer = function(**arguments)
            for _ in answer if "stream" in way else ():
                pass
            return active()

        async def abody() -> tuple[str, str]:
            answer = await function(**arguments)
            if "stream" in way:
                async for _ in answer:
                    pass
            return active()

        async def main() -> tuple[str, str]:
            ids: tuple[str, str] = await under(abody)()
            assert await langfuse_otel.aflush(20)
            return ids

        ids: tuple[str, str] = self.wait(main()) if "async" in way else under(body)()
        assert langfuse_otel.flush(20)
        return ids

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the module's loop."""
        return self.loop.run_until_complete(coroutine)


@pytest.fixture
def call(provider: Provider, loop: asyncio.AbstractEventLoop) -> Caller:
    """What makes calls, with a provider that fails only where a test says so."""
    provider.failures = 0
    return Caller(provider, loop)


def active() -> tuple[str, str]:
    """Return trace id and span id of the active span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def under_plain(body: Callable[..., Any]) -> Callable[..., Any]:
    """Put a call under a span of a tracer provider that Langfuse knows nothing of."""
    span = TracerProvider().get_tracer("app").start_as_current_span("mine")
    decorated: Callable[..., Any] = span(body)
    return decorated


def only(collector: Collector) -> ReceivedSpan:
    """Return the one span of ours, and fail if there are more."""
    [span] = [span for span in collector.spans if span.scope == "langfuse_otel"]
    return span


def shows_the_trace(span: ReceivedSpan) -> bool:
    """Whether the span shows its trace by itself, as one must whose parent may never arrive."""
    attributes = span.attributes
    return (
        attributes.get("langfuse.internal.as_root") is True
        and attributes["langfuse.trace.input"] == attributes["langfuse.observation.input"]
        and attributes["langfuse.trace.output"] == attributes["langfuse.observation.output"]
    )


@pytest.mark.parametrize(("route", "way"), MATRIX)
def test_plain_parent(langfuse: Collector, call: Caller, route: str, way: str) -> None:
    """Under an OpenTelemetry span a call is its child, and shows the trace by itself."""
    parent = call(route, way, under_plain)
    span = only(langfuse)

    assert (span.trace_id, span.parent_id) == parent
    assert shows_the_trace(span)
    assert len(langfuse.spans) == 1


@pytest.mark.parametrize(("route", "way"), MATRIX)
def test_observe_parent(
    langfuse: Collector, call: Caller, sdk: Langfuse, route: str, way: str
) -> None:
    """Under the Langfuse SDK's `@observe` a call is its child, arrives once, and is no root."""

    def under(body: Callable[..., Any]) -> Callable[..., Any]:
        decorated = observe(name="mine", capture_input=False, capture_output=False)(body)
        return lambda: decorated(langfuse_public_key=langfuse.public_key)

    parent = call(route, way, under)
    sdk.flush()
    span = only(langfuse)
    [theirs] = [span for span in langfuse.spans if span.scope != "langfuse_otel"]

    assert theirs.scope.startswith("langfuse-sdk")
    assert (theirs.trace_id, theirs.span_id) == parent
    assert (span.trace_id, span.parent_id) == parent
    assert "langfuse.internal.as_root" not in span.attributes
    assert "langfuse.trace.input" not in span.attributes


@pytest.mark.parametrize(("route", "way"), MATRIX)
def test_remote_parent(langfuse: Collector, call: Caller, route: str, way: str) -> None:
    """With a `traceparent` header, given as the proxy gives it, a call is that span's child."""
    request = {"url": "/", "method": "POST", "headers": {"traceparent": TRACEPARENT}, "body": {}}
    call(route, way, proxy_server_request=request)
    span = only(langfuse)

    assert (span.trace_id, span.parent_id) == REMOTE
    assert shows_the_trace(span)


@pytest.mark.parametrize(("route", "way"), MATRIX)
def test_no_parent(langfuse: Collector, call: Caller, route: str, way: str) -> None:
    """With nothing around it a call is the root of a trace of its own."""
    call(route, way)
    first = only(langfuse)
    langfuse.spans.clear()
    call(route, way)
    second = only(langfuse)

    assert (first.parent_id, second.parent_id) == (None, None)
    assert first.trace_id != second.trace_id
    assert "langfuse.internal.as_root" not in first.attributes


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("route", ["create_file", "create_batch", "vector_store_search"])
def test_plain_parent_of_other_calls(
    langfuse: Collector, call: Caller, route: str, way: str
) -> None:
    """A call that LiteLLM does not announce is a child of the active span, too."""
    parent = call(route, way, under_plain)
    span = only(langfuse)

    assert (span.trace_id, span.parent_id) == parent


@pytest.mark.parametrize(
    ("route", "way"),
    [(route, way) for route, way in MATRIX if route in STREAMING and "stream" not in way],
)
def test_stream_equals_non_stream(langfuse: Collector, call: Caller, route: str, way: str) -> None:
    """A stream that was read to its end leaves the same observation as an answer in one piece."""
    call(route, way)
    whole = only(langfuse)
    langfuse.spans.clear()
    call(route, "stream" if way == "sync" else "async stream")
    streamed = only(langfuse)

    for name in ("input", "output", "usage_details", "model.name", "type", "level"):
        attribute = f"langfuse.observation.{name}"
        assert _value(streamed, attribute) == _value(whole, attribute), name
    assert streamed.json("langfuse.observation.cost_details")["total"] == pytest.approx(
        whole.json("langfuse.observation.cost_details")["total"], abs=1e-9
    )
    assert "langfuse.observation.completion_start_time" in streamed.attributes


def _value(span: ReceivedSpan, attribute: str) -> Any:
    """JSON is compared as what it says, not as text."""
    found = span.attributes.get(attribute)
    return json.loads(found) if isinstance(found, str) and found[:1] in {"{", "["} else found


@dataclass(frozen=True)
class Expected:
    """What one call should leave in Langfuse; None is an attribute that must be absent."""

    type: str
    name: str
    model: str | None
    input: Any
    output: Any
    usage: dict[str, int] | None = None
    is_priced: bool = True
    more: dict[str, Any] = field(default_factory=dict)


def _at_least(value: Any) -> Any:
    """LiteLLM's type adds its own spelling of each category to the provider's."""
    return IsPartialDict(value) if isinstance(value, dict) else value


CALL_TYPES = {
    "completion": Expected(
        "generation", "chat gpt-4o-mini", "gpt-4o-mini", MESSAGES, REPLY, BUCKETS
    ),
    "completion with tools": Expected(
        "generation",
        "chat gpt-4o-mini",
        "gpt-4o-mini",
        {"messages": MESSAGES, "tools": CHAT_TOOLS},
        REPLY,
        BUCKETS,
        more={"tools": CHAT_TOOLS},
    ),
    "text_completion": Expected(
        "generation",
        "text_completion gpt-3.5-turbo-instruct",
        "gpt-3.5-turbo-instruct",
        "say hi",
        ANSWER,
        {"input": 4, "output": 6, "total": 10},
    ),
    "embedding": Expected(
        "embedding",
        "embeddings text-embedding-3-small",
        "text-embedding-3-small",
        ["a", "b"],
        {"count": 2, "dimensions": 3},
        {"input": 7, "output": 0, "total": 7},
    ),
    "responses": Expected("generation", "chat gpt-4o", "gpt-4o", MESSAGES, RESPONSE_ITEMS, BUCKETS),
    "responses with instructions and tools": Expected(
        "generation",
        "chat gpt-4o",
        "gpt-4o",
        {"messages": [SYSTEM, *MESSAGES], "tools": TOOLS},
        RESPONSE_ITEMS,
        BUCKETS,
        more={"instructions": "be nice", "tools": TOOLS},
    ),
    "messages": Expected(
        "generation",
        "chat claude-sonnet-4-5",
        "claude-sonnet-4-5",
        MESSAGES,
        REPLY,
        MESSAGES_BUCKETS,
    ),
    "messages with system": Expected(
        "generation",
        "chat claude-sonnet-4-5",
        "claude-sonnet-4-5",
        [SYSTEM, *MESSAGES],
        REPLY,
        MESSAGES_BUCKETS,
        more={"system": "be nice"},
    ),
    "generate_content": Expected(
        "generation",
        "generate_content gemini-2.5-flash",
        "gemini-2.5-flash",
        MESSAGES,
        REPLY,
        BUCKETS,
    ),
    "image_generation": Expected(
        "generation",
        "image_generation gpt-image-1",
        "gpt-image-1",
        "cat",
        [{"url": "http://cat.invalid/1.png"}],
        {"input": 10, "input_image_tokens": 40, "output": 50, "total": 100},
    ),
    "image_edit": Expected(
        "generation",
        "image_edit gpt-image-1",
        "gpt-image-1",
        "cat",
        [{"url": "http://cat.invalid/2.png"}],
        {"input": 10, "input_image_tokens": 40, "output": 50, "total": 100},
    ),
    "transcription": Expected(
        "generation",
        "transcription whisper-1",
        "whisper-1",
        {"file": "a.wav", "bytes": 8},
        "spoken",
    ),
    "speech": Expected("generation", "speech tts-1", "tts-1", "say this", {"audio": "binary"}),
    "rerank": Expected(
        "retriever",
        "rerank rerank-v3.5",
        "rerank-v3.5",
        {"query": "q", "documents": ["a", "b"]},
        RANKED,
    ),
    "moderation": Expected(
        "guardrail",
        "moderation omni-moderation-latest",
        "omni-moderation-latest",
        "bad",
        [IsPartialDict({key: _at_least(value) for key, value in VERDICT.items()})],
    ),
    "vector_store_search": Expected("retriever", "search", None, "cats", [FOUND], is_priced=False),
}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        (name, way)
        for name in CALL_TYPES
        for way in ("sync", "async")
        if way == "async" or name.partition(" ")[0] not in ("messages", "moderation")
    ],
)
def test_call_type(langfuse: Collector, call: Caller, probe: Probe, name: str, way: str) -> None:
    """Each call type leaves its own observation: type, name, model, input, output, usage, cost."""
    route, expected = name.partition(" ")[0], CALL_TYPES[name]
    call(route, way, **expected.more)
    span = only(langfuse)
    # LiteLLM (1.106) may call back twice for `text_completion`, which makes another call within.
    [cost] = set(probe.costs)
    given = {
        key: _parsed(span, f"langfuse.observation.{key}")
        for key in ("input", "output", "usage_details")
    }

    assert span.attributes["langfuse.observation.type"] == expected.type
    assert span.name == expected.name
    assert span.attributes.get("langfuse.observation.model.name") == expected.model
    assert given == {
        "input": expected.input,
        "output": expected.output,
        "usage_details": expected.usage,
    }
    assert ("langfuse.observation.cost_details" in span.attributes) is expected.is_priced
    if expected.is_priced:
        costs = span.json("langfuse.observation.cost_details")
        assert costs["total"] == pytest.approx(cost, abs=1e-9)


@pytest.mark.parametrize("way", ["sync", "async", "async stream"])
@pytest.mark.parametrize(
    ("route", "more"),
    [
        ("completion", {"model": "openai/responses/gpt-5", "messages": [SYSTEM, *MESSAGES]}),
        ("responses", {"model": "anthropic/claude-sonnet-4-5", "instructions": "be nice"}),
    ],
)
def test_instructions(
    langfuse: Collector, call: Caller, route: str, way: str, more: dict[str, Any]
) -> None:
    """What LiteLLM asks one API for by the other has its instructions once."""
    base = call.provider.url if route == "completion" else call.provider.root
    call(route, way, api_base=base, **more)

    assert only(langfuse).json("langfuse.observation.input") == [SYSTEM, *MESSAGES]


@pytest.mark.parametrize("way", ["sync", "async", "sync stream", "async stream"])
def test_whole_request_to_gemini(langfuse: Collector, call: Caller, way: str) -> None:
    """A request in Gemini's own form has what it was given beside the text: LiteLLM has no more."""
    asked = {"functionCall": {"name": "look", "args": {}}}
    contents = [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [asked]},
        {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"a": 1}}}]},
    ]
    tools = [{"functionDeclarations": [{"name": "look"}]}]
    instruction = {"parts": [{"text": "be nice"}]}
    config = {"temperature": 0, "maxOutputTokens": 9, "topK": 3}
    more = {"tools": tools, "systemInstruction": instruction, "config": config}
    call("generate_content", way, contents=contents, **more)
    span = only(langfuse)

    assert span.json("langfuse.observation.input") == {
        "messages": [SYSTEM, *contents],
        "tools": tools,
    }
    assert span.json("langfuse.observation.model.parameters") == {
        "max_output_tokens": 9,
        "temperature": 0,
        "top_k": 3,
    }


def _parsed(span: ReceivedSpan, attribute: str) -> Any:
    """Return the JSON of an attribute, None where there is none."""
    return span.json(attribute) if attribute in span.attributes else None


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    ("route", "answer_id"), [("create_file", "file-1"), ("create_batch", "batch-1")]
)
def test_file_or_batch(
    langfuse: Collector, call: Caller, route: str, answer_id: str, way: str
) -> None:
    """A file or batch is a span with neither usage nor cost, and no placeholder of LiteLLM's."""
    call(route, way)
    span = only(langfuse)

    assert span.attributes["langfuse.observation.type"] == "span"
    assert span.name == route
    assert span.json("langfuse.observation.output")["id"] == answer_id
    assert "langfuse.observation.usage_details" not in span.attributes
    assert "langfuse.observation.cost_details" not in span.attributes
    assert "default-message-value" not in span.attributes.get("langfuse.observation.input", "")


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    "looked_up",
    [("get_responses", "resp-1"), ("file_retrieve", "file-1"), ("file_content", "file-1")],
)
def test_what_is_kept_at_the_provider(
    langfuse: Collector,
    call: Caller,
    caplog: pytest.LogCaptureFixture,
    looked_up: tuple[str, str],
    way: str,
) -> None:
    """To look up what is kept is a span: its id is no model, and what it once used counts once."""
    name, kept = looked_up
    function = getattr(litellm, f"a{name}" if way == "async" else name)
    arguments = {"custom_llm_provider": "openai", "api_key": "made-up"}
    call.run(
        lambda **named: function(kept, **named),
        {**arguments, "api_base": call.provider.url},
        way,
        untouched,
    )
    span = only(langfuse)

    assert span.name == name
    assert span.attributes["langfuse.observation.type"] == "span"
    assert not {"model.name", "usage_details", "cost_details", "input"} & {
        key.removeprefix("langfuse.observation.") for key in span.attributes
    }
    assert "object at 0x" not in span.attributes["langfuse.observation.output"]
    assert not caplog.messages


@pytest.mark.parametrize("way", ["sync", "async"])
def test_prompt_of_a_video(langfuse: Collector, call: Caller, way: str) -> None:
    """A call type of no table has as its input what it was given, and no placeholder of LiteLLM's."""
    function = litellm.avideo_generation if way == "async" else litellm.video_generation
    arguments = {"model": "openai/sora-2", "prompt": "a cat", "api_key": "made-up"}
    call.run(function, {**arguments, "api_base": call.provider.url}, way, untouched)

    assert only(langfuse).json("langfuse.observation.input") == "a cat"


@pytest.mark.parametrize("way", ["sync", "async"])
def test_voice(langfuse: Collector, call: Caller, way: str) -> None:
    """The voice of a speech is among its parameters, which LiteLLM has in the request alone."""
    call("speech", way, speed=1.5)

    parameters = only(langfuse).json("langfuse.observation.model.parameters")
    assert parameters == {"speed": 1.5, "voice": "alloy"}


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_prompt_of_tokens(langfuse: Collector, call: Caller, tokens: list[Any]) -> None:
    """A prompt that was given as tokens is kept as these."""
    call("text_completion", "sync", prompt=tokens)

    assert only(langfuse).json("langfuse.observation.input") == tokens


def test_search_by_position(langfuse: Collector, call: Caller) -> None:
    """A search has its query as the input, and the store's id, which LiteLLM calls one, as no model."""
    arguments = {"custom_llm_provider": "openai", "api_key": "made-up"}
    call.run(
        lambda **named: litellm.vector_stores.search("vs-1", "cats", **named),
        {**arguments, "api_base": call.provider.url},
        "sync",
        untouched,
    )
    span = only(langfuse)

    assert span.name == "search"
    assert span.json("langfuse.observation.input") == "cats"
    assert "langfuse.observation.model.name" not in span.attributes


def test_generate_content_stream(langfuse: Collector, call: Caller) -> None:
    """A stream of Gemini's is one generation with the whole answer and usage.

    LiteLLM sees its first chunk from 1.109 on; a time that is the end's would be a wrong one.
    """
    call("generate_content", "async stream")
    call.wait(asyncio.to_thread(langfuse.wait_for, 1))
    span = only(langfuse)

    assert span.name == "generate_content gemini-2.5-flash"
    assert span.json("langfuse.observation.output")["content"] == ANSWER
    assert span.json("langfuse.observation.usage_details") == BUCKETS
    assert span.json("langfuse.observation.cost_details")["total"] > 0
    is_seen = _numbers(version("litellm")) >= (1, 109)
    assert ("langfuse.observation.completion_start_time" in span.attributes) == is_seen


def test_flush_after_generate_content_stream(langfuse: Collector, call: Caller) -> None:
    """A flush right after the last chunk of a stream of Gemini's delivers it."""
    call("generate_content", "async stream")
    arrived = len(langfuse.spans)
    call.wait(asyncio.to_thread(langfuse.wait_for, 1))

    assert arrived == 1


def deployment(name: str, base: str) -> dict[str, Any]:
    """Return one entry of a router's model list; only the router itself retries."""
    parameters = {"model": "openai/gpt-4o-mini", "api_base": base, "api_key": "sk-upstream"}
    return {"model_name": name, "litellm_params": {**parameters, "max_retries": 0}}


def attempts(langfuse: Collector) -> list[ReceivedSpan]:
    """Return what was exported, in the order in which it started."""
    return sorted(langfuse.spans, key=lambda span: span.start_ns)


def levels(spans: list[ReceivedSpan]) -> list[str]:
    """Return the level of each."""
    return [span.attributes["langfuse.observation.level"] for span in spans]


def facts(spans: list[ReceivedSpan], name: str) -> list[Any]:
    """Return one fact from the metadata of each."""
    return [span.json("langfuse.observation.metadata").get(name) for span in spans]


def routed(call: Caller, router: litellm.Router, way: str, model: str) -> tuple[str, str]:
    """Make one call through a router, under a plain span."""
    function = router.acompletion if way == "async" else router.completion
    return call.run(function, {"model": model, "messages": MESSAGES}, way, under_plain)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_router_retry(langfuse: Collector, call: Caller, way: str) -> None:
    """A retry of the router's is an observation of its own in the same trace."""
    router = litellm.Router([deployment("m", call.provider.url)], num_retries=2, retry_after=0)
    call.provider.failures = 1
    parent = routed(call, router, way, "m")
    spans = attempts(langfuse)

    assert levels(spans) == ["ERROR", "DEFAULT"]
    assert [(span.trace_id, span.parent_id) for span in spans] == [parent] * 2
    assert len({span.span_id for span in spans}) == 2
    assert facts(spans, "attempted_retries") == [0, 1]
    assert facts(spans, "deployment") == ["openai/gpt-4o-mini"] * 2
    assert spans[0].json("langfuse.observation.cost_details") == {"total": 0}
    assert "overloaded" in spans[0].attributes["langfuse.observation.status_message"]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_router_fallback(langfuse: Collector, call: Caller, way: str) -> None:
    """Retries and the fallback of the router's are three observations in one trace."""
    router = litellm.Router(
        [deployment("bad", call.provider.down), deployment("good", call.provider.url)],
        fallbacks=[{"bad": ["good"]}],
        num_retries=1,
        retry_after=0,
    )
    parent = routed(call, router, way, "bad")
    spans = attempts(langfuse)

    assert levels(spans) == ["ERROR", "ERROR", "DEFAULT"]
    assert {span.trace_id for span in spans} == {parent[0]}
    assert len({span.span_id for span in spans}) == 3
    assert facts(spans, "attempted_fallbacks") == [0, 0, 1]
    assert facts(spans, "model_group") == ["bad", "bad", "good"]


def test_router_attempts_without_a_parent(langfuse: Collector, call: Caller) -> None:
    """With nothing around them the attempts of one request still share a trace."""
    router = litellm.Router([deployment("m", call.provider.url)], num_retries=1, retry_after=0)
    call.provider.failures = 1
    router.completion(model="m", messages=MESSAGES)
    assert langfuse_otel.flush(20)
    spans = attempts(langfuse)

    assert levels(spans) == ["ERROR", "DEFAULT"]
    assert len({span.trace_id for span in spans}) == 1
    assert [span.parent_id for span in spans] == [None, None]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_completion_fallbacks(langfuse: Collector, call: Caller, way: str) -> None:
    """A fallback of `completion` shares the call id with what failed, and overwrites nothing."""
    other = {"model": "openai/gpt-4o", "api_base": call.provider.url}
    parent = call(
        "completion",
        way,
        under_plain,
        api_base=call.provider.down,
        fallbacks=[other],
        max_retries=0,
    )
    spans = attempts(langfuse)

    assert levels(spans) == ["ERROR", "DEFAULT"]
    assert len(set(facts(spans, "litellm_call_id"))) == 1
    assert [(span.trace_id, span.parent_id) for span in spans] == [parent] * 2
    assert len({span.span_id for span in spans}) == 2


@pytest.mark.parametrize("way", ["sync", "async"])
def test_retries_of_the_client(langfuse: Collector, call: Caller, way: str) -> None:
    """What OpenAI's own client retries is one observation: LiteLLM itself sees one call."""
    call.provider.failures = 1
    arguments = {
        "model": "openai/gpt-4o-mini",
        "messages": MESSAGES,
        "api_base": call.provider.url,
        "api_key": "sk-upstream",
        "num_retries": 2,
    }
    function = litellm.acompletion if way == "async" else litellm.completion
    call.run(function, arguments, way, untouched)
    call.wait(langfuse_otel.aflush(20))
    assert langfuse_otel.flush(20)

    assert levels(attempts(langfuse)) == ["DEFAULT"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_num_retries(
    langfuse: Collector, call: Caller, probe: Probe, way: str, failures: int
) -> None:
    """Each attempt that LiteLLM makes for `num_retries` is one observation, all in one trace."""
    call.provider.failures = failures
    raises = pytest.raises(litellm.InternalServerError) if failures > 2 else nullcontext()
    model = {"model": "anthropic/claude-sonnet-4-5", "api_base": call.provider.root}
    with raises:
        call(
            "completion",
            way,
            **model,
            num_retries=2,
            max_tokens=7,
            metadata={"generation_id": "the answer"},
        )
    call.wait(langfuse_otel.aflush(20))
    spans = attempts(langfuse)
    number = min(failures + 1, 3)

    assert levels(spans) == (["ERROR"] * failures + ["DEFAULT"])[:3]
    assert len({span.trace_id for span in spans}) == 1
    assert len({span.span_id for span in spans}) == number
    assert [span.json("langfuse.observation.input") for span in spans] == [MESSAGES] * number
    for span in spans:
        assert span.json("langfuse.observation.model.parameters")["max_tokens"] == 7
    if failures:
        assert facts(spans, "attempted_retries") == list(range(number))
    for failed in spans[:failures]:
        assert "overloaded" in failed.attributes["langfuse.observation.status_message"]
        assert failed.span_id != f"{observation_id_of('the answer'):016x}"
    for before, after in pairwise(spans):
        assert before.end_ns <= after.start_ns
    for answer in spans[failures:]:
        assert answer.span_id == f"{observation_id_of('the answer'):016x}"
        assert answer.json("langfuse.observation.output") == REPLY
        assert answer.json("langfuse.observation.usage_details") == MESSAGES_BUCKETS
        assert answer.json("langfuse.observation.cost_details")["total"] > 0


@pytest.fixture(scope="module")
def proxy(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Collector]]:
    """A proxy with a model of each kind."""
    parameters = {name: arguments(provider.root) for name, (_, arguments) in ROUTES.items()}
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": given["model"],
                "api_base": given["api_base"],
                "api_key": "sk-upstream",
            },
        }
        for name, given in parameters.items()
        if "model" in given
    ]
    folder, callbacks = tmp_path_factory.mktemp("matrix"), ["langfuse_otel.callback"]
    with (
        Collector() as collector,
        a_proxy(folder, provider.url, callbacks, collector, more={"model_list": models}) as client,
    ):
        yield client, collector


PROXY_ROUTES = {
    "completion": ("/v1/chat/completions", {"messages": MESSAGES}),
    "text_completion": ("/v1/completions", {"prompt": "say hi"}),
    "embedding": ("/v1/embeddings", {"input": ["a", "b"]}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "rerank": ("/v1/rerank", {"query": "q", "documents": ["a", "b"]}),
    "messages": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 10}),
}


@pytest.mark.parametrize(
    ("route", "streams"),
    [(route, False) for route in PROXY_ROUTES] + [(route, True) for route in STREAMING],
)
def test_remote_parent_over_the_proxy(
    proxy: tuple[httpx.Client, Collector], route: str, streams: bool
) -> None:
    """A request with `traceparent` is one observation, and the child of the client's span."""
    client, collector = proxy
    path, body = PROXY_ROUTES[route]
    before = len(collector.spans)
    answer = client.post(
        path,
        json={"model": route, **body, **({"stream": True} if streams else {})},
        headers={"traceparent": TRACEPARENT},
    )
    assert answer.status_code == 200
    span = collector.wait_for(before + 1)[before]

    assert (span.trace_id, span.parent_id) == REMOTE
    assert shows_the_trace(span)


def test_nothing_else_from_the_proxy(proxy: tuple[httpx.Client, Collector]) -> None:
    """One request on each route is one observation on each, with a trace of its own."""
    client, collector = proxy
    before = len(collector.spans)
    for route, (path, body) in PROXY_ROUTES.items():
        client.post(path, json={"model": route, **body})
    spans = collector.wait_for(before + len(PROXY_ROUTES))[before:]

    assert len({span.trace_id for span in spans}) == len(PROXY_ROUTES)
    assert {span.parent_id for span in spans} == {None}
    assert {span.json("langfuse.observation.metadata")["model_group"] for span in spans} == set(
        PROXY_ROUTES
    )
