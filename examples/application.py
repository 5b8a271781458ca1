"""One call of an application, in the trace of a conversation.

Needs the three LANGFUSE_* variables that `langfuse-otel dev` prints, and no key of a provider.
"""

from __future__ import annotations

import litellm

import langfuse_otel

litellm.callbacks = ["langfuse_otel"]

response = litellm.completion(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    mock_response="Paris.",  # take this line out to ask the model
    metadata={
        "generation_name": "question",
        "trace_id": "conversation-7",
        "trace_name": "geography lesson",
        "session_id": "lesson-1",
        "trace_user_id": "ada",
        "tags": ["school"],
    },
)

print(response.choices[0].message.content)
print("delivered" if langfuse_otel.flush(timeout=10) else "still waiting", langfuse_otel.stats())
