"""Records what LiteLLM gives its callbacks, as JSON; runs in the environment of one release.

Usage: `recorder.py FOLDER` writes a file for each call type. What JSON has no form for is an object
with its type under `$type` and its members under `members`, a moment is `{"$datetime": …}`.
Times, ports, ids and paths are always the same, so that a file changes only with LiteLLM.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import litellm
from litellm.integrations.custom_logger import CustomLogger

from langfuse_otel._values import members
from routes import Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTED = datetime(2026, 11, 21, 8, 0, 0)  # noqa: DTZ001 - LiteLLM's times are naive and local
MOMENT = 1_795_248_000
DECADE_S = 315_360_000
MAX_TEXT = 200
MAX_DEPTH = 9
# Objects of LiteLLM's that say nothing of the call, and much of the process.
LEFT_OUT = {"litellm_logging_obj", "logger_fn", "async_success_handler", "httpx_response"}
SCRUBBED = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:1"),
    (re.compile(r"[\w:/. ,-]*/(site-packages|lib)/"), ""),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT"), "Sat, 21 Nov 2026 08:00:00 GMT"),
    (re.compile(r"Python/[\d.]+"), "Python/3"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "id-of-call"),
    (re.compile(r"(chatcmpl|resp|req|time-[\d-]+)[-_][0-9a-zA-Z_=-]{12,}"), r"id-of-answer"),
)
MESSAGES = [{"role": "user", "content": "hi"}]
METADATA = {"session_id": "session-1", "tags": ["a"], "own": "kept"}
OPENAI: dict[str, tuple[str, dict[str, Any]]] = {
    "completion": ("completion", {"model": "openai/gpt-4o-mini", "messages": MESSAGES}),
    "text_completion": (
        "text_completion",
        {"model": "text-completion-openai/gpt-3.5-turbo-instruct", "prompt": "say hi"},
    ),
    "embedding": ("embedding", {"model": "openai/text-embedding-3-small", "input": ["a", "b"]}),
    "responses": ("responses", {"model": "openai/gpt-4o", "input": "hi"}),
    "image_generation": (
        "image_generation",
        {"model": "openai/gpt-image-1", "prompt": "cat"},
    ),
    "transcription": (
        "transcription",
        {"model": "openai/whisper-1", "file": ("a.wav", b"RIFF0000")},
    ),
    "speech": ("speech", {"model": "openai/tts-1", "voice": "alloy", "input": "say this"}),
    "moderation": ("moderation", {"model": "omni-moderation-latest", "input": "bad"}),
}
FAILURE = "completion_failure"
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


class Recorder(CustomLogger):  # type: ignore[misc]
    """Keeps the arguments of the next callback, encoded at once."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Any] | None = None

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: object, end_time: object
    ) -> None:
        """Keep a success."""
        self.found = self.found or _arguments(kwargs, response_obj)

    async def async_log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: object, end_time: object
    ) -> None:
        """Keep a failure."""
        self.found = self.found or _arguments(kwargs, None)


def main() -> None:
    """Make the calls."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    asyncio.run(_record(folder))


async def _record(folder: Path) -> None:
    recorder = Recorder()
    litellm.callbacks = [recorder]
    with Provider() as provider:
        for name, (function, given) in _calls(provider).items():
            recorder.found, fails = None, False
            try:
                answer = await getattr(litellm, f"a{function}")(**given, metadata=METADATA)
                if given.get("stream"):
                    async for _ in answer:
                        pass
            except Exception as error:  # noqa: BLE001 - one is meant to fail; of others no file tells
                fails = True
                print(f"{name}: {type(error).__name__}")
            for _ in range(100):
                if recorder.found:
                    break
                await asyncio.sleep(0.05)
            if recorder.found and fails is (name == FAILURE):
                text = json.dumps(recorder.found, indent=1, sort_keys=True)
                (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _calls(provider: Provider) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return LiteLLM's function and its arguments, by the name of the file."""
    there = {"api_base": provider.url, "api_key": "sk-upstream", "num_retries": 0, "max_retries": 0}
    calls = {name: (function, {**given, **there}) for name, (function, given) in OPENAI.items()}
    function, chat = calls["completion"]
    rerank = {"model": "cohere/rerank-v3.5", "query": "q", "documents": ["a", "b"]}
    return {
        **calls,
        "completion_stream": (function, chat | STREAM),
        FAILURE: (function, chat | {"api_base": provider.down}),
        "responses_stream": ("responses", calls["responses"][1] | {"stream": True}),
        "rerank": ("rerank", {**rerank, **there, "api_base": f"{provider.root}/v2/rerank"}),
    }


def _arguments(kwargs: Mapping[str, Any], response: object) -> dict[str, Any]:
    return {
        "kwargs": {k: _encoded(v, 0) for k, v in kwargs.items() if k not in LEFT_OUT},
        "response": _encoded(response, 0),
        "started": _moment(0),
        "ended": _moment(2),
    }


def _moment(seconds: int) -> dict[str, str]:
    return {"$datetime": (STARTED + timedelta(seconds=seconds)).isoformat()}


def _encoded(value: Any, depth: int, name: str = "") -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return _scalar(value, name)
    if isinstance(value, datetime):
        return _moment(0)
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return _members(value, depth)
    if isinstance(value, (list, tuple)):
        return [_encoded(member, depth + 1) for member in value]
    return _object(value, depth)


def _object(value: object, depth: int) -> dict[str, Any]:
    """Of what is neither data nor an error only the type is told."""
    named = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, BaseException):
        return {"$type": named, "members": {"message": _text(str(value))}}
    is_data = hasattr(value, "model_dump")
    return {"$type": named, "members": _members(members(value), depth) if is_data else {}}


def _members(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    """Return what is said; below the first level what is empty is left out."""
    found = {
        str(name): _encoded(member, depth + 1, str(name))
        for name, member in value.items()
        if name not in LEFT_OUT and not str(name).startswith("__")
    }
    return {name: member for name, member in found.items() if member not in (None, {}, [])}


def _scalar(value: str | float | None, name: str) -> str | float | None:
    """Times are always the same."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if abs(value - MOMENT) < DECADE_S and name != "created":
        return MOMENT
    return 1.0 if name.endswith(("_ms", "_time", "_seconds")) else value


def _text(value: str) -> str:
    for pattern, instead in SCRUBBED:
        value = pattern.sub(instead, value)
    return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"


if __name__ == "__main__":
    main()
