"""What a program says of an observation, as a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from langfuse_otel._by_hand.fields import as_sent, as_trace, changed, failed, usage_from
from langfuse_otel._litellm.limits import short_text
from langfuse_otel._records import Clues, Observation, Prompt, TraceFields

BARE = Observation("step", "span", 0, 1, Clues("call-1", 0))
CALL = BARE._replace(type="generation", model="gpt-4o", model_parameters='{"n":1}')
MOMENT = datetime(2026, 11, 21, 8, 0, 0, 250_000, tzinfo=timezone.utc)
PROMPT = SimpleNamespace(name="greeting", version=3, is_fallback=False)
LONG = "n\0" * 1_000
SHORT = short_text(LONG)


def of_trace(**fields: Any) -> dict[str, Any]:
    """Return what is changed where these fields of the trace are."""
    return {"trace": TraceFields(**fields)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": LONG}, {"name": SHORT}),
        ({"name": 7}, {"name": "7"}),
        ({"input": {"a": 1}}, {"input": '{"a":1}'}),
        ({"output": [1]}, {"output": "[1]"}),
        ({"metadata": {"k": "v"}}, {"metadata": '{"k":"v"}'}),
        ({"metadata": "said"}, {"metadata": '{"metadata":"said"}'}),
        ({"model": "gpt-4o"}, {"model": "gpt-4o"}),
        ({"model": LONG}, {"model": SHORT}),
        ({"model_parameters": {"top_p": 1}}, {"model_parameters": '{"top_p":1}'}),
        ({"model_parameters": {}}, {}),
        ({"model_parameters": "hot"}, {}),
        ({"usage": {"prompt_tokens": 3}}, {"usage": {"input": 3, "output": 0, "total": 3}}),
        ({"usage": {"input": 3, "mine": 2.0, "odd": "x"}}, {"usage": {"input": 3, "mine": 2}}),
        ({"usage": {7: 3}}, {"usage": {"7": 3}}),
        ({"usage": {"odd": "x"}}, {}),
        ({"cost": 0.5}, {"cost": {"total": 0.5}}),
        (
            {"cost": {"input": 1, "output": 2, "odd": "x"}},
            {"cost": {"total": 3, "input": 1, "output": 2}},
        ),
        ({"cost": {"input": 1, "total": 4}}, {"cost": {"total": 4, "input": 1}}),
        ({"prompt": PROMPT}, {"prompt": Prompt("greeting", 3)}),
        ({"prompt": {"name": "greeting", "version": 3}}, {"prompt": Prompt("greeting", 3)}),
        ({"prompt": {"name": "greeting", "version": 3, "is_fallback": True}}, {}),
        ({"level": "debug"}, {"level": "DEBUG"}),
        ({"level": "loud"}, {}),
        ({"status_message": "so"}, {"status_message": "so"}),
        ({"status_message": "a\0b"}, {"status_message": "a\ufffdb"}),
        ({"version": 2}, {"version": "2"}),
        ({"version": LONG}, {"version": SHORT}),
        ({"completion_start_time": MOMENT}, {"completion_started_ns": 1_795_248_000_250_000_000}),
        ({"completion_start_time": "soon"}, {}),
        ({"user_id": 7}, of_trace(user_id="7")),
        ({"user_id": LONG}, of_trace(user_id=SHORT)),
        ({"session_id": "s"}, of_trace(session_id="s")),
        ({"session_id": LONG}, of_trace(session_id=SHORT)),
        ({"session_id": ["s"]}, {}),
        ({"tags": ["a", "b", "a"]}, of_trace(tags=("a", "b"))),
        ({"tags": [LONG]}, of_trace(tags=(SHORT,))),
        ({"public": True}, of_trace(public=True)),
        ({"public": "false"}, of_trace(public=False)),
        ({"name": None, "input": None, "user_id": None}, {}),
    ],
)
def test_each_field(given: Any, expected: dict[str, Any]) -> None:
    """Each field becomes what the record has for it; of a wrong type it counts as not given."""
    assert changed(BARE, given) == BARE._replace(**expected)


class Broken:
    """An object that says nothing of itself."""

    def __str__(self) -> NoReturn:
        raise RuntimeError

    __bool__ = __repr__ = __str__


class Unreadable(Mapping[str, Any]):
    """A mapping that fails when it is read."""

    def __getitem__(self, _: str) -> NoReturn:
        raise RuntimeError

    def __iter__(self) -> NoReturn:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "odd",
    [
        {"name": Broken()},
        {"metadata": Unreadable()},
        {"model_parameters": Unreadable()},
        {"usage": Unreadable()},
        {"cost": Unreadable()},
        {"prompt": Unreadable()},
        {"level": Broken()},
        {"completion_start_time": datetime.min},  # noqa: DTZ901 - of no zone, as LiteLLM's are
        {"public": Broken()},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_what_fails_when_it_is_read(odd: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A value that fails when it is read is warned of and leaves its field as it was."""
    before = BARE._replace(metadata='{"k":"v"}', model_parameters='{"top_p":1}')

    assert changed(before, {**odd, "output": 1}) == before._replace(output="1")
    assert len(caplog.messages) == 1
    assert f"`{next(iter(odd))}`" in caplog.text


def test_later_wins() -> None:
    """What is given later wins; metadata and tags are added to what is there."""
    first = changed(BARE, {"output": 1, "metadata": {"a": 1, "b": 1}, "tags": ["x"]})
    later = changed(first, {"output": 2, "metadata": {"b": 2}, "tags": ["y", "x"]})

    assert (later.output, json.loads(later.metadata or "")) == ("2", {"a": 1, "b": 2})
    assert later.trace.tags == ("x", "y")


def test_unknown_field() -> None:
    """A name that is no field is an error which names it and those that there are."""
    with pytest.raises(TypeError, match=r"^unknown: colour, size; known: name, input, .*, public$"):
        changed(BARE, {"size": 1, "colour": 2, "name": "x"})  # type: ignore[typeddict-unknown-key]


def test_no_cost(caplog: pytest.LogCaptureFixture) -> None:
    """What is no cost is warned of, a cost is not."""
    changed(BARE, {"cost": 1.0})
    changed(BARE, {"cost": {"input": 1.0}})
    assert caplog.messages == []

    assert changed(BARE, {"cost": -1.0}).cost is None
    assert changed(BARE, {"cost": {"input": "much"}}).cost is None  # type: ignore[dict-item]
    assert changed(BARE, {"cost": {"input": 6e5, "output": 6e5}}).cost is None
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "langfuse-otel: a cost is a number of US dollars, 0 to 1e6"
    ] * 3


class OwnError(Exception):
    pass


def error_of(kind: type[BaseException]) -> BaseException:
    """Return an error that was raised."""

    def fail() -> NoReturn:
        raise kind("boom")

    with pytest.raises(kind) as raised:
        fail()
    return raised.value


@pytest.mark.parametrize(
    ("error", "level", "named"),
    [
        (error_of(OwnError), "ERROR", "test_by_hand.OwnError"),
        (error_of(KeyboardInterrupt), "WARNING", "builtins.KeyboardInterrupt"),
    ],
    ids=["error", "end"],
)
def test_failed(error: BaseException, level: str, named: str) -> None:
    """An exception is told with its type; its stack trace, which may quote, only on request."""
    told = failed(BARE._replace(metadata='{"k":"v"}'), error, is_quoting=False)
    quoted = json.loads(failed(BARE, error, is_quoting=True).metadata or "")

    assert (told.level, told.status_message) == (level, "boom")
    assert json.loads(told.metadata or "") == {"k": "v", "exception.type": named}
    assert quoted.pop("exception.stacktrace").startswith("Traceback (most recent call last):\n  ")
    assert quoted == {"exception.type": named}


def test_failed_without_a_stack_trace() -> None:
    """An exception of which Python can make no stack trace is told without one."""

    class UntoldError(Exception):
        @property
        def __cause__(self) -> NoReturn:
            raise RuntimeError

    told = failed(BARE, UntoldError("boom"), is_quoting=True)

    assert (told.level, told.status_message) == ("ERROR", "boom")
    assert json.loads(told.metadata or "")["exception.stacktrace"] == "UntoldError"


def test_failed_by_a_text() -> None:
    """A text is told as it is."""
    told = failed(BARE, "no luck", is_quoting=True)

    assert told == BARE._replace(level="ERROR", status_message="no luck")


def test_failed_with_nul() -> None:
    """Langfuse takes no NUL in an error's text."""
    assert failed(BARE, "a\0b", is_quoting=True).status_message == "a\ufffdb"


def test_as_trace() -> None:
    """The trace of an observation that stands for it has its name and metadata, and keeps its rest."""
    observation = BARE._replace(metadata='{"k":"v"}', trace=TraceFields("old", user_id="u"))

    assert as_trace(observation).trace == TraceFields("step", user_id="u", metadata='{"k":"v"}')


FULL = {"usage": {"total": 1}, "cost": {"total": 1.0}, "prompt": Prompt("greeting", 3)}
FREE = {"cost": {"total": 0.0}}


@pytest.mark.parametrize(
    ("observation", "has_calls", "changes"),
    [
        (CALL._replace(**FULL), False, {}),
        (CALL, False, {}),
        (CALL._replace(level="ERROR"), False, FREE),
        (CALL._replace(level="ERROR", usage={"total": 1}), False, {}),
        (CALL._replace(level="ERROR", cost={"total": 1.0}), False, {}),
        (BARE._replace(level="ERROR"), False, {}),
        (BARE._replace(model="m", **FULL), True, dict.fromkeys(FULL)),
        *(
            (
                CALL._replace(type=kind, **FULL),
                True,
                dict.fromkeys([*FULL, "model", "model_parameters"]) | {"type": "span"},
            )
            for kind in ("generation", "embedding")
        ),
    ],
    ids=[
        "full",
        "bare",
        "failed",
        "failed-with-usage",
        "failed-with-cost",
        "failed-span",
        "span-around-calls",
        "generation-around-calls",
        "embedding-around-calls",
    ],
)
def test_as_sent(observation: Observation, has_calls: bool, changes: dict[str, Any]) -> None:
    """Numbers belong to the calls within; a failure without any costs nothing."""
    assert as_sent(observation, has_calls=has_calls) == observation._replace(**changes)


@pytest.mark.parametrize(
    "name",
    ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens"],
)
def test_providers_usage(name: str) -> None:
    """Counts by a provider's names are divided into buckets."""
    found = usage_from(SimpleNamespace(**{name: 5}))

    assert found is not None
    assert found["total"] == 5
