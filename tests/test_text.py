"""JSON text of anything."""

from __future__ import annotations

import json
import threading
from collections import UserDict
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from langfuse_otel import _text
from langfuse_otel._text import (
    FEW,
    MAX_DEPTH,
    clean,
    described,
    digits,
    json_text,
    message_of,
    printable,
    text_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: object


class Model(BaseModel):
    a: int = 1
    b: str | None = None


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr today")


class Torn(UserDict):
    def __iter__(self) -> Iterator[object]:
        raise RuntimeError("no keys today")

    def __repr__(self) -> str:
        return "<Torn>"


class Named:
    def __repr__(self) -> str:
        return "<Named>"


VALUES = [
    ({"a": [1, "ä", None, True, 1.5]}, {"a": [1, "ä", None, True, 1.5]}),
    (Model(), {"a": 1}),
    (Point(1), {"x": 1}),
    (Color.RED, "red"),
    (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00Z"),
    ({"x": float("nan"), "y": float("inf")}, {"x": "NaN", "y": "Infinity"}),
    (2**53, 2**53),
    (2**53 + 1, "9007199254740993"),
    ({"id": -(2**70)}, {"id": str(-(2**70))}),
    ("12345678901234567890", "12345678901234567890"),
    ({"id": 10**5_000}, {"id": hex(10**5_000)}),
    (b"\xff\x00", "_wA="),
    (Named(), "<Named>"),
    (MappingProxyType({"a": UserDict(b=1)}), {"a": {"b": 1}}),
    (Point(MappingProxyType({"a": 1})), {"x": {"a": 1}}),
    ({"b": Broken()}, {"b": "<Broken>"}),
    ({"t": Torn()}, {"t": "<Torn>"}),
    ("a\ud800b", "a\ufffdb"),
    ({"\udc00": "\ud83d\ude00"}, {"\ufffd": "😀"}),
    ({1: 2, None: 3}, {"1": 2, "None": 3}),
    (ValueError("x"), "ValueError('x')"),
    ({"s": {1}}, {"s": [1]}),
]


KEYS = {True: 1, Color.RED: 2, UUID(int=0): 3}, {"true": 1, "red": 2, str(UUID(int=0)): 3}


@pytest.mark.parametrize(("value", "expected"), [*VALUES, KEYS])
def test_values(value: object, expected: object) -> None:
    """Each kind of object has its JSON."""
    assert json.loads(json_text(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [*VALUES, ({1: Point(Named())}, {"1": {"x": "<Named>"}})]
)
def test_values_beside_half_a_character(value: object, expected: object) -> None:
    """The JSON is the same beside what has to be replaced."""
    assert json.loads(json_text([value, "\ud800"])) == [expected, "\ufffd"]


def test_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has nothing to replace is written in one go."""
    monkeypatch.setattr(_text, "_plain", pytest.fail)

    assert (
        json_text([Model(), float("nan"), b"\xff", Named()]) == '[{"a":1},"NaN","_w==","<Named>"]'
    )


@pytest.mark.parametrize(
    ("beside", "text"),
    [(1, '{"ä":[1,1]}'), (2**70, f'{{"ä":[1,"{2**70}"]}}'), ("\ud800", '{"ä":[1,"\ufffd"]}')],
    ids=["plain", "large", "half"],
)
def test_compact(beside: object, text: str) -> None:
    """No character is spent on spaces, nor on what UTF-8 has."""
    assert json_text({"ä": [1, beside]}) == text


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([{"id": 2**70}], id="few"),
        pytest.param([Named, {"id": 2**70}], id="other"),
        pytest.param([Model(a=2**70)], id="object"),
        pytest.param([2**70, *range(1_000)], id="many"),
    ],
)
def test_large_integer_beside_long_text(objects: list[object]) -> None:
    """A large integer is text whatever stands beside it, and the objects are as they were."""
    given = ["x" * 100_000, *objects, "y"]
    text = json_text(given)

    assert f'"{2**70}"' in text
    assert json.loads(text)[-1] == "y"
    assert given == ["x" * 100_000, *objects, "y"]


class Clearing:
    """Empties what it stands in when it is described."""

    def __init__(self, around: Any) -> None:
        self.around = around

    def __repr__(self) -> str:
        self.around.clear()
        return "<Clearing>"


@pytest.mark.parametrize("beside", [1, 1_000])
def test_a_list_that_shrinks(beside: int) -> None:
    """A list may lose its items while it is read, as another thread may take them."""
    value: list[object] = []
    value += [Clearing(value), *[["x"]] * beside]

    assert json.loads(json_text(value))[0] == "<Clearing>"


def test_a_mapping_that_shrinks() -> None:
    """So may a mapping, whatever is raised over it."""
    value: dict[str, object] = {}
    value |= {"a": Clearing(value), "b": 1, "c": 2}

    assert isinstance(json.loads(json_text(value)), dict)


@pytest.mark.parametrize("beside", [[], [None], [0] * FEW, [None] * FEW, [Model()]])
def test_no_number(beside: list[object]) -> None:
    """NaN is text whatever stands beside it, and None is null."""
    text = json_text([float("nan"), *beside])

    assert json.loads(text) == ["NaN", *({"a": 1} if one == Model() else one for one in beside)]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_json_has(value: object) -> None:
    """What JSON has is there again when it is read."""
    assert json.loads(json_text(value)) == value


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"a": [{"b": "xyz"}, "x", 1, 1.5, True, None]}, 4),
        ([float("nan")], None),
        ([float("inf")], None),
        ([2**53, -(2**53)], 0),
        ([2**53 + 1], None),
        (["x"] * (FEW - 1), FEW - 1),
        (["x"] * FEW, None),
        ((1,), None),
        ([Named()], None),
    ],
    ids=["plain", "nan", "inf", "exact", "large", "few", "many", "tuple", "object"],
)
def test_text_in(value: object, size: int | None) -> None:
    """Few objects of JSON's own types are known by their texts, without a large integer."""
    assert text_in(value, FEW) == size


def test_text_in_a_cycle() -> None:
    """What holds itself is more than a few."""
    cycle: list[object] = ["x"]
    cycle.append(cycle)

    assert text_in(cycle, FEW) is None


def test_cycle() -> None:
    """A cycle ends in dots."""
    cycle: dict[str, object] = {"a": 1}
    cycle["self"] = cycle
    ring: list[object] = [1]
    ring.append(ring)
    loop = Point(None)
    loop.x = loop

    assert json.loads(json_text(cycle)) == {"a": 1, "self": "..."}
    assert json.loads(json_text(ring)) == [1, "..."]
    assert json.loads(json_text(loop)) == "Point(x=...)"


def nested(levels: int, inner: object, wrap: Callable[[object], object]) -> object:
    """Return `inner` so many levels down."""
    for _ in range(levels):
        inner = wrap(inner)
    return inner


def listed(inner: object) -> object:
    """Return a list of it."""
    return [inner]


def named(inner: object) -> object:
    """Return a mapping to it."""
    return {"a": inner}


@pytest.mark.parametrize("wrap", [listed, named])
def test_depth(wrap: Callable[[object], object]) -> None:
    """Nesting beyond all measure ends in dots."""
    text = json_text(nested(5_000, 1, wrap))

    assert json.loads(text) == nested(MAX_DEPTH, "...", wrap)


def test_depth_in_an_object() -> None:
    """What an object holds begins as far down as the object stands."""
    held = nested(40, "\ud800", listed)

    assert json.loads(json_text(nested(40, Point(held), listed))) == nested(
        40, {"x": nested(MAX_DEPTH - 41, "...", listed)}, listed
    )


def test_lock_beside_content() -> None:
    """What has no JSON is described, and what stands beside it is kept."""
    text = json.loads(json_text({"lock": threading.RLock(), "kept": 1}))

    assert text["kept"] == 1
    assert "RLock" in text["lock"]


def test_snapshot() -> None:
    """The text does not change when the value does, nor the value when it is read."""
    value = {"messages": [{"content": "a"}]}
    text = json_text(value)
    value["messages"][0]["content"] = "b"

    assert json.loads(text) == {"messages": [{"content": "a"}]}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(exclude_categories=()))
        | st.binary()
        | st.builds(Broken),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(st.characters(exclude_categories=())), inner)
            | st.tuples(inner)
        ),
    )
)
def test_never_raises(value: object) -> None:
    """Whatever is given, the text is valid JSON in valid UTF-8."""
    text = json_text(value)
    text.encode()

    json.loads(text, parse_constant=pytest.fail)


@given(st.text(st.characters(exclude_categories=())))
def test_clean(text: str) -> None:
    """Cleaned text is valid UTF-8, and valid text is not changed."""
    cleaned = clean(text)
    cleaned.encode()

    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("all's well: ü 😀", "all's well: ü 😀"),
        ("a\nb\r\tc", "a\ufffdb\ufffd\ufffdc"),
        ("\x1b[31m\x9b\u202e\u2028", "\ufffd[31m\ufffd\ufffd\ufffd"),
        ("\ud800", "\ufffd"),
    ],
    ids=["plain", "lines", "control", "half"],
)
def test_printable(text: str, line: str) -> None:
    """What could steer a terminal or forge a line is replaced."""
    assert printable(text) == line


def test_digits() -> None:
    """A number has its digits; one that Python does not write has its hex."""
    assert digits(-12) == "-12"
    assert digits(10**5_000) == hex(10**5_000)


def test_described() -> None:
    """An object is its `repr`, or its type where it has none."""
    assert described(Named()) == "<Named>"
    assert described(Broken()) == "<Broken>"


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text today")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("boom"), "boom"),
        (ValueError("\ud800"), "\ufffd"),
        (ValueError(), "ValueError"),
        (UnspeakableError(), "UnspeakableError"),
        ("no luck", "no luck"),
        ("", "str"),
    ],
    ids=["text", "half", "empty", "unspeakable", "word", "no-word"],
)
def test_message_of(error: object, message: str) -> None:
    """An error is its text, or its type where it has none."""
    assert message_of(error) == message
