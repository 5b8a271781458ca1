"""One secret in every field of a call: with any switch not a byte of it is sent, kept or logged."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

import langfuse_otel
from calls import a_call, a_response, observation_of, observed
from canary import CALLS, SECRET, Parrot, arguments_of, function_of, is_found, ways_of
from conftest import LISTS
from langfuse_otel import LangfuseOtelLogger
from langfuse_otel._litellm import pinned
from langfuse_otel._litellm.redaction import ALL_REDACTED, NOT_CAPTURED, is_redacted
from langfuse_otel.testing import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from langfuse_otel.testing import Collector, ReceivedSpan

# LiteLLM leaves the connections of its clients to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TEXT = "redacted-by-litellm"
INPUT, OUTPUT = "langfuse.observation.input", "langfuse.observation.output"
STATUS, METADATA = "langfuse.observation.status_message", "langfuse.observation.metadata"


def hide(data: Any, kind: str) -> Any:
    """Return nothing of what it is shown."""
    return f"hidden {kind}"


def fail(data: Any, kind: str) -> Any:
    """Quote what it was shown, as an error may."""
    raise ValueError(str(data))


@dataclass(frozen=True)
class Switch:
    """One way to hide content: settings of the logger, arguments of the call, LiteLLM's own flag."""

    logger: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    everywhere: bool = False


REDACTIONS = {
    "everywhere": Switch(everywhere=True),
    "argument": Switch(call={"turn_off_message_logging": True}),
    "text": Switch(call={"turn_off_message_logging": "true"}),
    "odd text": Switch(call={"turn_off_message_logging": "Yes"}),
    "in metadata": Switch(call={"metadata": {"turn_off_message_logging": True}}),
    "masks": Switch(call={"metadata": {"mask_input": True, "mask_output": "true"}}),
    "logger": Switch(logger={"turn_off_message_logging": True}),
    "logger's older name": Switch(logger={"message_logging": False}),
}
SWITCHES = {
    **REDACTIONS,
    "nothing captured": Switch(logger={"capture_content": False}),
    "mask": Switch(logger={"mask": hide}),
    "failing mask": Switch(logger={"mask": fail}),
    "no mask": Switch(logger={"mask": "no.such:mask"}),
    "litellm's mask": Switch(call={"metadata": {"langfuse_masking_function": lambda _: "x"}}),
}
OUTCOMES = ("", "/down", "/broken")


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    """A provider that repeats the secret."""
    with Parrot() as running:
        yield running


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One event loop for the module, for LiteLLM keeps clients for each."""
    running = asyncio.new_event_loop()
    yield running
    running.run_until_complete(litellm.close_litellm_async_clients())
    running.run_until_complete(running.shutdown_default_executor())
    running.close()
    gc.collect()


class Other(CustomLogger):
    """Another callback, which keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def keep(self, kwargs: Any, response: Any) -> None:
        """Keep it as text."""
        names = ("messages", "input", "optional_params", "standard_logging_object", "exception")
        self.given.append(f"{[kwargs.get(name) for name in names]} {response}")

    def log_success_event(self, kwargs: Any, response_obj: Any, *_: Any, **__: Any) -> None:
        """Keep a success."""
        self.keep(kwargs, response_obj)

    def log_failure_event(self, kwargs: Any, response_obj: Any, *_: Any, **__: Any) -> None:
        """Keep a failure."""
        self.keep(kwargs, response_obj)

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, *_: Any, **__: Any
    ) -> None:
        """Keep a success."""
        self.keep(kwargs, response_obj)

    async def async_log_failure_event(
        self, kwargs: Any, response_obj: Any, *_: Any, **__: Any
    ) -> None:
        """Keep a failure."""
        self.keep(kwargs, response_obj)


def copied(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with metadata of their own, for LiteLLM writes into it."""
    own = {"metadata": dict(arguments["metadata"])} if "metadata" in arguments else {}
    return {**arguments, **own}


@dataclass(frozen=True)
class Stage:
    """Makes calls to the parrot, and sees what reaches Langfuse."""

    langfuse: Collector
    parrot: Parrot
    loop: asyncio.AbstractEventLoop
    monkeypatch: pytest.MonkeyPatch

    def turn(self, switch: Switch) -> None:
        """Turn a switch on, and forget what has come."""
        self.monkeypatch.setattr(litellm, "disable_aiohttp_transport", True)
        self.monkeypatch.setattr(litellm, "turn_off_message_logging", switch.everywhere)
        for name in LISTS:
            self.monkeypatch.setattr(litellm, name, [])
        litellm.callbacks = [LangfuseOtelLogger(**switch.logger)]
        self.langfuse.spans.clear()

    def ask(self, route: str, way: str, outcome: str = "", **more: Any) -> None:
        """Make one call, whatever becomes of it, read its stream, and deliver it."""
        arguments = {**arguments_of(route, way, self.parrot.root + outcome), **copied(more)}
        function = function_of(route, way)

        async def main() -> None:
            with contextlib.suppress(Exception):
                answer = await function(**arguments)
                if "stream" in way:
                    async for _ in answer:
                        pass
            await langfuse_otel.aflush(20)

        if "async" in way:
            self.loop.run_until_complete(main())
            return
        with contextlib.suppress(Exception):
            answer = function(**arguments)
            for _ in answer if "stream" in way else ():
                pass
        langfuse_otel.flush(20)

    def ask_everything(self, route: str, **more: Any) -> None:
        """Make one call in each way, with each outcome."""
        for way in ways_of(route):
            for outcome in OUTCOMES if "stream" in way else OUTCOMES[:2]:
                self.ask(route, way, outcome, **more)


@pytest.fixture
def stage(
    langfuse: Collector,
    parrot: Parrot,
    loop: asyncio.AbstractEventLoop,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    """What a test calls from."""
    return Stage(langfuse, parrot, loop, monkeypatch)


@pytest.mark.parametrize("route", CALLS)
@pytest.mark.parametrize("name", SWITCHES)
def test_canary(stage: Stage, caplog: pytest.LogCaptureFixture, name: str, route: str) -> None:
    """With any switch no byte of the secret is sent, uploaded or logged, whatever becomes of a call."""
    caplog.set_level(logging.DEBUG, "langfuse_otel")
    stage.turn(SWITCHES[name])
    stage.ask_everything(route, **SWITCHES[name].call)
    logged = [one.getMessage() for one in caplog.records if one.name.startswith("langfuse_otel")]

    assert len(stage.langfuse.spans) > 1
    assert not is_found(
        *stage.langfuse.bodies, *stage.langfuse.media.values(), "\n".join(logged).encode()
    )


@pytest.mark.parametrize("route", CALLS)
def test_canary_sings(stage: Stage, route: str) -> None:
    """Without a switch the secret is in what is sent: the test above would see it."""
    stage.turn(Switch())
    stage.ask_everything(route)

    assert is_found(*stage.langfuse.bodies)


@pytest.mark.parametrize("name", SWITCHES)
def test_spool(stage: Stage, tmp_path: Path, name: str) -> None:
    """What waits on disk holds no byte of it either."""
    stage.monkeypatch.setenv("LANGFUSE_OTEL_SPOOL_DIR", str(tmp_path))
    stage.turn(SWITCHES[name])
    stage.langfuse.answer_next(*[Answer(503, {"Retry-After": "3600"})] * 9)
    arguments = arguments_of("completion", "sync", stage.parrot.root)
    litellm.completion(**{**arguments, **copied(SWITCHES[name].call)})
    deadline = time.monotonic() + 20
    while not langfuse_otel.stats().spooled and time.monotonic() < deadline:
        langfuse_otel.flush(0.2)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    opened = [gzip.decompress(one[at:]) for one in kept if (at := one.find(b"\x1f\x8b")) >= 0]

    assert langfuse_otel.stats().spooled == 1
    assert opened
    assert not is_found(*kept, *opened)


@pytest.mark.parametrize(
    "name", ["masks", "logger", "logger's older name", "nothing captured", "mask"]
)
@pytest.mark.parametrize("way", ["sync", "stream", "async", "async stream"])
def test_others(stage: Stage, name: str, way: str) -> None:
    """Another callback is given what it would be given without ours."""
    switch = SWITCHES[name]
    given = []
    for with_ours in (True, False):
        stage.turn(switch)
        other = Other()
        litellm.callbacks = [*(litellm.callbacks if with_ours else ()), other]
        for outcome in OUTCOMES[:2]:
            stage.ask("completion", way, outcome, **switch.call)
        given.append([one.count(SECRET) for one in other.given])

    assert given[0] == given[1]
    assert len(given[0]) == 2
    assert all(given[0])


# --- what takes its place


@pytest.mark.parametrize("name", REDACTIONS)
def test_what_is_seen(stage: Stage, name: str) -> None:
    """Redacted are input, output and error text; usage, cost, model and times are as without."""
    spans: list[list[ReceivedSpan]] = []
    for switch in (REDACTIONS[name], Switch()):
        stage.turn(switch)
        stage.ask("completion", "sync", **switch.call)
        stage.ask("completion", "sync", "/down", **switch.call)
        spans.append(list(stage.langfuse.spans))
    (seen, failed), (whole, _) = spans

    assert (seen.json(INPUT), seen.json(OUTPUT)) == (TEXT, TEXT)
    assert failed.json(INPUT) == TEXT
    assert failed.attributes[STATUS] == failed.status == "BadRequestError"
    assert failed.json(METADATA)["exception.type"] == "litellm.exceptions.BadRequestError"
    for member in ("usage_details", "cost_details", "model.name", "type", "level"):
        key = f"langfuse.observation.{member}"
        assert seen.attributes.get(key) == whole.attributes.get(key)
    assert seen.attributes["langfuse.observation.usage_details"]


@pytest.mark.parametrize("route", ["image_generation", "embedding", "responses", "messages"])
def test_usage_stays(stage: Stage, route: str) -> None:
    """What LiteLLM redacts as a whole still has its usage."""
    usage = []
    for switch in (Switch(everywhere=True), Switch()):
        stage.turn(switch)
        stage.ask(route, "async")
        usage.append(stage.langfuse.spans[0].attributes["langfuse.observation.usage_details"])

    assert usage[0] == usage[1]


def test_nothing_captured(stage: Stage) -> None:
    """Where nothing is captured there is neither input nor output nor error text, and the rest is."""
    stage.monkeypatch.setenv("LANGFUSE_OTEL_CAPTURE_CONTENT", "false")
    stage.turn(Switch())
    for outcome in OUTCOMES[:2]:
        stage.ask("completion", "sync", outcome, metadata={"note": "mine"})
    seen, failed = stage.langfuse.spans

    assert not {INPUT, OUTPUT, STATUS} & (seen.attributes.keys() | failed.attributes.keys())
    assert (seen.status, failed.status) == ("", "")
    assert seen.attributes["langfuse.observation.usage_details"]
    assert seen.json(METADATA)["note"] == failed.json(METADATA)["note"] == "mine"
    assert failed.json(METADATA)["exception.type"] == "litellm.exceptions.BadRequestError"


class Unreadable:
    """Content that fails the test when it is read."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was read")

    __iter__ = __repr__ = __str__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("hidden", [ALL_REDACTED, NOT_CAPTURED])
def test_not_even_read(hidden: Any) -> None:
    """What is hidden is not made JSON."""
    call = a_call(messages=Unreadable())
    found = observation_of(call, a_response(), switched=hidden)

    assert (found.input, found.output) == (hidden.instead, hidden.instead)


def test_raw_request() -> None:
    """The raw request that LiteLLM puts into the metadata if asked to is content."""
    metadata = {"raw_request": f"curl {SECRET}", "debug_langfuse": True}

    assert SECRET in (observed(**metadata).metadata or "")
    assert SECRET not in (observed(**metadata, mask_input=True).metadata or "")


def test_partial_output_is_masked() -> None:
    """What a stream had said before it failed is hidden by `mask_output` alone, as is the error."""
    call = a_call({"mask_output": True}, exception=ValueError(SECRET))
    found = observation_of(call, None, said=a_response(SECRET))

    assert (found.output, found.status_message) == (f'"{TEXT}"', "ValueError")


@pytest.mark.parametrize("name", [*REDACTIONS, "mask"])
def test_continued_trace(stage: Stage, name: str) -> None:
    """A continuation replaces the trace's own input and output by the text that hides them."""
    switch = SWITCHES[name]
    stage.turn(switch)
    steer = {"existing_trace_id": "1" * 32, "update_trace_keys": ["input", "output"]}
    metadata = {**switch.call.get("metadata", {}), **steer}
    stage.ask("completion", "sync", **{**switch.call, "metadata": metadata})
    [span] = stage.langfuse.spans

    assert span.attributes["langfuse.trace.input"] == span.attributes[INPUT]
    assert span.attributes["langfuse.trace.output"] == span.attributes[OUTPUT]
    assert span.json("langfuse.trace.input") in {TEXT, "hidden input"}


# --- how the switches are read


@pytest.mark.parametrize(
    ("asked", "trusted", "expected"),
    [
        ({}, {}, False),
        ({"turn_off_message_logging": False}, {}, False),
        ({"turn_off_message_logging": "false"}, {}, False),
        ({"turn_off_message_logging": "off"}, {}, False),
        ({"turn_off_message_logging": 1}, {}, True),
        ({"turn_off_message_logging": " true "}, {}, True),
        ({"turn_off_message_logging": False}, {"turn_off_message_logging": "True"}, True),
        ({}, {"turn_off_message_logging": "False"}, False),
    ],
)
def test_read(asked: dict[str, Any], trusted: dict[str, str], expected: bool) -> None:
    """In doubt a switch is on; what the operator pinned holds whatever a request says."""
    assert is_redacted({"standard_callback_dynamic_params": asked}, trusted) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"x-litellm-enable-message-redaction": "true"}, True),
        ({"litellm-enable-message-redaction": "1"}, True),
        (
            {
                "litellm-enable-message-redaction": "1",
                "litellm-disable-message-redaction": "1",
            },
            False,
        ),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"turn_off_message_logging": False}])
def test_read_of_headers(headers: dict[str, str], asked: dict[str, bool], expected: bool) -> None:
    """A request's headers count where LiteLLM does not look at them, and whatever its body says."""
    kwargs = {
        "litellm_params": {"proxy_server_request": {"headers": headers}},
        "standard_callback_dynamic_params": asked,
    }

    assert is_redacted(kwargs, {}) is expected


@pytest.mark.parametrize("header", [None, "litellm-disable-message-redaction"])
@pytest.mark.parametrize("way", ["program", "request", "odd request", "header", "pinned", "logger"])
def test_disabling_header(
    langfuse: Collector, monkeypatch: pytest.MonkeyPatch, way: str, header: str | None
) -> None:
    """The header undoes what program or request ask for, as LiteLLM has it, and nothing else."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", way == "program")
    monkeypatch.setitem(pinned._calls, "call-1", {"turn_off_message_logging": str(way == "pinned")})
    asked = {"request": True, "odd request": "yes"}.get(way)
    enabling = {"x-litellm-enable-message-redaction": "true"} if way == "header" else {}
    call = a_call(
        {"headers": {**enabling, **({header: "true"} if header else {})}},
        litellm_call_id="call-1",
        standard_callback_dynamic_params={}
        if asked is None
        else {"turn_off_message_logging": asked},
    )
    logger = LangfuseOtelLogger(turn_off_message_logging=way == "logger")
    logger.log_success_event(call, a_response(SECRET), call["start_time"], call["start_time"])
    assert langfuse_otel.flush(20)
    undone = header is not None and way in {"program", "request", "header"}

    assert is_found(*langfuse.bodies) is undone


def test_unexpected_data(langfuse: Collector) -> None:
    """Where LiteLLM cannot tell whether to redact, all is redacted, and nothing is lost."""
    logger = LangfuseOtelLogger()
    call = a_call({"headers": 5})
    logger.log_success_event(call, a_response(SECRET), call["start_time"], call["start_time"])
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert (span.json(INPUT), span.json(OUTPUT)) == (TEXT, TEXT)


def test_guardrails(langfuse: Collector) -> None:
    """A guardrail's result, which may quote the call, is seen without its content."""
    logger = LangfuseOtelLogger(spans="guardrails")
    result = {"guardrail_name": "pii", "guardrail_response": {"found": SECRET}}
    for number, metadata in enumerate(({}, {"mask_input": True}, {"mask_output": True})):
        call = a_call(metadata, litellm_call_id=f"call-{number}")
        call["standard_logging_object"]["guardrail_information"] = [result]
        logger.log_success_event(call, a_response(), call["start_time"], call["start_time"])
    assert langfuse_otel.flush(20)
    found = [json.dumps(dict(s.attributes)) for s in langfuse.spans if s.name == "pii"]

    assert [SECRET in one for one in found] == [True, False, False]
