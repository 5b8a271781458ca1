"""The local receiver takes or refuses whatever comes, and shows what it took."""

from __future__ import annotations

import base64
import gzip
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from calls import observed
from langfuse_otel._spans.identity import identify
from langfuse_otel._spans.otlp import request_of
from langfuse_otel._spans.span import part_of, resource_of
from langfuse_otel.dev import tree_text
from langfuse_otel.dev._app import create_app
from langfuse_otel.dev._attributes import BatchLostError
from langfuse_otel.dev._decode import RefusedError, decode
from langfuse_otel.dev._store import Store
from strategies import JSON, TEXTS, bounded, mutated, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

OBSERVATION = observed(session_id="s", tags=["a"], trace_metadata={"a": 1})
VALID = request_of(
    [part_of(OBSERVATION, identify(OBSERVATION.clues), resource_of(None, None, None))]
)
OTLP = "/api/public/otel/v1/traces"
API = ("traces", "scores", "media", "projects", "health", "otel/v1/traces")
KEYS = st.sampled_from(
    [
        *(f"langfuse.observation.{name}" for name in ("type", "input", "output", "level")),
        *(f"langfuse.observation.{name}" for name in ("usage_details", "cost_details", "metadata")),
        *(f"langfuse.observation.{name}" for name in ("model.name", "model.parameters")),
        *(f"langfuse.observation.{name}" for name in ("completion_start_time", "prompt.version")),
        *(f"langfuse.trace.{name}" for name in ("name", "tags", "metadata", "input", "public")),
        *("user.id", "session.id", "langfuse.release", "langfuse.environment", "langfuse.version"),
        *("gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.prompt.0.content"),
        *("input.value", "output.value", "llm.token_count.total", "gen_ai.request.model"),
    ]
)
WRAPPERS = st.sampled_from(
    ["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue", "kvlistValue", "x"]
)
PAIRS = st.builds(
    lambda key, wrapper, value: {"key": key, "value": {wrapper: value}},
    KEYS | TEXTS,
    WRAPPERS,
    JSON | st.builds(lambda values: {"values": values}, st.lists(JSON, max_size=3)),
)
SPANS = st.fixed_dictionaries(
    {
        "spanId": st.sampled_from(["b7ad6b7169203331", "00f067aa0ba902b7"]),
        "attributes": st.lists(PAIRS, max_size=4),
    },
    optional={
        "name": TEXTS,
        "parentSpanId": JSON,
        "startTimeUnixNano": JSON,
        "endTimeUnixNano": JSON,
        "status": JSON | st.builds(lambda text: {"code": 2, "message": text}, TEXTS),
        "events": JSON,
    },
)
MEDIA = st.fixed_dictionaries(
    {"sha256Hash": st.just("A" * 43 + "=") | JSON, "field": st.just("input") | JSON},
    optional={
        "traceId": TEXTS | JSON,
        "observationId": TEXTS | JSON,
        "contentType": st.just("image/png") | JSON,
        "contentLength": st.integers(1, 2**70) | JSON,
        "uploadHttpStatus": st.integers(1, 2**70) | JSON,
        "uploadedAt": TEXTS,
    },
)
SCORES = st.fixed_dictionaries(
    {"name": TEXTS, "traceId": TEXTS, "value": JSON},
    optional={
        "id": TEXTS,
        "dataType": st.sampled_from(["NUMERIC", "BOOLEAN", "CATEGORICAL"]) | JSON,
        "metadata": JSON,
        "comment": JSON,
    },
)

# Control and format characters, halves of pairs, and line ends of other kinds.
STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.fixture
def store() -> Iterator[Store]:
    """What a receiver has taken."""
    opened = Store()
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of a receiver in an empty folder, which must stay empty."""
    monkeypatch.chdir(tmp_path)
    app = create_app(store, public_key="pk", secret_key="sk")
    with TestClient(app) as found:
        found.auth = ("pk", "sk")  # type: ignore[assignment]
        yield found
    assert list(tmp_path.iterdir()) == []


@bounded
@given(
    st.binary() | mutated(VALID) | mutated(VALID).map(gzip.compress) | JSON.map(wire),
    st.sampled_from(["application/x-protobuf", "application/json", "text/plain", ""]),
    st.sampled_from(["", "gzip", "deflate", "br", "gzip, gzip", "\xff"]),
)
def test_any_body(client: TestClient, body: bytes, kind: str, encoding: str) -> None:
    """Any bytes, under any name."""
    headers = {"Content-Type": kind, "Content-Encoding": encoding.encode("latin-1")}
    answer = client.post(OTLP, content=body, headers=headers)  # type: ignore[arg-type]

    assert answer.status_code in {200, 400}
    assert client.get("/api/public/traces?limit=3").status_code == 200


@bounded
@given(st.uuids(version=4), st.lists(SPANS, min_size=1, max_size=3), st.sampled_from(["3", "4"]))
def test_any_span(
    client: TestClient, store: Store, trace: UUID, spans: list[dict[str, Any]], version: str
) -> None:
    """Spans with any attributes are shown on either path, without a character that steers."""
    named = [{**span, "traceId": trace.hex} for span in spans]
    request = {"resourceSpans": [{"scopeSpans": [{"spans": named}]}]}
    headers = {"Content-Type": "application/json", "x-langfuse-ingestion-version": version}
    answer = client.post(OTLP, content=wire(request), headers=headers)
    shown = client.get(f"/api/public/traces/{trace.hex}")
    seen = store.trace(trace.hex)
    text = tree_text(seen).replace("\n", "").replace("\u200d", "") if seen else ""

    assert answer.status_code in {200, 400}
    assert shown.status_code == (200 if seen else 404)
    assert not {unicodedata.category(character) for character in text} & STEERING


@bounded
@given(
    st.tuples(
        st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
        st.sampled_from([f"/api/public/{name}" for name in API] + ["/bucket"]),
    ),
    st.text(max_size=20) | st.sampled_from(["", "../../x", "A" * 22, "\x00", "%2e%2e/%2e"]),
    st.dictionaries(st.sampled_from(["limit", "page", "traceId", "signature"]), st.text()),
    MEDIA | SCORES | JSON,
)
def test_any_question(
    client: TestClient, to: tuple[str, str], name: str, query: dict[str, str], body: object
) -> None:
    """Any request to any endpoint, with odd names in its path and odd values in its query."""
    method, path = to
    for at in (path, f"{path}/{quote(name)}"):
        assert client.request(method, at, params=query, content=wire(body)).status_code < 500


@bounded
@given(st.binary(max_size=60))
def test_any_credentials(client: TestClient, given_credentials: bytes) -> None:
    """Whatever stands in the header of the keys, it opens nothing."""
    client.auth = None
    for token in (given_credentials, base64.b64encode(given_credentials)):
        value = b"Basic " + token.translate(None, b"\r\n\0")
        assert (
            client.get("/api/public/traces", headers={b"Authorization": value}).status_code == 401
        )


@bounded
@given(st.lists(st.integers(0, 3_000), max_size=5), st.integers(1, 6_000))
def test_any_bomb(sizes: list[int], limit: int) -> None:
    """A body is refused for its size when it is unpacked above the limit, and only then."""
    body = b"".join(gzip.compress(b"\0" * size) for size in sizes)
    status = 0
    try:
        decode(body, "application/x-protobuf", "gzip", max_bytes=limit)
    except RefusedError as error:
        status = error.status
    except BatchLostError:
        pass

    assert (status == 413) is (max(sum(sizes), len(body)) > limit)
