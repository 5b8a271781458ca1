"""Whatever a client sends to the real proxy, it answers as without us, and the call arrives once."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langfuse_otel.testing import Collector
from proxies import a_proxy
from strategies import HEADERS, JSON, bounded, metadata, wire
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from langfuse_otel.testing import ReceivedSpan


SOON_S = 20.0
PATH = "/v1/chat/completions"
BODIES = st.fixed_dictionaries(
    {"metadata": metadata(JSON)},
    optional={
        "litellm_metadata": metadata(JSON),
        "user": JSON,
        "tags": JSON,
        "litellm_session_id": JSON,
        "litellm_trace_id": JSON,
        "temperature": JSON,
    },
)


@dataclass(frozen=True)
class Proxies:
    """A proxy with us and one without, and where the calls of the first arrive."""

    ours: httpx.Client
    plain: httpx.Client
    collector: Collector

    def spans_of(self, trace_id: str, since: int) -> list[ReceivedSpan]:
        """Return what has come of a trace since there were so many spans, once there is anything."""
        deadline = time.monotonic() + SOON_S
        while True:
            seen = self.collector.wait_for(since)
            found = [span for span in seen[since:] if span.trace_id == trace_id]
            if found or time.monotonic() > deadline:
                return found
            self.collector.wait_for(len(seen) + 1, SOON_S)


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    """Both proxies, with one provider."""
    folders = (tmp_path_factory.mktemp(name) for name in ("ours", "plain"))
    with Upstream() as upstream, Collector() as collector, ExitStack() as stack:
        ours, plain = (
            stack.enter_context(
                a_proxy(next(folders), upstream.url, names, collector, LANGFUSE_FLUSH_INTERVAL="0")
            )
            for names in (["langfuse_otel.callback"], [])
        )
        yield Proxies(ours, plain, collector)


@pytest.mark.timeout(600)
@bounded
@given(BODIES, HEADERS)
def test_any_request(proxies: Proxies, body: dict[str, Any], headers: dict[str, bytes]) -> None:
    """Each request that the proxy answers is one valid span."""
    messages = [{"role": "user", "content": "hi"}]
    before = len(proxies.collector.spans)
    content = wire({"model": "house-model", "messages": messages, **body})
    answer, plain = (
        client.post(PATH, content=content, headers={k.encode(): v for k, v in headers.items()})
        for client in (proxies.ours, proxies.plain)
    )

    assert answer.status_code == plain.status_code
    assert answer.json().get("choices") == plain.json().get("choices")
    if answer.status_code == 200:
        assert len(proxies.spans_of(answer.headers["x-langfuse-trace-id"], before)) == 1
    assert proxies.collector.refused == []
