"""An API in front of several providers, which it asks without LiteLLM; each call traced by hand.

Start it with `uvicorn --app-dir examples/gatewayz app:app`. It needs the LANGFUSE_* variables, and
LANGFUSE_OTEL_ADMIN_KEY for status and flush.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import langfuse_otel
import langfuse_otel.asgi
from providers import ProviderError, ask

app = FastAPI()
app.mount("/api/instrumentation", langfuse_otel.asgi.app)


class Conversation(BaseModel):
    """What both kinds of request say: OpenAI's and Anthropic's."""

    model: str
    messages: list[dict[str, Any]]
    user: str | None = None
    session: str | None = None


class Rating(BaseModel):
    """What a user thinks of an answer."""

    trace_id: str
    value: float
    comment: str | None = None


@app.post("/v1/chat/completions")
async def chat_completions(asked: Conversation, response: Response) -> dict[str, Any]:
    """Answer as OpenAI does."""
    answer = await traced("openrouter", asked, response)
    message = {"role": "assistant", "content": answer["text"]}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}


@app.post("/v1/messages")
async def messages(asked: Conversation, response: Response) -> dict[str, Any]:
    """Answer as Anthropic does."""
    answer = await traced("anthropic", asked, response)
    return {"type": "message", "content": [{"type": "text", "text": answer["text"]}]}


@app.post("/v1/ratings")
async def rate(rating: Rating) -> dict[str, str]:
    """Keep what a user thinks of an answer, by the trace id in its header."""
    score_id = langfuse_otel.score(
        trace_id=rating.trace_id, name="user_rating", value=rating.value, comment=rating.comment
    )
    return {"id": score_id}


@app.exception_handler(ProviderError)
async def failed(_request: Request, error: Exception) -> Response:
    """Say that a provider failed; the trace has noted it already."""
    return JSONResponse({"error": str(error)}, 502)


async def traced(provider: str, asked: Conversation, response: Response) -> dict[str, Any]:
    """Ask a provider, and tell Langfuse."""
    async with langfuse_otel.generation(
        provider, asked.model, user_id=asked.user, session_id=asked.session
    ) as generation:
        response.headers["x-trace-id"] = generation.trace_id
        generation.set_input(asked.messages)
        answer = await ask(provider, asked.model, asked.messages)
        generation.set_output(answer["text"])
        generation.set_token_usage(
            input_tokens=answer["input_tokens"], output_tokens=answer["output_tokens"]
        )
        generation.set_cost(answer["cost"])
        return answer
