"""Lanes: which batch goes next, and which destination has to rest."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from langfuse_otel._delivery.lanes import MAX_IN_FLIGHT, Batch, Lanes, backoff_s
from langfuse_otel._destination import langfuse_destination

HOST = "https://langfuse.example"
PROJECTS = [langfuse_destination(HOST, f"pk-lf-{n}", "sk-lf-1") for n in range(MAX_IN_FLIGHT + 3)]


def a_batch(number: int = 0, project: int = 0, file: str | None = None) -> Batch:
    """Return a batch of one span."""
    return Batch(PROJECTS[project], b"x", 1, number, Path(file) if file else None)


def lanes_with(*batches: Batch) -> Lanes:
    """Return lanes in which these batches wait."""
    lanes = Lanes()
    for batch in batches:
        lanes.add(batch)
    return lanes


def started(lanes: Lanes, now: float = 0.0) -> list[int]:
    """Return the numbers of those that go now, each of which is taken, one project after another."""
    batches = [*lanes.start(now)]
    for batch in sorted(batches, key=lambda batch: batch.number):
        lanes.taken(batch)
    return [batch.number for batch in batches]


def test_turns() -> None:
    """Destinations take turns, and what each took lets more go to it at once: up to four."""
    lanes = lanes_with(*(a_batch(n) for n in range(9)), *(a_batch(n, 1) for n in range(10, 15)))

    assert started(lanes) == [0, 10]
    assert started(lanes) == [1, 11, 2, 12]
    assert started(lanes) == [3, 13, 4, 14, 5, 6]
    assert started(lanes) == [7, 8]
    assert started(lanes) == []


def test_one_at_once() -> None:
    """While the first request to a destination is under way, no second one goes there."""
    lanes = lanes_with(a_batch(1), a_batch(2))
    [first] = lanes.start(0.0)

    assert [*lanes.start(0.0)] == []
    assert lanes.next_due() is None
    lanes.taken(first)
    assert lanes.next_due() == 0.0


def test_in_all() -> None:
    """So many requests are under way at once, to however many destinations."""
    lanes = lanes_with(*(a_batch(n, n) for n in range(MAX_IN_FLIGHT + 3)))
    under_way = [*lanes.start(0.0)]

    assert [batch.number for batch in under_way] == [*range(MAX_IN_FLIGHT)]
    assert lanes.next_due() is None
    for batch in under_way[:2]:
        lanes.refused(batch)
    assert lanes.next_due() == 0.0
    assert len([*lanes.start(0.0)]) == 2


def test_rest() -> None:
    """A batch that nobody took rests, its destination with it, and then it goes first."""
    lanes = lanes_with(a_batch(1), a_batch(2), a_batch(3, 1))
    [first, other] = lanes.start(0.0)
    lanes.failed(first, until=5.0)
    lanes.taken(other)
    lanes.add(a_batch(4))

    assert started(lanes, 4.9) == []
    assert lanes.next_due() == 5.0
    assert started(lanes, 5.0) == [1]
    assert started(lanes, 5.0) == [2, 4]
    assert lanes.next_due() is None


def test_in_the_order_of_their_rests() -> None:
    """Of several that rest, the first to be due is asked for, and it alone goes."""
    lanes = lanes_with(a_batch(1), a_batch(2, 1))
    for batch, until in zip([*lanes.start(0.0)], (7.0, 5.0), strict=True):
        lanes.failed(batch, until)

    assert lanes.next_due() == 5.0
    assert started(lanes, 6.0) == [2]
    assert lanes.next_due() == 7.0


def test_hurry() -> None:
    """Who is in a hurry waits for no rest, of whichever destination."""
    lanes = lanes_with(a_batch(1), a_batch(2, 1))
    for batch in [*lanes.start(0.0)]:
        lanes.failed(batch, until=5.0)
    lanes.hurry()

    assert started(lanes) == [1, 2]


def test_one_request_after_a_failure() -> None:
    """A destination that failed is asked with one request, however many it had taken before."""
    lanes = lanes_with(*(a_batch(n) for n in range(6)))
    started(lanes)
    [one, other] = lanes.start(0.0)
    lanes.taken(one)
    lanes.failed(other, until=5.0)

    assert started(lanes, 5.0) == [2]
    assert started(lanes, 5.0) == [3, 4]


@pytest.mark.parametrize("answer", [Lanes.taken, Lanes.refused])
def test_failures_in_a_row(answer: object) -> None:
    """Failures are counted until a destination answers."""
    lanes = lanes_with(*(a_batch(n) for n in range(3)))
    for time in (1.0, 2.0):
        [batch] = lanes.start(time)
        lanes.failed(batch, until=time + 1.0)
    assert lanes.failures(PROJECTS[0]) == 2

    [batch] = lanes.start(3.0)
    answer(lanes, batch)  # type: ignore[operator]
    assert lanes.failures(PROJECTS[0]) == 0


def test_refusals_in_a_row() -> None:
    """A destination seems to refuse all when it refused so many and took none since."""
    lanes = lanes_with(*(a_batch(n) for n in range(4)))
    for _ in range(2):
        [batch] = lanes.start(0.0)
        lanes.refused(batch)

    assert lanes.is_refusing(PROJECTS[0], 2)
    assert not lanes.is_refusing(PROJECTS[0], 3)
    assert started(lanes) == [2]
    assert not lanes.is_refusing(PROJECTS[0], 1)


def test_returned() -> None:
    """What had no answer that counts goes first again, or its pieces in their order."""
    lanes = lanes_with(a_batch(1), a_batch(2))
    [first] = lanes.start(0.0)
    lanes.returned(first)
    [again] = lanes.start(0.0)
    lanes.returned(again, [a_batch(10), a_batch(11)])

    assert again is first
    assert started(lanes) == [10]
    assert started(lanes) == [11, 2]


def test_withdrawn() -> None:
    """What is taken out goes nowhere, and what stood behind it goes."""
    first, second = a_batch(1), a_batch(2)
    lanes = lanes_with(first, second)
    lanes.withdraw(first)

    assert started(lanes) == [2]


def test_nothing_is_kept() -> None:
    """Of a destination that has nothing to do nothing is kept: there may be many."""
    gone = a_batch(4, 3)
    lanes = lanes_with(a_batch(1), a_batch(2, 1), a_batch(3, 2), gone)
    lanes.withdraw(gone)
    [one, two, three] = lanes.start(0.0)
    lanes.taken(one)
    lanes.refused(two)
    lanes.failed(three, until=1.0)
    lanes.withdraw(three)
    assert set(lanes._lanes) == {PROJECTS[2]}

    assert started(lanes, 1.0) == []
    assert lanes._lanes == {}


def test_the_oldest() -> None:
    """The oldest on disk is told by its file's name, the oldest in memory by its number."""
    lanes = lanes_with(
        a_batch(3, 0, "2"), a_batch(4), a_batch(2, 1, "1"), a_batch(5, 1), a_batch(1, 2, "3")
    )
    on_disk, in_memory = lanes.oldest_on_disk(), lanes.oldest_in_memory()

    assert (on_disk and on_disk.number, in_memory and in_memory.number) == (2, 4)
    assert lanes_with(a_batch()).oldest_on_disk() is None
    assert lanes_with(a_batch(file="1")).oldest_in_memory() is None


@pytest.mark.parametrize(
    ("failures", "shortest", "longest"),
    [(0, 0.25, 0.5), (1, 0.5, 1.0), (5, 8.0, 16.0), (6, 15.0, 30.0), (10_000, 15.0, 30.0)],
)
def test_backoff(failures: int, shortest: float, longest: float) -> None:
    """The wait doubles up to half a minute, and half of it is random."""
    assert backoff_s(failures, lambda: 0.0) == shortest
    assert backoff_s(failures, lambda: 1.0) == longest


def test_random_stays_the_programs() -> None:
    """A wait of ours takes none of the numbers that a program has seeded."""
    before = random.getstate()
    wait_s = backoff_s(3)

    assert 2 <= wait_s <= 4
    assert random.getstate() == before
