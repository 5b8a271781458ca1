"""What decides about the trace of a call, when it ends and when it starts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from calls import MESSAGES, Growing, a_call, observation_of
from langfuse_otel._litellm.call import call_id_of
from langfuse_otel._litellm.clues import clues_of, what_decides
from langfuse_otel._litellm.limits import short_text
from langfuse_otel._records import Clues, Defaults, Parent
from langfuse_otel._text import json_text

TRACE = "0af7651916cd43dd8448eb211c80319c"
OF_LITELLM = "0af76519-16cd-43dd-8448-eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
REMOTE = Parent(int(TRACE, 16), 0xB7AD6B7169203331)
AMBIENT = Parent(0xABC, 0xDEF)
CALL = Clues("call-1", 0, litellm_trace_id=OF_LITELLM)
IDS = ("trace_id", "existing_trace_id", "parent_observation_id", "generation_id")
LONG = "x" * 600


def proxied(
    headers: dict[str, Any] | None = None, body: object = None, **metadata: Any
) -> dict[str, Any]:
    """Return the arguments of a request to the proxy."""
    request = {"headers": headers or {}, "body": body or {}, "url": "http://proxy"}
    return a_call(litellm_params={"metadata": metadata, "proxy_server_request": request})


CALLS: dict[str, tuple[dict[str, Any], Clues]] = {
    "bare": (a_call(), CALL),
    "nothing": ({}, Clues("", 0)),
    "no-id": (
        a_call(litellm_call_id=None, standard_logging_object={"id": "chatcmpl-1"}),
        CALL._replace(call_id="chatcmpl-1"),
    ),
    "trace-of-the-payload": (a_call(litellm_trace_id=None), CALL),
    **{name: (a_call({name: "mine"}), CALL._replace(**{name: "mine"})) for name in IDS},
    "litellm-metadata": (
        a_call(litellm_params={"litellm_metadata": {"trace_id": "mine"}}),
        CALL._replace(trace_id="mine"),
    ),
    "long": (a_call({"trace_id": LONG}), CALL._replace(trace_id=short_text(LONG))),
    "own-trace": (a_call(litellm_trace_id=7), CALL._replace(litellm_trace_id="7")),
    "own-long-trace": (
        a_call(litellm_trace_id=LONG),
        CALL._replace(litellm_trace_id=short_text(LONG)),
    ),
    "own-trace-of-an-odd-kind": (
        a_call(litellm_trace_id=UUID(OF_LITELLM)),
        CALL._replace(litellm_trace_id=OF_LITELLM),
    ),
    "own-empty-trace": (a_call(litellm_trace_id=""), CALL._replace(litellm_trace_id=None)),
    "traceparent": (proxied({"Traceparent": TRACEPARENT}), CALL._replace(remote=REMOTE)),
    "headers-that-grow": (
        proxied(Growing({"a": "b", "Traceparent": TRACEPARENT})),
        CALL._replace(remote=REMOTE),
    ),
    "header": (proxied({"Langfuse-Trace-Id": "mine"}), CALL._replace(trace_id="mine")),
    "body": (proxied(requester_metadata={"trace_id": "mine"}), CALL._replace(trace_id="mine")),
    "body-litellm": (
        proxied(body={"litellm_metadata": {"trace_id": "mine"}}),
        CALL._replace(trace_id="mine"),
    ),
    "pinned": (
        proxied(user_api_key_metadata={"langfuse_trace_id": "mine"}),
        CALL._replace(trace_id="mine"),
    ),
    "alone": (
        proxied(
            {"traceparent": TRACEPARENT}, requester_metadata={"ignore_context_propagation": True}
        ),
        CALL._replace(litellm_trace_id=None),
    ),
}


@pytest.mark.parametrize(("kwargs", "clues"), CALLS.values(), ids=CALLS)
def test_clues(kwargs: dict[str, Any], clues: Clues) -> None:
    """Each clue is read from where LiteLLM has it."""
    assert clues_of(kwargs, None, Defaults()) == clues


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"no-id", "trace-of-the-payload"}))
def test_kept_from_the_start(name: str) -> None:
    """What is kept from the start of a call decides the same as all of it."""
    kwargs, _ = CALLS[name]
    kept = {"litellm_call_id": call_id_of(kwargs), **what_decides(kwargs)}

    assert clues_of(kept, None, Defaults()) == clues_of(kwargs, None, Defaults())


def test_what_is_kept() -> None:
    """Of what decides nothing is kept: no content, no credentials; of what does, its beginning."""
    headers = {"authorization": "Bearer x", "langfuse_trace_id": LONG, "TRACEPARENT": TRACEPARENT}
    body = {"messages": MESSAGES, "litellm_metadata": {"session_id": "s", "trace_id": LONG}}
    body["litellm_trace_id"] = LONG
    asked = {"note": "n", "generation_id": LONG}
    kwargs = proxied(headers, body, user_api_key_hash="hash", requester_metadata=asked)
    kwargs["litellm_trace_id"] = LONG

    assert what_decides(kwargs) == {
        "litellm_trace_id": short_text(LONG),
        "litellm_params": {
            "metadata": {
                "user_api_key_hash": "hash",
                "requester_metadata": {"generation_id": short_text(LONG)},
            },
            "proxy_server_request": {
                "headers": {"langfuse_trace_id": short_text(LONG), "TRACEPARENT": TRACEPARENT},
                "body": {
                    "litellm_metadata": {"trace_id": short_text(LONG)},
                    "litellm_trace_id": short_text(LONG),
                },
            },
        },
    }
    for nothing in ({}, {"litellm_params": {"metadata": {"mine": 1}}}):
        assert what_decides(nothing) == {"litellm_trace_id": None}


HUGE = [LONG * 100]
MOST = 10_000


@pytest.mark.parametrize(
    "kwargs",
    [
        *(a_call({name: odd}) for name in IDS for odd in (HUGE, {"a": HUGE})),
        proxied(inherited_tags=HUGE, user_api_key_hash="hash"),
        proxied(requester_metadata={"generation_id": HUGE, "user_api_key_metadata": {"a": HUGE}}),
        proxied(body={"litellm_metadata": {"trace_id": HUGE, "user_api_key_metadata": HUGE}}),
        proxied({f"langfuse_{HUGE}": "v", f"traceparent{HUGE}": "v"}),
        proxied(requester_metadata={"ignore_context_propagation": HUGE}),
    ],
)
def test_little_is_kept(kwargs: dict[str, Any]) -> None:
    """Whatever a request puts in place of an id, little of it is kept, and it decides the same."""
    kept = {"litellm_call_id": call_id_of(kwargs), **what_decides(kwargs)}

    assert len(json_text(kept)) < MOST
    assert clues_of(kept, AMBIENT, Defaults()) == clues_of(kwargs, AMBIENT, Defaults())


def test_ambient() -> None:
    """The active span is a clue, unless the settings ignore it."""
    assert clues_of(a_call(), AMBIENT, Defaults()) == CALL._replace(ambient=AMBIENT)
    assert clues_of(a_call(), AMBIENT, Defaults(ignores_context=True)) == CALL


def test_distrusted() -> None:
    """Of a request that is not trusted the ids of call and key count."""
    kwargs = proxied(user_api_key_hash="hash", requester_metadata={"trace_id": "mine"})
    found = clues_of(kwargs, None, Defaults(trusts_requests=False))

    assert found == CALL._replace(litellm_trace_id="call-1|hash")


@pytest.mark.parametrize(
    ("ambient", "kept"), [(AMBIENT, AMBIENT), (REMOTE._replace(span_id=7), None)]
)
def test_active_span_of_a_request(ambient: Parent, kept: Parent | None) -> None:
    """A request that is not trusted does not choose its trace by that of the server's own span."""
    kwargs = proxied({"traceparent": TRACEPARENT}, user_api_key_hash="hash")
    distrusting = Defaults(trusts_requests=False)

    assert clues_of(kwargs, ambient, distrusting).ambient == kept
    assert observation_of(kwargs, None, ambient=ambient, defaults=distrusting).clues.ambient == kept
    assert clues_of(kwargs, ambient, Defaults()).ambient == ambient
