"""Runs generators and coroutines of others step by step, each step in a context of their own. Pure.

What a stream sets in its context (the active span among it) holds within the stream, in whichever
task or thread its next step is made, and is never seen by who reads it.
"""

from __future__ import annotations

import types
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
    from contextvars import Context

    Seen = Callable[[Any], None]


_NOTHING = nullcontext()


def _unseen(_item: object) -> None:
    """Nobody wants to know."""


def steps(
    generator: Generator[Any, Any, Any],
    room: Context,
    seen: Seen = _unseen,
    during: AbstractContextManager[object] = _NOTHING,
) -> Generator[Any, Any, Any]:
    """Return a generator that does what `generator` does, each step in `room`.

    What is sent to it, thrown into it and returned by it passes.

    Args:
        generator: nobody else steps it.
        room: the context.
        seen: is told each item that comes.
        during: is open from the first step to the end, and told how that came.
    """
    step: Callable[[], Any] = partial(next, generator)
    with during:
        while True:
            try:
                item = room.run(step)
            except StopIteration as end:
                return end.value
            seen(item)
            try:
                sent = yield item
            except GeneratorExit:
                room.run(generator.close)
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the generator's
                step = partial(generator.throw, error)
            else:
                step = partial(generator.send, sent)


async def asteps(
    generator: AsyncGenerator[Any, Any],
    room: Context,
    seen: Seen,
    during: AbstractContextManager[object],
) -> AsyncGenerator[Any, Any]:
    """Do as `steps` for an asynchronous generator."""
    step: Callable[[], Awaitable[Any]] = generator.__anext__
    with during:
        while True:
            try:
                item = await within(room, step())
            except StopAsyncIteration:
                return
            seen(item)
            try:
                sent = yield item
            except GeneratorExit:
                await within(room, generator.aclose())
                raise
            except BaseException as error:  # noqa: BLE001 - as above
                step = partial(generator.athrow, error)
            else:
                step = partial(generator.asend, sent)


@types.coroutine
def within(room: Context, awaitable: Awaitable[Any]) -> Generator[Any, Any, Any]:
    """Await something, each of its steps in `room`."""
    coroutine: Any = awaitable.__await__()
    return (yield from steps(coroutine, room))


async def generated(items: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Return an asynchronous iterator as a generator, which can be closed."""
    async for item in items:
        yield item
