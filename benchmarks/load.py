"""A load generator: kept connections, each with one request after the other, for a while."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.process import tell
from benchmarks.upstream import length_of
from benchmarks.workloads import messages

OK = b"HTTP/1.1 200"


def request(port: int, key: str, number: int) -> bytes:
    """Return a chat completion request."""
    body = json.dumps({"model": "house-model", "messages": messages("small", number)}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def ask(port: int, key: str, deadline: float, numbers: range) -> tuple[int, int]:
    """Return how many requests were answered well and badly until `deadline`, or all of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    good = bad = 0
    for number in numbers:
        if time.monotonic() >= deadline:
            break
        writer.write(request(port, key, number))
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(length_of(head))
        good, bad = (good + 1, bad) if head.startswith(OK) else (good, bad + 1)
    writer.close()
    return good, bad


async def load(port: int, key: str, seconds: float, connections: int, calls: int) -> None:
    """Tell how much was answered, and how fast."""
    start = time.monotonic()
    share = calls // connections
    parts = [range(1 + c * share, 1 + (c + 1) * share) for c in range(connections)]
    found = await asyncio.gather(*(ask(port, key, start + seconds, part) for part in parts))
    good, bad = sum(g for g, _ in found), sum(b for _, b in found)
    tell(good=good, bad=bad, per_second=good / (time.monotonic() - start))


if __name__ == "__main__":
    _, port, key, seconds, connections, calls = sys.argv
    asyncio.run(load(int(port), key, float(seconds), int(connections), int(calls)))
