"""The trace of a response, and its page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import litellm
import pytest

import langfuse_otel
from calls import a_call
from langfuse_otel import _links
from langfuse_otel._records import Defaults
from langfuse_otel.dev import LocalReceiver
from langfuse_otel.logger import LangfuseOtelLogger
from langfuse_otel.settings import Settings
from test_logger import complete

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver(fresh_litellm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalReceiver]:
    """A receiver that the environment points to, with the callback registered by name."""
    with LocalReceiver() as running:
        monkeypatch.setenv("LANGFUSE_OTEL_HOST", running.url)
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", running.public_key)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", running.secret_key)
        litellm.callbacks = ["langfuse_otel"]
        yield running
        langfuse_otel.flush(20)
    _links._projects.clear()


def test_trace_id(receiver: LocalReceiver) -> None:
    """A response tells its trace at once, and it is the one that arrives."""
    response = complete()
    found = langfuse_otel.trace_id(response)
    langfuse_otel.flush(20)

    assert [trace.id for trace in receiver.traces()] == [found]


def test_trace_id_of_no_text(receiver: LocalReceiver) -> None:
    """What is no text, where LiteLLM's trace id should stand, decides nothing, before and after."""
    response = complete(litellm_trace_id={"not": "a text"})
    found = langfuse_otel.trace_id(response)
    langfuse_otel.flush(20)

    assert [trace.id for trace in receiver.traces()] == [found]


def test_trace_id_of_a_stream(receiver: LocalReceiver) -> None:
    """A stream tells its trace before it is read."""
    stream = complete(stream=True, metadata={"trace_id": "0af7651916cd43dd8448eb211c80319c"})
    found = langfuse_otel.trace_id(stream)
    for _ in stream:
        pass

    assert found == "0af7651916cd43dd8448eb211c80319c"


def test_trace_url(receiver: LocalReceiver) -> None:
    """The address of the page names project and trace; the project is asked for once."""
    response = complete()
    url = langfuse_otel.trace_url(response)
    [project] = _links._projects.values()

    assert url == f"{receiver.url}/project/{project}/traces/{langfuse_otel.trace_id(response)}"


def test_trace_url_elsewhere(receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages may have an address of their own."""
    monkeypatch.setenv("LANGFUSE_OTEL_UI_URL", "https://ui.example/langfuse/")
    url = langfuse_otel.trace_url(complete())

    assert url is not None
    assert url.startswith("https://ui.example/langfuse/project/")


def test_trace_url_behind_a_collector(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where spans go to a Collector the project is still the one that the keys open."""
    monkeypatch.setenv("LANGFUSE_OTEL_ENDPOINT", f"{receiver.url}/api/public/otel/v1/traces")
    url = langfuse_otel.trace_url(complete())

    assert url is not None
    assert url.startswith(f"{receiver.url}/project/")


@pytest.mark.parametrize("way", ["response", "header"])
def test_settings_are_read_once(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whoever asks for the traces of many calls does not read the environment for each."""
    response = complete()
    langfuse_otel.flush(20)
    logger = LangfuseOtelLogger()
    data = {"litellm_call_id": response._hidden_params["litellm_call_id"]}

    def ask() -> object:
        if way == "response":
            return langfuse_otel.trace_id(response)
        return asyncio.run(logger.async_post_call_response_headers_hook(data, None, response))

    first = ask()
    monkeypatch.setattr(Settings, "__init__", None)

    assert ask() == first
    assert first is not None


def test_unknown_response() -> None:
    """What is no response of a known call has no trace and no page."""
    assert langfuse_otel.trace_id(object()) is None
    assert langfuse_otel.trace_url(object()) is None


def test_no_project(receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Langfuse does not tell the project there is no address."""
    response = complete()
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-wrong")

    assert langfuse_otel.trace_url(response) is None


def test_no_address(receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the host is no address there is none of a page, wherever spans go."""
    monkeypatch.setenv("LANGFUSE_OTEL_ENDPOINT", f"{receiver.url}/api/public/otel/v1/traces")
    monkeypatch.setenv("LANGFUSE_OTEL_HOST", "ftp://nowhere")

    assert langfuse_otel.trace_url(complete()) is None


def test_calls_without_an_id(fresh_litellm: None) -> None:
    """A call without an id is nobody's: whoever asks without one gets no other's trace."""
    logger = LangfuseOtelLogger()
    logger.log_success_event({**a_call({"trace_id": "hers"}), "litellm_call_id": None}, None, 0, 0)

    for call_id in (None, "", 1):
        assert _links.trace_of_call(call_id, Defaults()) is None


def test_an_id_used_again(receiver: LocalReceiver) -> None:
    """Of two calls with one id the later one is told of, by whoever made it."""
    ids = ["0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"]
    told = [
        langfuse_otel.trace_id(complete(litellm_call_id="mine", metadata={"trace_id": trace_id}))
        for trace_id in ids
    ]

    assert told == ids


def test_bounded() -> None:
    """The newest calls are remembered, and no more than so many."""
    for number in range(_links._calls.most + 5):
        _links.announce(f"bounded-{number}", {}, None)

    assert len(_links._calls) == _links._calls.most
    assert _links.trace_of_call("bounded-0", Defaults()) is None
    assert _links.trace_of_call(f"bounded-{_links._calls.most}", Defaults()) is not None
