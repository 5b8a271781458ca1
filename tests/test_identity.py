"""Which trace, which parent, which id, and what is inherited."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from langfuse import Langfuse

from langfuse_otel._records import Clues, Observation, Parent, Prompt, TraceFields
from langfuse_otel._spans.identity import (
    around,
    identify,
    observation_id_of,
    parent_of,
    trace_id_of,
    with_inherited,
    without_context,
)

CALL = Clues(call_id="call-1", started_ns=1_000)
AMBIENT = Parent(trace_id=0xABC, span_id=0xDEF)
REMOTE = Parent(trace_id=0x123, span_id=0x456)
HEX = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("text", "trace_id"),
    [
        (HEX, HEX),
        (HEX.upper(), HEX),
        ("0af76519-16cd-43dd-8448-eb211c80319c", HEX),
        ("trace-123", hashlib.sha256(b"trace-123").hexdigest()[:32]),
        ("0" * 32, hashlib.sha256(b"0" * 32).hexdigest()[:32]),
        ("ü", hashlib.sha256("ü".encode()).hexdigest()[:32]),
        ("\ud800", hashlib.sha256(b"\xed\xa0\x80").hexdigest()[:32]),
    ],
    ids=["hex", "upper-case", "uuid", "text", "all-zero", "unicode", "half-a-character"],
)
def test_trace_id(text: str, trace_id: str) -> None:
    """A trace id is kept where it is one, and derived where it is not."""
    assert f"{trace_id_of(text):032x}" == trace_id


@pytest.mark.parametrize("seed", ["trace-123", "ü", "a b", "x" * 300])
def test_as_langfuse_derives_it(seed: str) -> None:
    """The derived id is the one that Langfuse's own SDK derives from the same text."""
    assert f"{trace_id_of(seed):032x}" == Langfuse.create_trace_id(seed=seed)


@pytest.mark.parametrize(
    ("text", "span_id"),
    [
        ("b7ad6b7169203331", "b7ad6b7169203331"),
        (" B7AD6B7169203331\n", "b7ad6b7169203331"),
        ("gen-id22", hashlib.sha256(b"gen-id22").hexdigest()[:16]),
        ("0" * 16, hashlib.sha256(b"0" * 16).hexdigest()[:16]),
    ],
    ids=["hex", "upper-case", "text", "all-zero"],
)
def test_observation_id(text: str, span_id: str) -> None:
    """An observation id is kept where it is one, and derived where it is not."""
    assert f"{observation_id_of(text):016x}" == span_id


@pytest.mark.parametrize(
    ("clues", "trace_id", "parent_id"),
    [
        (CALL, trace_id_of("call-1"), None),
        (CALL._replace(litellm_trace_id=HEX), int(HEX, 16), None),
        (CALL._replace(litellm_trace_id=HEX, ambient=AMBIENT), 0xABC, 0xDEF),
        (CALL._replace(trace_id=HEX, ambient=AMBIENT), int(HEX, 16), None),
        (CALL._replace(remote=REMOTE, ambient=AMBIENT), 0x123, 0x456),
        (CALL._replace(trace_id=f"{0x123:032x}", remote=REMOTE), 0x123, 0x456),
        (CALL._replace(trace_id=f"{0xABC:032x}", ambient=AMBIENT), 0xABC, 0xDEF),
        (
            CALL._replace(trace_id=HEX, parent_observation_id="00000000000000aa", ambient=AMBIENT),
            int(HEX, 16),
            0xAA,
        ),
        (
            CALL._replace(parent_observation_id="00000000000000aa", ambient=AMBIENT),
            0xABC,
            0xAA,
        ),
    ],
    ids=[
        "nothing",
        "litellm",
        "ambient-over-litellm",
        "explicit-detaches",
        "traceparent-over-ambient",
        "traceparent-in-metadata",
        "explicit-same-trace",
        "explicit-parent",
        "parent-in-ambient-trace",
    ],
)
def test_precedence(clues: Clues, trace_id: int, parent_id: int | None) -> None:
    """Explicit ids win over the active span, which wins over LiteLLM's trace id."""
    identity = identify(clues)

    assert (identity.trace_id, identity.parent_id) == (trace_id, parent_id)


def test_generation_id() -> None:
    """A generation id given by the caller is the observation's id."""
    assert identify(CALL._replace(generation_id="gen-1")).span_id == observation_id_of("gen-1")


def test_generation_id_of_a_failed_attempt() -> None:
    """An attempt that others follow leaves the caller's id to the one that answers."""
    superseded = CALL._replace(generation_id="gen-1", is_superseded=True)

    assert identify(superseded).span_id == identify(CALL).span_id


def test_same_call_same_id() -> None:
    """The same call has the same id whenever it is asked for, and from whichever release."""
    identity = identify(CALL)

    assert f"{identity.trace_id:032x}" == hashlib.sha256(b"call-1").hexdigest()[:32]
    assert f"{identity.span_id:016x}" == hashlib.sha256(b"call-1|0|1000").hexdigest()[:16]


@pytest.mark.parametrize(
    "other",
    [CALL._replace(started_ns=2_000), CALL._replace(attempt=1), CALL._replace(call_id="call-2")],
    ids=["later", "next-attempt", "other-call"],
)
def test_other_call_other_id(other: Clues) -> None:
    """Attempts that share a call id, and calls that reuse one, have ids of their own."""
    assert identify(other).span_id != identify(CALL).span_id


def test_continued_trace_has_no_new_root() -> None:
    """A continuation is no root: a root would take over name, input and output of the trace."""
    identity = identify(CALL._replace(existing_trace_id=HEX))
    made_up = hashlib.sha256(f"continued|{int(HEX, 16)}".encode()).hexdigest()[:16]

    assert identity.trace_id == int(HEX, 16)
    assert identity.parent_id == int(made_up, 16)
    assert not identity.is_orphan


def test_trace_id_beside_a_continued_one() -> None:
    """Where both are given, the call is the root of a trace of its own."""
    identity = identify(CALL._replace(trace_id="mine", existing_trace_id=HEX))

    assert (identity.trace_id, identity.parent_id) == (trace_id_of("mine"), None)


@pytest.mark.parametrize(
    ("clues", "span"),
    [
        (CALL, None),
        (CALL._replace(ambient=AMBIENT), AMBIENT),
        (CALL._replace(ambient=AMBIENT, trace_id=f"{0xABC:032x}"), AMBIENT),
        (CALL._replace(ambient=AMBIENT, trace_id=HEX), None),
    ],
    ids=["none", "active", "its-trace-by-name", "another-trace"],
)
def test_around(clues: Clues, span: Parent | None) -> None:
    """The active span is around a call that is in its trace."""
    assert around(clues) == span


@pytest.mark.parametrize(
    ("clues", "is_orphan"),
    [
        (CALL, False),
        (CALL._replace(ambient=AMBIENT), True),
        (CALL._replace(ambient=AMBIENT._replace(in_langfuse=True)), False),
        (CALL._replace(remote=REMOTE), True),
        (CALL._replace(parent_observation_id="obs-1"), False),
    ],
    ids=["root", "plain-span", "langfuse-span", "remote", "named-parent"],
)
def test_orphans(clues: Clues, is_orphan: bool) -> None:
    """A call is an orphan where nobody is known to send its parent to Langfuse."""
    assert identify(clues).is_orphan is is_orphan


@pytest.mark.parametrize(
    ("header", "parent"),
    [
        (f"00-{HEX}-b7ad6b7169203331-01", Parent(int(HEX, 16), 0xB7AD6B7169203331)),
        (f"00-{HEX}-b7ad6b7169203331-00", Parent(int(HEX, 16), 0xB7AD6B7169203331)),
        (f"cc-{HEX}-b7ad6b7169203331-01-more", Parent(int(HEX, 16), 0xB7AD6B7169203331)),
        (f"ff-{HEX}-b7ad6b7169203331-01", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{HEX}-{'0' * 16}-01", None),
        ("nonsense", None),
        (None, None),
    ],
    ids=["sampled", "unsampled", "future", "invalid", "no-trace", "no-span", "nonsense", "none"],
)
def test_traceparent(header: object, parent: Parent | None) -> None:
    """A traceparent header names a span, by the rules of W3C Trace Context."""
    assert parent_of(header) == parent


def test_without_context() -> None:
    """Without context the trace of a traceparent goes too, where LiteLLM wrote it elsewhere."""
    clues = CALL._replace(
        trace_id=f"{0x123:032x}",
        litellm_trace_id=f"{0x123:032x}",
        remote=REMOTE,
        ambient=AMBIENT,
    )

    assert without_context(clues) == CALL
    assert without_context(clues._replace(trace_id="mine")).trace_id == "mine"
    assert without_context(clues._replace(litellm_trace_id="mine")).litellm_trace_id == "mine"


@pytest.mark.parametrize(
    "clues",
    [CALL, CALL._replace(trace_id="mine"), CALL._replace(litellm_trace_id="mine")],
    ids=["nothing", "trace", "litellm"],
)
def test_without_context_that_came(clues: Clues) -> None:
    """Where no context came along nothing changes; where nothing but context came, all of it goes."""
    assert without_context(clues) == clues
    assert without_context(clues._replace(remote=REMOTE)) == clues


OWN = TraceFields("checkout", "u", "s", ("a", "1"), '{"k":"v"}', "r1", public=True)
OUTER = TraceFields("outer", "ou", "os", ("o", "a"), '{"o":1}', "or", public=True)
PASSED_ON = Parent(1, 2, trace=OUTER, prompt=Prompt("outer", 1))


def within(parent: Parent | None, **changes: Any) -> Observation:
    """Return an observation within another, with what it inherits."""
    clues = Clues("call-1", 0, ambient=parent)
    return with_inherited(Observation("x", "generation", 0, 1, clues)._replace(**changes))


def test_inherited() -> None:
    """What the observation around it says holds where it says nothing itself."""
    assert within(PASSED_ON).trace == OUTER
    assert within(PASSED_ON, trace=OWN).trace == OWN._replace(tags=("o", "a", "1"))


@pytest.mark.parametrize(
    ("parent", "changes"),
    [
        (None, {}),
        (Parent(1, 2), {}),
        (PASSED_ON, {"clues": Clues("c", 0, trace_id="2" * 32, ambient=PASSED_ON)}),
        (PASSED_ON, {"trace": TraceFields(is_continued=True)}),
    ],
    ids=["alone", "foreign", "another-trace", "continued"],
)
def test_not_inherited(parent: Parent | None, changes: dict[str, Any]) -> None:
    """What is in another trace, or continues one, is left as it is."""
    observation = within(parent, **changes)

    assert observation.trace == changes.get("trace", TraceFields())
    assert observation.prompt is None


@pytest.mark.parametrize(
    ("changes", "prompt"),
    [
        ({}, Prompt("outer", 1)),
        ({"prompt": Prompt("own", 2)}, Prompt("own", 2)),
        ({"type": "span"}, None),
        ({"type": "span", "prompt": Prompt("own", 2)}, Prompt("own", 2)),
    ],
    ids=["passed-on", "own", "span", "span-with-its-own"],
)
def test_prompt_around(changes: dict[str, Any], prompt: Prompt | None) -> None:
    """The prompt of the observation around it is for generations."""
    assert within(PASSED_ON, **changes).prompt == prompt
