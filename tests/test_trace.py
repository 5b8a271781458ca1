"""What a call says of its trace."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from calls import NO_DEFAULTS, a_call, observed
from langfuse_otel._litellm.call import read_call
from langfuse_otel._litellm.trace import (
    documented_of,
    prompt_from,
    prompt_of,
    trace_fields,
    version_of,
)
from langfuse_otel._records import Defaults, Prompt, TraceFields

GIVEN = {
    "trace_name": "checkout",
    "trace_user_id": "u",
    "session_id": "s",
    "tags": ["a", 1],
    "trace_metadata": {"k": "v"},
    "trace_version": "v1",
    "trace_release": "r1",
    "trace_public": "true",
    "version": "v0",
}
ALL = TraceFields("checkout", "u", "s", ("a", "1"), '{"k":"v"}', "r1", public=True)
CONTINUED = TraceFields(is_continued=True)


def fields(
    metadata: dict[str, Any], defaults: Defaults = NO_DEFAULTS, **changes: Any
) -> TraceFields:
    """Return the fields of the trace of a call with these metadata."""
    call = read_call(a_call(metadata, **changes), "answer")
    return trace_fields(call, defaults, '"in"', '"out"')


def test_all_fields() -> None:
    """Each field of the trace is read from the metadata."""
    assert fields(GIVEN) == ALL
    assert fields({}) == TraceFields()


@pytest.mark.parametrize(
    ("metadata", "defaults", "expected"),
    [
        ({}, Defaults(release="r0"), TraceFields(release="r0")),
        ({"trace_release": "r1"}, Defaults(release="r0"), TraceFields(release="r1")),
        ({"trace_public": "no"}, Defaults(), TraceFields()),
        ({"trace_metadata": "said"}, Defaults(), TraceFields(metadata='{"trace_metadata":"said"}')),
        ({"trace_metadata": {}}, Defaults(), TraceFields()),
        ({"tags": ["b", "a", "b"]}, Defaults(), TraceFields(tags=("b", "a"))),
    ],
    ids=["release", "own-release", "private", "text", "empty", "tag-twice"],
)
def test_fields(metadata: dict[str, Any], defaults: Defaults, expected: TraceFields) -> None:
    """What is not said comes from the settings, or is absent."""
    assert fields(metadata, defaults) == expected


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        (None, {}),
        ("trace_user_id", {"user_id": "u"}),
        ("trace_metadata", {"metadata": '{"k":"v"}'}),
        ("trace_release", {"release": "r1"}),
        ("input", {"input": '"in"'}),
        ("output", {"output": '"out"'}),
        ("trace_name", {}),
    ],
)
def test_continued(key: str | None, changed: dict[str, Any]) -> None:
    """Of a continued trace what is named is changed, and nothing else."""
    asked = {"existing_trace_id": "t", "update_trace_keys": [key] if key else None}

    assert fields({**GIVEN, "trace_public": None, **asked}) == CONTINUED._replace(**changed)


def test_continued_in_public() -> None:
    """A public trace stays public for Langfuse if each update says so again: the caller may."""
    asked = {"existing_trace_id": "t", "trace_public": True}

    assert fields(asked) == CONTINUED._replace(public=True)
    assert fields({**asked, "trace_public": False}) == CONTINUED


@pytest.mark.parametrize(
    ("metadata", "version"),
    [
        ({"version": "v0", "trace_version": "v1"}, "v0"),
        ({"trace_version": "v1"}, "v1"),
        ({}, None),
        ({"existing_trace_id": "t", "version": "v0", "trace_version": "v1"}, "v0"),
        ({"existing_trace_id": "t", "trace_version": "v1"}, None),
        ({**GIVEN, "existing_trace_id": "t", "update_trace_keys": ["version"]}, "v0"),
        ({**GIVEN, "existing_trace_id": "t", "update_trace_keys": ["trace_version"]}, "v1"),
        ({"existing_trace_id": "t", "version": "v0", "update_trace_keys": "trace_version"}, "v0"),
    ],
    ids=["own", "trace", "none", "kept", "not-changed", "own-named", "trace-named", "only-own"],
)
def test_version(metadata: dict[str, Any], version: str | None) -> None:
    """Of the two versions Langfuse reads one: a continued trace takes its own if that is named."""
    assert version_of(read_call(a_call(metadata), "answer")) == version


def test_release_of_a_continued_trace() -> None:
    """The settings' release is none that the caller wants to change it to."""
    metadata = {"existing_trace_id": "t", "update_trace_keys": ["trace_release"]}

    assert fields(metadata, Defaults(release="r0")) == CONTINUED


@pytest.mark.parametrize(
    ("changes", "user"),
    [
        ({"user": "u"}, "u"),
        ({"user": "unknown"}, "unknown"),
        ({"user": "u", "call_type": "pass_through_endpoint"}, "u"),
        ({"user": "unknown", "call_type": "pass_through_endpoint"}, None),
        ({"standard_logging_object": {"end_user": "e"}}, "e"),
        ({"standard_logging_object": {"metadata": {"user_api_key_user_id": "k"}}}, "k"),
    ],
)
def test_user(changes: dict[str, Any], user: str | None) -> None:
    """A user is found wherever LiteLLM has one."""
    assert fields({}, **changes).user_id == user


@pytest.mark.parametrize("sources", [("end_user", "metadata"), ("end_user",)])
def test_pinned_user(sources: tuple[str, ...]) -> None:
    """What the operator pinned stands before every other source."""
    pinned = {"user_api_key_hash": "h", "user_api_key_metadata": {"trace_user_id": "pinned"}}
    payload = {"standard_logging_object": {"end_user": "theirs"}}

    assert fields(pinned, Defaults(sources), **payload).user_id == "pinned"


def test_unknown_source_of_users() -> None:
    """A source that nobody knows is passed over."""
    assert fields({"trace_user_id": "u"}, Defaults(("nowhere", "metadata"))).user_id == "u"


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        (SimpleNamespace(name="p", version=3), Prompt("p", 3)),
        ({"name": "p", "version": " 3 "}, Prompt("p", 3)),
        ({"name": "p\ud800", "version": 0}, Prompt("p\ufffd", 0)),
        ({"name": "p", "version": 2**31 - 1}, Prompt("p", 2**31 - 1)),
        ({"name": "p", "version": 2**31}, None),
        ({"name": "p", "version": -1}, None),
        ({"name": "p", "version": "9" * 11}, None),
        ({"name": "p", "version": "three"}, None),
        ({"name": "p", "version": 3.0}, None),
        ({"name": "p", "version": True}, None),
        ({"name": "p"}, None),
        ({"name": "", "version": 3}, None),
        ({"name": 7, "version": 3}, None),
        ({"name": "p", "version": 3, "is_fallback": True}, None),
        ({"name": "p", "version": 3, "is_fallback": "no"}, Prompt("p", 3)),
        (None, None),
    ],
)
def test_prompt_from(given: object, prompt: Prompt | None) -> None:
    """A prompt has a name and a whole number; one that the program fell back to is none."""
    assert prompt_from(given) == prompt


OWN = {"name": "own", "version": 1}
MANAGED = {"prompt_management_metadata": {"prompt_id": "managed", "prompt_version": 4}}


@pytest.mark.parametrize(
    ("metadata", "changes", "prompt"),
    [
        ({"prompt": OWN, "prompt_name": "n", "prompt_version": 2}, {}, Prompt("own", 1)),
        ({"prompt_name": "n", "prompt_version": 2}, {"prompt_id": "x"}, Prompt("n", 2)),
        ({"prompt": "n", "prompt_version": "2"}, {}, Prompt("n", 2)),
        ({"prompt_name": "n"}, {"prompt_id": "x", "prompt_version": 3}, Prompt("x", 3)),
        ({"prompt": {**OWN, "is_fallback": True}}, {}, None),
        ({"prompt": SimpleNamespace(**OWN, is_fallback=True)}, {}, None),
        ({}, {"standard_logging_object": {"metadata": MANAGED}}, Prompt("managed", 4)),
        ({"prompt": {"name": "own"}}, {"prompt_id": "x", "prompt_version": 3}, Prompt("x", 3)),
        ({}, {"prompt_id": "x"}, None),
        ({}, {}, None),
    ],
)
def test_prompt_of(
    metadata: dict[str, Any], changes: dict[str, Any], prompt: Prompt | None
) -> None:
    """The first place wins that names a whole prompt."""
    assert prompt_of(read_call(a_call(metadata, **changes), "answer")) == prompt


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True),
        (False, False),
        (0, "0"),
        ("t", "t"),
        (["a", 1], ("a", "1")),
        ({"a": 1}, '{"a":1}'),
    ],
    ids=["true", "false", "zero", "text", "list", "object"],
)
def test_documented(value: object, shown: object) -> None:
    """A documented attribute is what its kind of value can be."""
    call = read_call(a_call({"trace_id": value, "version": "v"}), "answer")

    assert documented_of(call) == {"langfuse.trace.id": shown}


def test_documented_by_nothing() -> None:
    """What is empty is not shown."""
    call = read_call(a_call({"trace_id": "", "session_id": None, "update_trace_keys": []}), "x")

    assert documented_of(call) == {}
    assert json.loads(observed(trace_id="").metadata or "").get("trace_id") is None
