"""LiteLLM's callback arguments become our record."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls import ENDED, MESSAGES, STARTED, a_call, a_response, observation_of, observed
from langfuse_otel._litellm import call_masks
from langfuse_otel._litellm.names import FIELDS
from langfuse_otel._litellm.observation import (
    UNREAD,
    is_cut_short,
    observation_from,
    unread_observation_of,
)
from langfuse_otel._litellm.redaction import ALL_REDACTED, NOT_CAPTURED, REDACTED, SHOWN, Hidden
from langfuse_otel._litellm.snapshot import snapshot_of
from langfuse_otel._records import Attempt, Defaults, Parent, Prompt, TraceFields
from langfuse_otel._spans.identity import identify
from langfuse_otel._text import json_text
from langfuse_otel._values import nanoseconds_of

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
TOKENS = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
BUCKETS = {"input": 1, "output": 2, "total": 3}
FAILURE: dict[str, Any] = {
    "exception": ValueError("boom"),
    "traceback_exception": "Traceback: ...",
    "response_cost": 0,
}


def metadata_of(kwargs: dict[str, Any], response: object = None) -> dict[str, Any]:
    """Return the observation metadata of a call."""
    found = json.loads(observed(kwargs, response).metadata or "{}")
    assert isinstance(found, dict)
    return found


def test_times() -> None:
    """Start and end are those of the call, in nanoseconds."""
    observation = observed()

    assert observation.started_ns == int(STARTED.timestamp()) * 10**9
    assert observation.ended_ns - observation.started_ns == 2 * 10**9


def at(seconds: int) -> datetime:
    """Return a time so long after the start."""
    return STARTED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("started", "noted", "attempted", "ended", "expected"),
    [
        (at(1), at(2), None, at(9), (1, 9)),
        (None, at(2), None, at(9), (2, 9)),
        (at(1), None, at(3), at(9), (3, 9)),
        (at(4), None, None, at(3), (4, 4)),
        (at(4), None, None, "later", (4, 4)),
    ],
    ids=["said", "noted", "later-attempt", "clock-set-back", "no-end"],
)
def test_odd_times(
    started: object,
    noted: object,
    attempted: datetime | None,
    ended: object,
    expected: tuple[int, int],
) -> None:
    """A call begins no sooner than its attempt, and ends no sooner than it begins."""
    attempt = Attempt(started=attempted)
    made = observation_of(
        a_call(start_time=noted), a_response(), started=started, ended=ended, attempt=attempt
    )

    assert (made.started_ns, made.ended_ns) == tuple(nanoseconds_of(at(s)) for s in expected)


def test_no_times() -> None:
    """A call without times happened at 0."""
    made = observation_of({}, None, started=None, ended=None)

    assert (made.started_ns, made.ended_ns) == (0, 0)


def test_default_name() -> None:
    """Without a name an observation is named by operation and model."""
    assert observed().name == "chat gpt-4o"
    assert observed(a_call(call_type="acompletion")).name == "chat gpt-4o"


def test_generation_name() -> None:
    """A name in the metadata wins."""
    assert observed(generation_name="welcome").name == "welcome"


def test_input_is_the_messages() -> None:
    """Without tools the input is the list of messages."""
    assert json.loads(observed().input or "") == MESSAGES


def test_no_content() -> None:
    """A call that sends and says nothing has neither input nor output."""
    observation = observed(a_call(call_type="list_mcp_tools"), {"choices": [{}]})

    assert (observation.input, observation.output) == (None, None)


@pytest.mark.parametrize("where", ["optional_params", "top"])
def test_input_with_tools(where: str) -> None:
    """Tool definitions stand beside the messages, where Langfuse looks for them."""
    changes = {"tools": [TOOL]} if where == "top" else {"optional_params": {"tools": [TOOL]}}
    call = a_call(**changes)

    assert json.loads(observed(call).input or "") == {"messages": MESSAGES, "tools": [TOOL]}


def test_output_is_the_whole_message() -> None:
    """Content, tool calls and reasoning arrive together."""
    tool_calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    response = a_response("hello", tool_calls=tool_calls, reasoning_content="because")
    output = json.loads(observed(response=response).output or "")

    assert output["content"] == "hello"
    assert output["reasoning_content"] == "because"
    assert [call["function"]["name"] for call in output["tool_calls"]] == ["f"]
    assert output["role"] == "assistant"


def test_several_choices() -> None:
    """With n > 1 the output is the list of messages."""
    output = json.loads(observed(response=a_response("a", "b")).output or "")

    assert [message["content"] for message in output] == ["a", "b"]


def test_present_parameters() -> None:
    """A parameter counts when it is given, not when it is true."""
    call = a_call(
        optional_params={"temperature": 0, "logprobs": False, "extra_headers": {"x": "secret"}},
        temperature=0,
        top_p=None,
        seed=7,
        api_key="sk-secret",
    )

    assert json.loads(observed(call).model_parameters or "") == {
        "temperature": 0,
        "logprobs": False,
        "seed": 7,
    }


def test_parameters_of_a_transcription() -> None:
    """LiteLLM has those of a transcription in the request alone."""
    sent = {"file": ("a.wav", b"1234"), "temperature": 0.1, "language": "en"}
    changes: dict[str, Any] = {"additional_args": {"complete_input_dict": sent}}
    spoken = a_call(call_type="atranscription", **changes)

    assert observed(spoken).model_parameters == '{"language":"en","temperature":0.1}'
    assert observed(a_call(**changes)).model_parameters is None


def test_no_parameters() -> None:
    """A call without parameters that shape its answer has none."""
    assert observed(a_call(optional_params={"extra_headers": {}})).model_parameters is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"temperature": 0.5, "stop": ["a"]}, '{"temperature":0.5}'),
        ({"stop": ["a"]}, None),
        (
            {"text": {"format": {"type": "json_schema"}}, "truncation": "auto"},
            '{"truncation":"auto"}',
        ),
        ({"web_search_options": {"user_location": {}}, "store": True}, '{"store":true}'),
    ],
    ids=["some", "all", "text", "web-search"],
)
def test_parameters_of_hidden_input(given: dict[str, Any], shown: str | None) -> None:
    """Where the input is hidden, so are parameters that quote it, and no others."""
    call = a_call({"mask_input": True}, optional_params=given)

    assert observed(call).model_parameters == shown


def test_usage_and_cost() -> None:
    """Usage comes from the response, cost from LiteLLM."""
    observation = observed()

    assert observation.usage == {"input": 10, "output": 20, "total": 30}
    assert observation.cost == {"input": 0.25, "output": 0.5, "total": 0.75}


def test_cache_hit_is_free() -> None:
    """An answer from the cache costs nothing, and says why."""
    call = a_call(cache_hit=True)

    assert observed(call).cost == {"total": 0.0}
    assert metadata_of(call, a_response())["cache_hit"] is True


def test_unknown_price() -> None:
    """Where LiteLLM knows no price Langfuse may use its own."""
    assert observed(a_call(response_cost=None)).cost is None


def test_failure() -> None:
    """A failed call keeps its input and says what happened, and costs nothing."""
    observation = observed(a_call(**FAILURE), None)

    assert (observation.level, observation.status_message) == ("ERROR", "boom")
    assert json.loads(observation.input or "") == MESSAGES
    assert (observation.output, observation.usage, observation.cost) == (None, None, {"total": 0.0})


def test_failure_with_a_response() -> None:
    """A call that LiteLLM's payload calls a failure is one, whatever came with it."""
    call = a_call(**FAILURE, standard_logging_object={"status": "failure"})
    observation = observed(call)

    assert (observation.level, observation.output, observation.usage) == ("ERROR", None, None)


def test_what_was_said_before_a_failure() -> None:
    """The output of a stream that failed is what it had said; of one that did not, its answer."""
    failed, answered = (
        observation_of(call, response, said=a_response("half"))
        for call, response in ((a_call(**FAILURE), None), (a_call(), a_response("whole")))
    )

    assert json.loads(failed.output or "")["content"] == "half"
    assert json.loads(answered.output or "")["content"] == "whole"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exception": ValueError("boom")}, "boom"),
        ({"exception": ValueError()}, "ValueError"),
        ({"standard_logging_object": {"error_str": "bad request"}}, "bad request"),
        ({}, None),
        (
            {"exception": ValueError("wrong key sk-123456"), "api_key": "sk-123456"},
            "wrong key [credential]",
        ),
    ],
    ids=["exception", "no-text", "payload", "nothing", "credential"],
)
def test_status_message(changes: dict[str, Any], message: str | None) -> None:
    """An error is told by its text, without credentials, else by its type; only of a failure."""
    assert observed(a_call(**changes), None).status_message == message
    assert observed(a_call(**changes)).status_message is None


def test_credentials_in_metadata() -> None:
    """A failure's metadata, whose stack trace may quote a credential, hold none."""
    quoted = {"traceback_exception": "refused sk-123456", "api_key": "sk-123456"}

    assert metadata_of(a_call(**quoted))["exception.stacktrace"] == "refused [credential]"
    assert metadata_of(a_call({"mine": "sk-123456"}, **quoted), "text")["mine"] == "sk-123456"


def test_failure_details_are_metadata() -> None:
    """Type, code and stack trace of the error are metadata, since Langfuse drops events."""
    call = a_call(**FAILURE)
    call["standard_logging_object"]["error_information"] = {
        "error_code": "500",
        "llm_provider": "openai",
    }
    found = metadata_of(call)

    assert found["exception.type"] == "builtins.ValueError"
    assert found["exception.stacktrace"] == "Traceback: ..."
    assert (found["error_code"], found["llm_provider"]) == ("500", "openai")


@pytest.mark.parametrize(
    ("call", "response", "usage"),
    [
        (a_call(), {"usage": TOKENS}, BUCKETS),
        (a_call(standard_logging_object={"response": {"usage": TOKENS}}), [], BUCKETS),
        (a_call(standard_logging_object={"response": {"usage": TOKENS}}), {}, None),
        (
            a_call(standard_logging_object={"metadata": {"usage_object": TOKENS}}),
            {"text": "redacted-by-litellm"},
            BUCKETS,
        ),
        (a_call(standard_logging_object={"metadata": {"usage_object": TOKENS}}), {}, None),
        (a_call(call_type="create_file"), {"usage": TOKENS}, None),
    ],
    ids=["response", "session", "no-session", "redacted", "not-redacted", "file"],
)
def test_where_usage_is(
    call: dict[str, Any], response: object, usage: dict[str, int] | None
) -> None:
    """Usage is read from the response, and from LiteLLM's payload where the response has none."""
    assert observed(call, response).usage == usage


FREE = {"response_cost": 0.0, "standard_logging_object": {}}
PRICED = {"response_cost": 0.5, "standard_logging_object": {}}


@pytest.mark.parametrize(
    ("changes", "response", "cost"),
    [
        ({**FREE}, "text", 0.0),
        ({**FREE, "stream": True}, "text", None),
        ({**FREE, "stream": True}, {"usage": TOKENS}, 0.0),
        ({**PRICED, "stream": True}, "text", 0.5),
        ({**FREE, "call_type": "pass_through_endpoint"}, "text", None),
        ({**PRICED, "call_type": "pass_through_endpoint"}, "text", 0.5),
        ({**PRICED, "cache_hit": True}, "text", 0.0),
        ({**PRICED, "cache_hit": "yes"}, "text", 0.5),
        ({**PRICED, "call_type": "create_file"}, "text", None),
    ],
)
def test_cost(changes: dict[str, Any], response: object, cost: float | None) -> None:
    """That a call cost nothing is believed where LiteLLM can know it."""
    assert observed(a_call(**changes), response).cost == (cost if cost is None else {"total": cost})


def test_completion_start_that_nobody_saw() -> None:
    """Where LiteLLM saw no first chunk it gives the end of the stream, which is no such time."""
    call = a_call(stream=True, completion_start_time=ENDED)

    assert observed(call).completion_started_ns is None


def test_user_of_the_master_key() -> None:
    """The proxy's filler for whoever has the master key is no user."""
    payload = {"metadata": {"user_api_key_user_id": "default_user_id"}}

    assert observed(a_call(standard_logging_object=payload)).trace.user_id is None


def test_mcp_server() -> None:
    """The server that a tool belongs to is among the facts."""
    payload = {"metadata": {"mcp_tool_call_metadata": {"mcp_server_name": "maths"}}}
    call = a_call(call_type="call_mcp_tool", standard_logging_object=payload)

    assert json.loads(observed(call).metadata or "")["mcp_server_name"] == "maths"


def test_completion_start_on_streams_only() -> None:
    """LiteLLM sets the time for every call; it means the first token on a stream alone."""
    streamed = a_call(stream=True, completion_start_time=STARTED)

    assert observed(a_call(completion_start_time=STARTED)).completion_started_ns is None
    assert observed(streamed).completion_started_ns == int(STARTED.timestamp()) * 10**9


def test_no_completion_start() -> None:
    """A stream that failed, or of which no time was noted, has no first token."""
    call = a_call(stream=True, completion_start_time=STARTED)

    assert observed({**call, **FAILURE}, None).completion_started_ns is None
    assert observed({**call, "completion_start_time": None}).completion_started_ns is None


def test_trace_fields() -> None:
    """The documented trace metadata becomes fields of the trace."""
    trace = observed(
        trace_name="checkout",
        session_id="s-1",
        trace_user_id="u-1",
        tags=["a", 1, None, ""],
        trace_metadata={"key": "value"},
        trace_release="r-1",
    ).trace

    assert (trace.name, trace.session_id, trace.user_id) == ("checkout", "s-1", "u-1")
    assert (trace.tags, trace.release) == (("a", "1"), "r-1")
    assert json.loads(trace.metadata or "") == {"key": "value"}


@pytest.mark.parametrize(
    ("changes", "metadata", "user"),
    [
        ({"user": "arg"}, {"trace_user_id": "meta"}, "meta"),
        ({"user": "arg"}, {}, "arg"),
        ({"end_user": "end"}, {}, "end"),
        ({"key_user": "key"}, {}, "key"),
        ({}, {}, None),
    ],
    ids=["metadata", "argument", "end-user", "key-user", "nobody"],
)
def test_user(changes: dict[str, str], metadata: dict[str, str], user: str | None) -> None:
    """The user is the one named in the metadata, else the argument, the end user, the key's."""
    call = a_call(metadata, user=changes.get("user"))
    call["standard_logging_object"]["end_user"] = changes.get("end_user")
    call["standard_logging_object"]["metadata"] = {"user_api_key_user_id": changes.get("key_user")}

    assert observed(call).trace.user_id == user


def test_documented_attributes() -> None:
    """Each documented metadata key appears under its documented attribute, as it was given."""
    documented = observed(
        generation_name="g",
        generation_id="gen-1",
        parent_observation_id="obs-1",
        mask_input=False,
        mask_output=True,
        trace_id="t-1",
        existing_trace_id="t-0",
        update_trace_keys=["input"],
        session_id="s",
        trace_user_id="u",
        trace_version="v",
        trace_release="r",
        debug_langfuse=True,
    ).documented

    assert documented == {
        "langfuse.generation.name": "g",
        "langfuse.generation.id": "gen-1",
        "langfuse.generation.parent_observation_id": "obs-1",
        "langfuse.generation.mask_input": False,
        "langfuse.generation.mask_output": True,
        "langfuse.trace.id": "t-1",
        "langfuse.trace.existing_id": "t-0",
        "langfuse.trace.update_keys": ("input",),
        "langfuse.trace.session_id": "s",
        "langfuse.trace.user_id": "u",
        "langfuse.trace.version": "v",
        "langfuse.trace.release": "r",
        "langfuse.debug": True,
    }


def test_other_metadata() -> None:
    """What is no documented key is metadata of the observation, beside LiteLLM's facts."""
    found = metadata_of(a_call({"mine": {"a": 1}, "tags": ["x"], "session_id": "s"}), a_response())

    assert found == {
        "litellm_call_id": "call-1",
        "call_type": "completion",
        "custom_llm_provider": "openai",
        "response_id": "chatcmpl-1",
        "response_model": "gpt-4o-2026",
        "finish_reasons": ["stop"],
        "mine": {"a": 1},
    }


def test_litellms_own_metadata_is_left_out() -> None:
    """What proxy and router add to the metadata is not the caller's."""
    ours = {
        "mine": 1,
        "hidden_params": {},
        "previous_models": [{"api_key": "secret"}],
        "langfuse_secret_key": "sk-lf-secret",
    }
    proxys = {
        "headers": {"authorization": "secret"},
        "user_api_key": "sk-secret",
        "user_api_key_auth": object(),
    }
    routers = observed(a_call({**ours, "model_group": "g"})).metadata or ""

    assert "secret" not in routers
    assert json.loads(routers)["mine"] == 1
    assert "secret" not in (observed(a_call({**ours, **proxys})).metadata or "")


def test_proxy_metadata() -> None:
    """Behind the proxy the caller's own metadata counts, with the tags of key and team."""
    metadata = {
        "requester_metadata": {"mine": 1, "tags": ["own"], "headers": {"x": "y"}},
        "tags": ["own", "team"],
        "added_by_the_proxy": True,
    }
    call = a_call(metadata)
    call["litellm_params"]["proxy_server_request"] = {"url": "http://proxy"}
    found = json.loads(observed(call).metadata or "")

    assert observed(call).trace.tags == ("own", "team")
    assert found["mine"] == 1
    assert not {"headers", "added_by_the_proxy"} & set(found)


def test_key_and_team() -> None:
    """The names of key, team and user of a proxy request are metadata; the key's hash is not."""
    call = a_call()
    call["standard_logging_object"]["metadata"] = {
        "user_api_key_hash": "hash-of-the-key",
        "user_api_key_alias": "ci",
        "user_api_key_team_alias": "search",
    }
    found = metadata_of(call, a_response())

    assert (found["user_api_key_alias"], found["user_api_key_team_alias"]) == ("ci", "search")
    assert "hash-of-the-key" not in json.dumps(found)


@pytest.mark.parametrize(("field", "flag"), [("input", "mask_input"), ("output", "mask_output")])
@pytest.mark.parametrize("value", [True, "true", "yes", 1, "1", ["yes"], {"why": "law"}])
def test_masks(field: str, flag: str, value: object) -> None:
    """A masked field holds LiteLLM's redaction text."""
    assert getattr(observed(**{flag: value}), field) == '"redacted-by-litellm"'


@pytest.mark.parametrize(
    ("switched", "input_", "output"),
    [
        (SHOWN, json_text(MESSAGES), '"hello"'),
        (ALL_REDACTED, None, REDACTED),
        (NOT_CAPTURED, None, None),
        (Hidden(input=True, output=False, instead=None), None, '"hello"'),
        (Hidden(input=False, output=True, instead=None), json_text(MESSAGES), None),
    ],
    ids=["shown", "redacted", "not-captured", "input", "output"],
)
def test_hidden_content_is_not_taken(
    switched: Hidden, input_: str | None, output: str | None
) -> None:
    """What a switch hides of a call is not in what is taken of it; no output stays none."""
    taken = snapshot_of(a_call(), "hello", STARTED, ENDED, switched=switched)
    failed = snapshot_of(a_call(**FAILURE), None, STARTED, ENDED, switched=switched)

    assert (taken.input, taken.output) == (input_, output)
    assert (failed.input, failed.output) == (input_, None)


def test_redacted() -> None:
    """Where a switch redacts a call, LiteLLM's word stands in place of input and output."""
    made = observation_of(a_call(), "hello", switched=ALL_REDACTED)

    assert (made.input, made.output) == (REDACTED, REDACTED)


def test_mask_of_the_call() -> None:
    """The caller's mask goes with the observation, also with those of its later attempts."""
    first, later = (a_call(litellm_trace_id="masked") for _ in range(2))
    first["litellm_params"] = {"_langfuse_masking_function": str.upper}
    call_masks.note(first)
    masks = [observed(call).mask for call in (first, later)]

    assert [mask and mask("a", "input") for mask in masks] == ["A", "A"]
    assert observed(a_call(litellm_trace_id="other")).mask is None


def test_masked_failure_has_no_output() -> None:
    """Where there is no output, nothing stands in its place."""
    assert observed(a_call({"mask_output": True}, **FAILURE), None).output is None


def test_ids_are_clues() -> None:
    """All ids that the caller or LiteLLM gave take part in the decision about the trace."""
    metadata = {"trace_id": "t", "generation_id": "g", "parent_observation_id": "p"}
    clues = observation_of(a_call(metadata), a_response(), ambient=Parent(1, 2)).clues

    assert (clues.call_id, clues.trace_id, clues.generation_id) == ("call-1", "t", "g")
    assert (clues.parent_observation_id, clues.ambient) == ("p", Parent(1, 2))
    assert clues.litellm_trace_id == "0af76519-16cd-43dd-8448-eb211c80319c"


def test_later_changes_change_nothing() -> None:
    """What the caller changes after the call is not in its observation, though it is read later."""
    tags, about, messages = ["a"], {"k": ["v"]}, [{"role": "user", "content": "hi"}]
    metadata = {"tags": tags, "trace_metadata": about, "mine": about}
    call = a_call(metadata, messages=messages, optional_params={"stop": tags})
    before = observation_of(call, a_response())
    taken = snapshot_of(call, a_response(), STARTED, ENDED)
    tags.append("b")
    about["k"].append("w")
    messages.append({"role": "user", "content": "and"})
    metadata["session_id"] = "s-2"
    call["model"] = "another"

    assert observation_from(taken, None, Defaults()) == before


def test_arguments_are_not_changed() -> None:
    """LiteLLM's dictionary is the same before and after."""
    call = a_call({"tags": ["a"], "trace_metadata": {"k": [1]}}, optional_params={"tools": [TOOL]})
    before = copy.deepcopy(call)
    observed(call)

    assert call == before


class LangfusePrompt:
    """As the Langfuse SDK's prompt objects are."""

    name = "greeting"
    version = 3


@pytest.mark.parametrize(
    ("metadata", "arguments", "prompt"),
    [
        ({"prompt": LangfusePrompt()}, {}, Prompt("greeting", 3)),
        ({"prompt": {"name": "greeting", "version": 3}}, {}, Prompt("greeting", 3)),
        ({"prompt_name": "greeting", "prompt_version": "3"}, {}, Prompt("greeting", 3)),
        ({"prompt": "greeting", "prompt_version": 3}, {}, Prompt("greeting", 3)),
        ({}, {"prompt_id": "greeting", "prompt_version": 3}, Prompt("greeting", 3)),
        ({"prompt": {"name": "greeting"}}, {}, None),
        ({"prompt": {"name": "greeting", "version": "latest"}}, {}, None),
        ({"prompt": {"version": 3}}, {}, None),
        ({"prompt": {"name": "greeting", "version": True}}, {}, None),
        ({"prompt": {"name": "greeting", "version": 2**64 + 3}}, {}, None),
        ({"prompt_name": "greeting", "prompt_version": "3" * 5_000}, {}, None),
        ({}, {}, None),
    ],
    ids=[
        "object",
        "dictionary",
        "name-and-version",
        "text",
        "litellm",
        "no-version",
        "label",
        "no-name",
        "boolean",
        "large",
        "endless",
        "none",
    ],
)
def test_prompt(metadata: dict[str, Any], arguments: dict[str, Any], prompt: Prompt | None) -> None:
    """A prompt is linked by name and whole number together, or not at all."""
    assert observed(a_call(metadata, **arguments)).prompt == prompt


def test_continued_trace() -> None:
    """A continuation changes what it names of the trace, and nothing else."""
    trace = observed(
        existing_trace_id="t-1",
        update_trace_keys=["input", "trace_metadata", "trace_release"],
        trace_name="never",
        trace_user_id="u",
        session_id="s",
        tags=["a"],
        trace_metadata={"k": "new"},
        trace_release="r-2",
    ).trace

    assert trace == TraceFields(
        metadata='{"k":"new"}',
        release="r-2",
        input=json.dumps(MESSAGES, separators=(",", ":")),
        is_continued=True,
    )


def test_continued_and_masked() -> None:
    """A masked continuation replaces the trace's input and output by the redaction text."""
    trace = observed(
        existing_trace_id="t-1",
        update_trace_keys=["input", "output"],
        mask_input=True,
        mask_output=True,
    ).trace

    assert (trace.input, trace.output) == ('"redacted-by-litellm"', '"redacted-by-litellm"')


def test_debug() -> None:
    """With debug_langfuse the metadata that came in is shown, without credentials."""
    call = a_call({"debug_langfuse": True, "mine": 1, "langfuse_secret_key": "sk-lf-1"})
    found = metadata_of(call, a_response())

    assert found["metadata_passed_to_litellm"] == {"debug_langfuse": True, "mine": 1}


def test_ids_as_they_were_given() -> None:
    """An id that becomes another in Langfuse can be found as it was given."""
    found = metadata_of(a_call({"trace_id": "trace-123", "generation_id": "gen 1"}))

    assert (found["trace_id"], found["generation_id"]) == ("trace-123", "gen 1")


def test_user_order() -> None:
    """The order in which a user is looked for can be chosen."""
    call = a_call({"trace_user_id": "meta"}, user="arg")
    made = observation_of(call, a_response(), defaults=Defaults(("argument", "metadata")))

    assert made.trace.user_id == "arg"


def test_per_call_opt_out() -> None:
    """A call can stay out of the active span by itself."""
    call = a_call({"ignore_context_propagation": True})
    clues = observation_of(call, a_response(), ambient=Parent(1, 2)).clues

    assert clues.ambient is None


def test_what_settings_say() -> None:
    """Settings name the environment, and may ignore the active span and what a request names."""
    call = a_call({"user_api_key_hash": "hash", "requester_metadata": {"trace_id": "mine"}})
    call["litellm_params"]["proxy_server_request"] = {"url": "http://proxy"}
    settings = Defaults(environment="staging", ignores_context=True, trusts_requests=False)
    default, other = (
        observation_of(call, a_response(), ambient=Parent(1, 2), defaults=defaults)
        for defaults in (Defaults(), settings)
    )

    assert (default.environment, other.environment) == (None, "staging")
    assert (default.clues.trace_id, other.clues.trace_id) == ("mine", None)
    assert (default.clues.ambient, other.clues.ambient) == (Parent(1, 2), None)


def test_masked_failure_does_not_quote() -> None:
    """Where the input is masked, an error shows its type and not its text, which may quote it."""
    call = a_call({"mask_input": True}, **{**FAILURE, "exception": ValueError("hi is bad")})
    observation = observed(call, None)

    assert observation.status_message == "ValueError"
    assert "Traceback" not in (observation.metadata or "")
    assert observed(a_call({"mask_input": True}), None).status_message is None


def test_rejected_by_the_proxy() -> None:
    """What the proxy rejected by its own rules is no error of a provider's."""
    rejected = a_call(litellm_no_upstream_llm_call=True)

    assert observed({**rejected, **FAILURE}, None).level == "WARNING"


@pytest.mark.parametrize(
    "value",
    [
        "x" * 5_000,
        7,
        pytest.param(10**5_000, id="endless"),
        None,
        ["a"],
        {"a": 1},
        float("nan"),
    ],
)
def test_odd_names(value: object) -> None:
    """A name of any kind becomes one that Langfuse keeps."""
    observation = observed(generation_name=value, trace_name=value)

    assert 0 < len(observation.name) <= 1_000
    assert len(observation.trace.name or "") <= 1_000


@pytest.mark.parametrize("name", ["model", "call_type"])
def test_half_a_character(name: str) -> None:
    """A model's name that UTF-8 cannot hold costs the call nothing but that character."""
    observation = observed(a_call(**{name: "a\ud800b"}))

    assert "a\ufffdb" in observation.name
    assert name == "call_type" or observation.model == "a\ufffdb"


class Undecided:
    """As an array of numpy's, whose truth nobody can tell."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_without_truth(name: str) -> None:
    """An object that is neither true nor false may stand in any field of the metadata."""
    observation = observed(a_call({**dict.fromkeys(FIELDS, "given"), name: Undecided()}))

    assert observation.documented


def test_many_tools_and_keys() -> None:
    """500 tools and 300 metadata keys take nothing else away."""
    call = a_call({f"k{i}": i for i in range(300)}, optional_params={"tools": [TOOL] * 500})
    observation = observed(call)

    assert len(json.loads(observation.input or "")["tools"]) == 500
    assert {f"k{i}" for i in range(300)} <= set(json.loads(observation.metadata or ""))
    assert observation.usage is not None


@pytest.mark.parametrize(
    ("call_type", "provider", "is_cut"),
    [
        ("anthropic_messages", "anthropic", True),
        ("anthropic_messages", "vertex_ai", True),
        ("pass_through_endpoint", "anthropic", True),
        ("pass_through_endpoint", None, False),
        ("agenerate_content_stream", "gemini", False),
    ],
)
def test_cut_short(call_type: str, provider: str | None, is_cut: bool) -> None:
    """That a stream came to its end LiteLLM notes for Anthropic's alone: of others it says no."""
    kwargs = a_call(call_type=call_type, custom_llm_provider=provider)
    no, yes = ({**kwargs, "prompt_cache_response_complete": said} for said in (False, True))

    assert [is_cut_short(call) for call in (no, yes, kwargs)] == [is_cut, False, False]


@pytest.mark.parametrize("text", ["redacted-by-litellm", "[1]", "[" * 5_000, ""])
def test_text_passed_through(text: str) -> None:
    """A passed request that is no JSON object, such as a redacted one, is kept as a message."""
    messages = [{"role": "user", "content": text}]
    kwargs = a_call(call_type="pass_through_endpoint", messages=messages)

    assert json.loads(observed(kwargs).input or "") == messages


def test_user_of_a_request_passed_through() -> None:
    """LiteLLM's word for an unknown user is no user where LiteLLM itself puts it, else it is one."""
    passed = a_call(call_type="pass_through_endpoint", user="unknown")

    assert observed(passed).trace.user_id is None
    assert observed(a_call(user="unknown")).trace.user_id == "unknown"


def test_retried_failure_gives_up_its_id() -> None:
    """A failed attempt of the router leaves the caller's id to the attempt that answers."""
    metadata = {"generation_id": "g", "model_group": "house"}

    assert observed(a_call(metadata, **FAILURE), None).clues.is_superseded
    assert not observed(a_call(metadata)).clues.is_superseded
    assert not observed(a_call({"generation_id": "g"}, **FAILURE), None).clues.is_superseded


def test_calls_with_one_id() -> None:
    """Two calls to which LiteLLM gave one id have two ids if they began at different times."""
    found = [observation_of(a_call(), a_response(), started=began) for began in (STARTED, ENDED)]

    assert identify(found[0].clues).span_id != identify(found[1].clues).span_id


@pytest.mark.parametrize("name", ["num_retries", "max_retries"])
@pytest.mark.parametrize("number", [0, 2])
def test_retried_by_litellm(name: str, number: int) -> None:
    """A failure that LiteLLM itself repeats leaves the caller's id as well, wherever it says so."""
    for changes in ({name: number}, {"litellm_params": {name: number}}):
        clues = observed(a_call(**changes, **FAILURE), None).clues

        assert clues.is_superseded is (number > 0)


@pytest.mark.parametrize(
    ("attempt", "changes", "superseded", "told"),
    [
        (Attempt(1), {}, False, None),
        (Attempt(1, is_repeated=True), {}, False, 1),
        (Attempt(1, is_repeated=True), FAILURE, True, 1),
        (Attempt(1), FAILURE, False, None),
        (Attempt(1), {**FAILURE, "num_retries": 2}, True, 1),
    ],
)
def test_attempts(
    attempt: Attempt, changes: dict[str, Any], superseded: bool, told: int | None
) -> None:
    """Of a call that LiteLLM repeats each attempt tells its number; the failed ones are superseded."""
    response = None if "exception" in changes else a_response()
    made = observation_of(a_call(**changes), response, attempt=attempt)

    assert made.clues.is_superseded is superseded
    assert json.loads(made.metadata or "").get("attempted_retries") == told


def test_unread_stream() -> None:
    """A stream that nobody read to its end says so, and no reason for its end: LiteLLM makes one up."""
    read = observed(mine=1)
    unread = unread_observation_of(read)
    bare = unread_observation_of(read._replace(metadata=None))
    said = {"stream": "not read to its end", "usage_is_estimated": True}

    assert (unread.level, unread.status_message) == ("WARNING", UNREAD)
    known = json.loads(read.metadata or "")
    assert known.pop("finish_reasons") == ["stop"]
    assert json.loads(unread.metadata or "") == {**known, **said}
    assert json.loads(bare.metadata or "") == said
    assert (unread.output, unread.usage) == (read.output, read.usage)


def test_attempts_that_begin_together() -> None:
    """Two attempts at a call have two ids, even if the clock stood still between them."""
    found = [observation_of(a_call(), a_response(), attempt=Attempt(number)) for number in (0, 1)]

    assert identify(found[0].clues).span_id != identify(found[1].clues).span_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(a_call(), JSON)), JSON)
def test_never_raises(kwargs: dict[str, Any], response: object) -> None:
    """Callback data with members missing or of a wrong type still make an observation."""
    observation = observation_of(kwargs, response)

    assert observation.name
    json.loads(observation.metadata or "")
