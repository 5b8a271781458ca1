"""LangChain, with its chat model for LiteLLM."""

from __future__ import annotations

import litellm
from langchain_core.prompts import ChatPromptTemplate
from langchain_litellm import ChatLiteLLM

import langfuse_otel  # noqa: F401 - makes the name below mean this library

litellm.callbacks = ["langfuse_otel"]

model = ChatLiteLLM(
    model="openai/gpt-4o-mini",
    api_key="sk-none",
    model_kwargs={
        "mock_response": "Paris.",  # take this line out to ask the model
        "metadata": {"trace_name": "geography", "trace_user_id": "ada", "session_id": "lesson-1"},
    },
)
chain = ChatPromptTemplate.from_template("What is the capital of {country}?") | model

print(chain.invoke({"country": "France"}).content)
