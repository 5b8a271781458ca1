"""The real proxy: no key of its own, of its clients or of its providers leaves it, or stays in a file."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from langfuse_otel._delivery.compression import decompressed
from langfuse_otel._delivery.request_file import body_of
from langfuse_otel.testing import Collector
from proxies import a_proxy
from routes import Provider
from test_credentials import Echo, canary, found_in
from tools import a_tool_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

MASTER = canary("master")
HEADERS = {
    "Cookie": f"session={canary('cookie')}",
    "api-key": canary("azure-header"),
    "x-api-key": canary("x-api-key"),
    "x-goog-api-key": canary("goog-header"),
    "x-litellm-api-key": "",
    "x-mcp-auth": canary("mcp"),
    "x-pass-authorization": canary("passed"),
    "Proxy-Authorization": f"Basic {canary('proxy')}",
}
LANGFUSE = {
    "langfuse_public_key": "pk-canary",
    "langfuse_secret_key": canary("tenant"),
    "langfuse_host": "http://127.0.0.1:9",
}

# What a database would know of keys, and a look at what our objects show.
AUTH = f"""
from pathlib import Path

import langfuse_otel
import litellm
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

LOGGING = [{{
    "callback_name": "langfuse_otel",
    "callback_type": "success_and_failure",
    "callback_vars": {LANGFUSE!r},
}}]
WHO = {{
    {MASTER!r}: {{}},
    {canary("virtual")!r}: {{"metadata": {{"note": "mine"}}}},
    "house-" + {canary("odd")!r}: {{}},
    {canary("tenant-key")!r}: {{"metadata": {{"logging": LOGGING}}}},
}}

async def authenticate(request, api_key):
    shown = langfuse_otel.stats(), langfuse_otel.status(), litellm.callbacks
    Path(__file__).with_name("shown").write_text(repr(shown))
    key = api_key.removeprefix("Bearer ")
    if key not in WHO:
        raise HTTPException(401, "no such key")
    return UserAPIKeyAuth(api_key=key, user_role="proxy_admin", **WHO[key])
"""

KEYS = {
    "master": MASTER,
    "virtual": canary("virtual"),
    "virtual, of another form": f"house-{canary('odd')}",
    "with a project": canary("tenant-key"),
}
MESSAGES = [{"role": "user", "content": "hi"}]
BROUGHT = {
    "api_key": canary("brought"),
    "extra_headers": {"Authorization": f"Bearer {canary('extra')}", "X-Own": canary("own")},
    "aws_secret_access_key": canary("brought-aws"),
    "metadata": {"note": "mine"},
}
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "house-model", "messages": MESSAGES}),
    "chat, streamed": (
        "/v1/chat/completions",
        {"model": "house-model", "messages": MESSAGES, "stream": True},
    ),
    "chat, failed": ("/v1/chat/completions", {"model": "echo", "messages": MESSAGES}),
    "chat, with keys brought": (
        "/v1/chat/completions",
        {"model": "house-model", "messages": MESSAGES, **BROUGHT},
    ),
    "chat, failed with keys brought": (
        "/v1/chat/completions",
        {"model": "echo", "messages": MESSAGES, **BROUGHT},
    ),
    "chat, fallen back": ("/v1/chat/completions", {"model": "falls", "messages": MESSAGES}),
    "bedrock, failed": ("/v1/chat/completions", {"model": "bedrock", "messages": MESSAGES}),
    "responses": ("/v1/responses", {"model": "house-model", "input": "hi"}),
    "messages": ("/v1/messages", {"model": "claude", "max_tokens": 9, "messages": MESSAGES}),
    "messages, failed": (
        "/v1/messages",
        {"model": "echoing-claude", "max_tokens": 9, "messages": MESSAGES},
    ),
    "embeddings": ("/v1/embeddings", {"model": "house-model", "input": ["hi"]}),
    "passed through": (
        "/anthropic/v1/messages",
        {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": MESSAGES},
    ),
    "own endpoint": ("/forecast", {"city": "Oslo"}),
    "tool": (
        "/mcp-rest/tools/call",
        {"server_id": "house", "name": "house-add", "arguments": {"a": 1, "b": 1}},
    ),
}


@dataclass
class Proxy:
    """A proxy full of keys, and its Langfuse."""

    client: httpx.Client
    collector: Collector
    folder: Path

    def ask(self, route: str, key: str, **more: Any) -> httpx.Response:
        """Make one request with all the headers that may hold a key."""
        path, body = ROUTES[route]
        headers = {**HEADERS, "Authorization": f"Bearer {key}", "x-litellm-api-key": key}
        return self.client.post(path, json={**body, **more}, headers=headers)

    def settle(self) -> None:
        """Wait for a later request to arrive; what was to come has come by then."""
        name = f"later {len(self.collector.spans)}"
        self.ask("chat", MASTER, metadata={"generation_name": name})
        while not any(span.name == name for span in self.collector.spans):
            self.collector.wait_for(len(self.collector.spans) + 1)

    @property
    def files(self) -> list[Path]:
        """What waits on disk for a Langfuse that is down."""
        return list((self.folder / "spool").rglob("*.request"))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose providers answer, or quote the headers that they were sent."""
    folder = tmp_path_factory.mktemp("credentials")
    (folder / "house_auth.py").write_text(AUTH)
    with ExitStack() as stack:
        provider = stack.enter_context(Provider())
        echo = stack.enter_context(Echo())
        tools = stack.enter_context(a_tool_server())
        collector = stack.enter_context(Collector("pk-own", canary("langfuse")))
        given = {"api_key": canary("upstream"), "extra_headers": {"X-House": canary("house")}}
        aws = {
            "aws_access_key_id": canary("aws-id"),
            "aws_secret_access_key": canary("aws"),
            "aws_session_token": canary("aws-token"),
            "aws_region_name": "us-east-1",
            "aws_bedrock_runtime_endpoint": echo.root,
        }
        models = {
            "house-model": {"model": "openai/gpt-4o", "api_base": f"{provider.root}/v1", **given},
            "echo": {"model": "openai/gpt-4o", "api_base": f"{echo.root}/v1", **given},
            "falls": {"model": "openai/gpt-4o", "api_base": f"{echo.root}/v1", **given},
            "bedrock": {"model": "bedrock/anthropic.claude-3-haiku-20240307-v1:0", **aws},
            "claude": {"model": "anthropic/claude-sonnet-4-5", "api_base": provider.root, **given},
            "echoing-claude": {
                "model": "anthropic/claude-sonnet-4-5",
                "api_base": echo.root,
                **given,
            },
        }
        more = {
            "model_list": [{"model_name": n, "litellm_params": p} for n, p in models.items()],
            "mcp_servers": {
                "house": {
                    "url": tools,
                    "transport": "http",
                    "auth_type": "bearer_token",
                    "auth_value": canary("tool"),
                }
            },
            "router_settings": {"fallbacks": [{"falls": ["house-model"]}]},
            "general_settings": {
                "custom_auth": "house_auth.authenticate",
                "allow_client_side_credentials": True,
                "master_key": MASTER,
                "pass_through_endpoints": [
                    {
                        "path": "/forecast",
                        "target": f"{provider.root}/v1/moderations",
                        "headers": {"Authorization": f"Bearer {canary('target')}"},
                        "forward_headers": True,
                    }
                ],
            },
        }
        client = stack.enter_context(
            a_proxy(
                folder,
                f"{provider.root}/v1",
                ["langfuse_otel.callback"],
                collector,
                more=more,
                ANTHROPIC_API_BASE=provider.root,
                ANTHROPIC_API_KEY=canary("anthropic"),
                LANGFUSE_FLUSH_INTERVAL="0.05",
                LANGFUSE_OTEL_ADMIN_KEY=canary("admin"),
                LANGFUSE_DEBUG="true",
                LANGFUSE_OTEL_SPANS="guardrails,unauthenticated",
                LANGFUSE_OTEL_SPOOL_DIR=str(folder / "spool"),
                LANGFUSE_OTEL_SPOOL_TENANTS="true",
            )
        )
        yield Proxy(client, collector, folder)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("route", ROUTES)
def test_no_credential(proxy: Proxy, route: str, key: str) -> None:
    """Nothing that leaves the proxy or that we say holds a key, whoever asks on which route."""
    before = len(proxy.collector.spans)
    proxy.ask(route, KEYS[key])
    if key != "with a project":
        proxy.collector.wait_for(before + 1)
    proxy.settle()
    said = [line for line in _log(proxy) if "langfuse-otel" in line or "langfuse_otel" in line]

    assert not found_in(*proxy.collector.bodies)
    assert said
    assert not found_in(*said)
    assert not found_in((proxy.folder / "shown").read_text())


def test_unknown_key(proxy: Proxy) -> None:
    """A key that the proxy does not know is in nothing either."""
    before = len(proxy.collector.spans)
    answer = proxy.ask("chat", canary("unknown"))
    proxy.collector.wait_for(before + 1)

    assert answer.status_code >= 400
    assert not found_in(*proxy.collector.bodies)


def test_files(proxy: Proxy) -> None:
    """What waits in the spool for a project whose host is down holds no key."""
    proxy.ask("chat, failed with keys brought", KEYS["with a project"])
    deadline = time.monotonic() + 20
    while not proxy.files and time.monotonic() < deadline:
        time.sleep(0.05)
    kept = [body for file in proxy.files if (body := body_of(file))]

    assert kept
    assert not found_in(*map(decompressed, kept))
    assert not found_in(*(file.read_bytes() for file in proxy.files))


def test_it_would_be_seen(proxy: Proxy) -> None:
    """What a client writes into a message is sent: the tests above would see it."""
    proxy.ask("chat", MASTER, messages=[{"role": "user", "content": canary("said")}])
    proxy.settle()
    found = found_in(*proxy.collector.bodies)
    del proxy.collector.bodies[:]

    assert found


def _log(proxy: Proxy) -> list[str]:
    return (proxy.folder / "proxy.log").read_text().splitlines()
