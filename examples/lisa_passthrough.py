"""A pass-through endpoint over LiteLLM, streamed and not, with a decorator on top.

A trace shows the request, the body of the answer or what was streamed, and LiteLLM's generation
under it. Start it with `uvicorn --app-dir examples lisa_passthrough:app`; it needs the LANGFUSE_*
variables and no key of a provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

import langfuse_otel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

litellm.callbacks = ["langfuse_otel"]

app = FastAPI()
router = litellm.Router(
    [
        {
            "model_name": "house-model",
            "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "mock_response": "Hi there!",  # take this line out to ask the model
            },
        }
    ]
)


@app.post("/{api_path:path}")
@langfuse_otel.observe()
async def litellm_passthrough(request: Request, api_path: str) -> Response:
    """Hand a request for a chat completion to LiteLLM."""
    if api_path != "chat/completions":
        return JSONResponse({"error": f"no such path: {api_path}"}, 404)
    parameters = await request.json()
    answer = await router.acompletion(**parameters)
    if parameters.get("stream"):
        return StreamingResponse(generate_response(answer), media_type="text/event-stream")
    return JSONResponse(answer.model_dump(mode="json"))


async def generate_response(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
    """Write the chunks as OpenAI does."""
    async for chunk in chunks:
        yield f"data: {chunk.model_dump_json()}\n\n"
    yield "data: [DONE]\n\n"
