"""Mask functions: what they are shown, what is sent in its place, and what if they fail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

import langfuse_otel
from calls import a_call, observed
from canary import SECRET, is_found
from langfuse_otel import LangfuseOtelLogger
from langfuse_otel._privacy.foreign import content_of
from langfuse_otel._privacy.masking import (
    FAILED,
    Masking,
    mask_of,
    mask_of_texts,
    masked,
    masked_score,
    without_content,
)
from langfuse_otel.exporter import LangfuseSpanExporter
from routes import Provider
from test_attributes import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

    from langfuse_otel._records import Mask, Observation
    from langfuse_otel.testing import Collector, ReceivedSpan

# LiteLLM leaves the connections of its clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

INPUT, OUTPUT = "langfuse.observation.input", "langfuse.observation.output"
METADATA = "langfuse.observation.metadata"


def hide(data: Any, kind: str) -> Any:
    """Say which kind it was."""
    return {"hidden": kind}


def fail(data: Any, kind: str) -> Any:
    """Quote what it was shown, as an error may."""
    raise ValueError(f"cannot mask {data}")


def named_mask(data: Any, kind: str) -> Any:
    """Stand where a setting finds it."""
    return "named"


NO_FUNCTION = "no function"


def ask(**more: Any) -> None:
    """Make one call and deliver it."""
    arguments = {"model": "openai/gpt-4o", "mock_response": SECRET, **more}
    messages = [{"role": "user", "content": SECRET}]
    with contextlib.suppress(litellm.InternalServerError):
        litellm.completion(messages=messages, **arguments)
    assert langfuse_otel.flush(20)


def only(collector: Collector) -> ReceivedSpan:
    """Return the one span that came."""
    [span] = collector.spans
    return span


def seen_by(mask: Mask | None, observation: Observation) -> tuple[Observation, list[str]]:
    """Return what a mask makes of an observation, and why it failed."""
    failed: list[str] = []
    return masked(observation, Masking(mask, failed.append)), failed


# --- what a mask is shown


def test_what_it_is_shown() -> None:
    """A mask is shown input, output, metadata and the trace's own as values, with their kind."""
    shown: list[tuple[Any, str]] = []

    def note(data: Any, kind: str) -> Any:
        shown.append((data, kind))
        return data

    observation = observed(
        note="mine",
        trace_metadata={"a": 1},
        existing_trace_id="1" * 32,
        update_trace_keys=["input", "output", "trace_metadata"],
    )
    found, failed = seen_by(note, observation)
    metadata = json.loads(observation.metadata or "")

    assert (found, failed) == (observation, [])
    assert [data for data, kind in shown if kind == "input"] == [
        json.loads(observation.input or "")
    ] * 2
    assert [data for data, kind in shown if kind == "output"] == [
        json.loads(observation.output or "")
    ] * 2
    assert [data for data, kind in shown if kind == "metadata"] == [metadata, {"a": 1}]


def test_error_text() -> None:
    """The text of an error is shown as `status_message`, and its stack trace as metadata."""
    shown: dict[str, Any] = {}

    def note(data: Any, kind: str) -> Any:
        shown[kind] = data
        return json.loads(json.dumps(data).replace(SECRET, "x"))

    call = a_call(exception=ValueError(SECRET), traceback_exception=f"Traceback {SECRET}")
    found, _ = seen_by(note, observed(call, None))

    assert shown["status_message"] == SECRET
    assert found.status_message == "x"
    assert json.loads(found.metadata or "")["exception.stacktrace"] == "Traceback x"


def test_parameters_that_quote() -> None:
    """Parameters that hold what the caller wrote are shown as input; the numbers stay."""
    call = a_call(
        optional_params={"temperature": 0.5, "stop": [SECRET], "response_format": {"a": SECRET}}
    )
    found, _ = seen_by(lambda data, kind: {kind: data}, observed(call))

    assert json.loads(found.model_parameters or "") == {
        "response_format": {"input": {"a": SECRET}},
        "stop": {"input": [SECRET]},
        "temperature": 0.5,
    }


def test_what_stays() -> None:
    """Usage, cost, model, name and times are shown to no mask."""
    observation = observed()
    found, _ = seen_by(hide, observation)
    kept = ("usage", "cost", "model", "name", "started_ns", "ended_ns", "documented", "clues")

    assert all(getattr(found, name) == getattr(observation, name) for name in kept)
    assert found.input == '{"hidden":"input"}'


def test_metadata_stays_an_object() -> None:
    """Langfuse takes no metadata but an object, so what a mask makes of it becomes one."""
    found, _ = seen_by(lambda *_: "gone", observed(trace_metadata={"a": 1}))

    assert (found.metadata, found.trace.metadata) == ('{"masked":"gone"}', '{"masked":"gone"}')


def test_nothing_left() -> None:
    """Where a mask returns None, nothing is sent."""
    found, _ = seen_by(lambda *_: None, observed())

    assert (found.input, found.output, found.metadata) == (None, None, None)


def test_order() -> None:
    """The call's mask runs first, then the logger's own, then the one of the process."""
    langfuse_otel.configure(mask=lambda data, _: f"{data}, process")
    asked = observed()._replace(input='"hi"', mask=lambda data, _: f"{data}, call")
    found, _ = seen_by(lambda data, _: f"{data}, own", asked)

    assert found.input == '"hi, call, own, process"'


# --- what if it fails

UNUSABLE = {
    "raises": fail,
    "no JSON": lambda *_: object(),
    "a coroutine": lambda *_: (one for one in ()).__class__,
    "leaves": lambda *_: sys.exit(1),
    "too few arguments": lambda data: data,
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_failure(name: str) -> None:
    """Where a mask fails, a fixed text takes the place of each field, and each is counted."""
    found, failed = seen_by(UNUSABLE[name], observed())  # type: ignore[arg-type]

    assert (found.input, found.output) == (f'"{FAILED}"', f'"{FAILED}"')
    assert found.metadata == f'{{"masked":"{FAILED}"}}'
    assert len(failed) == 3


def test_failure_end_to_end(langfuse: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """A mask that fails lets nothing through, is counted, and its error's text is not logged."""
    caplog.set_level(logging.DEBUG, "langfuse_otel")
    litellm.callbacks = [LangfuseOtelLogger(mask=fail)]
    ask()
    said = "\n".join(one.getMessage() for one in caplog.records if one.name == "langfuse_otel")

    assert only(langfuse).json(INPUT) == FAILED
    assert not is_found(*langfuse.bodies, said.encode())
    assert "ValueError" in said
    assert langfuse_otel.stats().mask_failures == 3


def test_deeply_nested() -> None:
    """Content that is nested too deeply to be parsed is shown to a mask as the text that it is."""
    text = "[" * 5_000 + "]" * 5_000
    found, failed = seen_by(lambda data, _: data == text, observed()._replace(input=text))

    assert (found.input, failed) == ("true", [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    )
)
def test_any_result(result: Any) -> None:
    """Whatever a mask returns, what is sent is JSON, and metadata an object."""
    found, failed = seen_by(lambda *_: result, observed())

    assert not failed
    assert json.loads(found.input or "null") is not ...
    assert isinstance(json.loads(found.metadata or "{}"), dict)


# --- the ways to give one


def test_argument(langfuse: Collector) -> None:
    """A logger's own mask holds for what it sends, and runs in a thread of ours."""
    threads = set()

    def note(data: Any, kind: str) -> Any:
        threads.add(threading.current_thread())
        return hide(data, kind)

    litellm.callbacks = [LangfuseOtelLogger(mask=note)]
    ask()
    span = only(langfuse)

    assert span.json(INPUT) == {"hidden": "input"}
    assert span.json(METADATA) == {"hidden": "metadata"}
    assert threading.current_thread() not in threads
    assert not is_found(*langfuse.bodies)
    assert langfuse.media == {}


def test_variable(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """`LANGFUSE_OTEL_MASK` names a function by module."""
    monkeypatch.setenv("LANGFUSE_OTEL_MASK", f"{__name__}:named_mask")
    ask()

    assert only(langfuse).json(INPUT) == "named"


@pytest.mark.parametrize(
    "value", ["nonsense", "no.such.module:f", f"{__name__}:NO_FUNCTION", f"{__name__}:", 5]
)
def test_bad_value(langfuse: Collector, caplog: pytest.LogCaptureFixture, value: object) -> None:
    """A setting that names no function is warned of, and content is replaced, not sent."""
    litellm.callbacks = [LangfuseOtelLogger(mask=value)]
    ask()

    assert only(langfuse).json(INPUT) == FAILED
    assert not is_found(*langfuse.bodies)
    assert "must name a function" in caplog.text


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("nonsense", "ModuleNotFoundError"),
        ("no.such.module:f", "ModuleNotFoundError"),
        (f"{__name__}:NO_FUNCTION", "it is no function"),
        (f"{__name__}:", "AttributeError"),
        (5, "ModuleNotFoundError"),
    ],
)
def test_reason(caplog: pytest.LogCaptureFixture, value: object, why: str) -> None:
    """The warning names the setting and says why, and the mask fails whatever it is shown."""
    failed: list[str] = []
    masking = Masking(mask_of(value), failed.append)
    [said] = caplog.messages

    assert masking.value("a", "input", masking.masks()) == FAILED
    assert failed == ["LookupError"]
    assert said == (
        f"langfuse-otel: LANGFUSE_OTEL_MASK must name a function as `module:function` ({why}); "
        "content is replaced until it does"
    )


def test_name() -> None:
    """A function is found by its module and its name, also within a class."""
    assert mask_of(f"{__name__}:named_mask") is named_mask
    assert mask_of("json:JSONDecoder.decode") is json.JSONDecoder.decode


def test_configure(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is configured holds at once: also for what waits already, and beside other masks."""
    monkeypatch.setenv("LANGFUSE_FLUSH_INTERVAL", "3600")
    litellm.callbacks = [LangfuseOtelLogger(mask=lambda data, _: [data])]
    litellm.completion(
        model="openai/gpt-4o", messages=[{"role": "user", "content": "hi"}], mock_response="a"
    )
    langfuse_otel.configure(mask=lambda data, _: len(data))
    assert langfuse_otel.flush(20)

    assert only(langfuse).json(INPUT) == 1


def test_no_function() -> None:
    """What is no function is refused with a TypeError."""
    with pytest.raises(TypeError, match=r"^a mask is a function: mask\(data, kind\) -> data$"):
        langfuse_otel.configure(mask="f")  # type: ignore[arg-type]


def test_no_mask() -> None:
    """Without a mask the observation is the same object."""
    observation = observed()

    assert seen_by(None, observation)[0] is observation
    assert mask_of(None) is None
    assert mask_of(hide) is hide


# --- LiteLLM's


def no_letters(text: str) -> str:
    """Hide a text, and fail on anything else, as such functions do."""
    return text.replace(SECRET, "x")


def test_litellms(langfuse: Collector) -> None:
    """`langfuse_masking_function` is shown each text, and others get what they got without it."""
    ask(metadata={"langfuse_masking_function": no_letters, "note": SECRET})
    span = only(langfuse)

    assert span.json(INPUT) == [{"role": "user", "content": "x"}]
    assert span.json(OUTPUT)["content"] == "x"
    assert not is_found(*langfuse.bodies)
    assert langfuse_otel.stats().mask_failures == 0


def test_litellms_on_failure(langfuse: Collector) -> None:
    """It masks the text of an error."""
    error = litellm.InternalServerError(SECRET, "openai", "gpt-4o")
    ask(metadata={"langfuse_masking_function": no_letters}, mock_response=error)

    assert only(langfuse).attributes["langfuse.observation.status_message"].endswith("x")
    assert not is_found(*langfuse.bodies)


@pytest.mark.parametrize("way", ["retries", "router"])
def test_litellms_on_attempts(
    langfuse: Collector, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """It masks every attempt at a call, though LiteLLM takes it out of the metadata at the first."""
    monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)
    with Provider() as provider:
        provider.failures = 2
        where = {
            "model": "anthropic/claude-sonnet-4-5",
            "api_base": provider.root,
            "api_key": "sk-none",
        }
        metadata = {"langfuse_masking_function": no_letters}
        if way == "retries":
            ask(metadata=metadata, mock_response=None, num_retries=2, **where)
        else:
            router = litellm.Router(
                [{"model_name": "m", "litellm_params": where}], num_retries=2, retry_after=0
            )
            messages = [{"role": "user", "content": SECRET}]

            async def main() -> None:
                await router.acompletion(model="m", messages=messages, metadata=metadata)
                assert await langfuse_otel.aflush(20)

            asyncio.run(main())

    assert len(langfuse.spans) == 3
    assert not is_found(*langfuse.bodies)


def test_litellms_as_text(langfuse: Collector) -> None:
    """A masking function that is none hides everything."""
    ask(litellm_metadata={"langfuse_masking_function": "hide"})

    assert only(langfuse).json(INPUT) == FAILED


def test_each_text() -> None:
    """It is shown each text and number by itself, and what it does not change keeps its type."""
    shown: list[str] = []

    def hide_49(text: str) -> str:
        shown.append(text)
        return text.replace("49", "*")

    found = mask_of_texts(hide_49)({"a": [1, 491, None, True], "b": {"c": "d49"}}, "input")

    assert found == {"a": [1, "*1", None, True], "b": {"c": "d*"}}
    assert shown == ["1", "491", "d49"]


# --- no content at all


def test_without_content() -> None:
    """Where content is not captured, input, output and error text are missing, and nothing else."""
    trace = FULL.trace._replace(input='"a"', output='"b"')
    found = without_content(FULL._replace(trace=trace))

    assert found == FULL._replace(input=None, output=None, status_message=None)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"stop": ["a"], "temperature": 0}, '{"temperature":0}'),
        ({"stop": ["a"]}, None),
        ("no object", None),
        (None, None),
    ],
    ids=["some", "all", "odd", "none"],
)
def test_parameters_without_content(given: object, kept: str | None) -> None:
    """Parameters that quote the caller are content, too."""
    text = None if given is None else json.dumps(given)

    assert without_content(FULL._replace(model_parameters=text)).model_parameters == kept


# --- spans of other libraries


@pytest.fixture
def span_of(collector: Collector) -> Callable[..., ReceivedSpan]:
    """What exports one span that a function fills, and returns it as it came."""

    def export(fill: Callable[[Span], None], **settings: Any) -> ReceivedSpan:
        keys = {"public_key": collector.public_key, "secret_key": collector.secret_key}
        exporter = LangfuseSpanExporter(host=collector.url, **keys, **settings)
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        with provider.get_tracer("app").start_as_current_span("one") as span:
            fill(span)
        assert exporter.force_flush(20_000)
        return only(collector)

    return export


FOREIGN: dict[str, Any] = {
    "langfuse.observation.input": json.dumps({"q": SECRET}),
    "langfuse.trace.metadata.note": SECRET,
    "gen_ai.prompt.0.content": SECRET,
    "gen_ai.completion.0.content": SECRET,
    "gen_ai.output.messages": json.dumps([SECRET]),
    "llm.input_messages.0.message.content": SECRET,
    "llm.invocation_parameters": json.dumps({"stop": SECRET}),
    "output.value": SECRET,
    "input.value": [SECRET, "b"],
    "traceloop.entity.input": SECRET,
}


def fill(span: Span) -> None:
    """Put content wherever a span of another library may hold it."""
    span.set_attributes(
        {**FOREIGN, "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 3}
    )
    span.add_event("gen_ai.user.message", {"content": SECRET})
    span.add_event("gen_ai.choice", {"message": SECRET})
    span.record_exception(ValueError(SECRET))
    span.set_status(Status(StatusCode.ERROR, SECRET))


@pytest.mark.parametrize("mask", [hide, fail, lambda *_: None, lambda *_: SECRET[:0]])
def test_foreign_span(
    collector: Collector, span_of: Callable[..., ReceivedSpan], mask: Mask
) -> None:
    """A mask sees the content of any span: attributes, events, status; the rest is as it was."""
    span = span_of(fill, mask=mask)

    assert not is_found(*collector.bodies)
    assert span.attributes["gen_ai.request.model"] == "gpt-4o"
    assert span.attributes["gen_ai.usage.input_tokens"] == 3


def test_foreign_kinds(span_of: Callable[..., ReceivedSpan]) -> None:
    """Each attribute is shown as a value, with the kind that Langfuse makes of it."""
    shown: dict[str, Any] = {}

    def note(data: Any, kind: str) -> Any:
        shown[json.dumps(data)] = kind
        return data

    span = span_of(
        lambda span: span.set_attributes({**FOREIGN, "langfuse.observation.output": "[1]"}),
        mask=note,
    )

    assert shown[json.dumps({"q": SECRET})] == "input"
    assert shown["[1]"] == "output"
    assert content_of("langfuse.trace.metadata.note") == "metadata"
    assert span.attributes["langfuse.observation.output"] == "[1]"
    assert span.attributes["input.value"] == [SECRET, "b"]


def test_foreign_events(span_of: Callable[..., ReceivedSpan]) -> None:
    """What an event of the GenAI conventions or a link holds is shown as asked, or answered."""
    shown: dict[Any, str] = {}

    def tell(span: Span) -> None:
        span.add_event("gen_ai.user.message", {"content": "asked"})
        span.add_event("gen_ai.choice", {"message": "answered"})
        span.add_event("checkpoint", {"note": "no content"})
        span.add_link(span.get_span_context(), {"gen_ai.completion": "of a link", "by": "hand"})
        span.add_event(
            "gen_ai.client.inference.operation.details",
            {"gen_ai.input.messages": "all asked", "gen_ai.output.messages": "all answered"},
        )

    span_of(tell, mask=shown.setdefault)

    assert shown == {
        "asked": "input",
        "answered": "output",
        "all asked": "input",
        "all answered": "output",
        "of a link": "output",
    }


def test_foreign_objects(span_of: Callable[..., ReceivedSpan]) -> None:
    """What Langfuse takes as an object alone stays one."""
    span = span_of(fill, mask=lambda *_: "x")

    assert span.json("llm.invocation_parameters") == {"masked": "x"}
    assert span.attributes["output.value"] == "x"


def test_foreign_configured(collector: Collector, span_of: Callable[..., ReceivedSpan]) -> None:
    """What is configured for the process holds for exporters, too."""
    langfuse_otel.configure(mask=hide)
    span_of(fill)

    assert not is_found(*collector.bodies)


def test_foreign_without_content(
    collector: Collector, span_of: Callable[..., ReceivedSpan]
) -> None:
    """Where content is not captured, a span has neither input, output nor error texts."""

    def without_note(span: Span) -> None:
        fill(span)
        span.set_attribute("langfuse.trace.metadata.note", "mine")

    span = span_of(without_note, capture_content=False)

    assert not is_found(*collector.bodies)
    assert span.attributes == {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 3,
        "langfuse.trace.metadata.note": "mine",
    }


# --- scores


@pytest.mark.parametrize(
    ("said", "masked_as"),
    [
        ({"comment": "a", "metadata": {"k": "v"}}, {"comment": "A", "metadata": {"k": "V"}}),
        ({"comment": "", "metadata": {}}, {"comment": "", "metadata": {}}),
        ({"comment": None, "metadata": None}, {"comment": None, "metadata": None}),
        ({}, {}),
    ],
    ids=["both", "empty", "none", "absent"],
)
def test_score(said: dict[str, Any], masked_as: dict[str, Any]) -> None:
    """Comment and metadata of a score are masked, its name and value never."""
    kinds: list[str] = []

    def shout(data: Any, kind: str) -> Any:
        kinds.append(kind)
        return {k: v.upper() for k, v in data.items()} if isinstance(data, dict) else data.upper()

    score = {"id": "s", "name": "n", "value": 1.0}
    found = masked_score(json.dumps(score | said), Masking(shout, print))

    assert json.loads(found) == score | masked_as
    assert kinds == [name for name in ("comment", "metadata") if said.get(name)]


@pytest.mark.parametrize(
    ("result", "comment", "metadata"),
    [
        (None, None, None),
        ("x", "x", {"masked": "x"}),
        ({"a": 1}, '{"a":1}', {"a": 1}),
        ([1], "[1]", {"masked": [1]}),
    ],
    ids=["nothing", "text", "object", "list"],
)
def test_score_of_another_type(result: Any, comment: Any, metadata: Any) -> None:
    """Whatever a mask returns, a comment is a text and metadata are an object."""
    body = json.dumps({"comment": "a", "metadata": {"k": "v"}})
    found = json.loads(masked_score(body, Masking(lambda *_: result, print)))

    assert (found.get("comment"), found.get("metadata")) == (comment, metadata)


def test_score_without_a_mask() -> None:
    """Without a mask a score is as it was, to the byte."""
    body = '{ "comment":"a" }'

    assert masked_score(body, Masking(None, print)) is body
