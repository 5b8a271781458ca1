"""Generators of others, run step by step in a context of their own."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

from langfuse_otel._by_hand.steps import asteps, generated, steps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

PLACE = ContextVar("PLACE", default="outside")


class TalkBackError(Exception):
    pass


def talk(told: list[object]) -> Generator[object, object, str]:
    """Yield what is said to it, and the place where it hears that."""
    PLACE.set("inside")
    said: object = "begun"
    try:
        while said != "enough":
            try:
                said = yield said, PLACE.get()
            except TalkBackError as error:
                said = type(error)
    finally:
        told.append(PLACE.get())
    return "returned"


async def atalk(told: list[object]) -> AsyncGenerator[object, object]:
    """Do as `talk`, with a pause in each step."""
    talking = talk(told)
    said: Any = None
    step: Any = talking.send
    while True:
        await asyncio.sleep(0)
        try:
            item = step(said)
        except StopIteration:
            return
        try:
            said, step = (yield item), talking.send
        except TalkBackError as error:
            said, step = error, talking.throw
        except GeneratorExit:
            talking.close()
            raise


@contextmanager
def noted(told: list[object]) -> Iterator[None]:
    """Note that something begins and how it ends."""
    told.append("opened")
    try:
        yield
    except BaseException as error:
        told.append(type(error))
        raise
    told.append("ended")


TALK = [("begun", "inside"), ("more", "inside"), (TalkBackError, "inside"), (None, "inside")]


def test_steps() -> None:
    """What is sent and thrown into the generator passes, in its context, and all is told."""
    told: list[object] = []
    seen: list[object] = []
    outer = steps(talk(told), copy_context(), seen.append, noted(told))

    assert told == []
    assert [next(outer), outer.send("more"), outer.throw(TalkBackError()), next(outer)] == TALK
    with pytest.raises(StopIteration) as end:
        outer.send("enough")
    assert end.value.value == "returned"
    assert PLACE.get() == "outside"
    assert (seen, told) == (TALK, ["opened", "inside", "ended"])


def test_close() -> None:
    """A generator that is closed is closed in its context."""
    told: list[object] = []
    outer = steps(talk(told), copy_context(), during=noted(told))
    next(outer)
    outer.close()

    assert told == ["opened", "inside", GeneratorExit]


def test_error() -> None:
    """What the generator raises passes."""
    told: list[object] = []
    outer = steps(talk(told), copy_context(), during=noted(told))
    next(outer)

    with pytest.raises(KeyError):
        outer.throw(KeyError("x"))
    assert told == ["opened", "inside", KeyError]


def test_asteps() -> None:
    """For an asynchronous generator it is the same."""
    told: list[object] = []
    seen: list[object] = []

    async def program() -> None:
        outer = asteps(atalk(told), copy_context(), seen.append, noted(told))
        assert told == []
        found = [await anext(outer), await outer.asend("more"), await outer.athrow(TalkBackError())]
        assert [*found, await anext(outer)] == TALK
        with pytest.raises(StopAsyncIteration):
            await outer.asend("enough")

    asyncio.run(program())
    assert PLACE.get() == "outside"
    assert (seen, told) == (TALK, ["opened", "inside", "ended"])


def test_aclose() -> None:
    """An asynchronous generator that is closed is closed in its context."""
    told: list[object] = []

    async def program() -> None:
        outer = asteps(atalk(told), copy_context(), lambda _: None, noted(told))
        await anext(outer)
        await outer.aclose()

    asyncio.run(program())
    assert told == ["opened", "inside", GeneratorExit]


def test_generated() -> None:
    """An asynchronous iterator becomes a generator of the same items."""

    async def few() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    async def items() -> list[int]:
        return [item async for item in generated(few().__aiter__())]

    assert asyncio.run(items()) == [1, 2]
