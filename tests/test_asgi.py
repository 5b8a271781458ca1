"""Health, status and flush over HTTP, mounted as applications mount them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import pytest
from dirty_equals import IsPartialDict
from fastapi import FastAPI

import langfuse_otel
from langfuse_otel.asgi import app
from proxies import MASTER_KEY, a_proxy
from upstream import Upstream

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

EXAMPLE = Path(__file__).parents[1] / "examples" / "instrumentation.py"
HEALTH, STATUS, FLUSH = "health", "langfuse/status", "langfuse/flush"
KEY = "an-admin-key"
ADMIN = {"Authorization": f"Bearer {KEY}"}


class Client:
    """Asks an application in this process, as a server would."""

    def __init__(self, application: Any, base: str) -> None:
        self._transport = httpx.ASGITransport(application)
        self._base = base

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Ask."""
        return asyncio.run(self._asked("GET", path, headers))

    def post(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send."""
        return asyncio.run(self._asked("POST", path, headers))

    async def _asked(
        self, method: str, path: str, headers: dict[str, str] | None
    ) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url=self._base) as client:
            return await client.request(method, path, headers=headers)


@pytest.fixture(params=["mounted", "alone"])
def client(request: pytest.FixtureRequest) -> Client:
    """A client of our application, below a path of another and by itself."""
    if request.param == "alone":
        return Client(app, "http://app.example")
    application = FastAPI()
    application.mount("/api/instrumentation", app)
    return Client(application, "http://app.example/api/instrumentation/")


@pytest.fixture
def admin_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that opens it."""
    monkeypatch.setenv("LANGFUSE_OTEL_ADMIN_KEY", KEY)


def test_health_is_public(client: Client) -> None:
    """Anyone may ask whether the process lives, and learns nothing else."""
    answer = client.get(HEALTH)

    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


def test_status(client: Client, langfuse: Collector, admin_key: None) -> None:
    """The status says where calls go and what became of them, and holds no secret."""
    litellm.completion(
        model="gpt-4o", messages=[{"role": "user", "content": "q"}], mock_response="a"
    )
    flushed = client.post(FLUSH, headers=ADMIN)
    answer = client.get(STATUS, headers=ADMIN)

    assert flushed.json() == {"flushed": True}
    assert len(langfuse.spans) == 1
    assert answer.json() == {
        "enabled": True,
        "initialized": True,
        "host": langfuse.url,
        "public_key_configured": True,
        "secret_key_configured": True,
        "environment": "default",
        "stats": IsPartialDict(created=1, sent=1, queued=0, dropped={}),
    }
    assert langfuse.secret_key not in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer "}, id="empty"),
        pytest.param({"Authorization": f"Bearer {KEY}x"}, id="other"),
        pytest.param({"Authorization": f"Basic {KEY}"}, id="scheme"),
        pytest.param({"Authorization": KEY}, id="bare"),
    ],
)
def test_wrong_key(client: Client, admin_key: None, headers: dict[str, str]) -> None:
    """Without the admin key nobody reads the status, and nobody flushes."""
    answers = [client.get(STATUS, headers=headers), client.post(FLUSH, headers=headers)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert all(answer.headers["www-authenticate"] == "Bearer" for answer in answers)


def test_off_without_a_key(client: Client) -> None:
    """Where no admin key is set there is neither status nor flush, whatever is sent."""
    headers = {"Authorization": "Bearer "}
    answers = [client.get(STATUS, headers=headers), client.post(FLUSH, headers=headers)]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_method(client: Client, admin_key: None) -> None:
    """A method that a path does not know is told which it does."""
    answer = client.get(FLUSH, headers=ADMIN)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_other_path(client: Client) -> None:
    """What is not there is not found."""
    assert (client.get("langfuse")).status_code == 404


@pytest.mark.parametrize(
    ("variables", "enabled", "initialized"),
    [
        ({}, True, False),
        ({"LANGFUSE_TRACING_ENABLED": "false"}, False, False),
        ({"LANGFUSE_HOST": "https://user:pass@langfuse.example"}, True, False),
        ({"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}, True, True),
    ],
)
def test_initialized(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    enabled: bool,
    initialized: bool,
) -> None:
    """It is initialized where it is on and knows where calls go."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = langfuse_otel.status()

    assert (found.enabled, found.initialized) == (enabled, initialized)
    assert "pass" not in repr(found)


def test_in_the_proxy(tmp_path: Path, collector: Collector) -> None:
    """The proxy's own application serves it, mounted by the module that its configuration names."""
    shutil.copy(EXAMPLE, tmp_path)
    callbacks = ["instrumentation.callback"]
    with (
        Upstream() as upstream,
        a_proxy(
            tmp_path, upstream.url, callbacks, collector, LANGFUSE_OTEL_ADMIN_KEY=KEY
        ) as client,
    ):
        body = {"model": "house-model", "messages": [{"role": "user", "content": "q"}]}
        client.post("/chat/completions", json=body).raise_for_status()
        flushed = client.post("/api/instrumentation/langfuse/flush", headers=ADMIN)
        status = client.get("/api/instrumentation/langfuse/status", headers=ADMIN)
        refused = client.get("/api/instrumentation/langfuse/status")

    assert flushed.json() == {"flushed": True}
    assert status.json()["stats"]["sent"] == 1
    assert (refused.status_code, MASTER_KEY in status.text) == (401, False)
