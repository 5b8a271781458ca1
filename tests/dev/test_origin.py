"""Pages of other sites can neither read nor write, under whatever name they reach the receiver."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from langfuse_otel.dev import LocalReceiver
from langfuse_otel.dev._app import create_app
from langfuse_otel.dev._origin import LOOPBACK_NAMES, refusal_of
from langfuse_otel.dev._store import Store

LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    "host",
    ["localhost:3030", "127.0.0.1:3030", "[::1]:3030", "LOCALHOST", "host.docker.internal:3030"],
)
def test_own_names(host: str) -> None:
    """The names of this machine are answered, with any port."""
    assert refusal_of("GET", "/", {"host": host}, LOOPBACK_NAMES) is None


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:3030",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "",
        "[::1",
    ],
)
@pytest.mark.parametrize("path", ["/", "/page/api/traces", "/api/public/otel/v1/traces"])
def test_foreign_names(host: str, path: str) -> None:
    """A name that somebody let point here is refused (DNS rebinding)."""
    assert refusal_of("GET", path, {"host": host}, LOOPBACK_NAMES) is not None


def test_any_name_where_other_machines_may() -> None:
    """On an address for other machines, these may call it as they like."""
    assert refusal_of("GET", "/", {"host": "build-server:3030"}, None) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:5173"},
        {"origin": "https://example.org"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://localhost:3030.example.org"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_foreign_pages(method: str, headers: dict[str, str]) -> None:
    """What a page of another origin asks the browser to send is refused."""
    given = {"host": "localhost:3030", **headers}

    assert refusal_of(method, "/page/api/traces", given, LOOPBACK_NAMES) is not None
    assert refusal_of(method, "/", given, LOOPBACK_NAMES) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "http://localhost:3030"},
        LINK,
    ],
    ids=["program", "typed", "own page", "link"],
)
def test_own_page_and_programs(headers: dict[str, str]) -> None:
    """The page itself, programs, and people who follow a link to the page are answered."""
    assert refusal_of("GET", "/", {"host": "localhost:3030", **headers}, LOOPBACK_NAMES) is None


def test_a_link_leads_to_a_trace() -> None:
    """A link from elsewhere may lead to one trace."""
    given = {"host": "localhost:3030", **LINK}

    assert refusal_of("GET", "/project/local/traces/a", given, LOOPBACK_NAMES) is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/page/api/traces"), ("POST", "/")])
def test_a_link_leads_to_the_page_alone(method: str, path: str) -> None:
    """A link from elsewhere opens the page and nothing else."""
    given = {"host": "localhost:3030", **LINK}

    assert refusal_of(method, path, given, LOOPBACK_NAMES) is not None


def test_refused_requests_change_nothing() -> None:
    """A refused request reaches no endpoint, even with the keys."""
    store = Store()
    client = TestClient(create_app(store, public_key="pk", secret_key="sk"))
    score = {"name": "n", "traceId": "t", "value": 1}
    evil = {"origin": "http://evil.example"}
    answer = client.post("/api/public/scores", json=score, auth=("pk", "sk"), headers=evil)
    count = store.score_count()
    store.close()

    assert (answer.status_code, count) == (403, 0)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("name", "status"), [("localhost", 200), ("evil.example", 403)])
def test_receiver_knows_its_names(name: str, status: int) -> None:
    """The running receiver answers to its own names alone."""
    import httpx

    with LocalReceiver() as receiver:
        headers = {"host": f"{name}:3030"}
        url = f"{receiver.url}/page/api/traces"

        assert httpx.get(url, headers=headers, trust_env=False).status_code == status
