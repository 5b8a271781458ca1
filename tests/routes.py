"""A provider on loopback for every route that the matrix asks: raw JSON, server-sent events, bytes.

Each answer is what the provider's own API reference shows, so that LiteLLM transforms it itself.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from loopback import Loopback, QuietHandler
from upstream import ANSWER, USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable


WORDS = ("Hello ", "from ", "upstream.")
TEXT_USAGE = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}
RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 30},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 150,
}
MESSAGES_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 5,
}
GEMINI_USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 30,
    "candidatesTokenCount": 30,
    "thoughtsTokenCount": 20,
    "totalTokenCount": 150,
}
IMAGE_USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 50,
    "total_tokens": 100,
}

# What a newer API may put into `output`, and no version of LiteLLM has heard of.
UNKNOWN_ITEM = {"type": "hologram_call", "id": "holo-1", "frames": [1, 2], "status": "completed"}
RANKED = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
VERDICT = {
    "flagged": True,
    "categories": {name: name == "violence" for name in CATEGORIES},
    "category_scores": {name: 0.9 if name == "violence" else 0.1 for name in CATEGORIES},
    "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
}
FOUND = {
    "file_id": "file-1",
    "filename": "a.txt",
    "score": 0.9,
    "attributes": {"topic": "cats"},
    "content": [{"type": "text", "text": "Cats purr."}],
}


class Provider(Loopback):
    """Answers as OpenAI, Anthropic, Cohere and Google do; below `/down` it always fails.

    Below `/slow` streams stop after their first word, until the client has left; below `/broken`
    the connection ends there.

    Attributes:
        failures: how many of the next requests fail, whatever they ask.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.failures = 0
        self._counting = threading.Lock()

    @property
    def url(self) -> str:
        """Base address for `api_base` where the routes are OpenAI's."""
        return f"{self.root}/v1"

    @property
    def down(self) -> str:
        """Base address of a deployment that always fails."""
        return f"{self.root}/down/v1"

    @property
    def slow(self) -> str:
        """Host of a deployment whose streams do not come to their end."""
        return f"{self.root}/slow"

    @property
    def broken(self) -> str:
        """Host of a deployment whose streams break."""
        return f"{self.root}/broken"

    def fails(self, path: str) -> bool:
        """Whether a request should fail; counts it."""
        with self._counting:
            planned = self.failures > 0
            self.failures -= planned
        return planned or path.startswith("/down/")


class _Handler(QuietHandler):
    server: Provider

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if self.server.fails(path):
            error = {"error": {"message": "overloaded", "type": "server_error"}}
            self._answer(500, "application/json", json.dumps(error).encode())
        elif path.startswith(("/slow/", "/broken/")):
            self._begin(*_answer_to(path, _parsed(raw)), stays=path.startswith("/slow/"))
        else:
            self._answer(200, *_answer_to(path, _parsed(raw)))

    def do_GET(self) -> None:
        self.do_POST()

    def _begin(self, content_type: str, body: bytes, *, stays: bool) -> None:
        """Send up to the first word, and then nothing until the client has left, or go at once."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: body.index(b"\n\n", body.index(WORDS[0].encode())) + 2])
        self.wfile.flush()
        if stays:
            self.rfile.read(1)
        self.close_connection = True

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON of a request; of a form nothing is needed."""
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _answer_to(path: str, request: dict[str, Any]) -> tuple[str, bytes]:
    """Return the content type and the body."""
    if path.endswith(("/audio/speech", "/content")):
        return "audio/mpeg", b"ID3 not really sound"
    for end, events in _STREAMS.items():
        if path.endswith(end) and (request.get("stream") or end.endswith(_GEMINI_STREAM)):
            return "text/event-stream", events(request).encode()
    for end, answer in _ANSWERS.items():
        if path.endswith(end):
            return "application/json", json.dumps(answer(request)).encode()
    raise LookupError(f"no route {path}")


def _chat(request: dict[str, Any], **choice: Any) -> dict[str, Any]:
    kind = "chat.completion.chunk" if "delta" in choice else "chat.completion"
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1_700_000_000,
        "model": request.get("model"),
        "choices": [{"index": 0, "finish_reason": None, **choice}] if choice else [],
    }


def _chat_answer(request: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": ANSWER}
    return {**_chat(request, message=message, finish_reason="stop"), "usage": USAGE}


def _chat_events(request: dict[str, Any]) -> str:
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in WORDS)]
    choices = range(request.get("n") or 1)
    events = [_chat(request, delta=delta, index=i) for delta in deltas for i in choices]
    events += [_chat(request, delta={}, finish_reason="stop", index=i) for i in choices]
    if (request.get("stream_options") or {}).get("include_usage"):
        events.append(
            {**_chat(request), "object": "chat.completion.chunk", "usage": USAGE},
        )
    return _data(events) + "data: [DONE]\n\n"


def _text(request: dict[str, Any], text: str, finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": None}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": request.get("model"),
        "choices": [choice],
    }


def _text_answer(request: dict[str, Any]) -> dict[str, Any]:
    return {**_text(request, ANSWER, "stop"), "usage": TEXT_USAGE}


def _text_events(request: dict[str, Any]) -> str:
    events = [_text(request, word, None) for word in WORDS] + [_text(request, "", "stop")]
    if (request.get("stream_options") or {}).get("include_usage"):
        events.append({**_text(request, "", None), "choices": [], "usage": TEXT_USAGE})
    return _data(events) + "data: [DONE]\n\n"


def _embeddings(request: dict[str, Any]) -> dict[str, Any]:
    texts = request.get("input")
    count = len(texts) if isinstance(texts, list) else 1
    vector = [0.1, 0.2, 0.3]
    return {
        "object": "list",
        "model": request.get("model"),
        "data": [{"object": "embedding", "index": n, "embedding": vector} for n in range(count)],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def _message_item(text: str, status: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "type": "message",
        "id": "msg-1",
        "role": "assistant",
        "status": status,
        "content": content if status == "completed" else [],
    }


def _response(request: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    items = [
        {"type": "reasoning", "id": "rs-1", "summary": []},
        _message_item(ANSWER, "completed"),
        UNKNOWN_ITEM,
    ]
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": request.get("model"),
        "status": status,
        "output": items if status == "completed" else [],
        "usage": RESPONSES_USAGE if status == "completed" else None,
        "instructions": request.get("instructions"),
        "tools": request.get("tools") or [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
    }


def _response_events(request: dict[str, Any]) -> str:
    place = {"item_id": "msg-1", "output_index": 1, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": []}
    deltas = [{"type": "response.output_text.delta", **place, "delta": word} for word in WORDS]
    reasoning, message, unknown = _response(request)["output"]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response(request, "in_progress")},
        {"type": "response.output_item.done", "output_index": 0, "item": reasoning},
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": _message_item("", "in_progress"),
        },
        {"type": "response.content_part.added", **place, "part": empty},
        *deltas,
        {"type": "response.output_text.done", **place, "text": ANSWER},
        {"type": "response.content_part.done", **place, "part": message["content"][0]},
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {"type": "response.output_item.done", "output_index": 2, "item": unknown},
        {"type": "response.completed", "response": _response(request)},
    ]
    return _named({**event, "sequence_number": n} for n, event in enumerate(events))


def _message(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": request.get("model"),
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGES_USAGE,
    }


def _message_events(request: dict[str, Any]) -> str:
    started = {**_message(request), "content": [], "stop_reason": None}
    started["usage"] = {**MESSAGES_USAGE, "output_tokens": 1}
    deltas = [{"type": "text_delta", "text": word} for word in WORDS]
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    return _named(
        [
            {"type": "message_start", "message": started},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
    )


def _generated(text: str, finish_reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}}
    if finish_reason:
        candidate |= {"finishReason": finish_reason, "index": 0}
    return {
        "candidates": [candidate],
        "modelVersion": "gemini-2.5-flash",
        "responseId": "gemini-1",
        **({"usageMetadata": GEMINI_USAGE} if finish_reason else {}),
    }


def _generated_events(request: dict[str, Any]) -> str:
    *first, last = WORDS
    return _data([*(_generated(word, None) for word in first), _generated(last, "STOP")])


def _rerank(request: dict[str, Any]) -> dict[str, Any]:
    return {"id": "rr-1", "results": RANKED, "meta": {"billed_units": {"search_units": 1}}}


def _search(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "vector_store.search_results.page",
        "search_query": [request.get("query")],
        "data": [FOUND],
        "has_more": False,
        "next_page": None,
    }


def _image(url: str) -> dict[str, Any]:
    return {"created": 1_700_000_000, "data": [{"url": url}], "usage": IMAGE_USAGE}


def _file(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "file-1",
        "object": "file",
        "bytes": 3,
        "created_at": 1_700_000_000,
        "filename": "batch.jsonl",
        "purpose": "batch",
        "status": "processed",
    }


def _batch(request: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "batch-1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": "validating",
        "created_at": 1_700_000_000,
    }


def _data(events: Iterable[dict[str, Any]]) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def _named(events: Iterable[dict[str, Any]]) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


_GEMINI_STREAM = ":streamGenerateContent"
_STREAMS = {
    "/chat/completions": _chat_events,
    "/completions": _text_events,
    "/responses": _response_events,
    "/messages": _message_events,
    _GEMINI_STREAM: _generated_events,
}
_ANSWERS = {
    "/chat/completions": _chat_answer,
    "/completions": _text_answer,
    "/embeddings": _embeddings,
    "/responses": _response,
    "/rerank": _rerank,
    "/messages": _message,
    ":generateContent": lambda _: _generated(ANSWER, "STOP"),
    "/audio/transcriptions": lambda _: {"text": "spoken", "duration": 2.0},
    "/images/generations": lambda _: _image("http://cat.invalid/1.png"),
    "/images/edits": lambda _: _image("http://cat.invalid/2.png"),
    "/moderations": lambda _: {"id": "modr-1", "model": "omni-moderation", "results": [VERDICT]},
    "/search": _search,
    "/files": _file,
    "/files/file-1": _file,
    "/responses/resp-1": _response,
    "/videos": lambda _: {"id": "video-1", "object": "video", "status": "queued"},
    "/batches": _batch,
}
