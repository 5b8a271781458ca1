"""What a caller says beside content is held in a bounded size, and what is cut says so."""

from __future__ import annotations

import asyncio
import pickle
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest

from calls import ENDED, STARTED, a_call, a_response, observation_of, observed
from langfuse_otel import LangfuseOtelLogger, _links
from langfuse_otel._litellm import limits, pinned
from langfuse_otel._litellm.limits import (
    MAX_METADATA,
    MAX_TAGS,
    MAX_TEXT,
    short_list,
    short_text,
    small_metadata,
)
from langfuse_otel._litellm.names import FIELDS
from langfuse_otel._litellm.snapshot import snapshot_of
from langfuse_otel._records import Defaults
from langfuse_otel._spans.identity import identify

HUGE = "x" * 1_000_000
TEXTS = [name for name in FIELDS if name not in {"tags", "trace_metadata", "update_trace_keys"}]


def test_short_text() -> None:
    """A long text keeps its start and says how long it was; two that differ still do."""
    cut = short_text(HUGE)

    assert len(cut) <= MAX_TEXT
    assert cut.startswith("xxx")
    assert "[cut by langfuse-otel: 1000000 characters in all, " in cut
    assert short_text(cut) == cut
    assert short_text(HUGE + "y")[:300] == cut[:300]
    assert short_text(HUGE[1:] + "y") != cut
    assert short_text("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert short_text("a\0b") == "a\ufffdb"


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_the_metadata(name: str) -> None:
    """No id, name, user or session makes a span large."""
    assert observed(**{name: HUGE}).size < 5_000
    assert len(repr(observed(**{name: HUGE}))) < 20_000


@pytest.mark.parametrize("number", [10**2_000, -(10**5_000)], ids=["digits", "hex"])
@pytest.mark.parametrize("name", TEXTS)
def test_numbers_of_the_metadata(name: str, number: int) -> None:
    """Nor does a number in the place of one, whose digits have no end."""
    observation = observed(**{name: number})
    texts = (observation.name, *observation.clues, *observation.trace, observation.version)

    assert all(len(text) <= MAX_TEXT for text in texts if isinstance(text, str))


ODD = f"a\0{'x' * 3_000}"


@pytest.mark.parametrize(
    "kwargs",
    [
        a_call({"prompt": {"name": ODD, "version": 1}}),
        a_call({}, prompt_id=ODD, prompt_version=1),
        a_call({}, model=ODD),
        a_call(
            {},
            call_type="call_mcp_tool",
            standard_logging_object={"metadata": {"mcp_tool_call_metadata": {"name": ODD}}},
        ),
    ],
    ids=["prompt", "prompt-id", "model", "tool"],
)
def test_other_names(kwargs: dict[str, Any]) -> None:
    """Nor does the name of a prompt, a model or a tool, and none has a NUL."""
    observation = observation_of(kwargs, a_response())
    names = (observation.name, observation.model, observation.prompt and observation.prompt.name)

    assert all(len(name) < MAX_TEXT + 20 and "\0" not in name for name in names if name)
    assert any(name and "a\ufffdxxx" in name for name in names)


@pytest.mark.parametrize("prompt", [HUGE, {"name": HUGE, "version": 1}], ids=["name", "object"])
def test_prompt_that_is_shown(prompt: object) -> None:
    """Nor does a prompt where the metadata are shown as they were given."""
    assert observed(prompt=prompt, debug_langfuse=True).size < 5_000


def test_error_with_a_nul() -> None:
    """Langfuse takes no NUL in an error's text either."""
    observation = observation_of(a_call(exception=ValueError("a\0b")), None)

    assert observation.status_message == "a\ufffdb"


def test_users_of_a_request() -> None:
    """Nor does a user that stands elsewhere."""
    payload = {**a_call()["standard_logging_object"], "end_user": HUGE}
    payload["metadata"] = {"user_api_key_end_user_id": HUGE}
    for kwargs in (a_call(user=HUGE), a_call(standard_logging_object=payload)):
        assert len(repr(observation_of(kwargs, a_response()))) < 20_000


def test_tags() -> None:
    """Of many tags the first are kept, and a last one says how many there were."""
    tags = observed(tags=[f"{number}" for number in range(1_000)]).trace.tags

    assert len(tags) == MAX_TAGS + 1
    assert tags[0] == "0"
    assert tags[-1] == "... [cut by langfuse-otel: 1000 in all]"
    assert len(observed(tags=[HUGE]).trace.tags[0]) <= MAX_TEXT


def test_tags_of_the_operator() -> None:
    """A request with many tags does not push out those of its key."""
    tags = [*(f"{number}" for number in range(1_000)), "pinned"]
    metadata = {"user_api_key_hash": "h", "tags": tags, "inherited_tags": ("pinned",)}
    params = {"metadata": metadata, "proxy_server_request": {"body": {}}}

    assert "pinned" in observation_of(a_call(litellm_params=params), a_response()).trace.tags


@pytest.mark.parametrize("place", ["rest", "trace_metadata"])
@pytest.mark.parametrize(
    "large", [{"a": HUGE, "b": 1}, {str(n): "x" for n in range(100_000)}], ids=["long", "many"]
)
def test_metadata(place: str, large: dict[str, Any]) -> None:
    """Of large metadata the entries that fit are kept, and one says what was left out."""
    observation = observed(**(large if place == "rest" else {"trace_metadata": large}))
    text = (observation.metadata if place == "rest" else observation.trace.metadata) or ""

    assert len(text) < MAX_METADATA + 1_000
    assert f"of {len(large)} keys left out" in text
    assert '"b":1' in text or '"0":"x"' in text


def test_what_is_counted() -> None:
    """What is queued counts with its metadata and parameters."""
    half = "x" * (MAX_METADATA // 2)
    kwargs = a_call({"mine": half, "trace_metadata": {"a": half}}, optional_params={"stop": HUGE})
    size = snapshot_of(kwargs, a_response(), STARTED, ENDED).size

    assert size > MAX_METADATA + len(HUGE)


def test_what_is_remembered_of_a_call() -> None:
    """Between a call's start and its end, and after it, no more than a little is held of it."""
    kwargs = a_call(dict.fromkeys((*FIELDS, "mine"), HUGE), litellm_call_id=HUGE, stream=True)
    params = kwargs["litellm_params"]
    params["metadata"]["requester_metadata"] = {"trace_id": HUGE, "mine": HUGE}
    params["proxy_server_request"] = {
        "headers": {"langfuse_trace_id": HUGE, "traceparent": HUGE, "other": HUGE},
        "body": {"messages": HUGE, "litellm_metadata": {"mine": HUGE, "session_id": HUGE}},
    }
    kwargs["litellm_trace_id"] = HUGE
    logger = LangfuseOtelLogger()
    told = SimpleNamespace(litellm_call_id=HUGE, _trusted_callback_vars=(("langfuse_host", "h"),))
    asyncio.run(logger.async_pre_call_hook(None, None, {"litellm_logging_obj": told}, ""))
    logger.log_pre_api_call("gpt", [], kwargs)
    known_as = short_text(HUGE)

    assert list(pinned._calls) == [known_as]
    assert pinned.of_call(known_as) == {"langfuse_host": "h"}
    assert len(pickle.dumps((known_as, _links._calls[known_as]))) < 20_000
    assert _links.trace_of_call(HUGE, Defaults()) is not None


def test_the_trace_that_is_told() -> None:
    """A long id leads to the same trace before the call and after it."""
    kwargs = a_call({"trace_id": HUGE}, litellm_call_id="told")
    _links.announce("told", kwargs, None)
    observation = observation_of(kwargs, a_response())

    assert observation.clues.trace_id == short_text(HUGE)
    assert (
        _links.trace_of_call("told", Defaults()) == f"{identify(observation.clues).trace_id:032x}"
    )


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("x" * 500, "x" * 500),
        ("a\0b", "a\ufffdb"),
        (
            "x" * 501,
            f"{'x' * 400}... [cut by langfuse-otel: 501 characters in all, {sha256(b'x' * 501).hexdigest()[:16]}]",
        ),
    ],
    ids=["fits", "nul", "cut"],
)
def test_how_a_text_is_cut(text: str, short: str) -> None:
    """What is cut says so, with its size and what tells it from others."""
    assert short_text(text) == short


def test_half_a_character() -> None:
    """A long text need not be valid Unicode."""
    assert short_text("\ud800" * 501).startswith("\ud800" * 400)


def test_how_a_list_is_cut() -> None:
    """Of a long list the first are kept, each of them short."""
    assert short_list([1, None, "x" * 501]) == [1, None, short_text("x" * 501)]
    assert short_list(["a"] * 100) == ["a"] * 100
    assert short_list(["a"] * 101) == [*["a"] * 100, "... [cut by langfuse-otel: 101 in all]"]


def test_how_metadata_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits is kept, also behind what does not; the rest is counted."""
    monkeypatch.setattr(limits, "MAX_METADATA", 22)
    given = {"a": "123", "large": "x" * 30, "b": "12345", "c": 1}

    assert small_metadata(given, 22) == given
    assert small_metadata(given, 23) == {
        "a": "123",  # "a":"123", are ten characters
        "b": "12345",  # and these are twelve
        "langfuse_otel_cut": "2 of 4 keys left out, 23 characters in all",
    }
