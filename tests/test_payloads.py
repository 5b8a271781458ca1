"""Callback data as each release of LiteLLM made it (`nox -s record`), read by the adapter."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from calls import NO_DEFAULTS, observation_of
from langfuse_otel._litellm.guard import missing_in
from langfuse_otel._litellm.held import held_metadata, held_whole
from langfuse_otel._litellm.observation import observation_from
from langfuse_otel._litellm.snapshot import snapshot_of
from langfuse_otel._litellm.versions import LITELLM
from upstream import BUCKETS

if TYPE_CHECKING:
    from langfuse_otel._records import Observation

PAYLOADS = Path(__file__).with_name("payloads")
FILES = sorted(PAYLOADS.glob("*/*.json"))
TEXT_BUCKETS = {"input": 4, "output": 6, "total": 10}
CHAT = {"type": "generation", "usage": BUCKETS, "model": "gpt-4o-mini"}
# What is the same whatever the release.
EXPECTED: dict[str, dict[str, Any]] = {
    "completion": {**CHAT, "level": "DEFAULT"},
    "completion_stream": {**CHAT, "level": "DEFAULT"},
    "completion_failure": {**CHAT, "usage": None, "level": "ERROR"},
    "text_completion": {"type": "generation", "usage": TEXT_BUCKETS, "level": "DEFAULT"},
    "embedding": {"type": "embedding", "usage": {"input": 7, "output": 0, "total": 7}},
    "responses": {"type": "generation", "usage": BUCKETS, "model": "gpt-4o"},
    "responses_stream": {"type": "generation", "usage": BUCKETS, "model": "gpt-4o"},
    "image_generation": {"type": "generation", "model": "gpt-image-1"},
    "transcription": {"type": "generation", "model": "whisper-1"},
    "speech": {"type": "generation", "model": "tts-1"},
    "moderation": {"type": "guardrail", "level": "DEFAULT"},
    "rerank": {"type": "retriever", "model": "rerank-v3.5"},
}


class Recorded:
    """An object of LiteLLM's: the members that it had, and how it becomes a dictionary."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.__dict__.update(members)

    def model_dump(self, **_how: Any) -> dict[str, Any]:
        """Return its members."""
        return self.__dict__

    def __str__(self) -> str:
        """Return the text of an error."""
        return str(self.__dict__.get("message", ""))


def named(path: Path) -> str:
    """Return release and call type."""
    return f"{path.parent.name}-{path.stem}"


def decoded(value: dict[str, Any]) -> object:
    """Return what stands for a type that JSON has no form for."""
    if "$datetime" in value:
        return datetime.fromisoformat(value["$datetime"])
    return Recorded(value.get("members", {})) if "$type" in value else value


def recorded(path: Path) -> dict[str, Any]:
    """Return the arguments of a callback."""
    found: dict[str, Any] = json.loads(path.read_text(), object_hook=decoded)
    return found


def observed(path: Path) -> Observation:
    """Return what the adapter makes of them."""
    call = recorded(path)
    return observation_of(
        call["kwargs"], call["response"], started=call["started"], ended=call["ended"]
    )


def test_releases() -> None:
    """Releases that are tested are recorded, both ends among them, with every call type."""
    assert {LITELLM[0], LITELLM[-1]} <= {path.parent.name for path in FILES}
    assert {path.stem for path in FILES} == set(EXPECTED)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_observation(path: Path) -> None:
    """Each release's data gives the observation that its call should have."""
    observation = observed(path)
    expected = EXPECTED[path.stem]

    assert {name: getattr(observation, name) for name in expected} == expected
    assert observation.input
    assert (observation.output is None) is (path.stem == "completion_failure")
    assert (observation.ended_ns - observation.started_ns) == 2_000_000_000
    assert "kept" in (observation.metadata or "")
    assert observation.trace.session_id == "session-1"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_what_is_held(path: Path) -> None:
    """What is held of a call until it is read is all that is read of it."""
    call = recorded(path)
    taken = snapshot_of(call["kwargs"], call["response"], call["started"], call["ended"])
    whole = taken._replace(kwargs=held_whole(call["kwargs"], held_metadata(call["kwargs"])))
    read, expected = (observation_from(one, None, NO_DEFAULTS) for one in (taken, whole))

    assert read == expected


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_missing(path: Path) -> None:
    """The guard has nothing to say of a release that is tested."""
    call = recorded(path)
    arguments = call["kwargs"], call["response"], call["started"], call["ended"]

    assert [*missing_in(*arguments)] == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files(path: Path) -> None:
    """A file is small, and holds nothing of the machine that it was made on."""
    text = path.read_text()

    assert len(text) < 30_000
    assert not any(word in text for word in ("/root/", "/home/", "/tmp/", "site-packages/"))
