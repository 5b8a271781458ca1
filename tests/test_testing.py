"""The collector refuses what Langfuse refuses."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import langfuse_otel
from langfuse_otel._destination import langfuse_destination
from langfuse_otel._spans.media import Medium
from langfuse_otel._spans.otlp import request_of
from langfuse_otel._spans.span import part_of
from langfuse_otel.testing import Answer, Collector, lint
from test_spans import FULL, RESOURCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = request_of([part_of(FULL, ROOT, RESOURCE)])
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def post(
    collector: Collector, body: bytes = BODY, path: str | None = None, **headers: str
) -> httpx.Response:
    """Send a request as an exporter does."""
    keys = collector.public_key, collector.secret_key
    destination = langfuse_destination(collector.url, *keys)
    url = destination.traces_url if path is None else collector.url + path
    return httpx.post(
        url, content=body, headers={**dict(destination.headers), **PROTOBUF, **headers}
    )


def without_trace_id() -> bytes:
    """Return a request whose span has no trace id."""
    request = ExportTraceServiceRequest.FromString(BODY)
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = b""
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"body": gzip.compress(BODY), "Content-Encoding": "gzip"}, 200),
        ({"Authorization": "Basic eDp5"}, 401),
        ({"path": "/v1/traces"}, 404),
        ({"Content-Type": "application/protobuf"}, 400),
        ({"Content-Encoding": "deflate"}, 400),
        ({"Content-Encoding": "gzip"}, 400),
        ({"body": b"\xff\xff"}, 400),
        ({"body": without_trace_id()}, 400),
    ],
    ids=[
        "plain",
        "gzip",
        "wrong-keys",
        "wrong-path",
        "wrong-type",
        "deflate",
        "not-gzip",
        "not-protobuf",
        "no-trace-id",
    ],
)
def test_answers(collector: Collector, changes: dict[str, str], status: int) -> None:
    """Each request is answered as Langfuse answers it, and only a good one is kept."""
    response = post(collector, **changes)  # type: ignore[arg-type]

    assert response.status_code == status
    assert len(collector.spans) == (1 if status == 200 else 0)
    assert collector.refused == ([] if status == 200 else [status])


def test_scripted_answers(collector: Collector) -> None:
    """Answers that a test asks for come first, with their headers."""
    collector.answer_next(Answer(429, {"Retry-After": "3"}), Answer(500))
    statuses = [post(collector), post(collector), post(collector)]

    assert [response.status_code for response in statuses] == [429, 500, 200]
    assert statuses[0].headers["Retry-After"] == "3"
    assert collector.wait_for_refusals(2) == [429, 500]


def test_waiting_has_an_end(collector: Collector) -> None:
    """Waiting for what does not come is an error that counts what came."""
    post(collector)

    with pytest.raises(TimeoutError, match="1 of 2 spans"):
        collector.wait_for(2, timeout_s=0.01)


def upload(collector: Collector, content: bytes) -> list[int]:
    """Upload media as an exporter does and return the statuses of the three steps."""
    media = Medium("text/plain", content)
    keys = (collector.public_key, collector.secret_key)
    api = f"{collector.url}/api/public/media"
    created = httpx.post(api, json={"sha256Hash": media.sha256}, auth=keys)
    url = created.json()["uploadUrl"]
    stored = httpx.put(url, content=content) if url else None
    confirmed = httpx.patch(f"{api}/{media.id}", json={}, auth=keys)
    return [step.status_code for step in (created, stored, confirmed) if step]


def test_media(collector: Collector) -> None:
    """Media are kept by Langfuse's id, and taken once."""
    assert upload(collector, b"a") == [201, 200, 200]
    assert upload(collector, b"a") == [201, 200]
    assert collector.media == {Medium("text/plain", b"a").id: b"a"}
    assert collector.refused == []


@pytest.mark.parametrize(
    ("sent", "headers"),
    [(b"b", {}), (b"a", {"Authorization": "Basic eDp5"})],
    ids=["other-bytes", "with-keys"],
)
def test_media_that_are_refused(collector: Collector, sent: bytes, headers: dict[str, str]) -> None:
    """Other bytes than announced are refused, and so are keys sent to the address."""
    media = Medium("text/plain", b"a")
    answer = httpx.put(f"{collector.url}/bucket/{media.id}", content=sent, headers=headers)

    assert (answer.status_code, collector.media) == (400, {})


def test_media_need_keys(collector: Collector) -> None:
    """The media API needs the key pair."""
    answer = httpx.post(f"{collector.url}/api/public/media", json={}, auth=("x", "y"))

    assert answer.status_code == 401


def test_warnings(collector: Collector) -> None:
    """The collector says what Langfuse would not keep of what it was sent; of ours, nothing."""
    post(collector)
    ours = collector.warnings
    request = ExportTraceServiceRequest.FromString(BODY)
    attribute = request.resource_spans[0].scope_spans[0].spans[0].attributes.add()
    attribute.key, attribute.value.string_value = "langfuse.trace.typo", "x"
    post(collector, request.SerializeToString())

    assert ours == []
    assert [warning.attribute for warning in collector.warnings] == ["langfuse.trace.typo"]


def test_lint() -> None:
    """A request can be linted without a collector."""
    assert lint(BODY) == lint(gzip.compress(BODY)) == []
    with pytest.raises(ValueError, match="refuse"):
        lint(b"words")


def test_lint_of_deep_names() -> None:
    """A span whose attributes are nested too deeply is refused, as the local receiver does it."""
    request = ExportTraceServiceRequest.FromString(BODY)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    del attributes[:]
    attributes.add(key="gen_ai.prompt.0" + ".a" * 2_000).value.string_value = "x"

    with pytest.raises(ValueError, match="nested too deeply"):
        lint(request.SerializeToString())


def point_to(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables as docs/testing.md does."""
    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "callback",
    [
        lambda: "langfuse_otel",
        lambda: langfuse_otel.callback,
        langfuse_otel.LangfuseOtelLogger,
    ],
    ids=["name", "module", "own"],
)
def test_one_after_the_other(
    fresh_litellm: None, callback: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each test of a process has its own collector, and that gets its calls."""
    import litellm

    for _ in range(2):
        with Collector() as collector:
            point_to(collector, monkeypatch)
            monkeypatch.setattr(litellm, "callbacks", [callback()])
            response = litellm.completion("gpt-4o", [], mock_response="hello")
            with langfuse_otel.span("by hand"):
                pass

            assert langfuse_otel.flush()
            assert sorted(span.name for span in collector.spans) == ["by hand", "chat gpt-4o"]
            assert langfuse_otel.trace_id(response) in {span.trace_id for span in collector.spans}
            assert list(langfuse_otel.stats().destinations) == [
                f"{collector.url} ({collector.public_key})"
            ]


def test_that_is_left() -> None:
    """A collector that is left takes nothing any more, also over a connection that is open."""
    with httpx.Client() as client:
        with Collector() as left:
            assert client.post(left.url).status_code == 404

        with pytest.raises(httpx.TransportError):
            client.post(left.url)
