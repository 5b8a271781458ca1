"""A model provider that costs next to nothing: every request has the same answer."""

from __future__ import annotations

import asyncio
import json

from benchmarks.process import tell
from benchmarks.workloads import ANSWER

COMPLETION = {
    "id": "chatcmpl-upstream",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": ANSWER},
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50},
}
BODY = json.dumps(COMPLETION).encode()
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
RESPONSE = HEAD.encode() + BODY


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(length_of(head))
            writer.write(RESPONSE)
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()


def length_of(head: bytes) -> int:
    """Return the length of the body that follows."""
    lines = head.lower().split(b"\r\n")
    return next((int(s.partition(b":")[2]) for s in lines if s.startswith(b"content-length")), 0)


async def main() -> None:
    """Serve until killed; say on which port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    tell(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
