"""Traces to look at: what a small travel assistant and its neighbours would send."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from langfuse_otel.dev import LocalReceiver

QUESTIONS = (
    (
        "support",
        "Where is my order 8812?",
        "It left our warehouse yesterday and arrives on Friday.",
    ),
    (
        "support",
        "How do I return a jacket?",
        "Print the label in your account, then drop it at a post office.",
    ),
    (
        "summarise",
        "Summarise the meeting notes.",
        "Three decisions: ship on the 14th, hire a designer, keep the price.",
    ),
    ("translate", "Translate to French: good morning", "Bonjour"),
    ("classify", "Is this review positive? “Works, but loud.”", "mixed"),
    ("extract", "Read the total from this invoice.", '{"total": 129.9, "currency": "EUR"}'),
)
MODELS = (
    "gpt-4o-mini",
    "gpt-4o-mini",
    "gpt-4o-mini",
    "claude-sonnet-4-5",
    "claude-sonnet-4-5",
    "mistral-small",
)
USERS = ("ada", "grace", "linus", "margaret")
PRICES = {"gpt-4o-mini": 4e-7, "claude-sonnet-4-5": 6e-6, "mistral-small": 2e-7}
SCRIPT = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


def post(receiver: LocalReceiver, *spans: dict[str, Any], path: str = "4") -> None:
    """Send spans as OTLP JSON."""
    scope = {"name": "langfuse-sdk.scenes"}
    body = {"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": list(spans)}]}]}
    answer = httpx.post(
        f"{receiver.url}/api/public/otel/v1/traces",
        json=body,
        headers={"x-langfuse-ingestion-version": path},
        auth=(receiver.public_key, receiver.secret_key),
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def span(
    trace: int, number: int, name: str, start: float, seconds: float, **given: Any
) -> dict[str, Any]:
    """Build one span; `parent` is a number, `error` a text, all else are attributes of Langfuse's."""
    parent, error = given.pop("parent", None), given.pop("error", None)
    if "prompt" in given:
        given["prompt.name"], given["prompt.version"] = given.pop("prompt")
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": "" if parent is None else f"{parent:016x}",
        "name": name,
        "startTimeUnixNano": str(int(start * 1e9)),
        "endTimeUnixNano": str(int((start + seconds) * 1e9)),
        "status": {"code": 2, "message": error} if error else {},
        "attributes": [
            {"key": _key(key), "value": _value(key, value)}
            for key, value in given.items()
            if value is not None
        ],
    }


def generation(
    trace: int, number: int, name: str, start: float, seconds: float, **given: Any
) -> dict[str, Any]:
    """Build a span that is a call of a model, with its tokens and their price."""
    model, asked, taken = given["model"], given.pop("asked", 0), given.pop("taken", 0)
    price = PRICES.get(model, 1e-6)
    cost = {"input": asked * price, "output": taken * price * 4}
    first = given.pop("first", None)
    if first is not None:
        at = time.gmtime(start + first)
        millis = int((start + first) % 1 * 1000)
        given["completion_start_time"] = time.strftime("%Y-%m-%dT%H:%M:%S", at) + f".{millis:03}Z"
    return span(
        trace, number, name, start, seconds,
        type="generation",
        usage_details=json.dumps({"input": asked, "output": taken, "total": asked + taken}),
        cost_details=json.dumps({**cost, "total": sum(cost.values())}),
        **given,
    )  # fmt: skip


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    """Build a message."""
    return {"role": role, "content": content, **more}


def small_talk(receiver: LocalReceiver, count: int, now: float) -> None:
    """Send short conversations over the last hour."""
    chance = random.Random(7)
    spans = []
    for at in range(count):
        start = (
            now - 3600 * (1 - at / count - math.sin(at / count * 11) / 14) - chance.random() * 40
        )
        name, question, answer = chance.choice(QUESTIONS)
        model = chance.choice(MODELS)
        seconds = chance.lognormvariate(0.1, 0.5) * (2 if "claude" in model else 1)
        failed = chance.random() < (0.12 if 0.6 < at / count < 0.7 else 0.02)
        spans.append(
            generation(
                1000 + at,
                1000 + at,
                name,
                start,
                seconds,
                model=model,
                asked=chance.randrange(60, 1400),
                taken=0 if failed else chance.randrange(10, 400),
                first=None if failed else seconds * chance.uniform(0.2, 0.5),
                input=[said("system", "You are brief."), said("user", question)],
                output=None if failed else said("assistant", answer),
                error="The provider is overloaded (529)." if failed else None,
                user=chance.choice(USERS),
                session=f"chat-{chance.randrange(30)}",
                tags=[chance.choice(("web", "mobile", "batch"))],
                environment=chance.choice(("production", "production", "staging")),
            )
        )
    for at in range(0, count, 100):
        post(receiver, *spans[at : at + 100])


def trip_planner(receiver: LocalReceiver, now: float) -> None:
    """Send an agent with tools, reasoning, an image, a failing call and a mistake or two."""
    shared = {
        "user": "ada",
        "session": "trip-to-lisbon",
        "environment": "production",
        "trace_name": "trip planner",
        "tags": ["agent", "beta"],
    }
    picture = upload(receiver, f"{1:032x}", _gradient())
    asked = [
        said("system", "You plan short trips. Use the tools, then answer in three sentences."),
        said(
            "user",
            [
                {
                    "type": "text",
                    "text": "Two days in Lisbon in May, starting here. What should I pack?",
                },
                {"type": "image_url", "image_url": {"url": picture}},
            ],
        ),
    ]
    call = {
        "id": "call_7Yb2",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Lisbon", "month": "May"}'},
    }
    result = '{"high_c": 22, "low_c": 14, "rain_days": 6}'
    answer = "Pack layers: it is 22 °C by day and 14 °C at night, and it rains on about six days in May.\nTake comfortable shoes for the hills of Alfama, and a light rain jacket.\nOn the first day walk from the castle to the river; keep Belém for the second."
    reasoning = "The picture shows a sunset by the sea. I know the weather now, so I can say what to pack and sketch both days."
    final = said("assistant", answer, reasoning_content=reasoning)
    post(
        receiver,
        span(1, 1, "trip planner", now - 9, 7.9, type="agent", input=asked[1:], output=final, **shared),
        span(1, 2, "plan", now - 8.9, 3.1, parent=1, type="chain", **shared),
        generation(1, 3, "choose a tool", now - 8.8, 1.6, parent=2, model="gpt-4o-mini", asked=412, taken=28, first=0.7, input={"messages": asked, "tools": [{"type": "function", "function": {"name": "weather", "description": "Climate of a city in a month", "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "month": {"type": "string"}}}}}]}, output=said("assistant", None, tool_calls=[call]), **shared),
        span(1, 4, "weather", now - 7.1, 0.42, parent=2, type="tool", input={"city": "Lisbon", "month": "May"}, output=json.loads(result), **shared),
        span(1, 5, "search guides", now - 6.6, 0.7, parent=2, type="retriever", input="Lisbon two days", output=["castle", "Alfama", "Belém"], **shared),
        generation(1, 6, "write the answer", now - 5.7, 0.9, parent=1, model="claude-sonnet-4-5", asked=690, input=[*asked, said("assistant", None, tool_calls=[call]), said("tool", result, tool_call_id="call_7Yb2")], error="anthropic.OverloadedError: 529, retried after 0.5 s", **shared),
        generation(1, 7, "write the answer", now - 4.3, 3.2, parent=1, model="claude-sonnet-4-5", asked=690, taken=168, first=1.1, parameters={"temperature": 0.2, "max_tokens": 600}, prompt=("trip-answer", 3), input=[*asked, said("assistant", None, tool_calls=[call]), said("tool", result, tool_call_id="call_7Yb2")], output=final, metadata={"experiment": "b", "customer": {"tier": "gold"}}, **shared),
    )  # fmt: skip


def mistaken(receiver: LocalReceiver, now: float) -> None:
    """Send what another client gets wrong."""
    attributes = {
        "langfuse.observation.prompt.name": "greeting",
        "langfuse.observation.prompt.version": "3",
        "langfuse.environment": "Prod EU",
        "gen_ai.request.model": "gpt-4o",
        "langfuse.observation.name": "hello",
    }
    given = generation(
        2,
        20,
        "home-made exporter",
        now - 400,
        0.8,
        model="gpt-4o-mini",
        asked=10,
        taken=8,
        input=SCRIPT,
        output=SCRIPT,
    )
    given["attributes"] += [
        {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
    ]
    post(receiver, given)


def fill(receiver: LocalReceiver, count: int = 260) -> None:
    """Send an hour of small talk, and the trip planner last."""
    now = time.time()
    small_talk(receiver, count, now - 12)
    trip_planner(receiver, now)


def upload(receiver: LocalReceiver, trace_id: str, content: bytes) -> str:
    """Store a PNG through the media API, give the reference to it."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    media = f"{receiver.url}/api/public/media"
    with httpx.Client(auth=(receiver.public_key, receiver.secret_key), trust_env=False) as client:
        said_ = {"traceId": trace_id, "field": "input", "contentType": "image/png", "contentLength": len(content), "sha256Hash": digest}  # fmt: skip
        made = client.post(media, json=said_).json()
        httpx.put(
            made["uploadUrl"],
            content=content,
            headers={"content-type": "image/png"},
            trust_env=False,
        )
        done = {"uploadedAt": "2026-01-01T00:00:00Z", "uploadHttpStatus": 200}
        client.patch(f"{media}/{made['mediaId']}", json=done)
    return f"@@@langfuseMedia:type=image/png|id={made['mediaId']}|source=base64_data_uri@@@"


def _gradient(width: int = 240, height: int = 120) -> bytes:
    """Paint a sunset."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            sun = (x - 170) ** 2 + (y - 66) ** 2 < 26**2
            sea = y > 84
            warm = int(150 * y / height)
            rows += bytes((255, 214, 140) if sun and not sea else (46, 74, 118 + (x + 3 * y) % 22) if sea else (92 + warm, 96 + warm // 3, 150 - warm // 3))  # fmt: skip
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    )


NAMES = {
    "user": "langfuse.user.id",
    "session": "langfuse.session.id",
    "tags": "langfuse.trace.tags",
    "trace_name": "langfuse.trace.name",
    "environment": "langfuse.environment",
    "model": "langfuse.observation.model.name",
    "parameters": "langfuse.observation.model.parameters",
}


def _key(name: str) -> str:
    return NAMES.get(name, f"langfuse.observation.{name}")


def _value(name: str, value: Any) -> dict[str, Any]:
    if name == "tags":
        return {"arrayValue": {"values": [{"stringValue": tag} for tag in value]}}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {
        "stringValue": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    }
