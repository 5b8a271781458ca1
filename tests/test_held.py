"""What a caller may change when a call has ended, held as it was."""

from __future__ import annotations

import weakref
from copy import deepcopy
from datetime import datetime
from operator import methodcaller
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls import ENDED, STARTED, Growing, a_call, a_response
from langfuse_otel._litellm.held import (
    LONG,
    Held,
    Long,
    content_of,
    content_size,
    held,
    held_answer,
    held_content,
    held_metadata,
    held_whole,
    opened,
    size_of,
)
from langfuse_otel._litellm.metadata import call_metadata
from langfuse_otel._litellm.names import FIELDS, IDENTITY_FACTS, KEY
from langfuse_otel._litellm.observation import observation_from
from langfuse_otel._litellm.snapshot import Snapshot, snapshot_of
from langfuse_otel._records import Defaults
from langfuse_otel._text import FEW, json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._records import Observation

REQUEST = {"headers": {}, "body": {}}


def held_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return what is held of LiteLLM's `litellm_params`."""
    kwargs = {"litellm_params": params}
    found: dict[str, Any] = held(kwargs, held_metadata(kwargs))["litellm_params"]
    return found


APPENDED = methodcaller("append", "more")
UPDATED = methodcaller("update", more=1)


@pytest.mark.parametrize("inlet", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize(
    ("name", "value", "change"),
    [
        ("tags", ["a"], APPENDED),
        ("langfuse_tags", ["a"], APPENDED),
        ("trace_metadata", {"a": 1}, UPDATED),
        ("prompt", {"name": "p", "version": 1}, methodcaller("update", version=2)),
        ("langfuse_prompt", {"name": "p", "version": 1}, methodcaller("update", version=2)),
        ("mine", {"a": {"b": [1]}}, UPDATED),
        ("endpoint", {"a": 1}, UPDATED),
    ],
    ids=[
        "field",
        "prefixed-field",
        "mapping",
        "prompt",
        "prefixed-prompt",
        "own-name",
        "name-of-the-proxys",
    ],
)
def test_later_changes(inlet: str, name: str, value: Any, change: Callable[[Any], None]) -> None:
    """A value that is changed, and a key that is added, are not in what was held."""
    metadata = {name: value}
    before = deepcopy(call_metadata({inlet: metadata}))
    taken = held_params({inlet: metadata})
    change(value)
    metadata["session_id"] = "later"

    assert call_metadata(taken) == before


def test_later_changes_of_a_request() -> None:
    """What the proxy keeps of a request's metadata is held as well."""
    asked = {"trace_metadata": {"a": 1}}
    taken = held_params(
        {"metadata": {"requester_metadata": asked}, "proxy_server_request": REQUEST}
    )
    asked["trace_metadata"]["a"] = 2

    assert call_metadata(taken).fields == {"trace_metadata": {"a": 1}}


def test_metadata_that_grow() -> None:
    """What another thread adds meanwhile disturbs nothing."""
    assert held_params({"metadata": Growing(mine=1)})["metadata"] == {"mine": 1}


@pytest.mark.parametrize("value", ["x", 7, 1.5, True, None, UUID(int=1)])
def test_what_nobody_changes(value: object) -> None:
    """A value that cannot change is not made to JSON."""
    assert held_params({"metadata": {"mine": value}})["metadata"] == {"mine": value}


@pytest.mark.parametrize("name", ["prompt", "langfuse_prompt", "user_api_key_team_metadata"])
def test_what_stays_as_it_is(name: str) -> None:
    """Langfuse's prompts are no JSON, and the operator's settings are nobody's to change."""
    thing = object()

    assert held_params({"metadata": {name: thing}})["metadata"][name] is thing


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("model_info", {}),
        ("previous_models", {}),
        ("hidden_params", {}),
        ("user_api_key_auth", {}),
        ("deployment", {"model_group": "g"}),
        ("usage_object", {KEY: "k"}),
        ("headers", {KEY: "k"}),
    ],
)
def test_what_is_litellms(name: str, mark: dict[str, str]) -> None:
    """LiteLLM's own objects, which may hold keys or messages, do not wait with the call."""
    params = {"metadata": {**mark, name: [object()], "mine": 1}}

    assert held_params(params)["metadata"] == {**mark, "mine": 1}


def test_the_whole() -> None:
    """Of a call that failed all is there as LiteLLM gave it, but for the caller's metadata."""
    kwargs = {
        "exception": ValueError(),
        "api_key": "sk-secret",
        "litellm_params": {"api_key": "other", "metadata": {"tags": ["a"]}},
    }
    changed = {"api_key": "other", "metadata": {"tags": Held('["a"]')}}

    assert held_whole(kwargs, held_metadata(kwargs)) == {**kwargs, "litellm_params": changed}
    assert held_whole({}, {}) == {"litellm_params": {}}


class Content:
    """Whatever is held of a call, but must not be."""


def test_no_content() -> None:
    """Nothing waits with a call that says the same again: messages, answer, the request's body."""
    content = Content()
    gone = weakref.ref(content)
    kwargs: dict[str, Any] = {
        "messages": [content],
        "input": content,
        "original_response": content,
        "additional_args": {"complete_input_dict": content},
        "litellm_params": {
            "proxy_server_request": {"headers": {"a": "b"}, "body": {"messages": [content]}},
            "metadata": {"mine": "x"},
            "logger_fn": content,
        },
        "standard_logging_object": {
            "messages": [content],
            "response": content,
            "metadata": {"user_api_key_alias": "k", "vector_store_request_metadata": content},
        },
    }
    taken = held(kwargs, held_metadata(kwargs)), held_answer({"id": "r", "output": content}, kwargs)
    del kwargs, content

    assert gone() is None
    assert taken[0]["litellm_params"]["proxy_server_request"]["headers"] == {"a": "b"}


@pytest.mark.parametrize(
    ("response", "usage"),
    [
        ({"usage": {"total_tokens": 1}}, {"total_tokens": 1}),
        ([{"type": "response.done"}], {"total_tokens": 2}),
        ({"text": "redacted-by-litellm"}, {"total_tokens": 3}),
        ({"text": "spoken"}, None),
    ],
    ids=["answer", "realtime", "redacted", "without"],
)
def test_usage(response: object, usage: object) -> None:
    """The usage is held from where LiteLLM has it."""
    payload = {
        "response": {"usage": {"total_tokens": 2}},
        "metadata": {"usage_object": {"total_tokens": 3}},
    }
    found = held_answer(response, {"standard_logging_object": payload})

    assert found is not None
    assert found["usage"] == usage


BY_PROXY = {"headers": {}, "body": {"a": "b"}}
OTHER = datetime(2026, 11, 21, 8, 0, 1)  # noqa: DTZ001 - LiteLLM's times are naive and local
MANAGED = {"prompt_id": "p", "prompt_version": 3}
OF_KEY = ("user_api_key_metadata", "user_api_key_team_metadata", "user_api_key_auth_metadata")


def params(**given: Any) -> dict[str, Any]:
    """Return LiteLLM's parameters of a call."""
    return {"litellm_params": given}


def of_key(**given: Any) -> dict[str, Any]:
    """Return the parameters of a request to the proxy, and what that knows of its key and team."""
    return params(metadata={KEY: "k", **given}, proxy_server_request=BY_PROXY)


def payload(**given: Any) -> dict[str, Any]:
    """Return what LiteLLM's payload says of a call that has no ids elsewhere."""
    return {
        "litellm_call_id": None,
        "litellm_trace_id": None,
        "response_cost": 0.75,
        "standard_logging_object": given,
    }


# What stands beside it, and how a call is with it.
NEEDED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cache_hit": ({}, {"cache_hit": True}),
    "call_type": ({}, {"call_type": "embedding"}),
    "completion_start_time": ({"stream": True}, {"completion_start_time": OTHER}),
    "custom_llm_provider": ({}, {"custom_llm_provider": "azure"}),
    "litellm_call_id": ({}, {"litellm_call_id": "other"}),
    "litellm_trace_id": ({}, {"litellm_trace_id": "other"}),
    "model": ({}, {"model": "other"}),
    "prompt_id": ({"prompt_version": 3}, {"prompt_id": "p"}),
    "prompt_version": ({"prompt_id": "p"}, {"prompt_version": 3}),
    "response_cost": ({}, {"response_cost": 0.5}),
    "stream": ({"completion_start_time": OTHER}, {"stream": True}),
    "user": ({}, {"user": "u"}),
    "no-upstream": ({"user": "u"}, {"litellm_no_upstream_llm_call": True}),
    "api_base": (params(), params(api_base="http://x")),
    "mask": (params(), params(_langfuse_masking_function=str.upper)),
    "header": (
        params(proxy_server_request=BY_PROXY),
        params(proxy_server_request={**BY_PROXY, "headers": {"langfuse_session_id": "s"}}),
    ),
    "body": (
        params(proxy_server_request=BY_PROXY),
        params(proxy_server_request={**BY_PROXY, "body": {"litellm_metadata": {"mine": "x"}}}),
    ),
    "derived": (
        of_key(session_id="s"),
        params(
            metadata={KEY: "k", "session_id": "s"},
            proxy_server_request={
                "headers": {"langfuse_session_id": "other"},
                "body": {"litellm_session_id": "s"},
            },
        ),
    ),
    "request": (
        params(metadata={"queue_time_seconds": 1}),
        params(metadata={"queue_time_seconds": 1}, proxy_server_request=BY_PROXY),
    ),
    "inherited_tags": (
        params(metadata={"tags": ["a"], KEY: "k"}, proxy_server_request=BY_PROXY),
        params(
            metadata={"tags": ["a"], "inherited_tags": ["b"], KEY: "k"},
            proxy_server_request=BY_PROXY,
        ),
    ),
    **{name: (of_key(), of_key(**{name: {"langfuse_session_id": "s"}})) for name in OF_KEY},
    "payload-api_base": (payload(), payload(api_base="http://y")),
    "cost_breakdown": (payload(), payload(cost_breakdown={"input_cost": 0.25, "output_cost": 0.5})),
    "end_user": (payload(), payload(end_user="e")),
    "id": (payload(), payload(id="i")),
    "model_group": (payload(), payload(model_group="fast")),
    "trace_id": (payload(), payload(trace_id="t")),
    "prompt": (payload(), payload(metadata={"prompt_management_metadata": MANAGED})),
    "tool": (
        {"call_type": "call_mcp_tool", **payload()},
        {
            "call_type": "call_mcp_tool",
            **payload(metadata={"mcp_tool_call_metadata": {"name": "add"}}),
        },
    ),
    **{name: (payload(), payload(metadata={name: "x"})) for name in sorted(IDENTITY_FACTS)},
}


def shown(taken: Snapshot, defaults: Defaults) -> tuple[Observation, bool]:
    """Return what is read of a call, and whether it has a mask: no two of those are equal."""
    observation = observation_from(taken, None, defaults)
    return observation._replace(mask=None), observation.mask is not None


@pytest.mark.parametrize(("without", "with_it"), NEEDED.values(), ids=NEEDED)
def test_what_is_needed(without: dict[str, Any], with_it: dict[str, Any]) -> None:
    """What makes a difference to an observation is held, and reads as it did in the whole."""
    defaults = Defaults(trusts_requests="litellm_no_upstream_llm_call" not in with_it)
    kwargs = a_call(**{**without, **with_it})
    taken, bare = (
        snapshot_of(one, a_response(), STARTED, ENDED) for one in (kwargs, a_call(**without))
    )
    whole = taken._replace(kwargs=held_whole(kwargs, held_metadata(kwargs)))

    assert shown(taken, defaults) == shown(whole, defaults) != shown(bare, defaults)


@pytest.mark.parametrize(("response", "is_whole"), [(a_response(), False), (None, True)])
def test_which_call_is_held_whole(response: object, is_whole: bool) -> None:
    """A call that failed is, one that succeeded is not."""
    assert ("messages" in snapshot_of(a_call(), response, STARTED, ENDED).kwargs) is is_whole


def test_no_answer() -> None:
    """Without a response nothing of it is held."""
    assert held_answer(None, {}) is None


def test_size() -> None:
    """Texts and what was made to JSON count; LiteLLM's own objects do not."""
    taken = held_params(
        {"metadata": {"mine": "abc", "tags": ["a"], "n": 7, "model_info": {"a": 1}, "more": "de"}}
    )

    assert size_of(taken) == len("abc") + len('["a"]') + len("de")
    assert size_of({}) == 0


TEXT = "x" * LONG
ASKED = [{"role": "user", "content": [{"type": "text", "text": TEXT}], "n": 1, "name": None}]


def test_long_content() -> None:
    """Of a long text nothing is copied but what it stands in: later changes are not seen."""
    asked = deepcopy(ASKED)
    taken = held_content(asked)
    before = json_text(asked)
    asked[0]["content"][0]["text"] = "changed"
    asked[0]["content"].append("more")
    asked.append({"role": "assistant"})

    assert isinstance(taken, Long)
    assert taken.value[0]["content"][0]["text"] is TEXT
    assert content_of(taken) == before
    assert content_size(taken) == len(TEXT) + len("user") + len("text")


class Meddling(str):
    """A key that adds another to its dictionary, as a thread may, when that is looked through."""

    __slots__ = ("within",)
    within: dict[str, Any]

    def __hash__(self) -> int:
        self.within["more"] = 1
        return super().__hash__()


def test_long_content_that_grows() -> None:
    """What another thread adds meanwhile disturbs nothing."""
    asked: dict[str, Any] = {}
    key = Meddling("content")
    key.within = {}
    asked[key] = TEXT
    key.within = asked
    taken = held_content(asked)

    assert isinstance(taken, Long)
    assert taken.value["content"] is TEXT


@pytest.mark.parametrize(
    "value",
    ["short", TEXT[1:], [TEXT, *["x"] * FEW], [TEXT, 2**60], [TEXT, object()], (TEXT,)],
    ids=["short", "almost-long", "many", "large-integer", "object", "tuple"],
)
def test_other_content(value: object) -> None:
    """What is short, or no few objects of JSON's own, is JSON text at once."""
    taken = held_content(value)

    assert taken == json_text(value) == content_of(taken)
    assert content_size(taken) == len(json_text(value))


def test_no_content_at_all() -> None:
    """Nothing is nothing."""
    assert held_content(None) is None
    assert content_of(None) is None
    assert content_size(None) == 0


@pytest.mark.parametrize("is_failed", [False, True])
def test_long_calls(is_failed: bool) -> None:
    """A long question and a long answer are shown as short ones are, and count with their size."""
    response = None if is_failed else a_response(TEXT)
    taken = snapshot_of(a_call(messages=ASKED), response, STARTED, ENDED, said=a_response(TEXT))
    observation = observation_from(taken, None, Defaults())

    assert observation.input == json_text(ASKED)
    assert observation.output == json_text({"content": TEXT, "role": "assistant"})
    assert 2 * len(TEXT) < taken.size < 2 * len(TEXT) + 6_000


def test_opened() -> None:
    """What was held is there again, and what needed no holding is itself."""
    assert opened(Held('{"a":[1]}')) == {"a": [1]}
    assert opened("text") == "text"


NAMES = st.sampled_from(
    [*FIELDS, "mine", "requester_metadata", "user_api_key_hash", "user_api_key_metadata", "body"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)
PARTS = ("metadata", "litellm_metadata", "proxy_server_request")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(PARTS, JSON)))
def test_holding_changes_nothing(params: dict[str, Any]) -> None:
    """What is read of metadata of any shape is the same with and without holding it."""
    before, after = call_metadata(params), call_metadata(held_params(params))

    assert json_text(after.rest) == json_text(before.rest)
    assert after._replace(rest={}) == before._replace(rest={})
