"""Calls that LiteLLM answers from its cache stand where they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
import pytest

import langfuse_otel
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel.testing import Collector


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Return the arguments of a call, with a cache to answer it."""
    monkeypatch.setattr(litellm, "cache", litellm.Cache())
    with Upstream() as upstream:
        yield {
            "model": "openai/gpt-4o-mini",
            "messages": [{"role": "user", "content": "hi"}],
            "api_base": upstream.url,
            "api_key": "sk-provider",
            "caching": True,
        }


@pytest.mark.parametrize("more", [{}, {"stream": True}], ids=["whole", "stream"])
def test_under_a_span(langfuse: Collector, ask: dict[str, Any], more: dict[str, Any]) -> None:
    """A hit is in the trace that was begun around it, and its answer tells which that is."""
    list(litellm.completion(**ask, **more))
    assert langfuse_otel.flush(20)
    with langfuse_otel.trace("mine", session_id="s-1"):
        response = litellm.completion(**ask, **more)
        told = langfuse_otel.trace_id(response)
        list(response)
    assert langfuse_otel.flush(20)
    [mine] = [span for span in langfuse.spans if span.name == "mine"]
    [hit] = [span for span in langfuse.spans if span.parent_id]

    assert hit.json("langfuse.observation.metadata")["cache_hit"] is True
    assert (hit.parent_id, hit.trace_id, told) == (mine.span_id, mine.trace_id, mine.trace_id)
    assert hit.attributes["session.id"] == "s-1"


def test_another_version(langfuse: Collector, ask: dict[str, Any]) -> None:
    """Names that another LiteLLM lacks do not hurt the call."""
    list(litellm.completion(**ask))
    assert langfuse_otel.flush(20)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("litellm.litellm_core_utils.litellm_logging.Logging.should_run_callback")
        hit = litellm.completion(**ask)

    assert hit._hidden_params["cache_hit"] is True
