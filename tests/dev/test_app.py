"""The endpoints answer as Langfuse's public API does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from langfuse_otel.dev._app import BEHAVES_AS, create_app
from langfuse_otel.dev._store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langfuse_otel.dev._received import ReceivedSpan

KEYS = ("pk-test", "sk-test")
TRACES = "/api/public/traces"
SCORES = "/api/public/scores"
OTLP = "/api/public/otel/v1/traces"


@pytest.fixture
def store() -> Iterator[Store]:
    """Give an empty store in memory."""
    opened = Store()
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    """Give a client with the right keys."""
    return client_of(store)


def client_of(store: Store, on_spans: Any = None) -> TestClient:
    """Build a client for a store."""
    app = create_app(store, public_key=KEYS[0], secret_key=KEYS[1], on_spans=on_spans)
    client = TestClient(app)
    client.auth = KEYS  # type: ignore[assignment]
    return client


def a_request(number: int = 1, trace: int = 1, **attributes: str) -> dict[str, Any]:
    """Build an OTLP JSON request with one span."""
    span = {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "name": f"span {number}",
        "startTimeUnixNano": str(trace * 10**9),
        "endTimeUnixNano": str((trace + 2) * 10**9),
        "attributes": [
            {"key": key.replace("__", "."), "value": {"stringValue": value}}
            for key, value in attributes.items()
        ],
    }
    scope = {"name": "langfuse-sdk.test"}
    return {"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": [span]}]}]}


def test_health_needs_no_keys(store: Store) -> None:
    """Health answers anybody."""
    answer = TestClient(create_app(store, public_key="a", secret_key="b")).get("/api/public/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "OK", "version": BEHAVES_AS})


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer pk-test",
        "Basic",
        "Basic ***",
        "Basic cGstdGVzdDp3cm9uZw==",
        "Basic b3RoZXI6c2stdGVzdA==",
    ],
    ids=["none", "bearer", "empty", "not-base64", "wrong-secret", "wrong-public-key"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", OTLP),
        ("GET", "/api/public/projects"),
        ("GET", TRACES),
        ("GET", f"{TRACES}/x"),
        ("GET", SCORES),
        ("POST", SCORES),
    ],
)
def test_wrong_keys_are_refused(
    store: Store, method: str, path: str, authorization: str | None
) -> None:
    """Every endpoint but health needs exactly the key pair."""
    client = TestClient(create_app(store, public_key=KEYS[0], secret_key=KEYS[1]))
    headers = {} if authorization is None else {"authorization": authorization}
    answer = client.request(method, path, headers=headers)

    assert (answer.status_code, list(answer.json())) == (401, ["message"])


def test_projects_name_the_local_one(client: TestClient) -> None:
    """There is one project."""
    assert client.get("/api/public/projects").json() == {
        "data": [{"id": "local", "name": "langfuse-otel dev"}]
    }


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_empty_request_is_answered_with_an_empty_object(client: TestClient, body: bytes) -> None:
    """Nothing to store is fine."""
    answer = client.post(OTLP, content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()) == (200, {})


def test_bad_request_has_status_and_message(client: TestClient) -> None:
    """A refusal is JSON with a message."""
    answer = client.post(OTLP, content=b"x", headers={"content-type": "application/protobuf"})

    assert (answer.status_code, answer.json()) == (
        400,
        {"message": "The content type must be application/x-protobuf or application/json."},
    )


def test_unsupported_ingestion_version_stores_nothing(client: TestClient, store: Store) -> None:
    """A future ingestion version is refused before the body counts."""
    answer = client.post(OTLP, json=a_request(), headers={"x-langfuse-ingestion-version": "5"})

    assert (answer.status_code, store.span_count()) == (400, 0)


def test_long_body_is_not_read_to_its_end(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading stops at the limit, also where the body's text would not be decoded at all."""
    monkeypatch.setattr("langfuse_otel.dev._app.MAX_BODY_BYTES", 10)
    answers = [
        client.post(path, content=content).status_code
        for path in (OTLP, SCORES)
        for content in (b"x" * 11, iter([b"x" * 11]))  # the second does not say its length
    ]

    assert answers == [413] * 4


@pytest.mark.parametrize("depth", [200, 400, 600, 900])
def test_deep_value_is_stored_or_refused(client: TestClient, store: Store, depth: int) -> None:
    """An attribute nested too deeply is refused, and nothing of its request is kept."""
    deep = '{"boolValue":' + "[" * depth + "]" * depth + "}"
    body = json.dumps(a_request(odd="ODD")).replace('{"stringValue": "ODD"}', deep)
    answer = client.post(OTLP, content=body, headers={"content-type": "application/json"})
    listed = client.get(TRACES)

    assert (answer.status_code, store.span_count()) in {(200, 1), (400, 0)}
    assert listed.status_code == 200


def test_other_method_is_405(client: TestClient) -> None:
    """A GET on the OTLP endpoint is not allowed, in JSON."""
    answer = client.get(OTLP)

    assert (answer.status_code, answer.json()) == (405, {"message": "Method Not Allowed"})


def test_poison_batch_is_accepted_and_lost(client: TestClient, store: Store) -> None:
    """A bare attribute key gets a 200 and stores nothing, as on the server."""
    request = a_request()
    span = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"] = [{"key": "bare"}]
    answer = client.post(OTLP, json=request)

    assert (answer.status_code, store.span_count()) == (200, 0)


def test_spans_are_announced(store: Store) -> None:
    """The callback gets the spans of the batch."""
    seen: list[Sequence[ReceivedSpan]] = []
    client_of(store, seen.append).post(OTLP, json=a_request(3))

    assert [[span.name for span in batch] for batch in seen] == [["span 3"]]


def test_failing_announcement_costs_nothing(store: Store) -> None:
    """An exception of the callback does not reach the sender."""

    def fail(spans: Sequence[ReceivedSpan]) -> None:
        raise OSError("closed terminal")

    answer = client_of(store, fail).post(OTLP, json=a_request())

    assert (answer.status_code, store.span_count()) == (200, 1)


def test_same_ids_twice_are_one_observation(client: TestClient) -> None:
    """Sending a span again overwrites it."""
    for _ in range(2):
        client.post(OTLP, json=a_request())

    assert client.get(TRACES).json()["data"][0]["observations"] == [f"{1:016x}"]


@pytest.mark.parametrize(
    ("version", "expected"), [("3", ("a", "new")), ("4", (None, "new"))], ids=["legacy", "direct"]
)
def test_resent_span_merges_on_legacy_only(
    client: TestClient, version: str, expected: tuple[str | None, str]
) -> None:
    """A span sent again merges on the legacy path and replaces the row on the direct one."""
    headers = {"x-langfuse-ingestion-version": version}
    first = a_request(langfuse__observation__input="a", langfuse__observation__output="old")
    client.post(OTLP, json=first, headers=headers)
    client.post(OTLP, json=a_request(langfuse__observation__output="new"), headers=headers)
    seen = client.get(f"{TRACES}/{1:032x}").json()["observations"][0]

    assert (seen["input"], seen["output"]) == expected


def test_traces_are_listed_newest_first_by_page(client: TestClient) -> None:
    """A page holds its share, newest first, and the meta counts all."""
    for trace in (1, 3, 2):
        client.post(OTLP, json=a_request(trace, trace))
    answers = [client.get(TRACES, params={"limit": 2, "page": page}).json() for page in (1, 2, 3)]

    assert [[trace["name"] for trace in answer["data"]] for answer in answers] == [
        ["span 3", "span 2"],
        ["span 1"],
        [],
    ]
    assert answers[1]["meta"] == {"page": 2, "limit": 2, "totalItems": 3, "totalPages": 2}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "page=0", "page=-1", "page="])
def test_bad_page_is_refused(client: TestClient, query: str) -> None:
    """Limits are 1 to 100 and pages begin at 1."""
    assert client.get(f"{TRACES}?{query}").status_code == 400


def test_unknown_trace_is_404(client: TestClient) -> None:
    """A trace that never came is not found, in JSON."""
    answer = client.get(f"{TRACES}/nope")

    assert (answer.status_code, answer.json()) == (404, {"message": "Trace nope not found."})


def test_trace_is_shown_in_full(client: TestClient) -> None:
    """A trace has the public API's fields, content parsed, observations in full."""
    request = a_request(
        langfuse__observation__type="generation",
        langfuse__observation__input='{"q": [1]}',
        langfuse__observation__output="plain",
        langfuse__observation__model__name="gpt-4o",
        langfuse__observation__model__parameters='{"temperature":0}',
        langfuse__observation__usage_details='{"input":1,"output":2}',
        langfuse__observation__cost_details='{"total":0.5}',
        langfuse__observation__completion_start_time="1970-01-01T00:00:01.250Z",
        langfuse__observation__metadata='{"n":{"a":1},"s":"7"}',
        langfuse__trace__name="mine",
        langfuse__trace__tags='["a"]',
        user__id="u",
        session__id="s",
    )
    client.post(OTLP, json=request)
    metadata = {
        "n": {"a": 1},
        "s": "7",
        "resourceAttributes": {},
        "scope": {"name": "langfuse-sdk.test", "attributes": {}},
    }

    assert client.get(f"{TRACES}/{1:032x}").json() == {
        "id": f"{1:032x}",
        "projectId": "local",
        "name": "mine",
        "timestamp": "1970-01-01T00:00:01.000Z",
        "environment": "default",
        "userId": "u",
        "sessionId": "s",
        "tags": ["a"],
        "metadata": metadata,
        "version": None,
        "release": None,
        "public": False,
        "input": {"q": [1]},
        "output": "plain",
        "latency": 2.0,
        "totalCost": 0.5,
        "scores": [],
        "observations": [
            {
                "id": f"{1:016x}",
                "traceId": f"{1:032x}",
                "projectId": "local",
                "parentObservationId": None,
                "type": "GENERATION",
                "name": "span 1",
                "startTime": "1970-01-01T00:00:01.000Z",
                "endTime": "1970-01-01T00:00:03.000Z",
                "completionStartTime": "1970-01-01T00:00:01.250Z",
                "environment": "default",
                "version": None,
                "level": "DEFAULT",
                "statusMessage": None,
                "model": "gpt-4o",
                "modelParameters": {"temperature": 0},
                "input": {"q": [1]},
                "output": "plain",
                "metadata": metadata,
                "usageDetails": {"input": 1, "output": 2, "total": 3},
                "costDetails": {"total": 0.5},
                "promptName": None,
                "promptVersion": None,
                "latency": 2.0,
                "timeToFirstToken": 0.25,
            }
        ],
    }


def test_escaped_half_pair_in_content_is_answered(client: TestClient) -> None:
    """Content whose JSON names half a surrogate pair can still be read back."""
    client.post(OTLP, json=a_request(langfuse__observation__input='{"a":"\\ud800","b":1e999}'))
    answer = client.get(f"{TRACES}/{1:032x}")

    assert json.loads(answer.text)["input"] == {"a": "\ud800", "b": None}


@pytest.mark.parametrize(
    ("sent", "data_type", "value", "text"),
    [
        ({"value": 0.5}, "NUMERIC", 0.5, None),
        ({"value": "good"}, "CATEGORICAL", None, "good"),
        ({"value": 1, "dataType": "BOOLEAN"}, "BOOLEAN", 1.0, "True"),
        ({"value": 0, "dataType": "BOOLEAN"}, "BOOLEAN", 0.0, "False"),
    ],
)
def test_score_is_kept(
    client: TestClient, sent: dict[str, Any], data_type: str, value: Any, text: Any
) -> None:
    """Scores of all three types come back, with the type inferred where it is not given."""
    answer = client.post(SCORES, json={"id": "s1", "traceId": "t", "name": "quality", **sent})
    found = client.get(SCORES).json()
    timestamp = found["data"][0].pop("timestamp")

    assert (answer.status_code, answer.json(), timestamp[-1]) == (200, {"id": "s1"}, "Z")
    assert found == {
        "data": [
            {
                "id": "s1",
                "traceId": "t",
                "observationId": None,
                "sessionId": None,
                "name": "quality",
                "dataType": data_type,
                "value": value,
                "stringValue": text,
                "comment": None,
                "environment": "default",
                "metadata": None,
                "source": "API",
            }
        ],
        "meta": {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1},
    }


def test_score_with_the_same_id_replaces(client: TestClient) -> None:
    """A score id is written once; the later value holds."""
    for value in (1, 2):
        client.post(SCORES, json={"id": "s", "traceId": "t", "name": "n", "value": value})

    assert [score["value"] for score in client.get(SCORES).json()["data"]] == [2]


def test_scores_of_one_trace(client: TestClient) -> None:
    """Scores are listed by trace and named in the list of traces."""
    client.post(OTLP, json=a_request())
    for trace in (f"{1:032x}", "other"):
        client.post(SCORES, json={"id": trace, "traceId": trace, "name": "n", "value": 1})

    assert client.get(SCORES, params={"traceId": "other"}).json()["meta"]["totalItems"] == 1
    assert client.get(TRACES).json()["data"][0]["scores"] == [f"{1:032x}"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"traceId":"t","value":1}',
        b'{"traceId":"t","name":"","value":1}',
        b'{"name":"n","value":1}',
        b'{"traceId":7,"name":"n","value":1}',
        b'{"sessionId":"s","observationId":"o","name":"n","value":1}',
        b'{"traceId":"t","name":"n"}',
        b'{"traceId":"t","name":"n","value":true}',
        b'{"traceId":"t","name":"n","value":NaN}',
        b'{"traceId":"t","name":"n","value":"x","dataType":"NUMERIC"}',
        b'{"traceId":"t","name":"n","value":1,"dataType":"CATEGORICAL"}',
        b'{"traceId":"t","name":"n","value":2,"dataType":"BOOLEAN"}',
        b'{"traceId":"t","name":"n","value":1,"dataType":"OTHER"}',
        b'{"traceId":"t","name":"n","value":1' + b"0" * 400 + b"}",
        b'{"traceId":"\\ud800","name":"n","value":1}',
        b'{"traceId":"t","name":"n","value":1,"metadata":' + b"[" * 600 + b"]" * 600 + b"}",
    ],
)
def test_bad_score_is_refused(client: TestClient, store: Store, body: bytes) -> None:
    """A score that is not valid is refused with a message and not kept."""
    answer = client.post(SCORES, content=body)

    assert (answer.status_code, list(answer.json()), store.score_count()) == (400, ["message"], 0)
