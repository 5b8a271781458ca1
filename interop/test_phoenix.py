"""Arize Phoenix, a receiver that no one here wrote, takes our spans and gives them back whole."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import langfuse_otel
from langfuse_otel import LangfuseOtelLogger
from langfuse_otel.testing import Collector, ReceivedSpan
from phoenix_process import Phoenix, a_phoenix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

QUESTION = "What is the sum of 17 and 25? Süß & 算 \N{ROBOT FACE}"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CALLS = 4

Spans = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def sent_and_stored(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[list[ReceivedSpan], Spans]]:
    """What the library sends: once to our own collector, once to Phoenix, which is asked for it."""
    with a_phoenix(tmp_path_factory.mktemp("phoenix")) as phoenix, Collector() as collector:
        with pytest.MonkeyPatch.context() as patch:
            _register(phoenix, collector, patch)
            _make_calls()
            assert langfuse_otel.flush(60)
        yield collector.wait_for(CALLS), phoenix.spans(CALLS)


def _register(phoenix: Phoenix, collector: Collector, patch: pytest.MonkeyPatch) -> None:
    """Send to Phoenix as a user would, by environment; the collector has keys of its own."""
    for name in [name for name in os.environ if name.startswith(("LANGFUSE_", "OTEL_"))]:
        patch.delenv(name)
    patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", phoenix.traces_url.removesuffix("/v1/traces"))
    langfuse = LangfuseOtelLogger(
        host=collector.url, public_key=collector.public_key, secret_key=collector.secret_key
    )
    patch.setattr(litellm, "callbacks", [LangfuseOtelLogger(), langfuse])


def _make_calls() -> None:
    """A conversation of two calls in one trace, a stream, and a failure."""
    placed = {"trace_id": TRACE, "parent_observation_id": PARENT, "tags": ["a", "ß"], "depth": 3}
    _complete("42", metadata={**placed, "generation_name": "question"}, temperature=0)
    _complete("43", metadata={**placed, "generation_name": "follow-up"})
    for _ in _complete("one two three", stream=True, metadata={"generation_name": "stream"}):
        pass
    limit = litellm.exceptions.RateLimitError("slow down", "openai", "gpt-4o-mini")
    with pytest.raises(litellm.exceptions.RateLimitError):
        _complete(limit, num_retries=0, metadata={"generation_name": "failure"})


def _complete(answer: object, **arguments: Any) -> Any:
    messages = [{"role": "user", "content": QUESTION}]
    return litellm.completion("openai/gpt-4o-mini", messages, mock_response=answer, **arguments)


def value_of(value: Mapping[str, Any]) -> Any:
    """Return the value of an attribute in OTLP's JSON, where an integer is written as text."""
    [(kind, content)] = [(k, v) for k, v in value.items() if v is not None]
    if kind == "array_value":
        return [value_of(item) for item in content["values"]]
    return int(content) if kind == "int_value" else content


def attributes_of(span: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span as Phoenix tells them."""
    return {pair["key"]: value_of(pair["value"]) for pair in span["attributes"]}


def opened(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the attributes as Phoenix keeps them: it opens JSON under a key named metadata."""
    for key, value in attributes.items():
        if key.endswith(".metadata"):
            yield from ((f"{key}.{name}", inner) for name, inner in json.loads(value).items())
        else:
            yield key, value


def test_everything_arrived_once(sent_and_stored: tuple[list[ReceivedSpan], Spans]) -> None:
    """Phoenix has the spans that were sent, and no other."""
    sent, stored = sent_and_stored

    assert sorted(span.span_id for span in sent) == sorted(stored)
    assert {span.name for span in sent} == {"question", "follow-up", "stream", "failure"}


def test_place_and_time(sent_and_stored: tuple[list[ReceivedSpan], Spans]) -> None:
    """Trace, parent, name and times are those that were sent."""
    sent, stored = sent_and_stored

    for span in sent:
        there = stored[span.span_id]
        assert span.trace_id == there["trace_id"]
        assert span.parent_id == (there.get("parent_span_id") or None)
        assert span.name == there["name"]
        # Phoenix keeps microseconds.
        for mine, its in (("start_ns", "start_time_unix_nano"), ("end_ns", "end_time_unix_nano")):
            assert getattr(span, mine) // 1000 == pytest.approx(int(there[its]) // 1000, abs=1)


def test_the_caller_named_trace_and_parent(
    sent_and_stored: tuple[list[ReceivedSpan], Spans],
) -> None:
    """A call stands where its metadata placed it."""
    _, stored = sent_and_stored
    placed = {s["name"] for s in stored.values() if s["trace_id"] == TRACE}

    assert placed == {"question", "follow-up"}
    assert {s.get("parent_span_id") for s in stored.values() if s["name"] in placed} == {PARENT}


def test_attributes(sent_and_stored: tuple[list[ReceivedSpan], Spans]) -> None:
    """Every attribute has the value that was sent."""
    sent, stored = sent_and_stored

    for span in sent:
        assert attributes_of(stored[span.span_id]) == dict(opened(span.attributes))


def test_failure(sent_and_stored: tuple[list[ReceivedSpan], Spans]) -> None:
    """A failed call is an error there, and no other is."""
    _, stored = sent_and_stored
    failed = {s["name"] for s in stored.values() if s["status"]["code"] in {2, "ERROR"}}

    assert failed == {"failure"}
