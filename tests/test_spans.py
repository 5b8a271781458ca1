"""A record becomes a span: the very bytes that OpenTelemetry's own exporter would send."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from langfuse_otel import __version__
from langfuse_otel._destination import langfuse_destination
from langfuse_otel._records import Identity
from langfuse_otel._spans.otlp import request_of
from langfuse_otel._spans.span import part_of, resource_of
from programs import run_cold_program
from reference import span_of
from test_attributes import FULL

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from langfuse_otel._records import Observation
    from langfuse_otel.testing import Collector

ROOT = Identity(trace_id=0xABC, span_id=0xDEF, parent_id=None)
CHILD = ROOT._replace(parent_id=0x123)
RESOURCE = resource_of("shop", "production", "r-1")


def sent(*spans: tuple[Observation, Identity]) -> ExportTraceServiceRequest:
    """Return the request that carries these observations."""
    body = request_of(part_of(observation, identity, RESOURCE) for observation, identity in spans)
    return ExportTraceServiceRequest.FromString(body)


def only_span(observation: Observation, identity: Identity = ROOT) -> Span:
    """Return the one span of its request."""
    [of_resource] = sent((observation, identity)).resource_spans
    [of_scope] = of_resource.scope_spans
    [span] = of_scope.spans
    return span


def test_ids_and_times() -> None:
    """The span has the identity's ids and the record's times."""
    span = only_span(FULL, CHILD)

    assert (span.trace_id, span.span_id) == (
        (0xABC).to_bytes(16, "big"),
        (0xDEF).to_bytes(8, "big"),
    )
    assert span.parent_span_id == (0x123).to_bytes(8, "big")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (FULL.started_ns, FULL.ended_ns)


def test_root_has_no_parent() -> None:
    """Without a parent the span is a root."""
    assert only_span(FULL).parent_span_id == b""


def test_scope_and_resource() -> None:
    """The scope is ours, the resource holds little."""
    [of_resource] = sent((FULL, ROOT)).resource_spans
    scope = of_resource.scope_spans[0].scope

    assert (scope.name, scope.version) == ("langfuse_otel", __version__)
    assert {pair.key: pair.value.string_value for pair in of_resource.resource.attributes} == {
        "service.name": "shop",
        "langfuse.environment": "production",
        "langfuse.release": "r-1",
    }


@pytest.mark.parametrize(("level", "code"), [("ERROR", 2), ("WARNING", 0), ("DEFAULT", 0)])
def test_status(level: str, code: int) -> None:
    """An error is an error for every reader of OpenTelemetry, too."""
    assert only_span(FULL._replace(level=level)).status.code == code


def test_hundreds_of_attributes() -> None:
    """No limit of OpenTelemetry's drops an attribute."""
    many = {f"langfuse.test.{i}": "x" for i in range(300)}
    span = only_span(FULL._replace(documented=many))

    assert set(many) <= {pair.key for pair in span.attributes}


@pytest.mark.parametrize(
    "observation",
    [
        FULL,
        FULL._replace(level="DEFAULT", status_message=None),
        FULL._replace(level="ERROR", status_message=None),
        FULL._replace(name="", input="", output="x" * 127),
        FULL._replace(input="ä" * 128, output="😀" * 20_000, metadata="x" * 2_100_000),
        FULL._replace(documented={"a": True, "b": False, "c": ("x", "", "ü")}),
    ],
)
@pytest.mark.parametrize("identity", [ROOT, CHILD, CHILD._replace(is_orphan=True)])
def test_wire_equals_the_official_exporter(
    collector: Collector, observation: Observation, identity: Identity
) -> None:
    """What we send decodes to what OpenTelemetry's own exporter sends for the same spans."""
    other = identity._replace(span_id=1)
    destination = langfuse_destination(collector.url, collector.public_key, collector.secret_key)
    OTLPSpanExporter(destination.traces_url, headers=dict(destination.headers)).export(
        [span_of(observation, one, RESOURCE) for one in (identity, other)]
    )
    [theirs] = collector.bodies

    assert sent((observation, identity), (observation, other)) == (
        ExportTraceServiceRequest.FromString(theirs)
    )


ENCODE = f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_spans import FULL, ROOT, RESOURCE, part_of
print(part_of(FULL, ROOT, RESOURCE))
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_encoding_is_deterministic(seed: str) -> None:
    """The same spans have the same bytes in another process, which orders its sets differently."""
    run = run_cold_program(ENCODE, None, PYTHONHASHSEED=seed)

    assert run.stdout == f"{part_of(FULL, ROOT, RESOURCE)}\n", run.stderr
