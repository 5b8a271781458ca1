"""What the real proxy offers beside models: tools, pass-through, realtime sessions.

And streams of each API that a client of the proxy leaves.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client
from websockets.sync.client import connect

import sessions
from langfuse_otel.testing import Collector
from proxies import a_proxy
from routes import WORDS, Provider
from test_matrix import MESSAGES, MESSAGES_BUCKETS, REPLY, SYSTEM
from test_partial import CONTENTS, is_left
from tools import a_tool_server
from upstream import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from langfuse_otel.testing import ReceivedSpan

CHAT = {"model": "house-model", "messages": MESSAGES}
REQUEST = {"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": MESSAGES}


def deployment(name: str, model: str, base: str) -> dict[str, Any]:
    """Return one entry of the proxy's model list."""
    parameters = {"model": model, "api_base": base, "api_key": "sk-upstream"}
    return {"model_name": name, "litellm_params": parameters}


@dataclass
class Proxy:
    """A proxy, and which of its spans a test has seen."""

    client: httpx.Client
    collector: Collector
    seen: int = 0

    def only(self) -> ReceivedSpan:
        """Return the one span that came since the last time."""
        [span] = self.spans(1)
        return span

    def spans(self, count: int) -> list[ReceivedSpan]:
        """Return what came since the last time; one more request shows that no more comes."""
        self.collector.wait_for(self.seen + count)
        self.client.post("/v1/chat/completions", json=CHAT)
        *spans, last = self.collector.wait_for(self.seen + count + 1)[self.seen :]
        self.seen += len(spans) + 1
        assert last.name == "chat gpt-4o-mini"
        return spans


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with a tool server, a realtime model, pass-through routes and streams that stop."""
    with ExitStack() as stack:
        provider = stack.enter_context(Provider())
        collector = stack.enter_context(Collector())
        tools = stack.enter_context(a_tool_server())
        live = stack.enter_context(sessions.a_session_server())
        passed = {"path": "/forecast", "target": f"{provider.root}/v1/moderations"}
        more = {
            "mcp_servers": {"house": {"url": tools, "transport": "http"}},
            "general_settings": {"pass_through_endpoints": [passed]},
            "model_list": [
                deployment("live", "openai/gpt-realtime", live),
                deployment("responses", "openai/gpt-4o", f"{provider.slow}/v1"),
                deployment("messages", "anthropic/claude-sonnet-4-5", provider.slow),
                deployment("gemini", "gemini/gemini-2.5-flash", provider.slow),
            ],
        }
        client = stack.enter_context(
            a_proxy(
                tmp_path_factory.mktemp("proxy"),
                provider.url,
                ["langfuse_otel.callback"],
                collector,
                more=more,
                ANTHROPIC_API_BASE=provider.root,
                ANTHROPIC_API_KEY="sk-upstream",
                LANGFUSE_FLUSH_INTERVAL="0.1",
            )
        )
        yield Proxy(client, collector)


def call_tool(proxy: Proxy, name: str, **arguments: int) -> None:
    """Call a tool over REST."""
    body = {"server_id": "house", "name": f"house-{name}", "arguments": arguments}
    assert proxy.client.post("/mcp-rest/tools/call", json=body).status_code == 200


def test_tool(proxy: Proxy) -> None:
    """A tool call is one tool with its arguments and result, without a model or a price."""
    call_tool(proxy, "add", a=1, b=2)
    span = proxy.only()

    assert span.name == "execute_tool add"
    assert span.attributes["langfuse.observation.type"] == "tool"
    assert span.json("langfuse.observation.input") == {"a": 1, "b": 2}
    assert span.json("langfuse.observation.output")["content"] == [{"type": "text", "text": "3"}]
    assert span.attributes["langfuse.observation.level"] == "DEFAULT"
    assert "langfuse.observation.model.name" not in span.attributes
    assert "langfuse.observation.usage_details" not in span.attributes
    assert "langfuse.observation.cost_details" not in span.attributes


def test_tool_that_fails(proxy: Proxy) -> None:
    """A tool that fails is one tool with level ERROR and what it said."""
    call_tool(proxy, "fall", height=2)
    span = proxy.only()

    assert (span.name, span.attributes["langfuse.observation.type"]) == (
        "execute_tool fall",
        "tool",
    )
    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert "fall" in span.attributes["langfuse.observation.status_message"]
    assert span.json("langfuse.observation.input") == {"height": 2}


async def over_mcp(proxy: Proxy) -> None:
    """List the tools and call one in the protocol of MCP."""
    headers = {"x-litellm-api-key": proxy.client.headers["Authorization"]}
    async with (
        httpx2.AsyncClient(headers=headers) as client,
        streamable_http_client(f"{proxy.client.base_url}/mcp/", http_client=client) as streams,
        mcp.ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        await session.list_tools()
        await session.call_tool("house-add", {"a": 1, "b": 2})


def test_over_mcp(proxy: Proxy) -> None:
    """In the protocol of MCP a call is the same one tool, and a list of tools no generation."""
    asyncio.run(over_mcp(proxy))
    listed, called = sorted(proxy.spans(2), key=lambda span: span.start_ns)
    names = [tool["name"] for tool in listed.json("langfuse.observation.output")]

    assert (listed.name, listed.attributes["langfuse.observation.type"]) == ("list_tools", "span")
    assert names == ["house-add", "house-fall"]
    assert "langfuse.observation.input" not in listed.attributes
    assert "langfuse.observation.model.name" not in listed.attributes
    assert called.name == "execute_tool add"
    assert called.json("langfuse.observation.input") == {"a": 1, "b": 2}
    assert called.json("langfuse.observation.output")["content"][0]["text"] == "3"


def test_pass_through_to_anthropic(proxy: Proxy) -> None:
    """A request passed to Anthropic is one generation with messages, usage and cost."""
    body = {**REQUEST, "system": "be nice"}
    answer = proxy.client.post("/anthropic/v1/messages", json=body)
    span = proxy.only()

    assert answer.json()["content"][0]["text"] == ANSWER
    assert span.name == "pass_through claude-sonnet-4-5"
    assert span.attributes["langfuse.observation.type"] == "generation"
    assert span.attributes["langfuse.observation.model.name"] == "claude-sonnet-4-5"
    assert span.json("langfuse.observation.input") == [SYSTEM, *MESSAGES]
    assert span.json("langfuse.observation.output") == REPLY
    assert span.json("langfuse.observation.usage_details") == MESSAGES_BUCKETS
    assert span.json("langfuse.observation.cost_details")["total"] > 0
    assert "user.id" not in span.attributes


def test_stream_passed_through(proxy: Proxy) -> None:
    """A stream passed through is one generation.

    Of an unknown host LiteLLM keeps the raw text, from 1.109 on a message.
    """
    proxy.client.post("/anthropic/v1/messages", json={**REQUEST, "stream": True})
    span = proxy.only()

    assert span.json("langfuse.observation.input") == MESSAGES
    assert all(word in span.attributes["langfuse.observation.output"] for word in WORDS)
    assert "langfuse.observation.completion_start_time" in span.attributes


def test_endpoint_of_ones_own(proxy: Proxy) -> None:
    """A request to a configured endpoint is one generation with its body, answer, and no price."""
    proxy.client.post("/forecast", json={"city": "Berlin"})
    span = proxy.only()

    assert span.name == "pass_through"
    assert span.json("langfuse.observation.input") == {"city": "Berlin"}
    assert span.json("langfuse.observation.output")["id"] == "modr-1"
    assert "langfuse.observation.model.name" not in span.attributes
    assert "langfuse.observation.cost_details" not in span.attributes


def test_realtime(proxy: Proxy) -> None:
    """A realtime session is one generation with what both sides said, usage and cost."""
    headers = {"Authorization": proxy.client.headers["Authorization"]}
    url = str(proxy.client.base_url).replace("http", "ws", 1)
    with connect(f"{url}/v1/realtime?model=live", additional_headers=headers) as session:
        session.recv(20)
        for event in sessions.said("hi"):
            session.send(json.dumps(event))
        session.recv(20)
    span = proxy.only()

    assert span.name == "realtime gpt-realtime"
    assert span.attributes["langfuse.observation.type"] == "generation"
    assert span.json("langfuse.observation.input") == MESSAGES
    assert span.json("langfuse.observation.output") == [sessions.ITEM]
    assert span.json("langfuse.observation.usage_details") == sessions.BUCKETS
    assert span.json("langfuse.observation.cost_details")["total"] > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"model": "responses", "input": "hi", "stream": True}),
        ("/v1/messages", {**REQUEST, "model": "messages", "stream": True}),
    ],
)
def test_client_that_leaves(proxy: Proxy, path: str, body: dict[str, Any]) -> None:
    """A stream that the proxy's client leaves is one WARNING with what it had said."""
    leave(proxy, path, body)

    assert is_left(proxy.only())


def test_client_that_leaves_gemini(proxy: Proxy) -> None:
    """Of Gemini's streams LiteLLM logs none that was left: it is seen when Python clears it away."""
    leave(proxy, "/v1beta/models/gemini:streamGenerateContent?alt=sse", {"contents": CONTENTS})
    while not (left := [s for s in proxy.collector.spans[proxy.seen :] if "gemini" in s.name]):
        proxy.client.post("/v1/chat/completions", json=CHAT)
    proxy.seen = len(proxy.collector.spans)

    assert [is_left(span) for span in left] == [True]


def leave(proxy: Proxy, path: str, body: dict[str, Any]) -> None:
    """Read the first word of a stream, and close the connection."""
    with proxy.client.stream("POST", path, json=body) as answer:
        for line in answer.iter_lines():
            if WORDS[0] in line:
                break
