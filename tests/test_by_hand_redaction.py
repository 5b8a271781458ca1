"""Observations by hand, scores and the plain OpenAI SDK: masks see them, and content can be left out."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import langfuse_otel
from canary import CONVERSATION, SECRET, is_found
from programs import run_cold_program
from test_openai import PLAIN, upstream
from test_tracing import here
from upstream import ANSWER

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector
    from upstream import Upstream

__all__ = ["here", "upstream"]


def hide(data: Any, kind: str) -> Any:
    """Return nothing of what it is shown."""
    return f"hidden {kind}"


def fail(data: Any, kind: str) -> Any:
    """Quote what it was shown, as an error may."""
    raise ValueError(str(data))


@langfuse_otel.observe
def answer(question: str) -> list[str]:
    """Take content and return it."""
    return [question]


@langfuse_otel.observe
def no_answer(question: str) -> None:
    """Take content and quote it."""
    raise ValueError(question)


def tell(metadata: dict[str, str]) -> None:
    """Say the secret wherever something by hand takes content."""
    with langfuse_otel.trace("t", input=SECRET, output=SECRET, metadata=metadata) as whole:
        parameters = {"stop": [SECRET], "temperature": 0.5}
        with langfuse_otel.generation("openai", "gpt-4o", model_parameters=parameters) as made:
            made.set_input(CONVERSATION)
            made.set_output({"content": SECRET})
            made.set_token_usage(input_tokens=3)
            made.score(name="quality", value=1, comment=SECRET)
        langfuse_otel.start_span("failed").end(status_message=SECRET, level="ERROR")
        answer(SECRET)
        with contextlib.suppress(ValueError):
            no_answer(SECRET)
        whole.score(name="quality", value=1, comment=SECRET)
    langfuse_otel.score(session_id="s", name="quality", value=1, comment=SECRET, metadata=metadata)
    assert langfuse_otel.flush(20)


def is_told(collector: Collector) -> bool:
    """Whether the secret has left."""
    scores = json.dumps(list(collector.scores.values()))
    return is_found(*collector.bodies, *collector.media.values(), scores.encode())


SWITCHES = {
    "variable": {"LANGFUSE_OTEL_MASK": f"{__name__}:hide"},
    "failing variable": {"LANGFUSE_OTEL_MASK": f"{__name__}:fail"},
    "variable for no mask": {"LANGFUSE_OTEL_MASK": "no.such:mask"},
    "nothing captured": {"LANGFUSE_OTEL_CAPTURE_CONTENT": "false"},
}


@pytest.mark.parametrize("name", SWITCHES)
def test_canary(here: Collector, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With any switch no byte of what is said by hand is sent; metadata stay where nothing masks."""
    for variable, value in SWITCHES[name].items():
        monkeypatch.setenv(variable, value)
    tell({} if name == "nothing captured" else {"note": SECRET})

    assert (len(here.spans), len(here.scores)) == (5, 3)
    assert not is_told(here)
    [made] = [one for one in here.spans if one.name == "gpt-4o"]
    assert made.json("langfuse.observation.usage_details")["input"] == 3
    assert made.json("langfuse.observation.model.parameters")["temperature"] == 0.5


@pytest.mark.parametrize("mask", [hide, fail])
def test_configured(here: Collector, mask: Any) -> None:
    """So it is with a mask that is configured in the program."""
    langfuse_otel.configure(mask=mask)
    tell({"note": SECRET})

    assert (len(here.spans), len(here.scores)) == (5, 3)
    assert not is_told(here)


def test_canary_sings(here: Collector) -> None:
    """Without a switch it is there: the tests above would see it."""
    tell({"note": SECRET})

    assert is_told(here)


@pytest.mark.parametrize("switch", ["mask", "capture", None])
def test_openai(collector: Collector, upstream: Upstream, switch: str | None) -> None:
    """A call of the plain OpenAI SDK is masked, too, or sent without content."""
    variables = {
        "mask": {"LANGFUSE_OTEL_MASK": "operator:eq"},
        "capture": {"LANGFUSE_OTEL_CAPTURE_CONTENT": "false"},
    }
    code = PLAIN.replace('"hi"', repr(SECRET)) + "client.chat.completions.create(**asked)\n"
    code += "asyncio.run(acall())\n"
    run = run_cold_program(
        code,
        collector,
        UPSTREAM=upstream.url,
        LANGFUSE_OPENAI_INSTRUMENTATION="true",
        **variables.get(switch or "", {}),
    )
    is_shown = switch is None

    assert len(collector.spans) == 3, run.stderr
    assert is_found(*collector.bodies) is is_shown
    assert (ANSWER.encode() in b"".join(collector.bodies)) is is_shown
