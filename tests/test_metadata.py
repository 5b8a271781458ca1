"""The caller's metadata, from each of its inlets."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from hypothesis import given
from hypothesis import strategies as st

import langfuse_otel
from calls import Growing
from langfuse_otel._litellm.limits import CUT, MAX_METADATA, short_text
from langfuse_otel._litellm.metadata import (
    REQUESTS_OWN,
    call_metadata,
    decisive,
    from_headers,
)
from langfuse_otel._litellm.names import FIELDS, NAMES
from langfuse_otel._text import json_text
from routes import Provider

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector


class Seven(Enum):
    SEVEN = 7


EXAMPLES: dict[str, Any] = {name: f"the {name}" for name in FIELDS} | {
    "masking_function": str.upper
}


def proxied(
    headers: dict[str, str] | None = None, body: object = None, **merged: Any
) -> dict[str, Any]:
    """Return LiteLLM's parameters of a request to the proxy."""
    return {
        "metadata": merged,
        "proxy_server_request": {"headers": headers or {}, "body": body or {}, "url": "http://x"},
    }


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "inlet",
    [
        "metadata",
        "prefixed",
        "litellm_metadata",
        "body",
        "body_litellm",
        "header",
        "hyphens",
        "key",
    ],
)
def test_each_field_from_each_inlet(inlet: str, name: str) -> None:
    """Every field takes effect wherever it stands."""
    given = {name: EXAMPLES[name]}
    prefixed = {f"langfuse_{name}": EXAMPLES[name]}
    params: dict[str, Any] = {
        "metadata": {"metadata": given},
        "prefixed": {"metadata": prefixed},
        "litellm_metadata": {"litellm_metadata": given},
        "body": proxied(requester_metadata=given),
        "body_litellm": proxied(body={"litellm_metadata": given}),
        "header": proxied(headers=prefixed),
        "hyphens": proxied(headers={f"Langfuse-{name}".replace("_", "-"): EXAMPLES[name]}),
        "key": proxied(user_api_key_metadata=prefixed),
    }[inlet]
    expected = None if (inlet, name) == ("key", "tags") else EXAMPLES[name]
    found = call_metadata(params).fields.get(name)

    assert found == ([expected] if (name == "tags" and "h" in inlet[:2]) else expected)


def test_precedence() -> None:
    """Key over team, both over the body, that over litellm_metadata, that over headers."""
    inlets: dict[str, Any] = {
        "headers": {"langfuse_session_id": "header"},
        "body": {"litellm_metadata": {"session_id": "litellm_metadata"}},
        "requester_metadata": {"session_id": "body"},
        "user_api_key_team_metadata": {"session_id": "team"},
        "user_api_key_metadata": {"session_id": "key"},
    }
    winners = []
    while inlets:
        winners.append(call_metadata(proxied(**inlets)).fields["session_id"])
        inlets.pop(list(inlets)[-1])

    assert winners == ["key", "team", "body", "litellm_metadata", "header"]


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("langfuse_user_id", "trace_user_id"),
        ("langfuse_session_id", "session_id"),
        ("langfuse_tags", "tags"),
        ("langfuse_public", "trace_public"),
    ],
)
def test_other_spellings(alias: str, name: str) -> None:
    """LangChain's spellings mean the same fields."""
    assert call_metadata({"metadata": {alias: "x"}}).fields == {name: "x"}


def test_plain_spelling_wins() -> None:
    """Where both spellings are there, the plain one counts."""
    metadata = {"session_id": "plain", "langfuse_session_id": "prefixed"}

    assert call_metadata({"metadata": metadata}).fields == {"session_id": "plain"}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ({"langfuse_trace_metadata": '{"key":"value"}'}, {"trace_metadata": {"key": "value"}}),
        ({"langfuse_tags": '["a", "b"]'}, {"tags": ["a", "b"]}),
        ({"langfuse_tags": "a, b"}, {"tags": ["a", "b"]}),
        ({"langfuse_mask_input": "true"}, {"mask_input": True}),
        ({"langfuse_trace_id": "123"}, {"trace_id": "123"}),
        ({"langfuse_trace_metadata": "{broken"}, {"trace_metadata": "{broken"}),
        ({"langfuse_trace_metadata": "[" * 5_000}, {"trace_metadata": short_text("[" * 5_000)}),
        ({"Langfuse_Trace_Name": "x"}, {"trace_name": "x"}),
        ({"langfuse-trace-user-id": "u"}, {"trace_user_id": "u"}),
        ({"langfuse_secret_key": "sk-lf-1"}, {}),
        ({"authorization": "Bearer x"}, {}),
        ({"langfuse_tags": ' ["a"] '}, {"tags": ["a"]}),
        ({"langfuse_mask_input": "false"}, {"mask_input": False}),
        ({"session_id": "s"}, {}),
        ({"langfuse_trace_public": True}, {"trace_public": True}),
    ],
    ids=[
        "object",
        "list",
        "commas",
        "boolean",
        "digits",
        "broken",
        "deep",
        "case",
        "hyphens",
        "secret",
        "other",
        "spaces",
        "not",
        "plain",
        "no-text",
    ],
)
def test_headers(header: dict[str, str], value: dict[str, object]) -> None:
    """JSON in headers is parsed, ids stay text, and no other header counts."""
    assert call_metadata(proxied(headers=header)).fields == value


@pytest.mark.parametrize("depth", [100, 200, 225, 250, 300, 5_000])
def test_depth(depth: int) -> None:
    """Metadata nested however deeply is kept, as far down as any reader of it goes."""
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    found = call_metadata({"metadata": {"trace_metadata": nested, "mine": nested}})

    assert found.fields["trace_metadata"][0]
    assert found.rest["mine"][0]


@pytest.mark.parametrize(
    "params",
    [
        {"metadata": Growing(session_id="s")},
        proxied(headers=Growing(langfuse_session_id="s")),
        proxied(body={"litellm_metadata": Growing(session_id="s")}),
        proxied(user_api_key_hash="h", user_api_key_metadata=Growing(session_id="s")),
        proxied(user_api_key_hash="h", user_api_key_team_metadata=Growing(session_id="s")),
    ],
    ids=["metadata", "headers", "body", "key", "team"],
)
def test_metadata_that_grow(params: dict[str, Any]) -> None:
    """LiteLLM's own threads may add to its dictionaries while they are read."""
    assert call_metadata(params).fields == {"session_id": "s"}


def test_the_rest() -> None:
    """Other keys are the observation's metadata; LiteLLM's own and credentials are not."""
    metadata = {"mine": 1, "none": None, "hidden_params": {}, "langfuse_secret_key": "sk-lf-1"}

    assert call_metadata({"metadata": metadata}).rest == {"mine": 1}


OWN = {
    "agent_id": "a",
    "endpoint": "e",
    "user_agent": "u",
    "file_name": "f",
    "headers": {"x": 1},
    "api_base": "mine",
    "max_retries": 3,
    "langfuse_foo": 1,
    "litellm_foo": 2,
    "_routing_x": 1,
    "_private": 1,
}


def test_callers_own_names() -> None:
    """A name that the proxy uses, too, is the caller's own where there is no proxy."""
    assert call_metadata({"metadata": OWN}).rest == OWN


def test_the_routers_names() -> None:
    """Where LiteLLM's router writes, its names are not the caller's; elsewhere they are."""
    written = {"model_group": "g", "api_base": "b", "request_retry_count": 1, "_routing_tags": ()}
    params = {"metadata": {**written, "headers": {"x": 1}}, "litellm_metadata": {"api_base": "b"}}

    assert call_metadata(params).rest == {"headers": {"x": 1}, "api_base": "b"}


def test_the_proxys_names() -> None:
    """What a request says is its own, but for LiteLLM's headers, and for who called."""
    asked = {**OWN, "used_client_oauth_token": False, "user_api_key_alias": "forged"}
    found = call_metadata(proxied(requester_metadata=asked, user_api_key_hash="h", endpoint="e"))

    assert found.rest == {key: value for key, value in OWN.items() if key != "headers"}


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata", "body"])
def test_what_the_proxy_adds_to_its_own(place: str) -> None:
    """LiteLLM adds the body's `litellm_metadata` to what it knows; its guardrails add what they find.

    So the fields are read there, and no other name is.
    """
    known = {"user_api_key_hash": "h", "session_id": "s", "pii_tokens": {"<PERSON>": "Ada"}}
    asked = {"requester_metadata": {"trace_name": "t", "mine": 1}}
    params: dict[str, Any] = {
        "metadata": proxied(**known, **asked),
        "litellm_metadata": {**proxied(), "litellm_metadata": {**known, **asked}},
        "body": proxied(body={"litellm_metadata": known}, **asked),
    }[place]
    found = call_metadata(params)

    assert found.fields == {"session_id": "s", "trace_name": "t"}
    assert found.rest == {"mine": 1}


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata", "requester_metadata"])
def test_nothing_of_the_project(place: str) -> None:
    """What sets a call's project, or may be its key, is no metadata."""
    names = ("secret_key", "secret", "public_key", "host", "environment", "otlp_auth", "api_token")
    given = {f"langfuse_{name}": "x" for name in names}
    params = proxied(requester_metadata=given) if place == "requester_metadata" else {place: given}

    assert call_metadata(params).rest == {}


@pytest.mark.parametrize(("name", "of_langfuse"), [("session_id", "s"), ("trace_id", "t")])
def test_what_litellm_derives(name: str, of_langfuse: str) -> None:
    """An id that LiteLLM made of other headers, or of a user's, gives way to one of ours."""
    made, header = {name: "made"}, {f"langfuse-{name}": of_langfuse}
    body = {f"litellm_{name}": "made"}
    ways: tuple[dict[str, Any], ...] = (
        {"user_api_key_hash": "h", **made},
        {"user_api_key_hash": "h", **made, "requester_metadata": made},
    )
    for merged in ways:
        assert call_metadata(proxied({}, body, **merged)).fields == made
        assert call_metadata(proxied(header, body, **merged)).fields == {name: of_langfuse}
        own = {**merged, "requester_metadata": {name: "own"}}
        assert call_metadata(proxied(header, body, **own)).fields == {name: "own"}
    assert call_metadata(proxied({}, body, user_api_key_hash="h")).fields == {}


def test_two_inlets() -> None:
    """What one inlet does not say another does."""
    found = call_metadata(
        {
            "litellm_metadata": {"session_id": "s", "mine": 1},
            "metadata": {"trace_name": "n", "yours": 2},
        }
    )

    assert found.fields == {"session_id": "s", "trace_name": "n"}
    assert found.rest == {"mine": 1, "yours": 2}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("aresponses", {"input": "hi"}),
        ("aanthropic_messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}),
    ],
)
def test_routers_that_hand_metadata_on(
    langfuse: Collector, name: str, said: dict[str, Any]
) -> None:
    """Where LiteLLM's router hands `metadata` to the provider alone, `litellm_metadata` say the same."""
    asked = {"session_id": "s", "tags": ["t"], "mine": 1}
    litellm.callbacks = ["langfuse_otel"]

    async def main() -> None:
        model = {"model": "openai/gpt-4o", "api_base": provider.url, "api_key": "sk-none"}
        router = litellm.Router([{"model_name": "m", "litellm_params": model}])
        await getattr(router, name)(model="m", litellm_metadata=asked, **said)
        assert await langfuse_otel.aflush(20)

    with Provider() as provider:
        asyncio.run(main())
    [span] = langfuse.spans

    assert span.attributes["session.id"] == "s"
    assert span.attributes["langfuse.trace.tags"] == ["t"]
    assert span.json("langfuse.observation.metadata")["mine"] == 1


def test_too_much_of_the_rest() -> None:
    """Of more than there may be the keys that fit are kept, as they will be shown."""
    metadata = {"mine": "x" * MAX_METADATA, 7: (1,)}
    said = f"1 of 2 keys left out, {len(json_text(metadata))} characters in all"

    assert call_metadata({"metadata": metadata}).rest == {"7": [1], CUT: said}


def test_tags_of_key_and_team() -> None:
    """Behind the proxy the tags are those that LiteLLM has put together."""
    params = proxied(requester_metadata={"tags": ["own"]}, tags=["own", "team"])

    assert call_metadata(params).fields == {"tags": ["own", "team"]}


@pytest.mark.parametrize(
    ("pinned", "asked"),
    [
        ({"prompt_name": "p", "prompt_version": 1}, {"prompt": {"name": "q", "version": 2}}),
        ({"prompt": {"name": "p", "version": 1}}, {"prompt_name": "q", "prompt_version": 2}),
        ({"version": "1"}, {"trace_version": "2"}),
        ({"trace_version": "1"}, {"version": "2"}),
        ({"trace_id": "one"}, {"existing_trace_id": "other"}),
        ({"existing_trace_id": "one"}, {"trace_id": "other"}),
    ],
)
def test_what_is_pinned_in_another_way(pinned: dict[str, Any], asked: dict[str, Any]) -> None:
    """What the operator says in one way a request cannot say in another."""
    params = proxied(requester_metadata=asked, user_api_key_metadata=pinned)
    found = call_metadata(params)

    assert found.fields == pinned
    assert found.pinned == set(pinned)


@pytest.mark.parametrize(
    "known", [{"user_api_key_metadata": {"trace_name": "x"}}, {"inherited_tags": ("x",)}]
)
def test_a_continued_trace_and_what_is_pinned(known: dict[str, Any]) -> None:
    """A request cannot keep what is pinned away from its trace by continuing one."""
    asked = {"existing_trace_id": "theirs"}
    found = call_metadata(proxied(requester_metadata=asked, user_api_key_hash="h", **known)).fields

    assert "existing_trace_id" not in found
    assert found["trace_id"] == "theirs"


def test_no_other_identity() -> None:
    """The metadata of a trace, which Langfuse lays over all other, names no other key or team."""
    asked = {"trace_metadata": {"user_api_key_alias": "forged", "mine": 1}}
    params = proxied(requester_metadata=asked, user_api_key_hash="h")

    assert call_metadata(params).fields == {"trace_metadata": {"mine": 1}}


@pytest.mark.parametrize(
    ("place", "other"), [("metadata", "litellm_metadata"), ("litellm_metadata", "metadata")]
)
def test_the_proxys_dictionary(place: str, other: str) -> None:
    """What the proxy knows of key and team is in one dictionary, whatever the other says."""
    ours = {
        "user_api_key_hash": "h",
        "user_api_key_metadata": {"trace_name": "ours"},
        "tags": ["a"],
    }
    params = {**proxied(), place: ours, other: {"tags": ["theirs"]}}

    assert call_metadata(params).fields == {"trace_name": "ours", "tags": ["a"]}


def test_the_other_dictionary() -> None:
    """On some routes LiteLLM writes into `litellm_metadata` what it writes into `metadata` on others."""
    written = {"requester_metadata": {"session_id": "s"}, "tags": ["t"]}
    params = {"litellm_metadata": written, "proxy_server_request": {"url": "http://x"}}

    assert call_metadata(params).fields == {"session_id": "s", "tags": ["t"]}


def test_the_key() -> None:
    """The hash of the proxy's key is known where LiteLLM says what it knows."""
    assert call_metadata(proxied(user_api_key_hash="h")).key == "h"
    assert call_metadata({"litellm_metadata": {"user_api_key_hash": "h"}}).key == "h"
    assert call_metadata(proxied(user_api_key="h")).key is None


def test_order_of_the_tags() -> None:
    """Those of key and team come first, each once; without any all are the request's."""
    known = {"user_api_key_hash": "h", "tags": ["own", "team", "more"]}

    assert call_metadata(proxied(**known)).fields == {"tags": ["own", "team", "more"]}
    inherited = call_metadata(proxied(**known, inherited_tags=("team", "key")))
    assert inherited.fields == {"tags": ["team", "key", "own", "more"]}
    assert call_metadata(proxied(**known | {"tags": "own"}, inherited_tags=("team",))).fields == {
        "tags": "own"
    }


def test_pinned_for_a_request_passed_through() -> None:
    """There LiteLLM has another name for what stands in the metadata of the key."""
    known = {
        "user_api_key_hash": "h",
        "user_api_key_auth_metadata": {"langfuse_session_id": "s", "langfuse_tags": ["t"]},
    }
    found = call_metadata(proxied(**known))

    assert (found.fields, found.pinned) == ({"session_id": "s"}, {"session_id"})


@pytest.mark.parametrize(
    ("asked", "pinned", "expected"),
    [
        ({"existing_trace_id": "a"}, {}, {"existing_trace_id": "a"}),
        ({"existing_trace_id": "a"}, {"version": "v"}, {"trace_id": "a", "version": "v"}),
        (
            {"existing_trace_id": "a", "trace_id": "b"},
            {"version": "v"},
            {"trace_id": "b", "version": "v"},
        ),
        (
            {"existing_trace_id": "a"},
            {"existing_trace_id": "p", "version": "v"},
            {"existing_trace_id": "p", "version": "v"},
        ),
        ({"session_id": "s"}, {"version": "v"}, {"session_id": "s", "version": "v"}),
        ({"trace_metadata": "said"}, {}, {"trace_metadata": "said"}),
    ],
    ids=["nothing-pinned", "pinned", "with-its-own", "pinned-itself", "no-trace", "text"],
)
def test_settled(asked: dict[str, Any], pinned: dict[str, Any], expected: dict[str, Any]) -> None:
    """What a request continues it continues, unless the operator has something to say of it."""
    known = {"user_api_key_hash": "h", "user_api_key_metadata": pinned}

    assert call_metadata(proxied(requester_metadata=asked, **known)).fields == expected


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x", "x"),
        (7, 7),
        (1.5, 1.5),
        ({"a": (1,)}, {"a": [1]}),
        (["x" * 501], [short_text("x" * 501)]),
        (b"a", "YQ=="),
        (b"a" * 600, short_text("YWFh" * 200)),
        (Seven.SEVEN, 7),
    ],
    ids=["text", "number", "float", "mapping", "list", "bytes", "many-bytes", "enum"],
)
def test_what_is_kept(value: object, kept: object) -> None:
    """A value is kept as it will be shown, no larger than it may be."""
    assert call_metadata({"metadata": {"trace_metadata": value}}).fields == {"trace_metadata": kept}


@pytest.mark.parametrize("hooks", ["masking_function", "langfuse_masking_function"])
@pytest.mark.parametrize("asked", ["masking_function", "langfuse_masking_function"])
@pytest.mark.parametrize("known", ["metadata", "litellm_metadata"])
def test_mask_of_a_request(hooks: str, asked: str, known: str) -> None:
    """What a request calls a mask is none, and takes none of a hook's away."""
    said, headers = {asked: "word"}, {"langfuse_masking_function": "word"}
    params = proxied(headers, {"litellm_metadata": said})
    words = {"user_api_key_hash": "h", "requester_metadata": said, **said}

    assert call_metadata({**params, known: words}).fields == {}
    masked = call_metadata({**params, known: {**words, hooks: str.upper}})
    assert masked.fields == {"masking_function": str.upper}


def test_pinned_mask() -> None:
    """A mask that the operator pinned cannot be one either: it stays, to fail."""
    params = proxied(user_api_key_metadata={"masking_function": "hide"})

    assert call_metadata(params).fields == {"masking_function": "hide"}


def test_prompt_is_no_copy() -> None:
    """Langfuse's object for a prompt is read later, and by its members."""
    prompt = object()

    assert call_metadata({"metadata": {"prompt": prompt}}).fields["prompt"] is prompt


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ({"trace_id": "x" * 501, "langfuse_trace_id": 7}, {}),
        ({"user_api_key_metadata": {"a": 1}, "inherited_tags": ("a",), "mine": 1}, {"mine"}),
        ({"trace_id": True, "langfuse_generation_id": 1.5}, {}),
        ({}, {}),
        (None, {}),
        ("text", {}),
    ],
)
def test_decisive(metadata: Any, kept: set[str]) -> None:
    """Of a dictionary of metadata what decides is kept, its texts short."""
    found = decisive(metadata)

    assert found == {
        name: short_text(value) if isinstance(value, str) else value
        for name, value in (metadata.items() if isinstance(metadata, dict) else ())
        if name not in kept
    }


def test_decisive_is_no_content() -> None:
    """A list or an object decides by being one alone, and nothing of key and team is a request's."""
    asked = {"trace_id": ["x"], "generation_id": {}, "user_api_key_metadata": {"a": 1}}

    assert decisive(asked) == {**asked, "trace_id": True, "generation_id": False}
    assert decisive(asked, REQUESTS_OWN) == {"trace_id": True, "generation_id": False}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMED = st.dictionaries(st.sampled_from(list(NAMES)), JSON, min_size=1)
BODY = st.fixed_dictionaries({}, optional={"litellm_metadata": JSON | NAMED})
REQUEST = st.fixed_dictionaries({}, optional={"headers": JSON | NAMED, "body": JSON | BODY})
PARTS = {
    "metadata": JSON | NAMED,
    "litellm_metadata": JSON | NAMED,
    "proxy_server_request": JSON | REQUEST,
}


@given(st.fixed_dictionaries({}, optional=PARTS))
def test_never_raises(params: dict[str, Any]) -> None:
    """Metadata of any shape is read as far as it can be."""
    found = call_metadata(params)

    assert set(found.fields) <= set(FIELDS)


@given(NAMED)
def test_fields_of_any_value(metadata: dict[str, Any]) -> None:
    """Each field is found that has a value, of whatever kind."""
    found = call_metadata({"metadata": metadata})

    given = {name for name, value in metadata.items() if value is not None}
    assert set(found.fields) == {NAMES[name] for name in given}
    assert found.rest == {}


SPELLINGS = [written for name in NAMES for written in (name, name.replace("_", "-"))]


@given(st.dictionaries(st.text() | st.sampled_from(SPELLINGS), JSON))
def test_headers_never_raise(headers: dict[str, Any]) -> None:
    """Headers of any kind are read as far as they can be, however they are spelled."""
    named = {name.lower().replace("-", "_") for name in headers}
    ours = {name for name in named & NAMES.keys() if name.startswith("langfuse_")}

    assert set(from_headers(headers)) == ours
