"""What measures the library can be trusted: the sink is strict, and goals and verdicts judge."""

from __future__ import annotations

import gzip
from dataclasses import replace

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.behaviour import Behaviour
from benchmarks.goals import GOALS, Goal
from benchmarks.scenarios import SCENARIOS
from benchmarks.sink import Sink
from benchmarks.verdicts import Outcome, all_but_the_last, always, counted_within, everything

KEYS = ("pk-lf-shop", "sk-lf-shop")
HEADERS = {"Content-Type": "application/x-protobuf"}
STATS = {"created": 3, "sent": 1, "queued": 0, "spooled": 0, "dropped": {"rejected": 2}}
WELL = Outcome(
    sent=3,
    wanted=3,
    arrived=3,
    observations=3,
    beside=0,
    repeated=0,
    malformed=(),
    rate=100,
    exit_s=1.0,
    stats=(STATS,),
)


def a_body(*calls: int, trace_id: bytes = b"t" * 16) -> bytes:
    """Return a request with a span for each call."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in calls:
        span_id = number.to_bytes(8, "big")
        scope.spans.add(trace_id=trace_id, span_id=span_id, name=f"CALL{number:07d}X")
    return request.SerializeToString()


def post(sink: Sink, body: bytes, keys: tuple[str, str] = KEYS, **headers: str) -> httpx.Response:
    """Send a request as an exporter does."""
    url = f"{sink.url}/api/public/otel/v1/traces"
    return httpx.post(url, content=body, headers={**HEADERS, **headers}, auth=keys)


def test_sink_counts() -> None:
    """The sink knows calls, observations and their project, whatever the compression."""
    with Sink() as sink:
        post(sink, a_body(1, 2))
        post(sink, gzip.compress(a_body(3)), **{"Content-Encoding": "gzip"})
        received = sink.take()

    assert (received.calls, len(received.ids), received.repeated) == ({1, 2, 3}, 3, 0)
    assert received.projects == {"shop": 3}


@pytest.mark.parametrize(
    ("body", "keys", "headers", "status"),
    [
        pytest.param(a_body(1), ("pk-lf-shop", "sk-lf-other"), {}, 401, id="foreign-key"),
        pytest.param(a_body(1), KEYS, {"Content-Type": "text/plain"}, 415, id="content-type"),
        pytest.param(a_body(1), KEYS, {"Content-Encoding": "gzip"}, 400, id="no-gzip"),
        pytest.param(b"\xff\xff", KEYS, {}, 400, id="no-protobuf"),
        pytest.param(a_body(), KEYS, {}, 400, id="no-span"),
        pytest.param(a_body(1, trace_id=b"short"), KEYS, {}, 400, id="short-id"),
        pytest.param(a_body(0), KEYS, {}, 400, id="zero-id"),
    ],
)
def test_sink_is_strict(
    body: bytes, keys: tuple[str, str], headers: dict[str, str], status: int
) -> None:
    """What is not in order is refused, remembered and not counted."""
    with Sink() as sink:
        answer = post(sink, body, keys, **headers)
        received = sink.take()

    assert (answer.status_code, received.spans, len(received.malformed)) == (status, 0, 1)


def test_sink_tells_needless_repeats() -> None:
    """A repeat counts against its sender unless the answer was lost."""
    with Sink() as sink:
        sink.behave(Behaviour("lose_answer"))
        with pytest.raises(httpx.TransportError):
            post(sink, a_body(1))
        sink.behave(Behaviour())
        post(sink, a_body(1, 2))
        post(sink, a_body(2))
        received = sink.take()

    assert (received.spans, received.repeated) == (4, 1)


@pytest.mark.parametrize("kind", ["refuse", "cut", "status"])
def test_sink_fails(kind: str) -> None:
    """Under a fault nothing is taken, and after it everything."""
    with Sink() as sink:
        sink.behave(Behaviour(kind))
        try:
            status = post(sink, a_body(1)).status_code
        except httpx.TransportError:
            status = 503
        during = sink.take().spans
        sink.behave(Behaviour())
        post(sink, a_body(1))

        assert (status, during, sink.take().spans) == (503, 0, 1)


def test_verdicts() -> None:
    """Whatever is lost, repeated, miscounted or late has a name."""
    lossy = replace(WELL, arrived=2, observations=2)

    assert [*always(WELL), *everything(WELL), *counted_within(5)(WELL)] == []
    assert list(everything(lossy)) == ["1 of 3 calls did not arrive"]
    assert list(all_but_the_last(0.01)(lossy)) == []
    assert list(always(replace(WELL, repeated=1)))
    assert list(always(replace(WELL, observations=4)))
    assert list(always(replace(WELL, stats=({**STATS, "sent": 2},))))
    assert list(counted_within(5)(replace(WELL, exit_s=60)))


def test_goals() -> None:
    """A limit judges from its side; what is absolute fails nobody."""
    goal = Goal("a figure", "part", float, at_most=0.2)

    assert [goal.verdict(value) for value in (0.2, 0.3, None)] == ["ok", "missed", "not measured"]
    assert Goal("a rate", "part", float, at_least=0.95).verdict(0.9) == "missed"
    assert replace(goal, is_judged=False).verdict(0.3) == "informational"


def test_names() -> None:
    """No goal and no fault has the name of another."""
    assert len({goal.name for goal in GOALS}) == len(GOALS)
    assert len({scenario.about for scenario in SCENARIOS.values()}) == len(SCENARIOS)
