"""Which calls come by the proxy; a request that nobody trusts, without what it says of its trace."""

from __future__ import annotations

from typing import Any

import pytest

from calls import a_call
from langfuse_otel._litellm.call import read_call
from langfuse_otel._litellm.names import FIELDS
from langfuse_otel._litellm.trust import (
    OF_A_TRACE,
    came_by_proxy,
    distrusted,
    is_proxied,
    is_unauthenticated,
)

# What the client says of itself, in each of the places that LiteLLM has for it.
CHOSEN = {name: f"the {name}" for name in FIELDS}
REQUEST = {"headers": {"traceparent": "00-1-2-01"}, "body": {}, "url": "http://proxy"}
PAYLOAD = {
    "trace_id": "chosen",
    "end_user": "chosen",
    "metadata": {"user_api_key_end_user_id": "chosen", "user_api_key_alias": "team-a"},
}


def proxied(known: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a request to the proxy that chooses all it can."""
    metadata = {"user_api_key_hash": "hash", "requester_metadata": CHOSEN, **known}
    return a_call(
        litellm_trace_id="chosen",
        user="chosen",
        litellm_params={"metadata": metadata, "proxy_server_request": REQUEST},
        standard_logging_object=PAYLOAD,
    )


def test_proxied() -> None:
    """A request to the proxy is known by what LiteLLM keeps of it."""
    assert is_proxied({"litellm_params": {"proxy_server_request": {"url": "http://proxy"}}})
    assert not is_proxied(a_call())
    assert not is_proxied({})


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, False),
        ({"litellm_params": {"metadata": {"mine": 1}}}, False),
        ({"litellm_params": {"proxy_server_request": REQUEST}}, True),
        ({"litellm_params": {"metadata": {"user_api_key_hash": "h"}}}, True),
        ({"litellm_params": {"litellm_metadata": {"user_api_key": "h"}}}, True),
        ({"litellm_no_upstream_llm_call": True}, True),
        ({"call_type": "pass_through_endpoint"}, True),
    ],
)
def test_came_by_proxy(kwargs: dict[str, Any], expected: bool) -> None:
    """Any trace of the proxy makes a call the proxy's."""
    assert came_by_proxy(kwargs) is expected


def test_unauthenticated() -> None:
    """What the proxy rejected before it knew who asked is told apart from what it rejected later."""
    rejected = a_call({"user_api_key_hash": None}, litellm_no_upstream_llm_call=True)
    params = {**rejected["litellm_params"], "proxy_server_request": REQUEST}

    assert is_unauthenticated(rejected)
    assert not is_unauthenticated({**rejected, "litellm_params": params})
    assert not is_unauthenticated(a_call())


def test_calls_of_the_program() -> None:
    """What the program says itself is believed."""
    call = read_call(a_call(CHOSEN, user="u"), None)

    assert distrusted(call) is call


def test_fields() -> None:
    """The fields that choose a trace are gone, those that do not stay."""
    call = distrusted(read_call(proxied({}), None))

    assert call.fields.keys() == {*FIELDS} - OF_A_TRACE - {"masking_function"}
    assert call.fields["version"] == "the version"


def test_pinned_fields() -> None:
    """What the operator pinned to the key stays."""
    known = {"user_api_key_metadata": {"langfuse_session_id": "of the key"}}
    call = distrusted(read_call(proxied(known), None))

    assert OF_A_TRACE & call.fields.keys() == {"session_id"}
    assert call.text("session_id") == "of the key"


def test_beside_the_metadata() -> None:
    """User, trace and request are gone as well; the trace is made of the call's id and the key."""
    call = distrusted(read_call(proxied({}), None))

    assert call.kwargs["user"] is None
    assert call.kwargs["litellm_trace_id"] == "call-1|hash"
    assert call.payload["end_user"] is None
    assert call.payload["metadata"] == {
        "user_api_key_end_user_id": None,
        "user_api_key_alias": "team-a",
    }
    assert call.params["proxy_server_request"] is None


def test_the_rest() -> None:
    """Nothing else of the call is changed."""
    before = read_call(proxied({}), "answer")
    after = distrusted(before)

    assert (after.response, after.failed) == ("answer", before.failed)
    assert {**after.kwargs, "user": "chosen", "litellm_trace_id": "chosen"} == before.kwargs
    assert {**after.payload, "end_user": "chosen", "metadata": PAYLOAD["metadata"]} == PAYLOAD
    assert {**after.params, "proxy_server_request": REQUEST} == before.params


@pytest.mark.parametrize("inlet", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize("name", ["user_api_key_hash", "user_api_key"])
def test_known_by_the_key(inlet: str, name: str) -> None:
    """A request is known by the key that the proxy notes, also where it notes no request."""
    metadata = {name: "hash", "session_id": "chosen"}
    call = distrusted(read_call(a_call(litellm_params={inlet: metadata}), None))

    assert call.text("session_id") is None
