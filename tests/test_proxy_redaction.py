"""The real proxy with keys, teams and headers that turn message logging off."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

import sessions
from canary import CONVERSATION, FLAT_TOOL, SECRET, TOOL, Parrot, is_found
from langfuse_otel.testing import Collector
from proxies import MASTER_KEY, a_proxy
from tools import a_tool_server
from upstream import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from langfuse_otel.testing import ReceivedSpan

# What a database would know of keys and teams.
AUTH = f"""
from litellm.proxy._types import UserAPIKeyAuth

OFF = {{"turn_off_message_logging": True}}
FREE = {{"allow_client_message_redaction_opt_out": True}}
LOGGING = [{{
    "callback_name": "langfuse_otel",
    "callback_type": "success_and_failure",
    "callback_vars": OFF,
}}]
SETTINGS = {{
    "success_callback": ["langfuse_otel"],
    "failure_callback": ["langfuse_otel"],
    "callback_vars": {{"turn_off_message_logging": "true"}},
}}
WHO = {{
    {MASTER_KEY!r}: {{}},
    "sk-key": {{"metadata": {{"logging": LOGGING}}}},
    "sk-masked-key": {{"metadata": {{"mask_input": True, "mask_output": True}}}},
    "sk-team": {{"team_id": "t", "team_metadata": {{"logging": LOGGING, **FREE}}}},
    "sk-free": {{"metadata": FREE}},
    "sk-old-team": {{"team_id": "o", "team_metadata": {{"callback_settings": SETTINGS}}}},
    "sk-configured-team": {{"team_id": "configured"}},
}}

async def authenticate(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, user_role="proxy_admin", **WHO[api_key.removeprefix("Bearer ")])
"""

# A number that says as much as the secret, for tools that take numbers, and what comes of it.
NUMBER = 7_318_236_459
SIGNS = (ANSWER.encode(), b"7318236459", b"7318236460")

AGAINST = {"litellm-disable-message-redaction": "true"}

# How a request asks for redaction, or its key does: key and headers.
SWITCHES: dict[str, tuple[str, dict[str, str]]] = {
    "key": ("sk-key", {}),
    "masked key": ("sk-masked-key", {}),
    "team": ("sk-team", {}),
    "older team": ("sk-old-team", {}),
    "configured team": ("sk-configured-team", {}),
    "header": (MASTER_KEY, {"x-litellm-enable-message-redaction": "true"}),
    "older header": (MASTER_KEY, {"litellm-enable-message-redaction": "true"}),
    "langfuse headers": (
        MASTER_KEY,
        {"langfuse_mask_input": "true", "langfuse-mask-output": "true"},
    ),
    "team against the header": ("sk-team", AGAINST),
}
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (
        "/v1/chat/completions",
        {"model": "house-model", "messages": CONVERSATION, "tools": [TOOL], "stop": [SECRET]},
    ),
    "chat, streamed": (
        "/v1/chat/completions",
        {"model": "house-model", "messages": CONVERSATION, "stream": True},
    ),
    "chat, failed": ("/v1/chat/completions", {"model": "down", "messages": CONVERSATION}),
    "responses": (
        "/v1/responses",
        {"model": "house-model", "input": SECRET, "instructions": SECRET, "tools": [FLAT_TOOL]},
    ),
    "messages": (
        "/v1/messages",
        {"model": "claude", "max_tokens": 9, "messages": CONVERSATION[1:2], "system": SECRET},
    ),
    "embeddings": ("/v1/embeddings", {"model": "house-model", "input": [SECRET]}),
    "passed through": (
        "/anthropic/v1/messages",
        {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": CONVERSATION[1:2]},
    ),
    "passed through, streamed": (
        "/anthropic/v1/messages",
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 9,
            "messages": CONVERSATION[1:2],
            "stream": True,
        },
    ),
    "own endpoint": ("/forecast", {"city": SECRET}),
    "tool": (
        "/mcp-rest/tools/call",
        {"server_id": "house", "name": "house-add", "arguments": {"a": NUMBER, "b": 1}},
    ),
    "tool, failed": (
        "/mcp-rest/tools/call",
        {"server_id": "house", "name": "house-fall", "arguments": {"height": NUMBER}},
    ),
}


@dataclass
class Proxy:
    """A proxy and its Langfuse."""

    client: httpx.Client
    collector: Collector
    log: Path

    def ask(self, route: str, switch: str | None = None) -> list[ReceivedSpan]:
        """Make one request, and return what came of it; a later one shows that all has come."""
        key, headers = SWITCHES[switch] if switch else (MASTER_KEY, {})
        return self.say(route, key, headers)

    def say(self, route: str, key: str, headers: dict[str, str], **more: Any) -> list[ReceivedSpan]:
        """Make one request with more in its body, and return what came of it."""
        del self.collector.spans[:], self.collector.bodies[:]
        path, body = ROUTES[route]
        self.client.post(
            path,
            json={**body, **more},
            headers={"Authorization": f"Bearer {key}", **headers},
        )
        self.collector.wait_for(1)
        return self.settled()

    def settled(self) -> list[ReceivedSpan]:
        """Return all that came before a request that holds nothing."""
        seen = len(self.collector.spans)
        last = {"model": "last", "messages": [{"role": "user", "content": "hi"}]}
        self.client.post(
            "/v1/chat/completions", json=last, headers={"x-litellm-enable-message-redaction": "1"}
        )
        return self.collector.wait_for(seen + 1)

    @property
    def is_silent(self) -> bool:
        """Whether nothing of the content has come."""
        bodies = self.collector.bodies
        return not is_found(*bodies) and not any(sign in one for one in bodies for sign in SIGNS)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose providers and tools repeat what they are told."""
    folder = tmp_path_factory.mktemp("redaction")
    (folder / "house_auth.py").write_text(AUTH)
    with ExitStack() as stack:
        parrot = stack.enter_context(Parrot())
        collector = stack.enter_context(Collector())
        tools = stack.enter_context(a_tool_server())
        live = stack.enter_context(sessions.a_session_server())
        team = {
            "team_id": "configured",
            "success_callback": ["langfuse_otel"],
            "failure_callback": ["langfuse_otel"],
            "turn_off_message_logging": True,
        }
        models = {
            "down": ("openai/gpt-4o", f"{parrot.root}/down/v1"),
            "last": ("openai/gpt-4o", f"{parrot.root}/v1"),
            "claude": ("anthropic/claude-sonnet-4-5", parrot.root),
            "live": ("openai/gpt-realtime", live),
        }
        more = {
            "mcp_servers": {"house": {"url": tools, "transport": "http"}},
            "general_settings": {
                "custom_auth": "house_auth.authenticate",
                # Without this the proxy refuses a body with `turn_off_message_logging`.
                "allow_client_side_credentials": True,
                "pass_through_endpoints": [
                    {"path": "/forecast", "target": f"{parrot.root}/v1/moderations"},
                ],
            },
            "litellm_settings": {"default_team_settings": [team]},
            "model_list": [
                {
                    "model_name": name,
                    "litellm_params": {"model": model, "api_base": base, "api_key": "sk-upstream"},
                }
                for name, (model, base) in models.items()
            ],
        }
        client = stack.enter_context(
            a_proxy(
                folder,
                f"{parrot.root}/v1",
                ["langfuse_otel.callback"],
                collector,
                more=more,
                ANTHROPIC_API_BASE=parrot.root,
                ANTHROPIC_API_KEY="sk-upstream",
                LANGFUSE_FLUSH_INTERVAL="0.05",
            )
        )
        yield Proxy(client, collector, folder / "proxy.log")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("switch", SWITCHES)
def test_canary(proxy: Proxy, switch: str, route: str) -> None:
    """Whoever asks for redaction, by whichever switch, is redacted on every route."""
    spans = proxy.ask(route, switch)

    assert len(spans) > 1
    assert proxy.is_silent


BODIES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "body": ({}, {"turn_off_message_logging": True}),
    "body against the header": (AGAINST, {"turn_off_message_logging": "true"}),
    "metadata": ({}, {"metadata": {"turn_off_message_logging": True}}),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("switch", BODIES)
def test_body(proxy: Proxy, switch: str, route: str) -> None:
    """A switch in the body of a request hides it; its header against that is not its own to set."""
    headers, more = BODIES[switch]
    spans = proxy.say(route, MASTER_KEY, headers, **more)

    assert len(spans) > 1
    assert proxy.is_silent


def test_opted_out(proxy: Proxy) -> None:
    """A key that may undo the switch by its header does."""
    proxy.say("chat", "sk-free", AGAINST, turn_off_message_logging=True)

    assert not proxy.is_silent


@pytest.mark.parametrize("route", ROUTES)
def test_canary_sings(proxy: Proxy, route: str) -> None:
    """Without a switch the content is there: the test above would see it."""
    proxy.ask(route)

    assert not proxy.is_silent


@pytest.mark.parametrize("switch", ["key", "team", "header"])
def test_realtime(proxy: Proxy, switch: str) -> None:
    """Of a realtime session neither side is seen."""
    key, headers = SWITCHES[switch]
    del proxy.collector.spans[:], proxy.collector.bodies[:]
    url = str(proxy.client.base_url).replace("http", "ws", 1)
    names = {"Authorization": f"Bearer {key}", **headers}
    with connect(f"{url}/v1/realtime?model=live", additional_headers=names) as session:
        session.recv(20)
        for event in sessions.said(SECRET):
            session.send(json.dumps(event))
        session.recv(20)
    proxy.collector.wait_for(1)

    assert any("realtime" in span.name for span in proxy.settled())
    assert proxy.is_silent
