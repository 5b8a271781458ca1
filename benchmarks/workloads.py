"""The calls that are made: what is asked, how much of it, and one at a time or many."""

from __future__ import annotations

import asyncio
import random
import string
from typing import Any

ANSWER_CHARACTERS = 150
AT_ONCE = 50
VOCABULARY = """
time order model system data value state user result table field small large river stone paper light
water cloud green north south query token batch trace span event error retry limit queue worker
thread memory signal buffer socket header packet budget
"""
WORDS = VOCABULARY.split()


def text(characters: int, seed: int) -> str:
    """Return words and numbers, about as compressible as English."""
    source = random.Random(seed)
    words: list[str] = []
    length = 0
    while length < characters:
        number = str(source.randrange(1000)) if source.random() < 0.3 else ""  # noqa: PLR2004
        words.append(source.choice(WORDS) + number)
        length += len(words[-1]) + 1
    return " ".join(words)[:characters]


def noise(characters: int) -> str:
    """Return what hardly compresses."""
    source = random.Random(3)
    return "".join(source.choices(string.ascii_letters + string.digits, k=characters))


ANSWER = text(ANSWER_CHARACTERS, 7)
SMALL = text(80, 2)
TURNS = [text(390, 10 + turn) for turn in range(20)]
LARGE = text(200_000, 5)


def mark(number: int) -> str:
    """Return what identifies a call in whatever is made of it."""
    return f"CALL{number:07d}X"


def messages(size: str, number: int) -> list[dict[str, str]]:
    """Return a question of about 100 bytes, a conversation of 8 KB, or a document of 200 KB."""
    if size == "medium":
        roles = ["system", *["user", "assistant"] * 9, "user"]
        contents = [*TURNS[:-1], f"{mark(number)} {TURNS[-1]}"]
        return [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)]
    content = {"small": SMALL, "large": LARGE}[size]
    return [{"role": "user", "content": f"{mark(number)} {content}"}]


def call(size: str, number: int, **changes: Any) -> dict[str, Any]:
    """Return the arguments of one call that needs no network."""
    return {
        "model": "openai/gpt-4o-mini",
        "messages": messages(size, number),
        "mock_response": ANSWER,
        "temperature": 0.2,
        "max_tokens": 256,
        "metadata": {
            "generation_name": "bench-gen",
            "trace_name": "bench",
            "session_id": "s-1",
            "trace_user_id": "u-1",
            "tags": ["a", "b"],
        },
        **changes,
    }


def complete(arguments: dict[str, Any]) -> bool:
    """Make a call; False if its answer is not the one that was to come."""
    import litellm

    answer: Any = litellm.completion(**arguments)
    return bool(answer.choices[0].message.content == ANSWER)


async def acomplete(arguments: dict[str, Any]) -> bool:
    """Do the same in an event loop."""
    import litellm

    answer: Any = await litellm.acompletion(**arguments)
    return bool(answer.choices[0].message.content == ANSWER)


async def gather(calls: list[dict[str, Any]]) -> None:
    """Make calls, some at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(arguments: dict[str, Any]) -> None:
        async with gate:
            await acomplete(arguments)

    await asyncio.gather(*map(one, calls))
