"""What a call said, by LiteLLM's call type."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from litellm.types.utils import Message

from calls import MESSAGES, a_response
from langfuse_otel._litellm.content import KINDS, Kind, default_name, kind_of, model_name

TOOL = {"type": "function", "function": {"name": "f"}}
SYSTEM = {"role": "system", "content": "be brief"}
PROMPT = [{"role": "user", "content": "hi"}]
MCP = {"metadata": {"mcp_tool_call_metadata": {"name": "add", "arguments": {"a": 1}}}}
BODY = '{"messages": [{"role": "user", "content": "hi"}], "tools": [{"name": "f"}], "system": "s"}'


def passed(text: str) -> dict[str, Any]:
    """Return the arguments of a request that the proxy passed through."""
    return {"messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize(
    ("call_type", "kwargs", "expected"),
    [
        ("completion", {"messages": MESSAGES}, MESSAGES),
        ("completion", {"input": "hi"}, "hi"),
        ("completion", {"messages": MESSAGES, "optional_params": None}, MESSAGES),
        *(
            ("completion", {"messages": MESSAGES, **said}, [SYSTEM, *MESSAGES])
            for said in (
                {"optional_params": {"instructions": "be brief"}},
                {"optional_params": {"system": "be brief"}},
                {"system": "be brief"},
            )
        ),
        ("responses", {"input": "hi", "system": "be brief"}, "hi"),
        *(
            ("completion", {"messages": MESSAGES, **said}, {"messages": MESSAGES, name: [TOOL]})
            for name in ("tools", "functions")
            for said in ({name: [TOOL]}, {"optional_params": {name: [TOOL]}})
        ),
        ("text_completion", {"messages": PROMPT}, "hi"),
        ("text_completion", {"messages": [*PROMPT, *PROMPT]}, ["hi", "hi"]),
        ("text_completion", {"messages": "hi", "input": "other"}, "hi"),
        ("text_completion", {"input": "hi"}, "hi"),
        ("text_completion", {"messages": [1, 2]}, [1, 2]),
        ("text_completion", {"messages": [[1, 2], [3]]}, [[1, 2], [3]]),
        ("embedding", {"input": ["a"], "messages": PROMPT}, ["a"]),
        ("embedding", {"messages": PROMPT}, "hi"),
        (
            "rerank",
            {"optional_params": {"query": "q", "documents": ["d"]}, "input": "other"},
            {"query": "q", "documents": ["d"]},
        ),
        ("rerank", {"input": "q"}, {"query": "q", "documents": None}),
        ("transcription", {"input": ("a.wav", b"1234")}, {"file": "a.wav", "bytes": 4}),
        ("transcription", {"input": ("a.wav",)}, {"file": "a.wav"}),
        ("transcription", {"input": ("a.wav", "1234")}, {"file": "a.wav"}),
        ("transcription", {"input": SimpleNamespace(name="a.wav")}, {"file": "a.wav"}),
        ("transcription", {"input": ()}, {"file": "audio"}),
        ("transcription", {}, {"file": "audio"}),
        (
            "transcription",
            {
                "additional_args": {"complete_input_dict": {"file": ("b.wav", b"12")}},
                "input": ("a.wav", b""),
            },
            {"file": "b.wav", "bytes": 2},
        ),
        ("call_mcp_tool", {"standard_logging_object": MCP, "messages": PROMPT}, {"a": 1}),
        ("call_mcp_tool", {"standard_logging_object": {"metadata": None}, "messages": "m"}, "m"),
        ("call_mcp_tool", {"standard_logging_object": {"metadata": {}}, "messages": "m"}, "m"),
        ("call_mcp_tool", {"messages": "m"}, "m"),
        ("list_mcp_tools", {"messages": PROMPT}, None),
        ("pass_through_endpoint", passed("not JSON"), passed("not JSON")["messages"]),
        ("pass_through_endpoint", passed("[" * 100_000), passed("[" * 100_000)["messages"]),
        ("pass_through_endpoint", passed('{"query": 1}'), {"query": 1}),
        (
            "pass_through_endpoint",
            passed(BODY),
            {"messages": [{"role": "system", "content": "s"}, *PROMPT], "tools": [{"name": "f"}]},
        ),
        ("pass_through_endpoint", {"input": {"query": 1}}, {"query": 1}),
    ],
)
def test_input(call_type: str, kwargs: dict[str, Any], expected: object) -> None:
    """The input of each kind of call is read from where LiteLLM has it."""
    kind = kind_of({"call_type": call_type})

    assert kind.input({"call_type": call_type, **kwargs}) == expected


DONE = {"type": "response.done", "response": {"output": [{"text": "a"}]}}


@pytest.mark.parametrize(
    ("call_type", "response", "expected"),
    [
        (
            "completion",
            a_response("hello"),
            {"content": "hello", "role": "assistant"},
        ),
        (
            "completion",
            {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]},
            [{"content": "a"}, {"content": "b"}],
        ),
        ("completion", {"choices": [{"text": "a"}]}, "a"),
        ("completion", {"choices": []}, []),
        ("completion", {"choices": "a"}, {"choices": "a"}),
        ("completion", {"choices": None}, {"choices": None}),
        ("completion", "text", "text"),
        (
            "completion",
            {"choices": [{"message": {"content": "", "tool_calls": [], "audio": {"id": None}}}]},
            {"content": ""},
        ),
        (
            "completion",
            {"choices": [{"message": {"content": None, "audio": {"id": "a", "data": None}}}]},
            {"audio": {"id": "a", "data": None}},
        ),
        ("completion", {"choices": [{"message": {"content": None}}]}, {"content": None}),
        ("text_completion", {"choices": [{"text": "a"}, {"text": "b"}]}, ["a", "b"]),
        ("text_completion", {"choices": [{"message": Message(content="a")}]}, "a"),
        ("text_completion", {"choices": [{"text": "a"}]}, "a"),
        ("embedding", {"data": [{"embedding": [1, 2, 3]}] * 2}, {"count": 2, "dimensions": 3}),
        ("embedding", {"data": [{"embedding": "AACAPw=="}]}, {"count": 1, "dimensions": 1}),
        ("embedding", {"data": [{"embedding": "AACAPwAAgD8="}]}, {"count": 1, "dimensions": 2}),
        ("embedding", {"data": [{"embedding": "AACAPwAAgD8AAIA/"}]}, {"count": 1, "dimensions": 3}),
        ("embedding", {"data": [{"embedding": None}]}, {"count": 1, "dimensions": None}),
        ("embedding", {"data": []}, {"count": 0, "dimensions": None}),
        ("embedding", {"data": None}, {"data": None}),
        ("responses", {"output": [{"text": "a"}]}, [{"text": "a"}]),
        ("responses", {"choices": [{"text": "a"}]}, "a"),
        ("anthropic_messages", {"content": []}, {"content": []}),
        ("pass_through_endpoint", {"response": '{"choices": [{"text": "a"}]}'}, "a"),
        ("pass_through_endpoint", {"response": "plain"}, "plain"),
        ("pass_through_endpoint", {"choices": [{"text": "a"}]}, "a"),
        ("image_generation", {"data": [1]}, [1]),
        ("image_edit", {"data": [1]}, [1]),
        ("transcription", {"text": "a"}, "a"),
        ("speech", object, {"audio": "binary"}),
        ("rerank", {"results": [1]}, [1]),
        ("moderation", {"results": [1]}, [1]),
        ("vector_store_search", {"data": [1]}, [1]),
        ("search", {"results": [1], "data": [2]}, [1]),
        ("search", {"results": None, "data": [2]}, [2]),
        ("search", {"other": 1}, {"other": 1}),
        (
            "realtime",
            [{"type": "session.created"}, DONE, {"type": "response.done"}, DONE],
            [{"text": "a"}, {"text": "a"}],
        ),
        ("realtime", None, None),
    ],
)
def test_output(call_type: str, response: object, expected: object) -> None:
    """The output of each kind of call is what it answered, without what helps nobody."""
    assert kind_of({"call_type": call_type}).output(response) == expected


@pytest.mark.parametrize(
    ("call_type", "kind"),
    [
        ("completion", KINDS["completion"]),
        ("acompletion", KINDS["completion"]),
        ("_arealtime", KINDS["realtime"]),
        ("anthropic_messages", KINDS["anthropic_messages"]),
        ("alist_batches", KINDS["list_batches"]),
        ("brand_new", Kind("brand_new")),
        (None, Kind("call")),
        (7, Kind("7")),
    ],
)
def test_kind(call_type: object, kind: Kind) -> None:
    """A call type is known with and without the letter that LiteLLM writes before it."""
    assert kind_of({"call_type": call_type}) == kind


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({"call_type": "acompletion", "model": "gpt-4o"}, "chat gpt-4o"),
        ({"call_type": "completion", "model": None}, "chat"),
        ({"call_type": "completion", "model": "\ud800"}, "chat \ufffd"),
        (
            {"call_type": "call_mcp_tool", "model": "MCP: x", "standard_logging_object": MCP},
            "execute_tool add",
        ),
        ({"call_type": "call_mcp_tool", "model": "gpt-4o"}, "execute_tool"),
        ({"call_type": "list_mcp_tools", "model": "MCP: x"}, "list_tools"),
    ],
)
def test_default_name(kwargs: dict[str, Any], name: str) -> None:
    """A call is named by its operation and its model or tool."""
    assert default_name(kwargs) == name


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("gpt-4o", "openai", "gpt-4o"),
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("openai/gpt-4o", None, "openai/gpt-4o"),
        ("openai/gpt-4o", "azure", "openai/gpt-4o"),
        ("None/gpt-4o", None, "None/gpt-4o"),
        ("converse/us.anthropic.claude-v1:0", "bedrock", "us.anthropic.claude-v1:0"),
        ("invoke/us-gov-west-1/amazon.nova-v1:0", "bedrock", "amazon.nova-v1:0"),
        ("bedrock/eu-central-1/anthropic.claude-v1:0", "bedrock", "anthropic.claude-v1:0"),
        ("arn:aws:bedrock:us-east-1:1:x/y", "bedrock", "arn:aws:bedrock:us-east-1:1:x/y"),
        ("converse/gpt-4o", "openai", "converse/gpt-4o"),
        ("m\ud800", None, "m\ufffd"),
        ("", "openai", None),
        ("unknown", None, None),
        ("MCP: add", None, None),
        (7, None, None),
    ],
)
def test_model_name(model: object, provider: str | None, name: str | None) -> None:
    """A model is named without its provider; LiteLLM's fillers are no model."""
    assert model_name({"model": model, "custom_llm_provider": provider}) == name
