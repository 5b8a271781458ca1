"""Scores: what is taken as one, and that it gets there."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from langfuse import Langfuse

import langfuse_otel
from langfuse_otel import generation, score, trace
from langfuse_otel._console.drain import drained
from langfuse_otel._privacy.masking import FAILED
from langfuse_otel.settings import Settings
from langfuse_otel.testing import Answer
from programs import run_cold_program
from test_tracing import here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from langfuse_otel.testing import Collector

__all__ = ["here"]

TRACE = "0af7651916cd43dd8448eb211c80319c"
OBSERVATION = "00f067aa0ba902b7"


def only(collector: Collector) -> dict[str, Any]:
    """Return the one score that has arrived."""
    assert langfuse_otel.flush(20)
    [arrived] = collector.scores.values()
    return arrived


@pytest.mark.parametrize(
    ("value", "data_type", "sent"),
    [
        (4.5, None, (4.5, "NUMERIC")),
        (3, None, (3, "NUMERIC")),
        ("good", None, ("good", "CATEGORICAL")),
        (True, None, (1, "BOOLEAN")),
        (0, "BOOLEAN", (0, "BOOLEAN")),
    ],
)
def test_types(here: Collector, value: Any, data_type: str | None, sent: tuple[Any, str]) -> None:
    """A score arrives with its value and type."""
    score_id = score(
        trace_id=TRACE,
        observation_id=OBSERVATION,
        name="quality",
        value=value,
        comment="why",
        data_type=data_type,
        metadata={"by": "me"},
    )

    assert only(here) == {
        "id": score_id,
        "traceId": TRACE,
        "observationId": OBSERVATION,
        "name": "quality",
        "value": sent[0],
        "dataType": sent[1],
        "comment": "why",
        "metadata": {"by": "me"},
    }


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"name": ""}, ValueError, "needs a name"),
        ({"name": None}, TypeError, "name must be a text"),
        ({"trace_id": None}, ValueError, "trace_id or a session_id"),
        ({"trace_id": 7}, TypeError, "trace_id must be a text"),
        ({"trace_id": None, "session_id": "s", "observation_id": "o"}, ValueError, "its trace_id"),
        ({"value": float("nan")}, ValueError, "finite"),
        ({"value": float("inf")}, ValueError, "finite"),
        ({"value": 10**400}, ValueError, "finite"),
        ({"value": None}, TypeError, "NUMERIC score is a number"),
        ({"value": [1]}, TypeError, "NUMERIC score is a number"),
        ({"value": True, "data_type": "NUMERIC"}, TypeError, "is a number"),
        ({"value": 1, "data_type": "CATEGORICAL"}, TypeError, "is a text"),
        ({"value": ""}, ValueError, "not empty"),
        ({"value": 2, "data_type": "BOOLEAN"}, ValueError, "True or False"),
        ({"value": "yes", "data_type": "BOOLEAN"}, TypeError, "True or False"),
        ({"data_type": "boolean"}, ValueError, "NUMERIC, CATEGORICAL, BOOLEAN"),
        ({"comment": "x" * 100_001}, ValueError, "100000 at most"),
        ({"comment": b"why"}, TypeError, "comment must be a text"),
    ],
)
def test_invalid(
    here: Collector, changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    """A score that Langfuse would not take is an error where it is given; nothing is queued."""
    given: dict[str, Any] = {"name": "quality", "value": 1, "trace_id": TRACE, **changes}
    with pytest.raises(error, match=text):
        score(**given)

    assert langfuse_otel.stats().created == 0


def test_ids_as_in_calls(here: Collector) -> None:
    """A text that was given to a call as `trace_id` finds the same trace."""
    score(trace_id="my request", observation_id="my answer", name="quality", value=1)

    assert only(here)["traceId"] == Langfuse.create_trace_id(seed="my request")


def test_session(here: Collector) -> None:
    """A session is judged by its id as it is."""
    score(session_id="s-1", name="quality", value=1)

    assert only(here)["sessionId"] == "s-1"
    assert "traceId" not in only(here)


def test_of_what_is_made_by_hand(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generation is judged itself, what `trace` made as the trace."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "prod")
    with trace("t") as outer, generation("openrouter", "gpt-4") as made:
        made.score(name="user_rating", value=4.5, comment="User gave positive feedback")
        outer.score(name="resolved", value=True)
    assert langfuse_otel.flush(20)
    scores = {each["name"]: each for each in here.scores.values()}

    assert scores["user_rating"]["observationId"] == made.observation_id
    assert scores["user_rating"]["environment"] == "prod"
    assert "observationId" not in scores["resolved"]
    assert {each["traceId"] for each in scores.values()} == {outer.trace_id}


def test_counted(here: Collector) -> None:
    """Scores are counted with the rest, and by their own address."""
    here.answer_next(Answer(503), Answer(200), Answer(400))
    score(trace_id=TRACE, name="first", value=1)
    assert langfuse_otel.flush(20)
    score(trace_id=TRACE, name="refused", value=1)
    assert langfuse_otel.flush(20)
    stats = langfuse_otel.stats()
    [(label, own)] = stats.destinations.items()

    assert (stats.created, stats.sent, dict(stats.dropped)) == (2, 1, {"rejected": 1})
    assert (own.sent, own.retries) == (1, 1)
    assert label == f"{here.url}/api/public/scores (pk-lf-test)"


def test_too_large(here: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """One that the server finds too large is lost and counted; the log quotes none of it."""
    here.answer_next(Answer(413))
    with caplog.at_level(logging.DEBUG):
        score(trace_id=TRACE, name="quality", value="secret")
        assert langfuse_otel.flush(20)

    assert dict(langfuse_otel.stats().dropped) == {"too_large": 1}
    assert "secret" not in caplog.text


def test_repeated(here: Collector) -> None:
    """A delivery that is repeated, and a score under the same id, leave one score."""
    here.answer_next(Answer(500))
    for value in (1, 2):
        score(trace_id=TRACE, name="quality", value=value, score_id="q-1")
        assert langfuse_otel.flush(20)

    assert here.scores == {"q-1": {**here.scores["q-1"], "value": 2}}


def test_many(here: Collector) -> None:
    """Many scores among spans all arrive."""
    for number in range(50):
        with trace("t") as made:
            made.score(name="quality", value=number)
    assert langfuse_otel.flush(20)

    assert sorted(each["value"] for each in here.scores.values()) == list(range(50))
    assert len(here.spans) == 50


def test_not_sampled(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score of a trace that sampling leaves out is left out as well."""
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0")
    with trace("t") as made:
        made.score(name="quality", value=1)

    assert dict(langfuse_otel.stats().dropped) == {"not_sampled": 2}


@pytest.mark.parametrize(
    ("mask", "comment", "metadata"),
    [
        (lambda data, kind: f"{kind} {data}", "comment Ada", {"masked": "metadata {'by': 'Ada'}"}),
        (lambda data, kind: {kind: len(data)}, '{"comment":3}', {"metadata": 1}),
        (lambda *_: None, None, None),
        (lambda *_: 1 / 0, FAILED, {"masked": FAILED}),
    ],
)
def test_mask(here: Collector, mask: Any, comment: str | None, metadata: Any) -> None:
    """A mask sees comment and metadata of a score, and nothing else of it."""
    langfuse_otel.configure(mask=mask)
    score(trace_id=TRACE, name="tone", value="good", comment="Ada", metadata={"by": "Ada"})
    arrived = only(here)

    assert (arrived["name"], arrived["value"]) == ("tone", "good")
    assert (arrived.get("comment"), arrived.get("metadata")) == (comment, metadata)


def test_mask_by_variable(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mask that a variable names holds for scores, as it does for spans by hand."""
    monkeypatch.setenv("LANGFUSE_OTEL_MASK", "operator:add")
    score(trace_id=TRACE, name="quality", value=1, comment="Ada")

    assert only(here)["comment"] == "Adacomment"


def test_nothing_said(here: Collector) -> None:
    """Of a score without comment and metadata a mask sees nothing."""
    langfuse_otel.configure(mask=lambda *_: 1 / 0)
    score(trace_id=TRACE, name="quality", value=1)

    assert not {"comment", "metadata"} & only(here).keys()
    assert langfuse_otel.stats().mask_failures == 0


def test_no_content(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where content is not captured, a score has no comment."""
    monkeypatch.setenv("LANGFUSE_OTEL_CAPTURE_CONTENT", "false")
    score(trace_id=TRACE, name="quality", value=1, comment="Ada", metadata={"run": 7})
    arrived = only(here)

    assert "comment" not in arrived
    assert arrived["metadata"] == {"run": 7}


def test_without_keys(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where only a Collector is known, there is nowhere for scores to go."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{collector.url}/v1/traces")
    score(trace_id=TRACE, name="quality", value=1)

    assert dict(langfuse_otel.stats().dropped) == {"no_destination": 1}
    assert "scores are not sent: LANGFUSE_PUBLIC_KEY" in caplog.text


def test_beside_a_collector(here: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where spans go to a Collector, scores go to Langfuse still."""
    monkeypatch.setenv("LANGFUSE_OTEL_ENDPOINT", "http://127.0.0.1:9/v1/traces")
    score(trace_id=TRACE, name="quality", value=1)

    assert only(here)["name"] == "quality"


SCORE = f"import langfuse_otel; langfuse_otel.score(trace_id={TRACE!r}, name='quality', value=1)"


@pytest.fixture
def left(collector: Collector, tmp_path: Path) -> Iterator[Path]:
    """A spool that a process has left a score in, for nobody answered."""
    away = {"LANGFUSE_OTEL_SPOOL_DIR": str(tmp_path), "LANGFUSE_OTEL_SHUTDOWN_TIMEOUT": "1"}
    collector.answer_next(*[Answer(503)] * 100)
    run = run_cold_program(SCORE, collector, **away)
    assert (run.returncode, collector.scores) == (0, {}), run.stderr
    assert list(tmp_path.glob("*/*.request"))
    collector._answers.clear()
    return tmp_path


def test_spool(left: Path, collector: Collector) -> None:
    """A score outlives its process in the spool, and goes with the next that knows the project."""
    code = "import langfuse_otel; langfuse_otel.span('next').end(); langfuse_otel.flush(20)"
    run = run_cold_program(code, collector, LANGFUSE_OTEL_SPOOL_DIR=str(left))

    assert [each["name"] for each in collector.scores.values()] == ["quality"], run.stderr


def test_drain(left: Path, here: Collector) -> None:
    """What is drained by hand is also the scores."""
    settings = Settings()
    result = drained(left, settings, settings.destination(), 20, lambda _text: None)

    assert (result.delivered, result.is_all) == (1, True)
    assert json.dumps(list(here.scores.values()))
