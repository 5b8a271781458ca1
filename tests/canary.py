"""A secret in every field of a call that can hold content, asked and answered, and where it is found."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, cast

import routes
from loopback import Loopback, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECRET = "canary-7QpX2mVt"

# A base64 text holds the secret in one of three forms, by where in it the secret begins.
FORMS = (
    SECRET.encode(),
    *(base64.b64encode(b" " * n + SECRET.encode())[4 * bool(n) : -4] for n in range(3)),
)

TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": SECRET,
        "parameters": {"type": "object", "properties": {"q": {"description": SECRET}}},
    },
}
FLAT_TOOL = {"type": "function", **TOOL["function"]}  # type: ignore[dict-item]
CALLED = {"name": "look", "arguments": json.dumps({"q": SECRET})}
TOOL_CALL = {"id": "call-1", "type": "function", "function": CALLED}
PICTURE = {
    "type": "image_url",
    "image_url": {"url": "data:text/plain;base64," + base64.b64encode(SECRET.encode()).decode()},
}
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": SECRET},
    {"role": "user", "content": [{"type": "text", "text": SECRET}, PICTURE]},
    {"role": "assistant", "content": SECRET, "tool_calls": [TOOL_CALL]},
    {"role": "tool", "tool_call_id": "call-1", "content": SECRET},
]
SCHEMA = {"name": "answer", "schema": {"type": "object", "description": SECRET}}

Arguments = dict[str, Any]

# LiteLLM's function for each route, and the arguments of one call; `base` is the provider's host.
CALLS: dict[str, Callable[[str], Arguments]] = {
    "completion": lambda base: {
        "model": "openai/gpt-4o-mini",
        "messages": CONVERSATION,
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "response_format": {"type": "json_schema", "json_schema": SCHEMA},
        "stop": [SECRET],
        "web_search_options": {
            "user_location": {"type": "approximate", "approximate": {"city": SECRET}}
        },
        "api_base": f"{base}/v1",
    },
    "text_completion": lambda base: {
        "model": "text-completion-openai/gpt-3.5-turbo-instruct",
        "prompt": SECRET,
        "suffix": SECRET,
        "api_base": f"{base}/v1",
    },
    "embedding": lambda base: {
        "model": "openai/text-embedding-3-small",
        "input": [SECRET, "b"],
        "api_base": f"{base}/v1",
    },
    "responses": lambda base: {
        "model": "openai/gpt-4o",
        "input": [{"role": "user", "content": SECRET}],
        "instructions": SECRET,
        "tools": [FLAT_TOOL],
        "api_base": f"{base}/v1",
    },
    "rerank": lambda base: {
        "model": "cohere/rerank-v3.5",
        "query": SECRET,
        "documents": [SECRET, "b"],
        "api_base": f"{base}/v2/rerank",
    },
    "messages": lambda base: {
        "model": "anthropic/claude-sonnet-4-5",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": SECRET}],
        "system": SECRET,
        "tools": [{"name": "look", "description": SECRET, "input_schema": {"type": "object"}}],
        "api_base": base,
    },
    "image_generation": lambda base: {
        "model": "openai/gpt-image-1",
        "prompt": SECRET,
        "api_base": f"{base}/v1",
    },
    "image_edit": lambda base: {
        "model": "openai/gpt-image-1",
        "prompt": SECRET,
        "image": b"\x89PNG\r\n\x1a\n" + SECRET.encode(),
        "api_base": f"{base}/v1",
    },
    "transcription": lambda base: {
        "model": "openai/whisper-1",
        "file": ("a.wav", b"RIFF0000" + SECRET.encode()),
        "prompt": SECRET,
        "api_base": f"{base}/v1",
    },
    "speech": lambda base: {
        "model": "openai/tts-1",
        "voice": "alloy",
        "input": SECRET,
        "api_base": f"{base}/v1",
    },
    "moderation": lambda base: {
        "model": "omni-moderation-latest",
        "input": SECRET,
        "api_base": f"{base}/v1",
    },
    "generate_content": lambda base: {
        "model": "gemini/gemini-2.5-flash",
        "contents": [{"role": "user", "parts": [{"text": SECRET}]}],
        "api_base": base,
    },
    "vector_store_search": lambda base: {
        "vector_store_id": "vs-1",
        "query": SECRET,
        "custom_llm_provider": "openai",
        "api_base": f"{base}/v1",
    },
}
STREAMING = ("completion", "text_completion", "responses", "messages", "generate_content")


def function_of(route: str, way: str) -> Callable[..., Any]:
    """Return LiteLLM's function for one route."""
    import litellm
    from litellm import google_genai

    if route == "messages":
        return cast("Callable[..., Any]", litellm.anthropic.messages.acreate)
    owner: Any = litellm
    name = route
    if route == "generate_content":
        owner, name = google_genai, name + ("_stream" if "stream" in way else "")
    elif route == "vector_store_search":
        owner, name = litellm.vector_stores, "search"
    name = f"a{name}" if "async" in way else name
    return cast("Callable[..., Any]", getattr(owner, name))


def arguments_of(route: str, way: str, base: str) -> Arguments:
    """Return the arguments of one call; the last chunk of a stream reports its usage."""
    arguments = {**CALLS[route](base), "api_key": "sk-upstream"}
    if "stream" in way and route != "generate_content":
        arguments["stream"] = True
    if "stream" in way and route in {"completion", "text_completion"}:
        arguments["stream_options"] = {"include_usage": True}
    return arguments


def ways_of(route: str) -> tuple[str, ...]:
    """Return in which ways LiteLLM makes a call on this route."""
    ways = ("async",) if route == "messages" else ("sync", "async")
    streamed = ("stream", "async stream")[route == "messages" :] if route in STREAMING else ()
    return (*ways, *streamed)


def is_found(*places: bytes) -> bool:
    """Whether the secret stands in any of these bytes, plain, escaped or as base64."""
    return any(form in place for place in places for form in FORMS)


class Parrot(Loopback):
    """A provider whose every answer holds the secret; below `/down` an error quotes the request.

    Below `/broken` a stream ends after its first word.
    """

    def __init__(self) -> None:
        super().__init__(_Handler)


class _Handler(QuietHandler):
    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path.startswith("/down/"):
            said = {"message": f"cannot read {raw.decode(errors='replace')}", "type": "bad"}
            self._answer(400, "application/json", json.dumps({"error": said}).encode())
            return
        kind, body = routes._answer_to(path, routes._parsed(raw))
        body = _with_secrets(path, kind, body)
        if path.startswith("/broken/"):
            body = body[: body.index(b"\n\n", body.index(SECRET.encode())) + 2]
            self._answer(200, kind, body, missing=100)
        else:
            self._answer(200, kind, body)

    def _answer(self, status: int, kind: str, body: bytes, missing: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = bool(missing)


def _with_secrets(path: str, kind: str, body: bytes) -> bytes:
    for word in (routes.ANSWER, *routes.WORDS, "spoken", "Cats purr.", "cat.invalid", "hologram"):
        body = body.replace(word.encode(), SECRET.encode())
    if kind == "application/json":
        return json.dumps(_richer(path, json.loads(body))).encode()
    if path.endswith("/chat/completions"):
        deltas: Iterable[Arguments] = (
            {"reasoning_content": SECRET},
            {"tool_calls": [{"index": 0, **TOOL_CALL}]},
        )
        chunk = json.loads(body.partition(b"data: ")[2].partition(b"\n\n")[0])
        events = [{**chunk, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        return b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events) + body
    return body


def _richer(path: str, answer: Any) -> Any:
    """The answer with every further field that its API knows for content."""
    if path.endswith("/chat/completions"):
        message = answer["choices"][0]["message"]
        message |= {"reasoning_content": SECRET, "tool_calls": [TOOL_CALL], "refusal": SECRET}
    elif path.endswith("/responses"):
        summary = [{"type": "summary_text", "text": SECRET}]
        answer["output"][0]["summary"] = summary
        answer["output"].append({"type": "function_call", "id": "f", "call_id": "c", **CALLED})
    elif path.endswith("/messages"):
        answer["content"] += [
            {"type": "thinking", "thinking": SECRET, "signature": "s"},
            {"type": "tool_use", "id": "t", "name": "look", "input": {"q": SECRET}},
        ]
    elif path.endswith("/images/generations"):
        answer["data"][0]["revised_prompt"] = SECRET
    return answer
