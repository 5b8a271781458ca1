"""A model provider on loopback that answers as OpenAI does: raw JSON, and server-sent events."""

from __future__ import annotations

import json
import time
from typing import Any

from loopback import Loopback, QuietHandler

ANSWER = "Hello from upstream."
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
}
BUCKETS = {
    "input": 70,
    "input_cached_tokens": 30,
    "output": 30,
    "output_reasoning_tokens": 20,
    "total": 150,
}


class Upstream(Loopback):
    """Answers chat completions.

    A message `fail` is answered with status 500, `slow` with half a stream and silence, `break`
    with half a stream and a closed connection.

    Attributes:
        answered_ns: when the last answer began, on this machine's clock.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.answered_ns = 0

    @property
    def url(self) -> str:
        """Base address for `api_base`."""
        return f"{self.root}/v1"


class _Handler(QuietHandler):
    server: Upstream

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request["messages"][-1]["content"] == "fail":
            self._answer(500, b'{"error": {"message": "overloaded", "type": "server_error"}}')
        elif request["messages"][-1]["content"] in {"slow", "break"}:
            self._begin(_events(request), stays=request["messages"][-1]["content"] == "slow")
        elif request.get("stream"):
            self._answer(200, _events(request), "text/event-stream")
        else:
            self._answer(200, json.dumps(_completion(request)).encode())

    def _begin(self, body: bytes, *, stays: bool) -> None:
        """Send the first half and no more: until the client has left, or go away at once."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if stays:
            self.rfile.read(1)
        self.close_connection = True

    def _answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.server.answered_ns = time.time_ns()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _completion(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": ANSWER},
            }
        ],
        "usage": USAGE,
    }


def _events(request: dict[str, Any]) -> bytes:
    """One event for each word, then the finish reason, then the usage, as OpenAI sends them."""
    chunk = {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": request["model"],
    }
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in ANSWER.replace(" ", " \n").split("\n")]
    events = [{**chunk, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if (request.get("stream_options") or {}).get("include_usage"):
        events.append({**chunk, "choices": [], "usage": USAGE})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()
