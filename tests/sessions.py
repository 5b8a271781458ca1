"""A provider of realtime sessions on loopback, which answers each request for a response."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from websockets.sync.server import serve

from upstream import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.server import ServerConnection

ITEM = {
    "id": "item-1",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": ANSWER}],
}
USAGE = {
    "total_tokens": 150,
    "input_tokens": 100,
    "output_tokens": 50,
    "input_token_details": {
        "cached_tokens": 30,
        "text_tokens": 60,
        "audio_tokens": 40,
        "cached_tokens_details": {"text_tokens": 30, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 30},
}
BUCKETS = {
    "input": 30,
    "input_cached_tokens": 30,
    "input_audio_tokens": 40,
    "output": 20,
    "output_audio_tokens": 30,
    "total": 150,
}
CREATED = {"type": "session.created", "event_id": "e-1", "session": {"id": "sess-1"}}
DONE = {
    "type": "response.done",
    "event_id": "e-2",
    "response": {
        "id": "resp-1",
        "object": "realtime.response",
        "status": "completed",
        "output": [ITEM],
        "usage": USAGE,
    },
}


@contextmanager
def a_session_server() -> Iterator[str]:
    """Run the server and yield its address, as `api_base` has it."""
    with serve(_answer, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1"


def _answer(client: ServerConnection) -> None:
    client.send(json.dumps(CREATED))
    for event in client:
        if json.loads(event)["type"] == "response.create":
            client.send(json.dumps(DONE))


def said(text: str) -> list[dict[str, Any]]:
    """Return the events by which a client says something and asks for a response."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return [{"type": "conversation.item.create", "item": item}, {"type": "response.create"}]
