"""Observations by hand, and what is made within them."""

from __future__ import annotations

import _thread
import asyncio
import gc
import json
import logging
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import pytest
from langfuse import Langfuse
from langfuse.api import Prompt_Text
from langfuse.model import TextPromptClient
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import langfuse_otel
from langfuse_otel import (
    _process,
    generation,
    observe,
    score,
    span,
    start_generation,
    start_span,
    start_trace,
    trace,
)
from langfuse_otel._litellm.usage import usage_of
from langfuse_otel.dev import LocalReceiver
from programs import run_cold_program
from test_by_hand import Broken, Unreadable

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector, ReceivedSpan

MESSAGES = [{"role": "user", "content": "hi"}]
CALL: dict[str, Any] = {"model": "openai/gpt-4o", "messages": MESSAGES, "mock_response": "hello"}
CALL_USAGE = {"input": 10, "output": 20, "total": 30}


@pytest.fixture
def here(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Collector:
    """A Langfuse that the environment points to; LiteLLM has no part in it."""
    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)
    return collector


def arrived(collector: Collector) -> dict[str, ReceivedSpan]:
    """Return what has arrived, by name."""
    assert langfuse_otel.flush(20)
    return {span.name: span for span in collector.spans}


def one(collector: Collector) -> ReceivedSpan:
    """Return the only span that has arrived."""
    assert langfuse_otel.flush(20)
    [span] = collector.spans
    return span


def test_generation(here: Collector) -> None:
    """What is said of a generation arrives as Langfuse reads it."""
    with generation(
        "openrouter", "gpt-4", user_id="user_123", session_id="session_456", tags=["beta"]
    ) as made:
        made.set_input(MESSAGES)
        made.set_output({"role": "assistant", "content": "hello"})
        made.set_token_usage(input_tokens=100, output_tokens=50, cached_tokens=30)
        made.set_cost(0.0023)
    seen = one(here)

    assert seen.name == "gpt-4"
    assert seen.attributes["langfuse.observation.type"] == "generation"
    assert seen.attributes["langfuse.observation.model.name"] == "gpt-4"
    assert seen.json("langfuse.observation.input") == MESSAGES
    assert seen.json("langfuse.observation.output")["content"] == "hello"
    assert seen.json("langfuse.observation.usage_details") == {
        "input": 70,
        "input_cached_tokens": 30,
        "output": 50,
        "total": 150,
    }
    assert seen.json("langfuse.observation.cost_details") == {"total": 0.0023}
    assert seen.json("langfuse.observation.metadata") == {"provider": "openrouter"}
    assert seen.attributes["langfuse.trace.tags"] == ["openrouter", "beta"]
    assert seen.attributes["user.id"] == "user_123"
    assert seen.attributes["session.id"] == "session_456"
    assert seen.end_ns >= seen.start_ns


def test_generation_async(here: Collector) -> None:
    """In `async with` it is the same; concurrent ones do not mix."""

    async def call(number: int) -> None:
        async with trace(f"trace {number}"), generation("a", "m", name=f"{number}") as made:
            await asyncio.sleep(0)
            made.set_output(number)

    async def main() -> None:
        await asyncio.gather(*(call(number) for number in range(20)))

    asyncio.run(main())
    spans = arrived(here)

    for number in range(20):
        outer, inner = spans[f"trace {number}"], spans[f"{number}"]
        assert (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.span_id)
        assert inner.json("langfuse.observation.output") == number


def test_without_a_block(here: Collector) -> None:
    """Trace and generation are ended by hand, as with the Langfuse SDK of old."""
    made = start_trace(name="my_operation", user_id="user_123", metadata={"custom_field": "value"})
    inner = made.generation(name="call", model="gpt-4", input=MESSAGES)
    inner.end(output="hello", usage={"input": 3, "output": 4})
    step = made.span(name="step")
    step.end()
    made.update(output="result")
    made.end()
    spans = arrived(here)
    root = spans["my_operation"]

    assert root.json("langfuse.observation.output") == "result"
    assert root.json("langfuse.trace.metadata") == {"custom_field": "value"}
    assert {spans[name].parent_id for name in ("call", "step")} == {root.span_id}
    assert spans["call"].json("langfuse.observation.usage_details") == {"input": 3, "output": 4}
    assert {seen.attributes["user.id"] for seen in spans.values()} == {"user_123"}
    assert {seen.attributes["langfuse.trace.name"] for seen in spans.values()} == {"my_operation"}


def test_ended_twice(here: Collector) -> None:
    """An observation is exported once, however often it is ended."""
    made = start_span("one")
    with made:
        made.end(output=1)
    made.end(output=2)

    assert one(here).json("langfuse.observation.output") == 1


def test_forgotten(here: Collector) -> None:
    """What nobody ends is exported when the program lets go of it."""
    start_trace("forgotten").update(output="result")
    gc.collect()

    assert one(here).json("langfuse.observation.output") == "result"


IMPORTERS = """
import threading
importers = set()
class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "httpx":
            importers.add(threading.current_thread().name)
sys.meta_path.insert(0, Watch)
import langfuse_otel
with langfuse_otel.trace("lesson"):
    pass
assert langfuse_otel.flush(20)
print(importers)
"""


def test_imports(collector: Collector) -> None:
    """No thread of ours imports httpx: others may look at it before it is whole."""
    run = run_cold_program(IMPORTERS, collector)

    assert run.stdout == "{'MainThread'}\n", run.stderr
    assert len(collector.spans) == 1


def test_never_ended(collector: Collector) -> None:
    """What nobody ends until the process does is exported then."""
    code = "import langfuse_otel\nkept = langfuse_otel.trace('kept')\nkept.update(output='result')"
    run = run_cold_program(code, collector)

    assert [seen.json("langfuse.observation.output") for seen in collector.spans] == ["result"], (
        run.stderr
    )


def test_forgotten_without_a_thread(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush waits for what was let go of, also where the thread that exports it has not come."""

    def refuse(*_args: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(_thread, "start_new_thread", refuse)
        start_span("forgotten")
        gc.collect()

    assert one(here).name == "forgotten"


def test_forgotten_under_a_lock(here: Collector) -> None:
    """It may be let go of anywhere, as when memory is collected while our own delivery is at work."""
    start_span("first").end()
    kept = start_span("kept")
    delivery = _process._delivery
    assert delivery is not None
    with delivery._changed:
        del kept
        gc.collect()

    assert set(arrived(here)) == {"first", "kept"}


def test_ended_by_a_signal(collector: Collector) -> None:
    """A SIGTERM ends and sends what is open, also where LiteLLM has no part in it."""
    code = """
import langfuse_otel, signal, time
kept = langfuse_otel.trace("kept")
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    run = run_cold_program(code, collector)

    assert [seen.name for seen in collector.spans] == ["kept"], run.stderr
    assert run.returncode == -signal.SIGTERM


def test_a_child_process_sends_its_own(collector: Collector) -> None:
    """What was begun before a fork is the parent's: the child neither ends nor sends it."""
    code = """
import langfuse_otel
kept = langfuse_otel.trace("kept")
if os.fork() == 0:
    langfuse_otel.span("childs").end()
    sys.exit()
os.wait()
kept.end()
"""
    run = run_cold_program(code, collector)

    assert sorted(seen.name for seen in collector.spans) == ["childs", "kept"], run.stderr


def test_exception(here: Collector) -> None:
    """An exception is noted and goes on as it is; nothing was used up."""
    error = ValueError("too bad")
    with pytest.raises(ValueError, match="too bad") as raised, generation("openai", "gpt-4o"):
        raise error
    seen = one(here)

    assert raised.value is error
    assert seen.attributes["langfuse.observation.level"] == "ERROR"
    assert seen.status == "too bad"
    assert seen.json("langfuse.observation.cost_details") == {"total": 0}
    told = seen.json("langfuse.observation.metadata")
    assert told["exception.type"] == "builtins.ValueError"
    assert "raise error" in told["exception.stacktrace"]


def test_content_is_not_captured(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no content is to be captured none is sent, also none that an error quotes."""
    monkeypatch.setenv("LANGFUSE_OTEL_CAPTURE_CONTENT", "false")
    with pytest.raises(ValueError, match="secret"), generation("openai", "gpt-4o", input="secret"):
        raise ValueError("secret")

    assert "secret" not in str(one(here))


def test_cancelled(here: Collector) -> None:
    """A task that is cancelled is a warning."""

    async def main() -> None:
        with span("slow"):
            await asyncio.sleep(60)

    async def run() -> None:
        task = asyncio.create_task(main())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert one(here).attributes["langfuse.observation.level"] == "WARNING"


def test_set_error(here: Collector) -> None:
    """An error may be told as a text."""
    with generation("openai", "gpt-4o") as made:
        made.set_error("no credit")

    assert one(here).status == "no credit"


def test_usage_of_a_response(here: Collector) -> None:
    """A provider's usage is divided into the buckets that a LiteLLM call has."""
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    start_generation("openai", "gpt-4o").end(usage=SimpleNamespace(**usage))

    assert one(here).json("langfuse.observation.usage_details") == usage_of(usage)


def test_update(here: Collector) -> None:
    """What is given later wins; tags and metadata add up; None says nothing."""
    made = start_span("one", tags=["a"], metadata={"x": 1, "y": 1}, user_id="u", level="WARNING")
    made.update(tags=["b"], metadata={"y": 2}, user_id=None, name="two", level="no such level")
    made.end()
    seen = one(here)

    assert seen.name == "two"
    assert seen.attributes["langfuse.trace.tags"] == ["a", "b"]
    assert seen.json("langfuse.observation.metadata") == {"x": 1, "y": 2}
    assert seen.attributes["user.id"] == "u"
    assert seen.attributes["langfuse.observation.level"] == "WARNING"


def test_odd_values(here: Collector) -> None:
    """What fails when it is read reaches no caller; the rest is sent."""
    made = generation("openai", "gpt-4o", metadata=Unreadable(), level=Broken(), tags=["a"])
    made.end(name=Broken(), output="hello")
    observe(name=Broken())(len)("abc")  # type: ignore[call-overload]
    spans = arrived(here)

    assert spans["gpt-4o"].json("langfuse.observation.output") == "hello"
    assert spans["gpt-4o"].json("langfuse.observation.metadata") == {"provider": "openai"}
    assert spans["gpt-4o"].attributes["langfuse.trace.tags"] == ["openai", "a"]
    assert spans["len"].json("langfuse.observation.output") == 3


@pytest.mark.parametrize(
    ("given", "sent"),
    [("agent", "agent"), ("RETRIEVER", "retriever"), ("foo", "span"), (Broken(), "span")],
    ids=["agent", "upper", "unknown", "broken"],
)
def test_type(here: Collector, caplog: pytest.LogCaptureFixture, given: Any, sent: str) -> None:
    """What is made by hand has the type that is said; one that Langfuse does not know is warned of."""
    with span("block", as_type=given) as block:
        block.span("below", as_type=given).end()
    observe(name="call", as_type=given)(len)("abc")
    types = [seen.attributes["langfuse.observation.type"] for seen in arrived(here).values()]

    assert types == [sent] * 3
    assert ("`as_type` is one of span, generation," in caplog.text) == (sent == "span")


def test_unknown_field() -> None:
    """A name that does not exist is an error where it is written, and says which ones do."""
    with pytest.raises(TypeError, match=r"outptu.*output"):
        span("one", outptu=1)


@pytest.mark.parametrize("cost", [-1, float("nan"), 1e6, "much", {"input": "much"}])
def test_invalid_cost(here: Collector, caplog: pytest.LogCaptureFixture, cost: Any) -> None:
    """A cost that Langfuse cannot store is warned of and left out."""
    with generation("openai", "gpt-4o") as made:
        made.set_cost(cost)

    assert "langfuse.observation.cost_details" not in one(here).attributes
    assert "a cost is" in caplog.text


def test_cost_in_parts(here: Collector) -> None:
    """A cost in parts has a total."""
    start_generation("openai", "gpt-4o").end(cost={"input": 0.25, "output": 0.5})

    assert one(here).json("langfuse.observation.cost_details") == {
        "total": 0.75,
        "input": 0.25,
        "output": 0.5,
    }


def test_content_is_taken_at_once(here: Collector) -> None:
    """What the program changes later does not change what it said."""
    messages = [{"role": "user", "content": "hi"}]
    made = start_generation("openai", "gpt-4o", input=messages)
    messages.clear()
    made.end()

    assert one(here).json("langfuse.observation.input") == MESSAGES


def test_explicit_ids(here: Collector) -> None:
    """A trace id is taken as in the metadata of a LiteLLM call, and wins over what is around."""
    with span("around"):
        made = start_span("one", trace_id="my request", parent_observation_id="00f067aa0ba902b7")
        made.end()
    seen = arrived(here)["one"]

    assert seen.trace_id == made.trace_id == Langfuse.create_trace_id(seed="my request")
    assert seen.span_id == made.observation_id
    assert seen.parent_id == "00f067aa0ba902b7"


def test_long_texts(langfuse: Collector) -> None:
    """Long names and ids are cut as those of a LiteLLM call: both lead to the same trace."""
    long = "n\0" * 1_000
    span("step", trace_id=long, trace_name=long, parent_observation_id=long).end()
    litellm.completion(
        **CALL, metadata={"trace_id": long, "trace_name": long, "parent_observation_id": long}
    )
    score(trace_id=long, name="quality", value=1)
    step, call = arrived(langfuse)["step"], arrived(langfuse)["chat gpt-4o"]

    assert (step.trace_id, step.parent_id) == (call.trace_id, call.parent_id)
    assert step.attributes["langfuse.trace.name"] == call.attributes["langfuse.trace.name"]
    assert [one["traceId"] for one in langfuse.scores.values()] == [step.trace_id]
    assert not any(warning.effect == "dropped" for warning in langfuse.warnings)


@pytest.mark.parametrize("is_stream", [False, True])
def test_litellm_within(langfuse: Collector, is_stream: bool) -> None:
    """A LiteLLM call within a generation is its child, and alone has usage, cost and model."""
    with trace("t", user_id="me"), generation("openai", "gpt-4o", name="mine") as made:
        response = litellm.completion(**CALL, stream=is_stream)
        if is_stream:
            list(response)
        made.set_token_usage(input_tokens=10, output_tokens=20)
        made.set_cost(1.0)
    spans = arrived(langfuse)
    mine, call, root = spans["mine"], spans["chat gpt-4o"], spans["t"]

    assert (call.parent_id, mine.parent_id, root.parent_id) == (mine.span_id, root.span_id, None)
    assert mine.attributes["langfuse.observation.type"] == "span"
    numbers = {"model.name", "usage_details", "cost_details"}
    assert not {f"langfuse.observation.{name}" for name in numbers} & mine.attributes.keys()
    assert call.json("langfuse.observation.usage_details")["total"] > 0
    assert call.attributes["user.id"] == "me"
    assert call.attributes["langfuse.trace.name"] == "t"
    assert "langfuse.internal.as_root" not in call.attributes


def test_litellm_within_async(langfuse: Collector) -> None:
    """Concurrent calls are children of the right generations, also of those around a span."""

    async def call(number: int) -> None:
        async with generation("openai", "gpt-4o", name=f"outer {number}") as made:
            with span(f"inner {number}"):
                await litellm.acompletion(**CALL, metadata={"generation_name": f"call {number}"})
            made.set_cost(1.0)

    async def main() -> None:
        await asyncio.gather(*(call(number) for number in range(10)))
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())
    spans = arrived(langfuse)

    for number in range(10):
        assert spans[f"call {number}"].parent_id == spans[f"inner {number}"].span_id
        assert spans[f"inner {number}"].parent_id == spans[f"outer {number}"].span_id
        assert "langfuse.observation.cost_details" not in spans[f"outer {number}"].attributes


def test_call_wins_over_what_is_around(langfuse: Collector) -> None:
    """A call within says more: its own user stays, its tags are added."""
    with trace("t", user_id="me", session_id="s", tags=["a"]):
        litellm.completion(**CALL, metadata={"trace_user_id": "you", "tags": ["b"]})
    call = arrived(langfuse)["chat gpt-4o"]

    assert call.attributes["user.id"] == "you"
    assert call.attributes["session.id"] == "s"
    assert call.attributes["langfuse.trace.tags"] == ["a", "b"]


def test_call_in_another_trace(langfuse: Collector) -> None:
    """A call that names another trace takes nothing from what is around."""
    with trace("t", user_id="me"):
        litellm.completion(**CALL, metadata={"trace_id": "another"})
    call = arrived(langfuse)["chat gpt-4o"]

    assert call.parent_id is None
    assert "user.id" not in call.attributes


def a_prompt(*, is_fallback: bool = False) -> TextPromptClient:
    """Return a prompt as the Langfuse SDK gives it."""
    said = {
        "name": "greeting",
        "version": 3,
        "prompt": "hi",
        "config": {},
        "labels": [],
        "tags": [],
    }
    return TextPromptClient(Prompt_Text.model_validate({**said, "type": "text"}), is_fallback)


def test_prompt(here: Collector) -> None:
    """A prompt is linked by name and version."""
    start_generation("openai", "gpt-4o", prompt=a_prompt()).end()
    seen = one(here)

    assert seen.attributes["langfuse.observation.prompt.name"] == "greeting"
    assert seen.attributes["langfuse.observation.prompt.version"] == 3


def test_fallback_prompt(here: Collector) -> None:
    """A prompt that Langfuse does not have is not linked."""
    start_generation("openai", "gpt-4o", prompt=a_prompt(is_fallback=True)).end()

    assert "langfuse.observation.prompt.name" not in one(here).attributes


def test_prompt_of_a_call_within(langfuse: Collector) -> None:
    """The prompt of a generation around a LiteLLM call is linked to the call."""
    with generation("openai", "gpt-4o", name="mine", prompt=a_prompt()):
        litellm.completion(**CALL)
    spans = arrived(langfuse)

    assert spans["chat gpt-4o"].attributes["langfuse.observation.prompt.name"] == "greeting"
    assert "langfuse.observation.prompt.name" not in spans["mine"].attributes


def test_between_other_spans(here: Collector) -> None:
    """Under an application's span ours shows the trace; the application's within is its child."""
    seen_by_them = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen_by_them))
    tracer = provider.get_tracer("app")
    with (
        tracer.start_as_current_span("outer"),
        span("ours"),
        tracer.start_as_current_span("inner"),
    ):
        pass
    inner, outer = seen_by_them.get_finished_spans()
    ours = one(here)

    assert outer.context and inner.parent  # noqa: PT018
    assert ours.parent_id == f"{outer.context.span_id:016x}"
    assert ours.attributes["langfuse.internal.as_root"] is True
    assert f"{inner.parent.span_id:016x}" == ours.span_id
    assert otel.get_current_span() is otel.INVALID_SPAN


def test_others_are_sampled_within(here: Collector) -> None:
    """An application's span under ours alone is recorded, for the usual sampler follows its parent."""
    seen_by_them = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen_by_them))
    with span("ours"), provider.get_tracer("app").start_as_current_span("inner"):
        pass

    assert len(seen_by_them.get_finished_spans()) == 1


def test_langfuse_sdk(here: Collector) -> None:
    """The Langfuse SDK's spans nest in ours and ours in them."""
    sdk = Langfuse(
        public_key=here.public_key,
        secret_key=here.secret_key,
        base_url=here.url,
        tracer_provider=TracerProvider(),
    )
    with (
        span("outer") as outer,
        sdk.start_as_current_observation(name="theirs"),
        span("inner"),
    ):
        pass
    sdk.flush()
    spans = arrived(here)

    assert spans["theirs"].parent_id == outer.observation_id
    assert spans["inner"].parent_id == spans["theirs"].span_id
    assert "langfuse.internal.as_root" not in spans["inner"].attributes
    sdk.shutdown()


def test_ignored_context(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without context propagation ours leave foreign spans alone, and nest in each other."""
    monkeypatch.setenv("OTEL_IGNORE_CONTEXT_PROPAGATION", "true")
    tracer = TracerProvider().get_tracer("app")
    with tracer.start_as_current_span("foreign"), span("outer"), span("inner"):
        pass
    spans = arrived(here)

    assert spans["outer"].parent_id is None
    assert spans["inner"].parent_id == spans["outer"].span_id


def test_active(here: Collector) -> None:
    """Within `active` what is made nests, and the observation is not ended."""
    made = start_generation("openai", "gpt-4o", name="outer")
    with made.active(), span("inner"):
        pass
    made.end(output="later")
    spans = arrived(here)

    assert spans["inner"].parent_id == spans["outer"].span_id
    assert spans["outer"].json("langfuse.observation.output") == "later"


def test_left_in_another_context(here: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """A block that another task leaves, as of a generator that is closed elsewhere, logs nothing."""

    async def items() -> Any:
        with span("left"):
            yield 1

    async def main() -> None:
        stream = items()
        await anext(stream)
        await asyncio.create_task(stream.aclose())

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    seen = one(here)

    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []
    assert seen.attributes["langfuse.observation.level"] == "WARNING"


def test_turned_off(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned off nothing is sent, and the application's context is left alone."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "false")
    with span("one") as made:
        active = otel.get_current_span()
        made.score(name="x", value=1)
    assert langfuse_otel.flush(20)

    assert active is otel.INVALID_SPAN
    assert here.spans == []
    assert langfuse_otel.stats().created == 0


def test_no_keys(caplog: pytest.LogCaptureFixture) -> None:
    """Without keys nothing is raised, one warning says what to do, and the loss is counted."""
    for _ in range(3):
        with generation("openai", "gpt-4o") as made:
            made.set_output("hello")

    assert langfuse_otel.stats().dropped == {"no_destination": 3}
    assert sum("must be set" in record.message for record in caplog.records) == 1


def test_environment_and_release(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment and release of the settings stand on what is made by hand."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "prod")
    monkeypatch.setenv("LANGFUSE_RELEASE", "1.2")
    start_span("one").end()
    seen = one(here)

    assert seen.attributes["langfuse.environment"] == "prod"
    assert seen.attributes["langfuse.release"] == "1.2"


def test_shown_by_langfuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Langfuse's API shows the trace with input, output, usage, and the score of the generation."""
    with LocalReceiver() as receiver:
        monkeypatch.setenv("LANGFUSE_HOST", receiver.url)
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", receiver.public_key)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", receiver.secret_key)
        with trace("t", user_id="me", input="question", metadata={"shop": "tea"}) as outer:
            with outer.generation("openrouter", "gpt-4", tags=["beta"]) as made:
                made.set_token_usage(input_tokens=3, output_tokens=4)
                made.score(name="rating", value=4.5)
            outer.set_output("answer")
        assert langfuse_otel.flush(20)
        shown = httpx.get(
            f"{receiver.url}/api/public/traces/{outer.trace_id}",
            auth=(receiver.public_key, receiver.secret_key),
        ).json()
    [generated] = [each for each in shown["observations"] if each["type"] == "GENERATION"]

    assert (shown["name"], shown["userId"], shown["tags"]) == ("t", "me", ["openrouter", "beta"])
    assert (shown["input"], shown["output"]) == ("question", "answer")
    assert shown["metadata"]["shop"] == "tea"
    assert (generated["model"], generated["parentObservationId"]) == ("gpt-4", outer.observation_id)
    assert generated["usageDetails"] == {"input": 3, "output": 4, "total": 7}
    assert [(each["name"], each["value"], each["observationId"]) for each in shown["scores"]] == [
        ("rating", 4.5, made.observation_id)
    ]


def test_by_hand_without_litellm(collector: Collector) -> None:
    """By hand nothing imports LiteLLM."""
    code = """
import langfuse_otel
@langfuse_otel.observe
def f():
    with langfuse_otel.generation("openai", "gpt-4o") as made:
        made.score(name="x", value=1)
f()
langfuse_otel.flush()
print("litellm" in sys.modules)
"""
    run = run_cold_program(code, collector)

    assert run.stdout == "False\n", run.stderr
    assert len(collector.spans) == 2
    assert json.dumps(list(collector.scores.values()))
