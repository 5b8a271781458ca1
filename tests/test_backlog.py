"""What waits: whatever happens in whatever order, each span is in exactly one place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from langfuse_otel._delivery.backlog import Backlog, Limits, Queued
from langfuse_otel._delivery.counts import Counts
from langfuse_otel._delivery.lanes import MAX_WINDOW, Batch
from langfuse_otel._destination import langfuse_destination

if TYPE_CHECKING:
    from langfuse_otel._destination import Destination

PROJECTS = [
    langfuse_destination("https://langfuse.example", f"pk-lf-{n}", f"sk-lf-{n}") for n in range(3)
]
QUEUE_BYTES = 2_000
ROOM = Limits(flush_interval_s=10.0, flush_at=4, queue_bytes=10**9, batch_bytes=10**9)


def an_item(destination: Destination = PROJECTS[0], size: int = 10) -> Queued:
    """Return a span of so many bytes; the backlog never encodes it."""
    return Queued(destination, size, lambda: None)  # type: ignore[arg-type,return-value]


def waiting(*sizes: int, spooled: bool = False) -> tuple[Backlog, list[Batch]]:
    """Return a backlog in which a batch of one span waits for each size, and the batches."""
    backlog = Backlog(ROOM, Counts())
    batches = []
    for index, size in enumerate(sizes):
        backlog.add(an_item(), 0.0)
        items, number = backlog.take(1)
        file = Path(f"{index:020d}.request") if spooled else None
        batches.append(Batch(PROJECTS[0], b"" if spooled else b"x" * size, 1, number, file))
        backlog.put(items, number, batches[-1:])
    return backlog, batches


def test_requests_that_fail_together_count_once() -> None:
    """An outage that several requests run into doubles the wait once, not with each of them."""
    backlog, _ = waiting(1, 1, 1)
    [first] = backlog.lanes.start(0.0)
    backlog.delivered(first, 1)
    one, other = backlog.lanes.start(0.0)
    for batch in (one, other):
        backlog.postponed(batch, 1.0, "HTTP 503")

    assert backlog.lanes.failures(PROJECTS[0]) == 1


def test_the_oldest_on_disk_goes_first() -> None:
    """A full spool drops what is oldest by its file, even if it was recovered last."""
    backlog, [own] = waiting(1, spooled=True)
    left = Batch(PROJECTS[0], b"", 1, 0, Path("-earlier.request"))
    backlog.recover([left])

    assert backlog.drop_oldest_spooled() is left
    assert backlog.drop_oldest_spooled() is own
    assert backlog.drop_oldest_spooled() is None


def test_who_stands_in_the_row_may_have_to_rest() -> None:
    """When one of two requests has arrived and the other failed, no third goes before its time."""
    backlog, _ = waiting(1, 1, 1, 1)
    [first] = backlog.lanes.start(0.0)
    backlog.delivered(first, 1)
    one, other = backlog.lanes.start(0.0)
    backlog.delivered(one, 1)
    backlog.postponed(other, 1.0, "HTTP 429")

    assert list(backlog.lanes.start(0.5)) == []
    assert list(backlog.lanes.start(1.0)) == [other]


def test_who_lost_all_still_rests() -> None:
    """A destination whose waiting requests were dropped is not asked earlier for that."""
    backlog, [spooled] = waiting(1, spooled=True)
    assert list(backlog.lanes.start(0.0)) == [spooled]
    backlog.postponed(spooled, 1.0, "HTTP 503")
    assert backlog.drop_oldest_spooled() is spooled
    later = Batch(PROJECTS[0], b"", 1, 0, Path("later.request"))
    backlog.recover([later])

    assert list(backlog.lanes.start(0.5)) == []
    assert list(backlog.lanes.start(1.0)) == [later]


class Delivering(RuleBasedStateMachine):
    """Does to a backlog what submitters and the worker may do, with a clock that it moves itself."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.files = 0
        self.started: list[Batch] = []
        self.in_hand: tuple[list[Queued], int] = ([], 0)
        self.resting: dict[Destination, float] = {}
        self.outcomes: Counter[str] = Counter()
        self.recovered = self.submitted = 0

    @initialize(queue_bytes=st.sampled_from([QUEUE_BYTES, 10**9]))
    def begin(self, queue_bytes: int) -> None:
        """Begin with little room, or with enough."""
        limits = Limits(
            flush_interval_s=10.0, flush_at=4, queue_bytes=queue_bytes, batch_bytes=10**9
        )
        self.counts = Counts()
        self.backlog = Backlog(limits, self.counts)

    # --- those who submit

    @rule(destination=st.sampled_from(PROJECTS), size=st.integers(1, 600))
    def submit(self, destination: Destination, size: int) -> None:
        """Somebody's call has ended."""
        self.submitted += 1
        self.backlog.add(an_item(destination, size), self.now)

    @rule()
    def flush(self) -> None:
        """Somebody wants all of it sent now."""
        self.backlog.flush_to = self.backlog.newest
        self.backlog.hurry()
        self.resting.clear()

    # --- the worker

    @rule(seconds=st.floats(0, 40))
    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @precondition(lambda self: not self.in_hand[0])
    @rule(most=st.integers(0, 6))
    def take(self, most: int) -> None:
        """The worker takes what is due in hand."""
        due = self.backlog.queue_due()
        self.in_hand = self.backlog.take(most if due is not None and due <= self.now else 0)

    @precondition(lambda self: self.in_hand[0])
    @rule(encodable=st.lists(st.booleans(), min_size=6, max_size=6), spooled=st.booleans())
    def put(self, encodable: list[bool], spooled: bool) -> None:
        """What could be encoded waits in batches, in memory or on disk."""
        items, number = self.in_hand
        good = [item for item, is_good in zip(items, encodable, strict=False) if is_good]
        self.outcomes["unencodable"] += len(items) - len(good)
        batches = [
            self.a_batch(
                project, sum(item.destination == project for item in good), number, spooled
            )
            for project in PROJECTS
            if any(item.destination == project for item in good)
        ]
        self.backlog.put(items, number, batches)
        self.in_hand = ([], 0)

    @rule(spans=st.integers(1, 3), destination=st.sampled_from(PROJECTS))
    def recover(self, spans: int, destination: Destination) -> None:
        """An ended process has left something on disk."""
        self.recovered += spans
        self.backlog.recover([self.a_batch(destination, spans, 0, spooled=True)])

    @rule()
    def start(self) -> None:
        """The worker sends what is due: never what is to wait, never too much at once."""
        started = list(self.backlog.lanes.start(self.now))
        for batch in started:
            assert self.resting.get(batch.destination, 0.0) <= self.now
        self.started += started
        under_way = Counter(batch.destination for batch in self.started)
        assert all(number <= MAX_WINDOW for number in under_way.values())
        assert self.backlog.lanes.next_due() != 0.0

    @precondition(lambda self: self.started)
    @rule(data=st.data(), refused=st.integers(0, 1))
    def delivered(self, data: st.DataObject, refused: int) -> None:
        """A destination took a batch."""
        batch = self.one_of(data)
        self.backlog.delivered(batch, len(batch.body), refused)
        self.outcomes["sent"] += batch.spans - refused
        self.outcomes["rejected"] += refused

    @precondition(lambda self: self.started)
    @rule(data=st.data(), wait_s=st.floats(0, 60))
    def postponed(self, data: st.DataObject, wait_s: float) -> None:
        """Nobody took a batch; the wait of the first that failed counts."""
        batch = self.one_of(data)
        is_resting = self.backlog.lanes._lanes[batch.destination].is_resting
        self.backlog.postponed(batch, self.now + wait_s, "HTTP 503")
        if not is_resting:
            self.resting[batch.destination] = self.now + wait_s

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def given_back(self, data: st.DataObject) -> None:
        """An attempt was broken off."""
        self.backlog.lanes.returned(self.one_of(data))

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def refused(self, data: st.DataObject) -> None:
        """A destination will never take a batch."""
        batch = self.one_of(data)
        self.backlog.refused(batch, "rejected", "HTTP 401")
        self.outcomes["rejected"] += batch.spans

    @precondition(lambda self: self.started)
    @rule(data=st.data(), spooled=st.booleans())
    def divided(self, data: st.DataObject, spooled: bool) -> None:
        """A batch goes on in two pieces, or as one that was cut."""
        batch = self.one_of(data)
        first, last = batch.spans // 2, batch.spans - batch.spans // 2
        self.backlog.divided(
            batch,
            [
                self.a_batch(batch.destination, spans, batch.number, spooled)
                for spans in (first, last)
                if spans
            ],
        )

    @rule()
    def drop_oldest_spooled(self) -> None:
        """The disk is full."""
        dropped = self.backlog.drop_oldest_spooled()
        self.outcomes["spool_full"] += dropped.spans if dropped else 0

    @precondition(lambda self: self.submitted > 10)
    @rule()
    def abandon(self) -> None:
        """The process ends: what waits in memory is lost, what is on disk stays there."""
        lost, on_disk = self.counts.queued, self.counts.spooled
        assert self.backlog.abandon("shutdown", "the process ended") == lost
        self.outcomes["shutdown"] += lost
        self.started.clear()
        self.in_hand = ([], 0)
        self.resting.clear()
        limits = self.backlog._limits
        self.outcomes["left"] = on_disk
        self.backlog = Backlog(limits, self.counts)

    # --- what holds at any moment

    @invariant()
    def each_span_is_in_one_place(self) -> None:
        """The counts add up, and are what happened."""
        stats = self.counts.stats()
        assert stats.created == self.submitted + self.recovered
        assert stats.created == stats.sent + stats.queued + stats.spooled + sum(
            stats.dropped.values()
        )
        assert stats.sent == self.outcomes["sent"]
        assert min(stats.queued, stats.spooled) >= 0
        for reason in ("unencodable", "rejected", "spool_full", "shutdown"):
            assert stats.dropped.get(reason, 0) == self.outcomes[reason]

    @invariant()
    def bytes_are_what_is_held(self) -> None:
        """The bytes that are booked are those of the items and bodies there are."""
        held = [*self.backlog._queue, *self.in_hand[0]]
        assert self.backlog._queued_bytes == sum(item.size for item in held)
        assert self.backlog._batch_bytes == sum(len(batch.body) for batch in self.all_batches())
        assert self.counts.spooled == self.outcomes["left"] + sum(
            batch.spans for batch in self.all_batches() if batch.file
        )

    @invariant()
    def memory_is_bounded(self) -> None:
        """What is held beyond the limit is under way, in hand, or the one that came last."""
        spare = sum(item.size for item in self.in_hand[0]) + 600
        spare += sum(len(batch.body) for batch in self.started)
        held = self.backlog._queued_bytes + self.backlog._batch_bytes
        assert held <= self.backlog._limits.queue_bytes + spare

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """A lane with something to send is in the row, rests, or has its window full."""
        for lane in self.backlog.lanes._lanes.values():
            assert lane.waiting or lane.in_flight or lane.is_resting
            if lane.waiting and lane.in_flight < lane.window:
                assert lane.is_listed or lane.is_resting
        resting = sorted(str(destination) for _, _, destination in self.backlog.lanes._resting)
        lanes = self.backlog.lanes._lanes.items()
        assert resting == sorted(str(destination) for destination, lane in lanes if lane.is_resting)

    @invariant()
    def a_flush_knows_the_oldest(self) -> None:
        """The number of the oldest is below that of whatever waits."""
        for batch in self.all_batches():
            assert self.backlog.oldest <= batch.number
        assert self.backlog.is_empty == (self.backlog.oldest > self.backlog.newest)

    def teardown(self) -> None:
        """A healthy destination at last takes all that there is, and nothing stays behind."""
        if not hasattr(self, "backlog"):
            return
        self.flush()
        before = self.counts.stats()
        for _ in range(before.queued + before.spooled + 1):
            if self.in_hand[0]:
                self.put([True] * 6, spooled=False)
            self.take(6)
            self.now += 1.0
            self.started += self.backlog.lanes.start(self.now)
            for batch in self.started:
                self.backlog.delivered(batch, len(batch.body))
            self.started.clear()
        after = self.counts.stats()

        assert (after.queued, after.spooled) == (0, self.outcomes["left"])
        assert after.created == before.created
        assert (self.backlog.lanes._lanes, self.backlog.lanes._in_flight) == ({}, 0)
        assert (self.backlog._queued_bytes, self.backlog._batch_bytes) == (0, 0)

    # --- helpers

    def a_batch(self, destination: Destination, spans: int, number: int, spooled: bool) -> Batch:
        """Return a batch, whose file is younger than all before."""
        self.files += 1
        file = Path(f"{self.files:020d}.request") if spooled else None
        return Batch(destination, b"" if spooled else b"x" * 30 * spans, spans, number, file)

    def one_of(self, data: st.DataObject) -> Batch:
        """Return one of the batches under way, whose answer has come."""
        return self.started.pop(data.draw(st.integers(0, len(self.started) - 1)))

    def all_batches(self) -> list[Batch]:
        """Return what waits and what is under way."""
        lanes = self.backlog.lanes._lanes.values()
        return [*self.started, *(batch for lane in lanes for batch in lane.waiting)]


TestDelivering = Delivering.TestCase
TestDelivering.settings = settings(
    settings.get_profile("patient"), max_examples=200, stateful_step_count=60
)
