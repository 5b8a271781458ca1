"""The real proxy, with a configuration that names us, LiteLLM's own callback, or nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from langfuse_otel._spans.identity import trace_id_of
from langfuse_otel.testing import Collector
from programs import SCRIPTS
from proxies import a_cold_proxy, a_proxy
from upstream import ANSWER, BUCKETS, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

LAUNCHER = [str(SCRIPTS / "opentelemetry-instrument"), "--"]
WAYS = {
    "dotted-callback": partial(a_proxy, callbacks=["langfuse_otel.callback"]),
    "launcher": partial(a_cold_proxy, callbacks=["langfuse_otel"], launcher=LAUNCHER),
    "launcher-alone": partial(a_cold_proxy, callbacks=[], launcher=LAUNCHER),
}


@pytest.fixture(scope="module", params=WAYS)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Collector]]:
    """A proxy for each of the ways, with a provider and a Langfuse on loopback."""
    folder = tmp_path_factory.mktemp("proxy")
    with (
        Upstream() as upstream,
        Collector() as collector,
        WAYS[request.param](
            folder, upstream.url, collector=collector, LANGFUSE_FLUSH_INTERVAL="0.05"
        ) as client,
    ):
        yield client, collector


def body(content: str = "hi", **more: object) -> dict[str, object]:
    """Return a chat completion request."""
    return {"model": "house-model", "messages": [{"role": "user", "content": content}], **more}


def test_completion(proxy: tuple[httpx.Client, Collector]) -> None:
    """A request becomes one generation of ours, with what provider and proxy know of it."""
    client, collector = proxy
    before = len(collector.spans)
    answer = client.post(
        "/v1/chat/completions",
        json=body(
            user="end-user",
            temperature=0,
            metadata={"generation_name": "via proxy", "trace_id": "t-1", "tags": ["a"], "mine": 1},
        ),
    )
    span = collector.wait_for(before + 1)[before]
    metadata = span.json("langfuse.observation.metadata")

    assert answer.json()["choices"][0]["message"]["content"] == ANSWER
    assert span.headers["x-langfuse-sdk-name"] == "langfuse-otel"
    assert (span.name, span.trace_id) == ("via proxy", f"{trace_id_of('t-1'):032x}")
    assert span.json("langfuse.observation.output")["content"] == ANSWER
    assert span.json("langfuse.observation.usage_details") == BUCKETS
    assert span.attributes["langfuse.observation.model.name"] == "gpt-4o-mini"
    assert span.json("langfuse.observation.model.parameters")["temperature"] == 0
    assert span.attributes["user.id"] == "end-user"
    assert "a" in span.attributes["langfuse.trace.tags"]
    assert (metadata["mine"], metadata["model_group"]) == (1, "house-model")
    assert "headers" not in metadata


def test_stream(proxy: tuple[httpx.Client, Collector]) -> None:
    """A streamed request becomes one generation with the whole answer and its first token."""
    client, collector = proxy
    before = len(collector.spans)
    client.post("/v1/chat/completions", json=body(stream=True))
    span = collector.wait_for(before + 1)[before]

    assert span.json("langfuse.observation.output")["content"] == ANSWER
    assert "langfuse.observation.completion_start_time" in span.attributes
    assert span.json("langfuse.observation.cost_details")["total"] > 0


def test_failure(proxy: tuple[httpx.Client, Collector]) -> None:
    """A request that the provider fails becomes one generation with level ERROR."""
    client, collector = proxy
    before = len(collector.spans)
    answer = client.post("/v1/chat/completions", json=body("fail"))
    span = collector.wait_for(before + 1)[before]

    assert answer.status_code == 500
    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert span.json("langfuse.observation.input")[0]["content"] == "fail"


def test_one_span_for_each_request(proxy: tuple[httpx.Client, Collector]) -> None:
    """A hundred requests at a time are a hundred generations and nothing else."""
    client, collector = proxy
    before = len(collector.spans)

    def ask(name: str) -> None:
        client.post("/v1/chat/completions", json=body(metadata={"generation_name": name}))

    names = [f"n{number:02}" for number in range(100)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ask, names))
    collector.wait_for(before + 100)
    ask("the last")
    *spans, last = collector.wait_for(before + 101)[before:]

    assert sorted(span.name for span in spans) == names
    assert {span.attributes["langfuse.observation.type"] for span in spans} == {"generation"}
    assert len({span.trace_id for span in spans}) == 100
    assert last.name == "the last"


def test_headers(proxy: tuple[httpx.Client, Collector]) -> None:
    """Metadata in headers takes effect, and the client learns the trace of its request."""
    client, collector = proxy
    before = len(collector.spans)
    headers = {"langfuse_trace_user_id": "ada", "langfuse_trace_metadata": '{"key":"value"}'}
    answer = client.post("/v1/chat/completions", json=body(), headers=headers)
    span = collector.wait_for(before + 1)[before]

    assert span.attributes["user.id"] == "ada"
    assert span.json("langfuse.trace.metadata") == {"key": "value"}
    assert answer.headers["x-langfuse-trace-id"] == span.trace_id


def test_traceparent(proxy: tuple[httpx.Client, Collector]) -> None:
    """A request with a traceparent is a child of that span."""
    client, collector = proxy
    before = len(collector.spans)
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = {"traceparent": f"00-{trace}-{parent}-01"}
    client.post("/v1/chat/completions", json=body(), headers=headers)
    span = collector.wait_for(before + 1)[before]

    assert (span.trace_id, span.parent_id) == (trace, parent)


def test_unauthenticated(proxy: tuple[httpx.Client, Collector]) -> None:
    """What an unknown client says is not stored."""
    client, collector = proxy
    before = len(collector.spans)
    headers = {"Authorization": "Bearer sk-unknown"}
    answer = client.post("/v1/chat/completions", json=body("from nobody"), headers=headers)
    client.post("/v1/chat/completions", json=body("from somebody"))
    collector.wait_for(before + 1)

    assert answer.status_code in {400, 401, 403}
    assert b"from nobody" not in b"".join(collector.bodies)


def test_client_that_leaves(proxy: tuple[httpx.Client, Collector]) -> None:
    """A stream whose client leaves is one WARNING with what had been said."""
    client, collector = proxy
    before = len(collector.spans)
    with client.stream("POST", "/v1/chat/completions", json=body("slow", stream=True)) as answer:
        next(answer.iter_lines())
    span = collector.wait_for(before + 1)[before]

    assert span.attributes["langfuse.observation.level"] == "WARNING"
    assert ANSWER.startswith(span.json("langfuse.observation.output")["content"])


def test_switch_in_a_body(proxy: tuple[httpx.Client, Collector]) -> None:
    """LiteLLM refuses a body with a switch unless it is told to take such: nothing of it is sent."""
    client, collector = proxy
    before = len(collector.spans)
    answer = client.post(
        "/v1/chat/completions", json=body("to be hidden", turn_off_message_logging=True)
    )
    client.post("/v1/chat/completions", json=body())
    collector.wait_for(before + 1)

    assert answer.status_code >= 400
    assert b"to be hidden" not in b"".join(collector.bodies)


def test_nothing_secret(proxy: tuple[httpx.Client, Collector]) -> None:
    """Neither the proxy's key nor the provider's is in any span."""
    client, collector = proxy
    before = len(collector.spans)
    client.post("/v1/chat/completions", json=body())
    collector.wait_for(before + 1)
    sent = b"".join(collector.bodies)

    assert client.headers["Authorization"].removeprefix("Bearer ").encode() not in sent
    assert b"sk-upstream" not in sent
