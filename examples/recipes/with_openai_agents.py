"""The OpenAI Agents SDK, with its model for LiteLLM."""

from __future__ import annotations

import litellm
from agents import Agent, ModelSettings, Runner, set_tracing_disabled
from agents.extensions.models.litellm_model import LitellmModel

import langfuse_otel

litellm.callbacks = ["langfuse_otel"]
set_tracing_disabled(disabled=True)  # its own tracing goes to OpenAI

agent = Agent(
    name="geographer",
    instructions="Answer in one word.",
    model=LitellmModel(model="openai/gpt-4o-mini", api_key="sk-none"),
    model_settings=ModelSettings(
        extra_args={"mock_response": "Paris."},  # take this line out to ask the model
    ),
)

with langfuse_otel.trace("geography", user_id="ada", session_id="lesson-1") as trace:
    answer = Runner.run_sync(agent, "What is the capital of France?").final_output
    trace.update(output=answer)

print(answer)
