"""What the records say of themselves."""

from __future__ import annotations

from langfuse_otel._records import Clues, Finished, Observation, Parent, TraceFields, finished_of

OBSERVATION = Observation("x", "span", 1, 2, Clues("call-1", 0), level="ERROR", input="12345")


def test_size() -> None:
    """The size is that of the texts, and a constant for the rest."""
    full = OBSERVATION._replace(
        output="1234",
        metadata="123",
        status_message="12",
        trace=TraceFields(metadata="1", input="not counted twice"),
    )

    assert OBSERVATION.size == 1_005
    assert full.size == 1_015


def test_finished() -> None:
    """An observation that was read already is handed over as it is."""
    found = finished_of(OBSERVATION)

    assert found == Finished("call-1", "ERROR", 1, 2, 1_005, found.observe)
    assert found.observe() is OBSERVATION


def test_bare() -> None:
    """A bare parent passes nothing on."""
    parent = Parent(1, 2, in_langfuse=True, trace=TraceFields("t"))

    assert parent.bare == Parent(1, 2, in_langfuse=True)
