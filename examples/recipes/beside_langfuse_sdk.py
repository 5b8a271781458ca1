"""The Langfuse SDK beside this library: its spans and LiteLLM's calls in one trace, each once."""

from __future__ import annotations

import litellm
from langfuse import get_client, observe

import langfuse_otel  # noqa: F401 - makes the name below mean this library

litellm.callbacks = ["langfuse_otel"]


@observe()
def lesson(country: str) -> str:
    """Ask one question."""
    response = litellm.completion(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"What is the capital of {country}?"}],
        mock_response="Paris.",  # take this line out to ask the model
    )
    return response.choices[0].message.content


print(lesson("France"))
get_client().flush()
