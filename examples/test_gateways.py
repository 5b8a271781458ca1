"""The three gateways, started as their operators start them, and what Langfuse shows of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel.dev import LocalReceiver

QUESTION = {"messages": [{"role": "user", "content": "hi"}]}
ADMIN_KEY = "admin-5c1d"
MASTER_KEY = "sk-master-0d9f1c7a6b3e4852"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
STATUS = "/api/instrumentation/langfuse/status"


@pytest.mark.parametrize("stream", [False, True])
def test_lisa_passthrough(serve: Callable[..., Any], receiver: LocalReceiver, stream: bool) -> None:
    """The trace has the request, the body as the client got it, and LiteLLM's generation below."""
    with serve("uvicorn", "--app-dir", "examples", "lisa_passthrough:app") as client:
        asked = {"model": "house-model", "stream": stream, **QUESTION}
        answer = client.post("/chat/completions", json=asked).raise_for_status()
    [seen] = receiver.traces()
    [endpoint, generation] = receiver.trace(seen.id).observations  # type: ignore[union-attr]
    given, shown = json.loads(endpoint.input or ""), json.loads(endpoint.output or "")

    assert given["kwargs"]["api_path"] == "chat/completions"
    assert shown["status_code"] == 200
    assert shown["body"] == (answer.text if stream else answer.json())
    assert (generation.parent_id, generation.type) == (endpoint.id, "GENERATION")
    assert generation.output_tokens > 0
    assert "Hi there!" in (generation.output or "")


def test_gatewayz(serve: Callable[..., Any], receiver: LocalReceiver) -> None:
    """Both endpoints are generations by hand; a rating is a score; status and flush answer."""
    with serve(
        "uvicorn", "--app-dir", "examples/gatewayz", "app:app", LANGFUSE_OTEL_ADMIN_KEY=ADMIN_KEY
    ) as client:
        asked = {"model": "gpt-4", "user": "user_123", "session": "session_456", **QUESTION}
        first = client.post("/v1/chat/completions", json=asked).raise_for_status()
        second = client.post("/v1/messages", json={**asked, "model": "claude"}).raise_for_status()
        failed = client.post("/v1/messages", json={**asked, "model": "none"})
        rating = {"trace_id": first.headers["x-trace-id"], "value": 4.5, "comment": "good"}
        client.post("/v1/ratings", json=rating).raise_for_status()
        flushed = client.post("/api/instrumentation/langfuse/flush", headers=ADMIN).json()
        status = client.get(STATUS, headers=ADMIN).json()
        refused = client.get(STATUS).status_code
    chat = receiver.trace(first.headers["x-trace-id"])
    message = receiver.trace(second.headers["x-trace-id"])
    [generation] = chat.observations  # type: ignore[union-attr]
    [score] = receiver.store.scores(first.headers["x-trace-id"])

    assert chat is not None
    assert message is not None
    assert (chat.user_id, chat.session_id, chat.tags) == (
        "user_123",
        "session_456",
        ("openrouter",),
    )
    assert (message.name, message.tags) == ("claude", ("anthropic",))
    assert (generation.type, generation.model) == ("GENERATION", "gpt-4")
    assert (generation.total_cost, generation.input_tokens) == (0.0023, 2)
    assert (score.name, score.value, score.comment) == ("user_rating", 4.5, "good")
    assert failed.status_code == 502
    assert [t.observations[0].level for t in receiver.traces()].count("ERROR") == 1
    assert (flushed, refused) == ({"flushed": True}, 401)
    assert status["initialized"]
    assert status["stats"]["sent"] == 4


def test_gateway(
    serve: Callable[..., Any], run: Callable[..., str], receiver: LocalReceiver
) -> None:
    """Four calls as two users are found by the ids in the proxy's headers, as they were made."""
    config = ("--config", "examples/gateway/config.yaml")
    with serve("litellm", *config, LITELLM_MASTER_KEY=MASTER_KEY) as client:
        said = run("gateway/verify.py", str(client.base_url).rstrip("/"))
        unknown = client.post("/v1/chat/completions", headers={"Authorization": "Bearer sk-x"})
    traces = receiver.traces()

    assert said.count("ada ") == said.count("grace ") == 2
    assert sorted(str(trace.user_id) for trace in traces) == ["ada", "ada", "grace", "grace"]
    assert all(trace.total_cost for trace in traces)
    assert unknown.status_code == 401
