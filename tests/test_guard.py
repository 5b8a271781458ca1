"""LiteLLM's callback data is looked at: what is missing is said, and the span is sent all the same."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from calls import ENDED, STARTED, a_call, a_response
from langfuse_otel import LangfuseOtelLogger, __version__, flush
from langfuse_otel._litellm import guard
from langfuse_otel._litellm.guard import ANSWERS, NEEDED, PAYLOAD, missing_in
from langfuse_otel._litellm.versions import LITELLM

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector, ReceivedSpan


class Hologram:
    """An answer of no shape that is known."""


def called(
    collector: Collector, kwargs: dict[str, Any], response: object, started: object = STARTED
) -> ReceivedSpan:
    """Call back as a LiteLLM would that has changed, and return the one span."""
    logger = LangfuseOtelLogger(
        host=collector.url, public_key=collector.public_key, secret_key=collector.secret_key
    )
    logger.log_success_event(kwargs, response, started, ENDED)
    assert flush(10)
    [span] = collector.spans
    return span


@pytest.mark.parametrize("name", NEEDED)
def test_a_field_is_gone(collector: Collector, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A LiteLLM that lost a field is named with it, and its span arrives."""
    kwargs = {key: value for key, value in a_call().items() if key != name}

    called(collector, kwargs, a_response())

    [line] = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert f"LiteLLM {version('litellm')} gave a callback no {name} " in line


def test_all_is_gone(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but a response of an unknown shape and no times: still a span, and a line for each."""
    span = called(collector, {"call_type": "completion"}, Hologram(), started=None)

    assert span.name == "chat"
    for field in ("litellm_call_id", "start_time", "response_obj of chat"):
        assert f"gave a callback no {field} " in caplog.text


def test_once(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """A field that is missing from every call is said once."""
    logger = LangfuseOtelLogger(
        host=collector.url, public_key=collector.public_key, secret_key=collector.secret_key
    )
    for number in range(3):
        kwargs = a_call(litellm_call_id=f"call-{number}", optional_params=None)
        logger.log_success_event(kwargs, a_response(), STARTED, ENDED)
    assert flush(10)

    assert caplog.text.count("no optional_params") == 1
    assert len(collector.spans) == 3


@pytest.mark.parametrize(
    ("litellm", "standing"),
    [(LITELLM[0], "was tested"), ("1.0", f"is older than {LITELLM[0]}, the oldest that")],
    ids=["tested", "older"],
)
def test_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, litellm: str, standing: str
) -> None:
    """The line says which LiteLLM lacks what, whether that one is tested, and what is sent."""
    monkeypatch.setattr(guard, "version", {"litellm": litellm}.__getitem__)

    guard.warn_of_missing(a_call(optional_params=None), a_response(), STARTED, ENDED)

    [line] = caplog.messages
    assert line.startswith(
        f"langfuse-otel: LiteLLM {litellm} gave a callback no optional_params that "
        f"langfuse-otel {__version__} can read: spans are sent with what there is; "
        f"this LiteLLM {standing}"
    )
    assert line.endswith(". Please report this.")


@pytest.mark.parametrize("operation", ANSWERS)
def test_shapes(operation: str) -> None:
    """An answer of each operation is known by any of its members, and one without them is not."""
    kinds = {"chat": "completion", "embeddings": "embedding"}
    kwargs = a_call(call_type=kinds.get(operation, operation))

    for member in (*ANSWERS[operation], "text"):
        assert [*missing_in(kwargs, {member: "x"}, STARTED, ENDED)] == []
    assert [*missing_in(kwargs, Hologram(), STARTED, ENDED)] == [f"response_obj of {operation}"]


@pytest.mark.parametrize("inlet", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize(("tags", "missing"), [("a,b", []), (["a"], [PAYLOAD]), ([], [PAYLOAD])])
def test_no_payload(inlet: str, tags: object, missing: list[str]) -> None:
    """That LiteLLM makes nothing of tags that are no list is the caller's to mend."""
    kwargs = a_call(standard_logging_object=None, litellm_params={inlet: {"tags": tags}})

    assert [*missing_in(kwargs, a_response(), STARTED, ENDED)] == missing


def test_times_are_gone() -> None:
    """What is no time is missed."""
    assert [*missing_in(a_call(), a_response(), None, "soon")] == ["start_time", "end_time"]


def test_failures_have_no_answer() -> None:
    """Of a failed call no answer is missed."""
    assert [*missing_in(a_call(), None, STARTED, ENDED)] == []
