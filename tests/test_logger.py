"""Real LiteLLM calls in this process."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils import logging_worker
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import langfuse_otel
from calls import ENDED, STARTED, a_call, a_response
from langfuse_otel import LangfuseOtelLogger, _links, _process
from langfuse_otel._spans.identity import trace_id_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel.testing import Collector, ReceivedSpan

pytestmark = pytest.mark.usefixtures("fresh_litellm")

MESSAGES = [{"role": "user", "content": "hi"}]


def complete(**changes: Any) -> Any:
    """Make one call that needs no network."""
    arguments = {"model": "openai/gpt-4o-mini", "messages": MESSAGES, "mock_response": "hello"}
    return litellm.completion(**{**arguments, **changes})


async def acomplete(**changes: Any) -> Any:
    """Make one asynchronous call that needs no network."""
    arguments = {"model": "openai/gpt-4o-mini", "messages": MESSAGES, "mock_response": "hello"}
    return await litellm.acompletion(**{**arguments, **changes})


def only(collector: Collector) -> ReceivedSpan:
    """Return the one span that a flush delivers."""
    assert langfuse_otel.flush(20)
    [span] = collector.spans
    return span


def stream() -> None:
    """Read a stream to its end."""
    for _ in complete(stream=True):
        pass


def fail() -> None:
    """Make a call that fails."""
    with pytest.raises(litellm.exceptions.InternalServerError):
        complete(mock_response=Exception("boom"))


def acall() -> None:
    """Make an asynchronous call."""

    async def main() -> None:
        await acomplete()
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())


def astream() -> None:
    """Read an asynchronous stream to its end."""

    async def main() -> None:
        async for _ in await acomplete(stream=True):
            pass
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())


def afail() -> None:
    """Make an asynchronous call that fails."""

    async def main() -> None:
        with pytest.raises(litellm.exceptions.InternalServerError):
            await acomplete(mock_response=Exception("boom"))
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())


@pytest.mark.parametrize("make", [complete, stream, acall, astream])
def test_success(langfuse: Collector, make: Any) -> None:
    """A call that succeeds is one generation with input, output, usage and cost."""
    make()
    span = only(langfuse)

    assert span.name == "chat gpt-4o-mini"
    assert span.scope == "langfuse_otel"
    assert span.attributes["langfuse.observation.type"] == "generation"
    assert span.attributes["langfuse.observation.model.name"] == "gpt-4o-mini"
    assert span.json("langfuse.observation.input") == MESSAGES
    assert span.json("langfuse.observation.output") == {"role": "assistant", "content": "hello"}
    usage = span.json("langfuse.observation.usage_details")
    assert usage["total"] == usage["input"] + usage["output"] > 0
    assert span.json("langfuse.observation.cost_details")["total"] > 0
    assert span.attributes["langfuse.observation.level"] == "DEFAULT"


@pytest.mark.parametrize("make", [fail, afail])
def test_failure(langfuse: Collector, make: Any) -> None:
    """A call that fails is one generation with its input, an error level and no cost."""
    make()
    span = only(langfuse)
    metadata = span.json("langfuse.observation.metadata")

    assert span.json("langfuse.observation.input") == MESSAGES
    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert "boom" in span.attributes["langfuse.observation.status_message"]
    assert span.status == span.attributes["langfuse.observation.status_message"]
    assert span.json("langfuse.observation.cost_details") == {"total": 0}
    assert metadata["exception.type"] == "litellm.exceptions.InternalServerError"
    assert metadata["error_code"] == "500"
    assert "mock_completion" in metadata["exception.stacktrace"]


@pytest.mark.parametrize("make", [stream, astream])
def test_completion_start(langfuse: Collector, make: Any) -> None:
    """A stream has the time of its first token, between start and end."""
    make()
    span = only(langfuse)
    text = span.attributes["langfuse.observation.completion_start_time"]

    assert text.endswith("Z")
    assert "langfuse.observation.completion_start_time" in span.attributes


@pytest.mark.parametrize("make", [complete, acall])
def test_no_completion_start(langfuse: Collector, make: Any) -> None:
    """A call that is no stream has none."""
    make()

    assert "langfuse.observation.completion_start_time" not in only(langfuse).attributes


def test_cost_is_litellms(langfuse: Collector) -> None:
    """The cost is LiteLLM's own, to the last digit."""
    response = complete()
    cost = only(langfuse).json("langfuse.observation.cost_details")

    assert cost["total"] == pytest.approx(response._hidden_params["response_cost"], abs=1e-9)
    assert cost["input"] + cost["output"] == pytest.approx(cost["total"], abs=1e-9)


def test_basic_metadata(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata of LiteLLM's documentation takes effect in Langfuse."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "production")
    monkeypatch.setenv("LANGFUSE_RELEASE", "r-1")
    complete(
        metadata={
            "generation_name": "welcome-message",
            "trace_id": "trace-123",
            "session_id": "sess-42",
            "tags": ["prod", "beta-user"],
            "trace_user_id": "ada",
            "trace_name": "onboarding",
        }
    )
    span = only(langfuse)
    expected = {
        "session.id": "sess-42",
        "user.id": "ada",
        "langfuse.trace.tags": ["prod", "beta-user"],
        "langfuse.trace.name": "onboarding",
        "langfuse.generation.name": "welcome-message",
        "langfuse.trace.id": "trace-123",
        "langfuse.trace.session_id": "sess-42",
        "langfuse.environment": "production",
        "langfuse.release": "r-1",
    }

    assert span.name == "welcome-message"
    assert span.trace_id == f"{trace_id_of('trace-123'):032x}"
    assert {key: span.attributes[key] for key in expected} == expected


def test_release_of_a_continued_trace(monkeypatch: pytest.MonkeyPatch, langfuse: Collector) -> None:
    """The release of the settings is nowhere on a span that continues a trace."""
    monkeypatch.setenv("LANGFUSE_RELEASE", "r-2")
    complete(metadata={"existing_trace_id": "begun-before"})
    span = only(langfuse)

    assert "langfuse.release" not in {**span.resource, **span.attributes}


def test_metadata_is_not_changed(langfuse: Collector) -> None:
    """The caller's own dictionary is the same before and after."""
    metadata = {"tags": ["a"], "trace_metadata": {"k": [1]}, "mine": {"n": 1}}
    before = copy.deepcopy(metadata)
    complete(metadata=metadata)
    only(langfuse)

    assert {key: metadata[key] for key in before} == before


def test_unserializable_metadata(langfuse: Collector) -> None:
    """Metadata that JSON cannot hold is described; call and span are unharmed."""
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    odd = {
        "lock": threading.RLock(),
        "cycle": cycle,
        "bytes": b"\xff",
        "nan": float("nan"),
        "surrogate": "a\ud800",
        "huge": 2**60,
    }
    response = complete(metadata=odd)
    metadata = only(langfuse).json("langfuse.observation.metadata")

    assert response.choices[0].message.content == "hello"
    assert "RLock" in metadata["lock"]
    assert (metadata["cycle"], metadata["bytes"]) == ({"self": "..."}, "_w==")
    assert (metadata["nan"], metadata["surrogate"]) in {("NaN", "a\ufffd"), ("nan", "a\ufffd")}
    assert metadata["huge"] == str(2**60)


def test_lone_surrogate_in_a_prompt(langfuse: Collector) -> None:
    """Text that UTF-8 cannot hold loses the one character, not the batch."""
    complete(
        messages=[{"role": "user", "content": "a\ud800b"}],
        metadata={"generation_name": "n\udc00", "tags": ["t\udc00"]},
    )
    complete()
    assert langfuse_otel.flush(20)
    found = {span.name: span for span in langfuse.spans}

    assert found.keys() == {"n\ufffd", "chat gpt-4o-mini"}
    assert found["n\ufffd"].json("langfuse.observation.input")[0]["content"] == "a\ufffdb"
    assert found["n\ufffd"].attributes["langfuse.trace.tags"] == ["t\ufffd"]


def test_mutation_after_the_call(langfuse: Collector) -> None:
    """A callback has taken its snapshot when it returns: later changes do not show."""
    messages = [{"role": "user", "content": "before"}]
    complete(messages=messages)
    langfuse_otel._hooks.pending.drain(20)
    messages[0]["content"] = "after"

    assert only(langfuse).json("langfuse.observation.input")[0]["content"] == "before"


@pytest.mark.parametrize("make", [complete, lambda **named: asyncio.run(acomplete(**named))])
def test_metadata_used_again(langfuse: Collector, make: Callable[..., Any]) -> None:
    """A dictionary that says something else for the next call has not said it of this one."""
    metadata: dict[str, Any] = {"tags": []}
    for name in ("a", "b", "c"):
        metadata["generation_name"] = name
        metadata["tags"].append(name)
        make(metadata=metadata)
    assert langfuse_otel.flush(20)
    told = {span.name: span.attributes["langfuse.trace.tags"] for span in langfuse.spans}

    assert told == {"a": ["a"], "b": ["a", "b"], "c": ["a", "b", "c"]}


def test_only_called_back(langfuse: Collector) -> None:
    """A callback that stands in LiteLLM's lists for the end of calls sees their beginning, too."""
    litellm.callbacks = []
    litellm.success_callback = ["langfuse_otel"]
    with langfuse_otel.trace("mine"):
        stream = complete(stream=True)
        told = langfuse_otel.trace_id(stream)
        next(stream)
    del stream
    gc.collect()
    assert langfuse_otel.flush(20)
    [mine] = [span for span in langfuse.spans if span.name == "mine"]
    [left] = [span for span in langfuse.spans if span.parent_id]

    assert (left.parent_id, told) == (mine.span_id, mine.trace_id)
    assert left.attributes["langfuse.observation.level"] == "WARNING"


class Hiding(CustomLogger):
    """Changes what LiteLLM knows of a call before callbacks are told."""

    def logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> Any:
        """Hide the address."""
        kwargs["litellm_params"]["metadata"]["email"] = "hidden"
        return kwargs, result


def test_metadata_that_a_hook_hides(langfuse: Collector) -> None:
    """Where another callback may change the metadata of a call, they are those at its end."""
    litellm.callbacks = ["langfuse_otel", Hiding()]
    complete(metadata={"email": "ada@x.org"})

    assert only(langfuse).json("langfuse.observation.metadata")["email"] == "hidden"


def test_logger_of_one_call(langfuse: Collector) -> None:
    """A logger that is given with a call is told nothing of others, and keeps nothing."""
    litellm.callbacks = []
    own = LangfuseOtelLogger()
    complete(success_callback=[own])
    list(complete(stream=True))
    assert langfuse_otel.flush(20)

    assert len(langfuse.spans) == 1
    assert own not in litellm.input_callback


def test_nothing_is_kept(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger that is turned off keeps nothing of the calls that it is told of."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "false")
    litellm.callbacks = [own := LangfuseOtelLogger()]
    for _ in range(3):
        complete(metadata={"x": 1})
    langfuse_otel._hooks.pending.drain(20)

    assert not own._open


def test_registered_twice(langfuse: Collector) -> None:
    """By name and as an instance, in several lists: the call is exported once."""
    mine = LangfuseOtelLogger()
    litellm.callbacks = ["langfuse_otel", mine, LangfuseOtelLogger()]
    litellm.success_callback = ["langfuse_otel", mine]
    complete()
    only(langfuse)

    assert langfuse_otel.stats().created == 1


def test_instance_with_arguments(collector: Collector) -> None:
    """A logger takes its settings as arguments, with nothing in the environment."""
    litellm.callbacks = [
        LangfuseOtelLogger(
            host=collector.url,
            public_key=collector.public_key,
            secret_key=collector.secret_key,
            environment="test",
        )
    ]
    complete()

    assert only(collector).attributes["langfuse.environment"] == "test"


def test_nested_callbacks(langfuse: Collector) -> None:
    """Two callbacks for one call, of which one lies within the other, are one observation."""
    logger = LangfuseOtelLogger()
    kwargs = a_call()
    logger.log_success_event(kwargs, a_response(), STARTED, ENDED)
    logger.log_success_event(kwargs, a_response(), STARTED + timedelta(milliseconds=1), ENDED)
    logger.log_success_event(kwargs, a_response(), ENDED, ENDED + timedelta(seconds=1))
    langfuse_otel.flush(20)

    assert len(langfuse.spans) == 2


def test_two_projects(collector: Collector) -> None:
    """Two loggers that name different projects both get the call."""
    with type(collector)("pk-lf-2", "sk-lf-2") as second:
        litellm.callbacks = [
            LangfuseOtelLogger(host=c.url, public_key=c.public_key, secret_key=c.secret_key)
            for c in (collector, second)
        ]
        complete()
        assert langfuse_otel.flush(20)

        assert (len(collector.spans), len(second.spans)) == (1, 1)


@pytest.mark.parametrize("make", [complete, stream])
def test_active_span(langfuse: Collector, make: Any) -> None:
    """A call made under an active OpenTelemetry span is its child; the span is not touched."""
    provider = TracerProvider()
    with provider.get_tracer("app").start_as_current_span("mine") as mine:
        make()
    span = only(langfuse)
    context = mine.get_span_context()

    assert (span.trace_id, span.parent_id) == (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
    )
    assert dict(mine.attributes) == {}  # type: ignore[attr-defined]


def test_active_span_async(langfuse: Collector) -> None:
    """50 concurrent calls under 50 spans are children of the right ones."""
    tracer = TracerProvider().get_tracer("app")
    parents = {}

    async def one(number: int) -> None:
        with tracer.start_as_current_span("mine") as mine:
            context = mine.get_span_context()
            parents[f"call {number}"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
            await acomplete(metadata={"generation_name": f"call {number}"})

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(50)))
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())

    assert {span.name: (span.trace_id, span.parent_id) for span in langfuse.spans} == parents


def test_ignore_context(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_IGNORE_CONTEXT_PROPAGATION keeps a call out of the active span."""
    monkeypatch.setenv("OTEL_IGNORE_CONTEXT_PROPAGATION", "true")
    with TracerProvider().get_tracer("app").start_as_current_span("mine") as mine:
        complete()
    span = only(langfuse)

    assert span.parent_id is None
    assert span.trace_id != f"{mine.get_span_context().trace_id:032x}"


def test_global_provider_is_not_touched(langfuse: Collector) -> None:
    """The application's tracer provider is the same before and after."""
    before = trace.get_tracer_provider()
    complete()
    only(langfuse)

    assert trace.get_tracer_provider() is before


def test_no_keys(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Without keys calls work, one warning says what to do, and the loss is counted."""
    litellm.callbacks = ["langfuse_otel"]
    contents = [complete().choices[0].message.content for _ in range(3)]
    langfuse_otel.flush(20)
    ours = [record.message for record in caplog.records if record.name == "langfuse_otel"]

    assert contents == ["hello"] * 3
    assert langfuse_otel.stats().dropped == {"no_destination": 3}
    assert len(ours) == 1
    assert "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY must be set" in ours[0]
    assert "hello" not in capfd.readouterr().out


def test_wrong_keys(
    langfuse: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With wrong keys calls work, the loss is counted, and the log shows no key."""
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-wrong")
    assert complete().choices[0].message.content == "hello"
    langfuse_otel.flush(20)

    assert langfuse.refused == [401]
    assert langfuse_otel.stats().dropped == {"rejected": 1}
    assert "HTTP 401" in caplog.text
    assert "sk-lf-wrong" not in caplog.text


def test_host_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a dead host calls work, and what is not delivered stays counted."""
    monkeypatch.setenv("LANGFUSE_OTEL_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-1")
    litellm.callbacks = ["langfuse_otel"]
    assert complete().choices[0].message.content == "hello"

    assert not langfuse_otel.flush(0.5)
    stats = langfuse_otel.stats()
    assert (stats.created, stats.queued, stats.sent) == (1, 1, 0)
    assert "cannot connect" in (stats.last_error or "")


@pytest.mark.parametrize("variable", ["LANGFUSE_TRACING_ENABLED", "LANGFUSE_ENABLED"])
def test_turned_off(langfuse: Collector, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Turned off, calls work and nothing is created."""
    monkeypatch.setenv(variable, "false")
    complete()
    langfuse_otel.flush(20)

    assert (langfuse.spans, langfuse_otel.stats().created) == ([], 0)


def test_no_log(langfuse: Collector) -> None:
    """A call with LiteLLM's `no-log` is not exported."""
    complete(**{"no-log": True})
    langfuse_otel.flush(20)

    assert langfuse.spans == []


GUARDED = {
    "standard_logging_guardrail_information": [
        {"guardrail_name": "pii", "guardrail_status": "success"}
    ]
}


def test_guardrails(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guardrail results are children of their call where they are asked for."""
    monkeypatch.setenv("LANGFUSE_OTEL_SPANS", "guardrails")
    complete(metadata=GUARDED)
    assert langfuse_otel.flush(20)
    call, guardrail = langfuse.spans

    assert (guardrail.name, guardrail.parent_id) == ("pii", call.span_id)
    assert guardrail.attributes["langfuse.observation.type"] == "guardrail"


def test_guardrails_are_not_asked_for(langfuse: Collector) -> None:
    """By default a call is one observation, whatever guarded it."""
    complete(metadata=GUARDED)

    assert only(langfuse).name == "chat gpt-4o-mini"


class Ambiguous:
    """What is neither true nor false, as an array of two."""

    def __bool__(self) -> bool:
        """Fail."""
        raise ValueError


def test_unreadable(langfuse: Collector) -> None:
    """A call of which not even the project can be read is counted."""
    kwargs = a_call({"requester_metadata": Ambiguous()}, litellm_call_id="unreadable")
    LangfuseOtelLogger().log_success_event(kwargs, a_response(), STARTED, ENDED)

    assert langfuse_otel.stats().dropped == {"unreadable": 1}


class Closed(dict[str, Any]):
    """A dictionary that fails when it is read."""

    def get(self, *_: object) -> Any:
        """Fail."""
        raise ValueError


def test_unreadable_guardrail(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guardrail's result that cannot be read is counted; the others and the call are sent."""
    monkeypatch.setenv("LANGFUSE_OTEL_SPANS", "guardrails")
    kwargs = a_call()
    results = [{"guardrail_name": "a"}, Closed(), {"guardrail_name": "c"}]
    kwargs["standard_logging_object"]["guardrail_information"] = results
    LangfuseOtelLogger().log_success_event(kwargs, a_response(), STARTED, ENDED)
    assert langfuse_otel.flush(20)

    assert [span.name for span in langfuse.spans] == ["chat gpt-4o", "a", "c"]
    assert langfuse_otel.stats().dropped == {"unreadable": 1}


def test_one_generation_id_for_two_calls(langfuse: Collector) -> None:
    """Two calls to which the caller gave one id are both sent: Langfuse decides, not we."""
    for _ in range(2):
        complete(metadata={"generation_id": "g-1", "trace_id": "t-1"})
    assert langfuse_otel.flush(20)

    assert len(langfuse.spans) == 2
    assert len({span.span_id for span in langfuse.spans}) == 1


def test_flush_after_a_callback_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush does not wait for a callback that stands still because its event loop is closed."""
    ended = asyncio.new_event_loop()
    ended.close()
    worker = SimpleNamespace(
        _bound_loop=ended, _running_tasks={"cut"}, _queue=None, _flush_on_exit=lambda: None
    )
    monkeypatch.setattr(logging_worker, "GLOBAL_LOGGING_WORKER", worker)

    assert langfuse_otel.flush(0)


def call_elsewhere() -> None:
    """Make a call in an event loop that ends, in another thread, before its callback has run."""
    thread = threading.Thread(target=lambda: asyncio.run(acomplete()))
    thread.start()
    thread.join()


def test_flush_leaves_the_callers_loop(langfuse: Collector) -> None:
    """A flush that runs what another thread's loop has left leaves the caller's loop its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        mine = asyncio.new_event_loop()
        asyncio.set_event_loop(mine)
        call_elsewhere()
        only(langfuse)

        assert asyncio.get_event_loop() is mine


def test_flush_in_a_running_loop_of_what_another_left(langfuse: Collector) -> None:
    """A flush in a running loop delivers what a loop that has ended has left."""

    async def main() -> bool:
        call_elsewhere()
        return langfuse_otel.flush(20)

    assert asyncio.run(main())
    assert len(langfuse.spans) == 1


def test_flush_in_a_running_loop(langfuse: Collector) -> None:
    """A blocking flush does not hang on calls which need the loop that it blocks."""

    async def main() -> bool:
        await acomplete()
        langfuse_otel.flush(5)
        return await langfuse_otel.aflush(20)

    assert asyncio.run(main())
    assert len(langfuse.spans) == 1


def test_flush_in_a_loop_with_busy_threads(langfuse: Collector) -> None:
    """A flush needs none of the loop's own threads, which may all be at work."""
    is_flushed = threading.Event()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        await acomplete()
        busy = loop.run_in_executor(None, is_flushed.wait, 20)
        flushed = await langfuse_otel.aflush(20)
        is_flushed.set()
        assert (flushed, await busy) == (True, True)

    asyncio.run(main())
    assert len(langfuse.spans) == 1


def test_flush_that_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop does not wait at its end for a flush that was cancelled."""
    has_ended, in_time = threading.Event(), []

    async def main() -> None:
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def flush(_: float) -> bool:
            loop.call_soon_threadsafe(begun.set)
            in_time.append(has_ended.wait(5))
            return True

        with monkeypatch.context() as patched:
            patched.setattr(_process, "_delivery", SimpleNamespace(flush=flush))
            flushing = asyncio.create_task(langfuse_otel.aflush(20))
            await begun.wait()
        flushing.cancel()

    asyncio.run(main())
    has_ended.set()

    assert in_time in ([], [True])


class Unreadable:
    """What fails however it is read."""

    def __getattribute__(self, name: str) -> Any:
        """Fail."""
        raise ValueError


def test_hooks_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """What our hooks cannot read hurts no request to the proxy."""
    logger = LangfuseOtelLogger()
    request: Any = {"litellm_logging_obj": Unreadable(), "litellm_call_id": "hurt"}
    monkeypatch.setitem(_links._calls, "hurt", Unreadable())  # type: ignore[misc]

    async def main() -> list[object]:
        return [
            await logger.async_pre_call_hook(None, None, request, "completion"),
            await logger.async_pre_call_deployment_hook(request, None),
            await logger.async_post_call_response_headers_hook(request, None, None),
        ]

    assert asyncio.run(main()) == [None, None, None]


def test_sample_rate(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share of traces is sent, each whole, and the others are counted."""
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0.5")
    low, high = "0" * 31 + "1", "f" * 32
    for trace_id in (low, high, low, high):
        complete(metadata={"trace_id": trace_id})
    langfuse_otel.flush(20)

    assert [span.trace_id for span in langfuse.spans] == [low, low]
    assert langfuse_otel.stats().dropped == {"not_sampled": 2}


@pytest.mark.parametrize(
    ("variables", "named", "reason"),
    [
        ({"LANGFUSE_SAMPLE_RATE": "0"}, {}, "not_sampled"),
        ({"LANGFUSE_SECRET_KEY": ""}, {}, "no_destination"),
        ({}, {"langfuse_public_key": "pk-lf-1"}, "incomplete_credentials"),
    ],
)
def test_lost_once(
    langfuse: Collector,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    named: dict[str, str],
    reason: str,
) -> None:
    """A call that goes nowhere is counted once, however many callbacks bring it; two calls, twice."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    litellm.callbacks = [LangfuseOtelLogger(), LangfuseOtelLogger(callback_name="of the key")]
    for _ in range(2):
        complete(**named)
    langfuse_otel.flush(20)

    assert langfuse.spans == []
    assert langfuse_otel.stats().dropped == {reason: 2}


def test_cache_hit_is_free(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from LiteLLM's cache is exported with no cost."""
    monkeypatch.setattr(litellm, "cache", litellm.Cache())
    complete(caching=True)
    langfuse_otel._hooks.pending.drain(20)
    complete(caching=True)
    assert langfuse_otel.flush(20)
    first, second = langfuse.spans

    assert first.json("langfuse.observation.cost_details")["total"] > 0
    assert second.json("langfuse.observation.cost_details") == {"total": 0}
    assert second.json("langfuse.observation.metadata")["cache_hit"] is True


def test_debug_lines(
    langfuse: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """LANGFUSE_DEBUG shows the endpoint and each submission, and no secret."""
    monkeypatch.setenv("LANGFUSE_DEBUG", "true")
    monkeypatch.setattr(logging.getLogger("langfuse_otel"), "level", logging.NOTSET)
    complete()
    only(langfuse)

    assert f"spans go to {langfuse.url}/api/public/otel/v1/traces" in caplog.text
    assert "authorization header built" in caplog.text
    assert ": delivered" in caplog.text
    assert langfuse.secret_key not in caplog.text
