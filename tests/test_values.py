"""Values that may be anything."""

from __future__ import annotations

from datetime import datetime, timezone
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from langfuse_otel._values import (
    is_true,
    mapping_of,
    members,
    nanoseconds_of,
    part,
    text_of,
    texts_of,
)

ID = UUID("0af76519-16cd-43dd-8448-eb211c80319c")
PROXY = MappingProxyType({"a": 1})


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 1


class Slotted:
    __slots__ = ("a",)


@pytest.mark.parametrize(
    ("value", "mapping"),
    [({"a": 1}, {"a": 1}), (PROXY, PROXY), ({}, {}), (None, {}), ([("a", 1)], {}), ("a", {})],
    ids=["dict", "mapping", "empty", "none", "list", "text"],
)
def test_mapping_of(value: object, mapping: object) -> None:
    """A mapping is itself, anything else an empty one."""
    assert mapping_of(value) == mapping


@pytest.mark.parametrize(
    ("value", "member"),
    [
        ({"a": 1}, 1),
        (PROXY, 1),
        (SimpleNamespace(a=1), 1),
        ({"b": 1}, None),
        (SimpleNamespace(b=1), None),
        (None, None),
    ],
    ids=["dict", "mapping", "object", "other-dict", "other-object", "none"],
)
def test_part(value: object, member: object) -> None:
    """A member of a mapping or an object, None where there is none."""
    assert part(value, "a") == member


def test_part_of_a_mapping() -> None:
    """The members of a mapping are its items, not its methods."""
    assert part({}, "items") is None
    assert part(PROXY, "items") is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": 1}, {"a": 1}),
        (PROXY, PROXY),
        ({}, {}),
        (None, {}),
        (Loose(), {"a": 1}),
        (Loose(b=2), {"a": 1, "b": 2}),
        (SimpleNamespace(a=1), {"a": 1}),
        (Slotted(), {}),
    ],
    ids=["dict", "mapping", "empty", "none", "model", "extra", "object", "slots"],
)
def test_members(value: object, found: object) -> None:
    """Of an object all that it holds, also what its class does not name."""
    assert members(value) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("a\ud800", "a\ufffd"),
        ("", None),
        (None, None),
        (0, "0"),
        (10**5_000, hex(10**5_000)),
        (1.5, "1.5"),
        (ID, str(ID)),
        (True, None),
        (b"a", None),
        (["a"], None),
    ],
    ids=["text", "half", "empty", "none", "0", "long", "float", "uuid", "bool", "bytes", "list"],
)
def test_text_of(value: object, text: str | None) -> None:
    """A scalar is text; what is empty or no scalar is nothing."""
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ("a", ("a",)),
        (["a", 1, None, "", {}], ("a", "1")),
        (("a", "b"), ("a", "b")),
        ({"a"}, ("a",)),
        (frozenset({"a"}), ("a",)),
        (None, ()),
        ({"a": 1}, ()),
        (7, ()),
    ],
    ids=["text", "list", "tuple", "set", "frozenset", "none", "mapping", "number"],
)
def test_texts_of(values: object, texts: tuple[str, ...]) -> None:
    """The scalars of a list are texts; a text by itself is one of them."""
    assert texts_of(values) == texts


@pytest.mark.parametrize(
    ("value", "is_set"),
    [
        *((text, False) for text in ("", "false", " No ", "0", "OFF", "None", "null")),
        *((text, True) for text in ("true", "1", "yes", "maybe")),
        *((value, False) for value in (None, False, 0, [])),
        *((value, True) for value in (True, 1, ["no"])),
    ],
    ids=repr,
)
def test_is_true(value: Any, is_set: bool) -> None:
    """A flag is set unless its value says that it is not."""
    assert is_true(value) is is_set


def test_nanoseconds() -> None:
    """A moment has nanoseconds since the epoch, also a naive one; nothing else has."""
    moment = datetime(2026, 11, 21, 8, 0, 0, 250_001, tzinfo=timezone.utc)
    local = moment.astimezone().replace(tzinfo=None)

    assert nanoseconds_of(moment) == nanoseconds_of(local) == 1_795_248_000_250_001_000
    assert nanoseconds_of("2026-11-21") == nanoseconds_of(None) == 0
