"""The same delivery for the spans of any OpenTelemetry application."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanContext, TraceFlags

import langfuse_otel
from langfuse_otel.exporter import LangfuseSpanExporter, generations, of_scopes
from langfuse_otel.settings import MISSING_KEYS
from loopback import Loopback, QuietHandler
from programs import run_program

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from langfuse_otel.testing import Collector


def exporter(collector: Collector, **settings: object) -> LangfuseSpanExporter:
    """Return an exporter that sends to the collector."""
    return LangfuseSpanExporter(
        host=collector.url,
        public_key=collector.public_key,
        secret_key=collector.secret_key,
        **settings,
    )


def ended(
    name: str = "one", scope: str = "shop", resource: Resource | None = None, **attributes: Any
) -> ReadableSpan:
    """Return a span as a processor hands it to an exporter."""
    span = (
        TracerProvider(resource=resource).get_tracer(scope).start_span(name, attributes=attributes)
    )
    span.end()
    return span  # type: ignore[return-value]


def test_spans_of_an_application(collector: Collector) -> None:
    """Spans of a tracer provider arrive with their attributes and parents."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter(collector)))
    tracer = provider.get_tracer("shop")
    with tracer.start_as_current_span("outer", attributes={"a": 1}), tracer.start_span("inner"):
        pass
    provider.force_flush()
    langfuse_otel.flush(20)
    spans = {span.name: span for span in collector.spans}

    assert spans["outer"].attributes == {"a": 1}
    assert spans["inner"].parent_id == spans["outer"].span_id
    assert {span.scope for span in collector.spans} == {"shop"}
    provider.shutdown()


@pytest.mark.parametrize("said", ["langfuse.environment", "deployment.environment.name"])
def test_environment_and_release(collector: Collector, said: str) -> None:
    """Those of the settings hold for these spans, too, where neither span nor resource says them."""
    ours = exporter(collector, environment="Prod EU", release="7")
    resource = Resource({said: "staging", "langfuse.release": "6"})
    ours.export([ended("plain"), ended("own", **{said: "staging", "langfuse.release": "6"})])
    ours.export([ended("of a resource", resource=resource)])
    ours.force_flush(20_000)
    received = {span.name: span for span in collector.spans}

    assert received["plain"].resource["langfuse.environment"] == "prod-eu"
    assert received["plain"].resource["langfuse.release"] == "7"
    assert "langfuse.release" not in received["own"].resource
    assert "langfuse.environment" not in received["own"].resource
    assert received["of a resource"].resource[said] == "staging"
    assert received["of a resource"].resource["langfuse.release"] == "6"
    assert received["of a resource"].resource.get("langfuse.environment") in {None, "staging"}


def test_export_is_queueing(collector: Collector) -> None:
    """Export succeeds once the spans are queued; a flush sends them."""
    ours = exporter(collector, flush_interval=3600)

    assert ours.export([ended()]) == SpanExportResult.SUCCESS
    assert ours.force_flush(20_000)
    assert [received.name for received in collector.spans] == ["one"]


def test_missing_keys() -> None:
    """Without keys it cannot be made, and the error says what to set."""
    with pytest.raises(ValueError, match="must be set") as raised:
        LangfuseSpanExporter()

    assert str(raised.value) == MISSING_KEYS.format("LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")


def test_turned_off(collector: Collector) -> None:
    """Turned off it takes spans and sends none."""
    ours = exporter(collector, tracing_enabled=False)

    assert ours.export([ended()]) == SpanExportResult.SUCCESS
    assert ours.force_flush(20_000)
    assert collector.spans == []


class _Silent(QuietHandler):
    """A server that takes a request and never answers."""

    def do_POST(self) -> None:
        self.rfile.read()


def test_silent_server() -> None:
    """Where a server does not answer, a flush says so, and a shutdown ends all the same."""
    with Loopback(_Silent) as silent:
        ours = LangfuseSpanExporter(
            host=silent.root, public_key="pk", secret_key="sk", shutdown_timeout=0.1
        )

        assert ours.export([ended()]) == SpanExportResult.SUCCESS
        assert not ours.force_flush(100)
        ours.shutdown()
        assert langfuse_otel.stats().queued == 1


def test_deadlines(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush waits as long as OpenTelemetry's SDK asks, a shutdown as long as the settings say."""
    ours = exporter(collector, shutdown_timeout=0.75)
    waits: list[float] = []
    monkeypatch.setattr(ours._delivery, "flush", waits.append)
    ours.force_flush(250)
    ours.shutdown()

    assert waits == [0.25, 0.75]


VALUES: dict[str, tuple[Any, Any]] = {
    "text": ("a", "a"),
    "whole": (2**60, 2**60),
    "fraction": (0.5, 0.5),
    "true": (True, True),
    "texts": (["a", "b"], ["a", "b"]),
    "numbers": ([1, 2.5], [1, 2.5]),
    "map": ({"a": [1, {"b": "c"}]}, '{"a":[1,{"b":"c"}]}'),
    "bytes": (b"abc", '"YWJj"'),
    "no texts": ([], "[]"),
    "gaps": (["a", None], '["a",null]'),
    "nested": ([[1], [2]], "[[1],[2]]"),
}


@pytest.mark.parametrize("name", VALUES)
def test_attribute_types(collector: Collector, name: str) -> None:
    """An attribute of any type arrives in a form that Langfuse reads; None does not."""
    given, expected = VALUES[name]
    ours = exporter(collector)
    ours.export([ended(value=given, nothing=None)])
    ours.force_flush(20_000)
    [span] = collector.spans

    assert span.attributes == {"value": expected}


def test_events_and_links(collector: Collector) -> None:
    """Events and links arrive with their attributes, in the forms that Langfuse reads."""
    other = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
    tracer = TracerProvider().get_tracer("shop")
    with tracer.start_as_current_span("one", links=[Link(other, {"by": "hand"})]) as span:
        span.add_event("sold", {"price": 3, "map": {"a": 1}})
    ours = exporter(collector)
    ours.export([span])  # type: ignore[list-item]
    ours.force_flush(20_000)
    request = ExportTraceServiceRequest.FromString(collector.bodies[0])
    message = request.resource_spans[0].scope_spans[0].spans[0]
    [event], [link] = message.events, message.links

    assert event.name == "sold"
    assert [pair.value.WhichOneof("value") for pair in event.attributes] == [
        "int_value",
        "string_value",
    ]
    assert int.from_bytes(link.trace_id, "big") == 7
    assert link.attributes[0].value.string_value == "hand"


def test_what_waits_is_measured(collector: Collector) -> None:
    """Texts in events count for the bound on memory, as those in attributes do."""
    tracer = TracerProvider().get_tracer("shop")
    spans = [tracer.start_span("one") for _ in range(3)]
    for span in spans:
        span.add_event("exception", {"exception.stacktrace": ["x" * 1_000_000]})
        span.end()
    ours = exporter(collector, flush_interval=3600, max_queue_bytes=2_500_000)
    ours.export(spans)  # type: ignore[arg-type]

    assert langfuse_otel.stats().dropped == {"queue_full": 1}


KINDS: list[tuple[bool, dict[str, Any]]] = [
    (True, {"langfuse.observation.type": "generation"}),
    (True, {"langfuse.observation.type": "embedding"}),
    (True, {"openinference.span.kind": "LLM"}),
    (True, {"openinference.span.kind": "EMBEDDING", "gen_ai.operation.name": "x"}),
    (True, {"gen_ai.operation.name": "chat"}),
    (True, {"gen_ai.request.model": "gpt-4o"}),
    (False, {"langfuse.observation.type": "agent", "gen_ai.request.model": "gpt-4o"}),
    (False, {"openinference.span.kind": "CHAIN", "llm.model_name": "gpt-4o"}),
    (False, {"gen_ai.operation.name": "execute_tool"}),
    (False, {"http.request.method": "POST"}),
    (False, {}),
]


@pytest.mark.parametrize(("expected", "attributes"), KINDS)
def test_generations(expected: bool, attributes: dict[str, Any]) -> None:
    """A generation is what one of the conventions calls so, or what has a model and no other type."""
    assert generations(ended(**attributes)) is expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("shop", True), ("shop.cart", True), ("shopping", False), ("web", True), ("", False)],
)
def test_of_scopes(scope: str, expected: bool) -> None:
    """A scope is taken by its name, with those below it."""
    assert of_scopes("shop", "web")(ended(scope=scope)) is expected


def test_filter(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """What the filter leaves out is not counted; where it fails the span is, and the others go on."""

    def only(span: ReadableSpan) -> bool:
        return 1 / (span.attributes or {})["n"] > 0.5  # type: ignore[operator]

    ours = exporter(collector, only=only)
    ours.export([ended("kept", n=1), ended("failed", n=0), ended("left out", n=2)])
    ours.force_flush(20_000)
    stats = langfuse_otel.stats()

    assert [span.name for span in collector.spans] == ["kept"]
    assert (stats.created, stats.dropped) == (2, {"unreadable": 1})
    assert "ZeroDivisionError" in caplog.text


def test_sampling(collector: Collector) -> None:
    """The sample rate decides by trace id, as for calls, so that a trace is whole."""
    spans = [ended() for _ in range(64)]
    ours = exporter(collector, sample_rate=0.5)
    ours.export(spans)
    ours.force_flush(20_000)
    sent = {span.span_id for span in collector.spans}

    assert sent == {
        f"{span.context.span_id:016x}" for span in spans if span.context.trace_id & 2**63 == 0
    }
    assert langfuse_otel.stats().dropped == {"not_sampled": 64 - len(sent)}


TERMINATED = """
import signal, time
from langfuse_otel.exporter import LangfuseSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(LangfuseSpanExporter()))
provider.get_tracer("shop").start_span("one").end()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


def test_sigterm(collector: Collector) -> None:
    """A SIGTERM ends a program that has nothing but the exporter, after its spans have arrived."""
    run = run_program(TERMINATED, collector, LANGFUSE_FLUSH_INTERVAL="3600")

    assert run.returncode == -signal.SIGTERM, run.stderr
    assert [span.name for span in collector.spans] == ["one"]


WEB = """
import langfuse_otel, litellm
from fastapi import FastAPI
from fastapi.testclient import TestClient
from langfuse_otel.exporter import LangfuseSpanExporter, generations, of_scopes
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(LangfuseSpanExporter(only={only})))
LiteLLMInstrumentor().instrument(tracer_provider=provider)
app = FastAPI()

@app.get("/ask")
async def ask():
    await litellm.acompletion(**call())

FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
TestClient(app).get("/ask").raise_for_status()
provider.shutdown()
"""
LITELLM = "openinference.instrumentation.litellm"
FASTAPI = "opentelemetry.instrumentation.fastapi"


@pytest.mark.parametrize(
    ("only", "scopes"),
    [
        ("None", {LITELLM, FASTAPI}),
        ("generations", {LITELLM}),
        (f"of_scopes('{FASTAPI}')", {FASTAPI}),
        ("lambda span: span.parent is None", {FASTAPI}),
    ],
    ids=["all", "generations", "scopes", "callable"],
)
def test_web_application(collector: Collector, only: str, scopes: set[str]) -> None:
    """Of a web application's spans those arrive that are asked for, in one trace."""
    pytest.importorskip(LITELLM)
    pytest.importorskip(FASTAPI)
    run = run_program(WEB.replace("{only}", only), collector)

    assert run.returncode == 0, run.stderr
    assert {span.scope for span in collector.spans} == scopes
    assert len({span.trace_id for span in collector.spans}) == 1
    for span in collector.spans:
        if span.scope == LITELLM:
            assert span.attributes["output.value"] == "hello"
            assert span.attributes["llm.model_name"].endswith("gpt-4o-mini")
            assert span.parent_id is not None
