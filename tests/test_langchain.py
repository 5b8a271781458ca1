"""LangChain's ChatLiteLLM, as LiteLLM's documentation shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from programs import run_program

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

CODE = """
import langfuse_otel, litellm
from langchain_litellm import ChatLiteLLM
litellm.callbacks = ["langfuse_otel"]
metadata = {"trace_user_id": "user-id2", "session_id": "session-1", "tags": ["tag1", "tag2"]}
chat = ChatLiteLLM(
    model="openai/gpt-4o-mini",
    api_key="sk-none",
    model_kwargs={"mock_response": "hello", "metadata": metadata},
)
print(chat.invoke("what model are you").content)
"""


def test_chat_litellm(collector: Collector) -> None:
    """The metadata in `model_kwargs` takes effect."""
    run = run_program(CODE, collector)
    [span] = collector.spans

    assert run.stdout == "hello\n", run.stderr
    assert span.attributes["user.id"] == "user-id2"
    assert span.attributes["session.id"] == "session-1"
    assert span.attributes["langfuse.trace.tags"] == ["tag1", "tag2"]
    assert span.json("langfuse.observation.input")[0]["content"] == "what model are you"
