"""Hugging Face's smolagents, with its model for LiteLLM."""

from __future__ import annotations

import litellm
from smolagents import CodeAgent, LiteLLMModel

import langfuse_otel

litellm.callbacks = ["langfuse_otel"]

model = LiteLLMModel(
    model_id="openai/gpt-4o-mini",
    api_key="sk-none",
    mock_response='<code>final_answer("Paris.")</code>',  # take this line out to ask the model
)
agent = CodeAgent(tools=[], model=model, verbosity_level=0)

with langfuse_otel.trace("geography", user_id="ada", session_id="lesson-1") as trace:
    answer = agent.run("What is the capital of France?")
    trace.update(output=answer)

print(answer)
