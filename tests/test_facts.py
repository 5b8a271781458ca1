"""LiteLLM's facts about a call, which Langfuse has no fields for."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from calls import a_call, a_response, observation_of
from langfuse_otel._litellm.call import read_call
from langfuse_otel._litellm.facts import IDENTITY_FACTS, IDS, ROUTER_FACTS, observation_metadata
from langfuse_otel._litellm.limits import short_text
from langfuse_otel._litellm.names import END_USER
from langfuse_otel._records import Defaults

BARE = {
    "litellm_call_id": "call-1",
    "call_type": "completion",
    "custom_llm_provider": "openai",
}


def facts(
    kwargs: dict[str, Any], response: object = "answer", retries: int | None = None, **more: bool
) -> dict[str, Any]:
    """Return what is said of a call beside `BARE`."""
    found = observation_metadata(read_call(kwargs, response), retries, **more)
    return {name: value for name, value in found.items() if BARE.get(name) != value}


def payload(**changes: Any) -> dict[str, Any]:
    """Return the arguments of a call about which LiteLLM says this in its payload."""
    return a_call(standard_logging_object=changes)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        (a_call(), {}),
        (payload(api_base="https://a.example"), {"api_base": "https://a.example"}),
        (
            a_call(litellm_params={"api_base": "https://b.example"}),
            {"api_base": "https://b.example"},
        ),
        (payload(model_group="fast"), {"model_group": "fast"}),
        (
            payload(metadata={"mcp_tool_call_metadata": {"mcp_server_name": "maths"}}),
            {"mcp_server_name": "maths"},
        ),
        (a_call(cache_hit=True), {"cache_hit": True}),
        (a_call(cache_hit=False), {}),
        (a_call({"attempted_retries": 2, "previous_models": []}), {"attempted_retries": 2}),
        (
            a_call(litellm_params={"litellm_metadata": {"deployment": "eu", "queue": 1}}),
            {"deployment": "eu", "queue": 1},
        ),
        *((a_call({name: "mine"}), {name: "mine"}) for name in sorted(IDS)),
        *((payload(metadata={name: "x"}), {name: "x"}) for name in sorted(IDENTITY_FACTS)),
        (payload(metadata={"user_api_key_hash": "x", "user_api_key_alias": None}), {}),
        (
            payload(metadata={"user_api_key_end_user_id": "u" * 600}),
            {"user_api_key_end_user_id": short_text("u" * 600)},
        ),
        (payload(metadata={"user_api_key_team_id": 7}), {"user_api_key_team_id": 7}),
        (a_call({"mine": 0, "call_type": "mine"}), {"mine": 0, "call_type": "mine"}),
        (a_call({"raw_request": "curl ..."}), {"raw_request": "curl ..."}),
    ],
)
def test_facts(kwargs: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each fact is read from where LiteLLM has it; what the caller says wins."""
    assert facts(kwargs) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            a_response("a", "b"),
            {
                "response_id": "chatcmpl-1",
                "response_model": "gpt-4o-2026",
                "finish_reasons": ["stop", "stop"],
            },
        ),
        (
            {"choices": [{"finish_reason": None}, {"finish_reason": "length"}]},
            {"finish_reasons": ["length"]},
        ),
        (
            {"incomplete_details": {"reason": "max_output_tokens"}},
            {"finish_reasons": ["max_output_tokens"]},
        ),
        ({"incomplete_details": None}, {}),
        ({"choices": "stop"}, {}),
        (SimpleNamespace(choices=None), {}),
    ],
    ids=["response", "dict", "cut", "whole", "text", "nothing"],
)
def test_facts_of_the_response(response: object, expected: dict[str, Any]) -> None:
    """Id, model and the reasons for which it ended are read from a response."""
    assert facts(a_call(), response) == expected


@pytest.mark.parametrize("response", [a_response(), None], ids=["held", "held-whole"])
@pytest.mark.parametrize("inlet", ["metadata", "litellm_metadata"])
def test_without_a_payload(inlet: str, response: object) -> None:
    """Who called, and the group of the model, are told without LiteLLM's payload, too."""
    who = dict.fromkeys(IDENTITY_FACTS, "x") | {"model_group": "fast"}
    known = {**who, "user_api_key_hash": "h", "tags": "ab", "prompt_management_metadata": {"a": 1}}
    kwargs = a_call(standard_logging_object=None, litellm_params={inlet: known})
    observation = observation_of(kwargs, response)

    assert json.loads(observation.metadata or "").items() >= who.items()
    assert observation.trace.user_id == "x"


def test_end_user_without_a_payload() -> None:
    """The user that a request names is found there, and not believed where requests are not."""
    known = {"user_api_key_hash": "h", END_USER: "theirs", "user_api_key_user_id": "owner"}
    kwargs = a_call(known, standard_logging_object=None)
    distrusting = Defaults(trusts_requests=False)

    assert observation_of(kwargs, a_response()).trace.user_id == "theirs"
    assert observation_of(kwargs, a_response(), defaults=distrusting).trace.user_id == "owner"


def test_router() -> None:
    """The router's facts are among what it puts into the metadata, also where they are 0."""
    metadata = dict.fromkeys(ROUTER_FACTS, 0) | {"model_group": "fast"}

    assert facts(a_call(metadata)) == metadata


def test_retries() -> None:
    """Where the router does not count the attempts, ours are told."""
    assert facts(a_call(), retries=2) == {"attempted_retries": 2}
    assert facts(a_call({"attempted_retries": 1}), retries=2) == {"attempted_retries": 1}


class RefusedError(Exception):
    status_code = 429
    llm_provider = "azure"


FAILED = a_call(exception=RefusedError("no"), traceback_exception="Traceback of the call")
INFORMATION = {"error_code": "500", "llm_provider": "openai", "traceback": "Traceback of LiteLLM"}
TYPE = "test_facts.RefusedError"


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        (FAILED, (TYPE, "Traceback of the call", 429, "azure")),
        (
            {**FAILED, "standard_logging_object": {"error_information": INFORMATION}},
            (TYPE, "Traceback of the call", "500", "openai"),
        ),
        (
            payload(error_information=INFORMATION),
            (None, "Traceback of LiteLLM", "500", "openai"),
        ),
        (a_call(), (None, None, None, None)),
    ],
    ids=["exception", "both", "payload", "nothing"],
)
def test_error(kwargs: dict[str, Any], expected: tuple[object, ...]) -> None:
    """Type, stack trace, code and provider of an error are told, as LiteLLM says them or it does."""
    names = ("exception.type", "exception.stacktrace", "error_code", "llm_provider")
    told = {name: value for name, value in zip(names, expected, strict=True) if value is not None}

    assert facts(kwargs, None) == told
    assert facts(kwargs) == {}


def test_not_quoting() -> None:
    """What may quote the content is left out where that is hidden."""
    kwargs = {**FAILED, "litellm_params": {"metadata": {"raw_request": "curl ...", "mine": 1}}}

    assert facts(kwargs, None, is_quoting=False) == {
        "exception.type": TYPE,
        "error_code": 429,
        "llm_provider": "azure",
        "mine": 1,
    }


def test_debug() -> None:
    """With `debug_langfuse` all that came in is shown as well."""
    kwargs = a_call({"debug_langfuse": True, "tags": ["x"], "mine": 1})
    passed = {"debug_langfuse": True, "tags": ["x"], "mine": 1}

    assert facts(kwargs) == {"metadata_passed_to_litellm": passed, "mine": 1}
    assert facts(a_call({"debug_langfuse": "false"})) == {}
