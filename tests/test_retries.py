"""What LiteLLM repeats itself, without its router: no attempt is lost, none is there twice."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm._internal_context import is_internal_call
from litellm.litellm_core_utils.litellm_logging import Logging
from opentelemetry.sdk.trace import TracerProvider

import langfuse_otel
from langfuse_otel._hooks import retries, streams
from langfuse_otel._spans.identity import observation_id_of
from routes import Provider
from upstream import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel.testing import Collector, ReceivedSpan

# LiteLLM leaves the connections of its clients to the garbage collector. Were that an error while a
# failure is handled, pytest would keep the one with the other, and the stream that it leads to.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

MESSAGES = [{"role": "user", "content": "hi"}]
WAYS = ("sync", "async")
SENTENCE = "one two three"


@pytest.fixture(autouse=True)
def no_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM closes its aiohttp sessions only when the interpreter ends."""
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider of which a test says how often it fails."""
    with Provider() as running:
        yield running


def arguments(provider: Provider, **more: Any) -> dict[str, Any]:
    """Return the arguments of a call that is repeated twice, to a provider without a client."""
    return {
        "model": "anthropic/claude-sonnet-4-5",
        "messages": MESSAGES,
        "api_base": provider.root,
        "api_key": "sk-upstream",
        "num_retries": 2,
        **more,
    }


def ask(way: str, name: str = "completion", **arguments: Any) -> Any:
    """Make one call and flush."""

    async def main() -> Any:
        try:
            return await getattr(litellm, f"a{name}")(**arguments)
        finally:
            assert await langfuse_otel.aflush(20)
            await litellm.close_litellm_async_clients()

    answer = asyncio.run(main()) if way == "async" else getattr(litellm, name)(**arguments)
    assert langfuse_otel.flush(20)
    return answer


def attempts(langfuse: Collector) -> list[ReceivedSpan]:
    """Return what was exported, in the order in which it started."""
    return sorted(langfuse.spans, key=lambda span: span.start_ns)


def levels(langfuse: Collector) -> list[str]:
    """Return the level of each attempt."""
    return [span.attributes["langfuse.observation.level"] for span in attempts(langfuse)]


def retry_numbers(langfuse: Collector) -> list[int | None]:
    """Return how many attempts each says were before it."""
    found = (span.json("langfuse.observation.metadata") for span in attempts(langfuse))
    return [metadata.get("attempted_retries") for metadata in found]


def collected() -> None:
    """Wait until no stream object is left, which LiteLLM's threads and queue may hold for a moment."""
    deadline = time.monotonic() + 20
    while streams._open and time.monotonic() < deadline:
        langfuse_otel.flush(20)
        gc.collect()
    assert not streams._open


@pytest.mark.parametrize("way", WAYS)
def test_answer_is_whole(langfuse: Collector, provider: Provider, way: str) -> None:
    """An answer after a failure leaves the same observation as one at once."""
    ask(way, **arguments(provider))
    [at_once] = attempts(langfuse)
    langfuse.spans.clear()
    provider.failures = 1
    ask(way, **arguments(provider))
    failed, answer = attempts(langfuse)

    for name in ("input", "output", "usage_details", "cost_details"):
        attribute = f"langfuse.observation.{name}"
        assert answer.json(attribute) == at_once.json(attribute), name
    for name in ("type", "model.name"):
        attribute = f"langfuse.observation.{name}"
        assert {span.attributes[attribute] for span in (failed, answer)} == {
            at_once.attributes[attribute]
        }
    metadata = [span.json("langfuse.observation.metadata") for span in (failed, answer, at_once)]
    assert len({found["api_base"] for found in metadata}) == 1
    assert metadata[0]["exception.type"] == "litellm.exceptions.InternalServerError"
    assert failed.json("langfuse.observation.cost_details") == {"total": 0}


@pytest.mark.parametrize("way", WAYS)
def test_parent(langfuse: Collector, provider: Provider, way: str) -> None:
    """Under an OpenTelemetry span every attempt is its child."""
    provider.failures = 2
    with TracerProvider().get_tracer("app").start_as_current_span("mine") as span:
        ask(way, **arguments(provider))
    context = span.get_span_context()

    assert [(found.trace_id, found.parent_id) for found in attempts(langfuse)] == [
        (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    ] * 3


@pytest.mark.parametrize("way", WAYS)
def test_num_retries_for_all_calls(
    langfuse: Collector, provider: Provider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """With `litellm.num_retries` set, the caller's id is that of the answer alone."""
    monkeypatch.setattr(litellm, "num_retries", 2)
    provider.failures = 1
    ask(way, **arguments(provider, num_retries=None, metadata={"generation_id": "g-1"}))
    failed, answer = attempts(langfuse)

    assert retry_numbers(langfuse) == [0, 1]
    assert answer.span_id == f"{observation_id_of('g-1'):016x}" != failed.span_id


@pytest.mark.parametrize("failures", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_responses(langfuse: Collector, provider: Provider, way: str, failures: int) -> None:
    """A response that LiteLLM asks a chat model for, and repeats in both roles, is there once."""
    provider.failures = failures
    ask(way, "responses", **arguments(provider, messages=None, input="hi"))

    assert levels(langfuse) == ["ERROR"] * failures + ["DEFAULT"]
    assert retry_numbers(langfuse) == list(range(failures + 1))


@pytest.mark.parametrize("way", WAYS)
def test_fallback_after_retries(langfuse: Collector, provider: Provider, way: str) -> None:
    """A fallback that answers after the retries of another model is no retry of those."""
    provider.failures = 3
    other = {"model": "openai/gpt-4o-mini", "api_base": provider.url}
    ask(way, **arguments(provider, fallbacks=[other]))

    assert levels(langfuse) == ["ERROR", "ERROR", "ERROR", "DEFAULT"]
    assert retry_numbers(langfuse)[-1] is None
    assert len({span.span_id for span in langfuse.spans}) == 4
    assert len({span.trace_id for span in langfuse.spans}) == 1


def test_left_stream(langfuse: Collector, provider: Provider) -> None:
    """A stream that began after a failure and is left is one WARNING, and the failure one ERROR."""
    provider.failures = 1

    async def main() -> None:
        stream = await litellm.acompletion(**arguments(provider, stream=True))
        for _ in range(3):
            await stream.__anext__()
        await stream.aclose()
        del stream
        await litellm.close_litellm_async_clients()

    asyncio.run(main())
    collected()
    assert langfuse_otel.flush(20)

    assert levels(langfuse) == ["ERROR", "WARNING"]
    assert retry_numbers(langfuse) == [0, 1]


def test_stream_is_expected_once(langfuse: Collector, provider: Provider) -> None:
    """A stream that began after a failure is exported once, though its call was announced twice."""
    provider.failures = 1
    stream = litellm.completion(**arguments(provider, stream=True))
    [known] = streams._open.values()
    wanted = len(known.exports)
    for _ in stream:
        pass
    assert langfuse_otel.flush(20)

    assert wanted == 1
    assert levels(langfuse) == ["ERROR", "DEFAULT"]


def test_facts_of_an_earlier_error(langfuse: Collector) -> None:
    """What LiteLLM wrote down about an earlier error is not said of a later one."""
    payload = {"error_information": {"error_code": "429"}, "api_base": "http://up"}
    call = SimpleNamespace(model_call_details={"standard_logging_object": payload})
    changes = retries._failed(call, ValueError("later"))

    assert changes["standard_logging_object"] == {**payload, "error_information": None}


@pytest.mark.parametrize("way", WAYS)
def test_each_is_counted_once(
    langfuse: Collector, provider: Provider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Three attempts that are not sent are counted as three, whoever reported them."""
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0")
    provider.failures = 2
    ask(way, **arguments(provider))

    assert langfuse_otel.stats().dropped == {"not_sampled": 3}


def test_without_tenacity(
    langfuse: Collector, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where LiteLLM cannot repeat, for want of tenacity, the attempt that failed is there."""
    monkeypatch.setitem(sys.modules, "tenacity", None)
    provider.failures = 1
    with pytest.raises(Exception, match="tenacity"):
        ask("sync", **arguments(provider))
    assert langfuse_otel.flush(20)

    assert levels(langfuse) == ["ERROR"]


@pytest.mark.parametrize("way", WAYS)
def test_redacted(
    langfuse: Collector, provider: Provider, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """With LiteLLM's messages turned off no attempt shows what was said."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    provider.failures = 2
    ask(way, **arguments(provider, messages=[{"role": "user", "content": SENTENCE}]))

    assert levels(langfuse) == ["ERROR", "ERROR", "DEFAULT"]
    for span in langfuse.spans:
        said = f"{span.attributes}"
        assert SENTENCE not in said
        assert ANSWER not in said


@pytest.mark.parametrize("way", WAYS)
def test_no_log(langfuse: Collector, provider: Provider, way: str) -> None:
    """A call that asks not to be logged is not, however often it is repeated."""
    provider.failures = 2
    ask(way, **arguments(provider, **{"no-log": True}))

    assert langfuse.spans == []


def test_internal_call(langfuse: Collector, provider: Provider) -> None:
    """A call that LiteLLM makes for itself, and calls nobody back for, is not exported."""
    provider.failures = 2
    token = is_internal_call.set(True)
    try:
        ask("async", **arguments(provider))
    finally:
        is_internal_call.reset(token)

    assert langfuse.spans == []


def test_without_a_price(
    langfuse: Collector, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer whose cost LiteLLM cannot calculate is there without one."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise ValueError("no price")

    provider.failures = 1
    with monkeypatch.context() as patch:
        patch.setattr(Logging, "response_cost_calculator", fail)
        ask("async", **arguments(provider))
    answer = attempts(langfuse)[-1]

    assert answer.attributes["langfuse.observation.level"] == "DEFAULT"
    assert "langfuse.observation.cost_details" not in answer.attributes


@pytest.mark.parametrize("way", WAYS)
def test_no_harm(
    langfuse: Collector,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    """What goes wrong with an attempt here stays here, and is warned of."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr(langfuse_otel.LangfuseOtelLogger, "log_attempt", fail)
    provider.failures = 1
    answer = ask(way, **arguments(provider))

    assert answer.choices[0].message.content == ANSWER
    assert "langfuse-otel: an attempt could not be exported: RuntimeError" in caplog.messages


def test_plain_use(langfuse: Collector, provider: Provider) -> None:
    """LiteLLM's own function to repeat calls does what it did, when a program uses it by itself."""
    provider.failures = 1
    answer = litellm.completion_with_retries(**arguments(provider))
    assert langfuse_otel.flush(20)

    assert answer.choices[0].message.content == ANSWER
    assert levels(langfuse) == ["ERROR", "DEFAULT"]
