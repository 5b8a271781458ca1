"""Model providers on loopback: raw answers, whole and streamed, in each provider's own format."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopback import Loopback, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Sequence


Json = dict[str, Any]
TEXT = "Hello."
STREAM_PATHS = ("/converse-stream", ":streamGenerateContent")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says: whole as JSON, or as the bytes of a stream."""

    whole: Json
    stream: bytes
    stream_type: str = "text/event-stream"


class Provider(Loopback):
    """Gives every request the same answer, streamed where the request says so.

    Attributes:
        paths: where the requests went.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(_Handler)
        self.answer = answer
        self.paths: list[str] = []


class _Handler(QuietHandler):
    server: Provider

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path, answer = self.path.partition("?")[0], self.server.answer
        self.server.paths.append(path)
        if request.get("stream") or path.endswith(STREAM_PATHS):
            self._answer(answer.stream, answer.stream_type)
        else:
            self._answer(json.dumps(answer.whole).encode(), "application/json")

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        # LiteLLM keeps its clients; a connection that outlives its event loop would warn.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def openai(usage: Json) -> Answer:
    """OpenAI's chat completions; Azure, DeepSeek and Mistral speak them too."""
    common = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "upstream"}
    message = {"role": "assistant", "content": TEXT}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    chunk = {**common, "object": "chat.completion.chunk"}
    return Answer(
        {**common, "object": "chat.completion", "choices": [choice], "usage": usage},
        _lines(
            {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**chunk, "choices": [], "usage": usage},
        )
        + b"data: [DONE]\n\n",
    )


def response(usage: Json, reason: str) -> Answer:
    """OpenAI's Responses API: an answer that ends early, and why."""
    content = [{"type": "output_text", "text": TEXT, "annotations": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "incomplete"}
    whole = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": "upstream",
        "status": "incomplete",
        "incomplete_details": {"reason": reason},
        "output": [{**message, "content": content}],
        "usage": usage,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    begun = {**whole, "status": "in_progress", "incomplete_details": None, "output": []}
    return Answer(
        whole,
        _named(
            {"type": "response.created", "response": begun},
            {"type": "response.incomplete", "response": whole},
        ),
    )


def anthropic(usage: Json) -> Answer:
    """Anthropic's messages: a stream gives the split of cache writes with its first event only."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream"}
    message |= {"stop_reason": None, "stop_sequence": None}
    content = [{"type": "text", "text": TEXT}]
    ended = {key: count for key, count in usage.items() if key != "cache_creation"}
    return Answer(
        {**message, "content": content, "stop_reason": "end_turn", "usage": usage},
        _named(
            {
                "type": "message_start",
                "message": {**message, "content": [], "usage": {**usage, "output_tokens": 1}},
            },
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": TEXT},
            },
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": ended,
            },
            {"type": "message_stop"},
        ),
    )


def gemini(usage: Json, queries: Sequence[str] = ()) -> Answer:
    """Gemini's generateContent, of AI Studio and of Vertex; `queries` is what it searched for.

    Every event of a stream counts what has come; the last one tells of the searches.
    """
    said: Json = {"content": {"role": "model", "parts": [{"text": TEXT}]}, "index": 0}
    ended: Json = {"finishReason": "STOP"}
    if queries:
        ended["groundingMetadata"] = {"webSearchQueries": list(queries)}
    silence = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0}
    prompt = usage["promptTokenCount"]
    before = {"promptTokenCount": prompt, "totalTokenCount": prompt}
    common = {"modelVersion": "upstream", "responseId": "r-1"}
    return Answer(
        {**common, "candidates": [{**said, **ended}], "usageMetadata": usage},
        _lines(
            {**common, "candidates": [said], "usageMetadata": before},
            {**common, "candidates": [{**silence, **ended}], "usageMetadata": usage},
        ),
    )


def converse(usage: Json) -> Answer:
    """Bedrock's converse; its streams are binary messages."""
    message = {"role": "assistant", "content": [{"text": TEXT}]}
    common = {"metrics": {"latencyMs": 1}, "usage": usage}
    return Answer(
        {"output": {"message": message}, "stopReason": "end_turn", **common},
        b"".join(
            (
                _message("messageStart", {"role": "assistant"}),
                _message("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT}}),
                _message("contentBlockStop", {"contentBlockIndex": 0}),
                _message("messageStop", {"stopReason": "end_turn"}),
                _message("metadata", common),
            )
        ),
        "application/vnd.amazon.eventstream",
    )


def cohere(usage: Json) -> Answer:
    """Cohere's chat, version 2.

    LiteLLM (1.106) asks for JSON and reads a stream as one JSON object in each line; it cannot
    read the server-sent events that Cohere's documentation shows.
    """
    content = {"type": "text", "text": TEXT}
    message = {"role": "assistant", "content": [content]}
    started = {**message, "content": []}
    return Answer(
        {"id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": usage},
        _json_lines(
            {"type": "message-start", "id": "c-1", "delta": {"message": started}},
            {"type": "content-start", "index": 0, "delta": {"message": {"content": content}}},
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": content}}},
            {"type": "content-end", "index": 0},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
        ),
        "application/stream+json",
    )


def _lines(*events: Json) -> bytes:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def _named(*events: Json) -> bytes:
    return b"".join(f"event: {event['type']}\n".encode() + _lines(event) for event in events)


def _json_lines(*events: Json) -> bytes:
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


def _message(event: str, payload: Json) -> bytes:
    """One message of AWS's event stream: lengths, their checksum, headers, JSON, the checksum."""
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":message-type", "event"),
            (":event-type", event),
            (":content-type", "application/json"),
        )
    )
    body = headers + json.dumps(payload).encode()
    prelude = struct.pack(">II", len(body) + 16, len(headers))
    message = prelude + _checksum(prelude) + body
    return message + _checksum(message)


def _header(name: str, value: str) -> bytes:
    text = 7
    return (
        struct.pack(">B", len(name))
        + name.encode()
        + struct.pack(">BH", text, len(value))
        + value.encode()
    )


def _checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))
