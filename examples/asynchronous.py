"""Concurrent calls and a stream; the program ends at once, and nothing is lost.

Needs the three LANGFUSE_* variables that `langfuse-otel dev` prints, and no key of a provider.
"""

from __future__ import annotations

import asyncio

import litellm

import langfuse_otel  # noqa: F401 - makes the name below mean this library

litellm.callbacks = ["langfuse_otel"]


async def ask(city: str) -> None:
    """Ask one question."""
    await litellm.acompletion(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"In which country is {city}?"}],
        mock_response="Somewhere nice.",
        metadata={"generation_name": f"where is {city}"},
    )


async def count() -> None:
    """Read a stream."""
    chunks = await litellm.acompletion(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Count to three."}],
        mock_response="One, two, three.",
        stream=True,
        metadata={"generation_name": "counting"},
    )
    async for chunk in chunks:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


async def main() -> None:
    """Do both."""
    await asyncio.gather(ask("Lima"), ask("Oslo"), count())


asyncio.run(main())
