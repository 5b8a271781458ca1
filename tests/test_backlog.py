"""What waits: whatever happens in whatever order, each span is in exactly one place."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from langfuse_otel._delivery.backlog import Backlog, Limits, Queued
from langfuse_otel._delivery.counts import Counts, DestinationStats
from langfuse_otel._delivery.lanes import MAX_WINDOW, Batch
from langfuse_otel._destination import langfuse_destination
from test_media_lanes import attachments_of

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


def a_batch(spans: int = 1, number: int = 1, size: int = 0, file: str | None = None) -> Batch:
    """Return a batch whose body has so many bytes."""
    return Batch(PROJECTS[0], b"x" * size, spans, number, Path(file) if file else None)


def with_items(number: int, limits: Limits = ROOM) -> Backlog:
    """Return a backlog in which so many spans of ten bytes are queued."""
    backlog = Backlog(limits, Counts())
    for _ in range(number):
        backlog.add(an_item(), 0.0)
    return backlog


def in_flight(backlog: Backlog, spans: int, file: str | None = None) -> Batch:
    """Return a started batch of so many spans, which were queued before."""
    for _ in range(spans):
        backlog.add(an_item(), 0.0)
    items, number = backlog.take(spans)
    backlog.put(items, number, [a_batch(spans, number, 10 * spans, file)])
    [started] = backlog.lanes.start(0.0)
    return started


def booked(backlog: Backlog) -> dict[str, int]:
    """Return where each span is, what is lost by its reason."""
    stats = backlog.counts.stats()
    names = ("created", "sent", "queued", "spooled", "recovered", "retries", "bytes_sent")
    found = {name: getattr(stats, name) for name in names} | dict(stats.dropped)
    return {name: count for name, count in found.items() if count}


def booked_of_project(backlog: Backlog) -> DestinationStats:
    """Return what is counted of the one destination."""
    return backlog.counts.stats().destinations[PROJECTS[0].label]


@pytest.mark.parametrize(
    "limits", [replace(ROOM, flush_at=3), replace(ROOM, batch_bytes=30)], ids=["spans", "bytes"]
)
def test_news(limits: Limits) -> None:
    """It is news where nothing was queued before, and where the queue becomes full: then it is due."""
    backlog = Backlog(limits, Counts())
    seen = [(backlog.add(an_item(), 5.0), backlog.queue_due()) for _ in range(4)]

    assert seen == [(True, 15.0), (False, 15.0), (True, 0.0), (False, 0.0)]


def test_due() -> None:
    """What is queued waits from the first of it on, what is wanted by a flush does not wait."""
    backlog = Backlog(ROOM, Counts())
    assert backlog.queue_due() is None
    backlog.add(an_item(), 5.0)
    backlog.add(an_item(), 6.0)
    assert backlog.queue_due() == 15.0

    backlog.flush_to = backlog.newest
    assert backlog.queue_due() == 0.0
    backlog.take(2)
    backlog.add(an_item(), 7.0)
    assert backlog.queue_due() == 17.0


def test_urgent() -> None:
    """For a while nothing waits for more, neither what was queued before nor what comes then."""
    backlog = with_items(1)
    backlog.urgent_until = 5.0
    assert backlog.queue_due() == 0.0
    backlog.take(1)
    backlog.add(an_item(), 4.0)
    assert backlog.queue_due() == 0.0
    backlog.take(1)
    backlog.add(an_item(), 5.0)
    assert backlog.queue_due() == 15.0


def test_numbers() -> None:
    """Spans are numbered as they come, and the oldest is the first that has not arrived."""
    backlog = with_items(0)
    assert (backlog.newest, backlog.oldest, backlog.is_empty) == (0, 1, True)
    first = in_flight(backlog, 2)
    backlog.add(an_item(), 0.0)
    items, number = backlog.take(5)
    assert (first.number, len(items), number, backlog.take(5)) == (1, 1, 3, ([], 4))
    assert (backlog.newest, backlog.oldest, backlog.is_empty) == (3, 1, False)

    backlog.delivered(first, 1)
    assert (backlog.oldest, backlog.is_empty) == (3, False)
    backlog.put(items, number, [])
    assert (backlog.oldest, backlog.is_empty) == (4, True)


def test_queued_is_not_empty() -> None:
    """What is queued waits as well."""
    assert (with_items(1).oldest, with_items(1).is_empty) == (1, False)


def test_unencodable() -> None:
    """What no batch holds could not be encoded, and is booked as that."""
    backlog = with_items(3)
    backlog.put(*backlog.take(3), [a_batch(1, 1, size=7)])

    assert booked(backlog) == {"created": 3, "queued": 1, "unencodable": 2}
    assert backlog._held_bytes == 7


def test_delivered() -> None:
    """What arrived is counted without the spans that were refused in it."""
    backlog = with_items(0)
    backlog.delivered(in_flight(backlog, 3), 100, refused=1)

    assert booked(backlog) == {"created": 3, "sent": 2, "bytes_sent": 100, "rejected": 1}
    assert booked_of_project(backlog) == DestinationStats(2, 0, 100, {"rejected": 1}, None)
    assert (backlog.is_empty, backlog._held_bytes) == (True, 0)


def test_postponed() -> None:
    """What nobody took waits until its time, and the attempt is counted with its error."""
    backlog = with_items(0)
    backlog.postponed(in_flight(backlog, 2), 7.0, "HTTP 503")

    assert booked(backlog) == {"created": 2, "queued": 2, "retries": 1}
    assert booked_of_project(backlog) == DestinationStats(0, 1, 0, {}, "HTTP 503")
    assert (backlog.lanes.next_due(), backlog._held_bytes) == (7.0, 20)


def test_refused() -> None:
    """What will never be taken is dropped, for its reason and with the error."""
    backlog = with_items(0)
    backlog.refused(in_flight(backlog, 2), "rejected", "HTTP 401")
    in_flight(backlog, 1)

    assert booked(backlog) == {"created": 3, "queued": 1, "rejected": 2}
    assert booked_of_project(backlog) == DestinationStats(0, 0, 0, {"rejected": 2}, "HTTP 401")
    assert backlog._held_bytes == 10


@pytest.mark.parametrize(
    ("file", "where", "held"), [(None, "queued", 7), ("1", "spooled", 0)], ids=["memory", "disk"]
)
def test_divided(file: str | None, where: str, held: int) -> None:
    """A batch goes on in its pieces, one after the other, in memory or on disk."""
    backlog = with_items(0)
    batch = in_flight(backlog, 3)
    pieces = [a_batch(1, 1, 4, file), a_batch(2, 1, 3, file)]
    backlog.divided(batch, pieces)

    assert (booked(backlog), backlog._held_bytes) == ({"created": 3, where: 3}, held)
    for piece in pieces:
        assert list(backlog.lanes.start(0.0)) == [piece]
        backlog.delivered(piece, 1)
    assert (booked(backlog)["sent"], backlog.is_empty) == (3, True)


def test_recovered() -> None:
    """What an earlier process left is older than whatever is queued, and counts as created."""
    backlog = with_items(2)
    backlog.recover([a_batch(2, file="a"), a_batch(3, file="b")])

    assert booked(backlog) == {"created": 7, "recovered": 5, "spooled": 5, "queued": 2}
    assert (backlog.oldest, backlog.newest, backlog._held_bytes) == (0, 2, 20)


def test_the_spool_is_full() -> None:
    """What has been on disk for longest is dropped for that."""
    backlog = with_items(0)
    backlog.recover([a_batch(2, file="b"), a_batch(3, file="a")])
    backlog.drop_oldest_spooled()

    assert booked(backlog) == {"created": 5, "recovered": 5, "spooled": 2, "spool_full": 3}
    assert booked_of_project(backlog).last_error == "the spool is full"
    assert [batch.spans for batch in backlog.lanes.start(0.0)] == [2]


def test_the_queue_is_full() -> None:
    """Where more is queued than memory may hold, the oldest goes; the newest stays, however large."""
    backlog = with_items(3, replace(ROOM, queue_bytes=20))
    assert booked(backlog) == {"created": 3, "queued": 2, "queue_full": 1}
    assert booked_of_project(backlog).dropped == {"queue_full": 1}
    assert (backlog.pushed_out, backlog._held_bytes, backlog.oldest) == (1, 20, 2)

    backlog.add(an_item(size=100), 0.0)
    assert booked(backlog) == {"created": 4, "queued": 1, "queue_full": 3}
    assert (backlog.pushed_out, backlog._held_bytes, backlog.oldest) == (3, 100, 4)


def test_what_waits_goes_before_the_queue() -> None:
    """Batches that wait make room, the oldest first, those under way stay."""
    backlog = Backlog(replace(ROOM, queue_bytes=60), Counts())
    in_flight(backlog, 1)
    backlog.add(an_item(), 0.0)
    backlog.add(an_item(), 0.0)
    backlog.put(*backlog.take(2), [a_batch(1, 2, size=10), a_batch(1, 2, size=10)])
    backlog.add(an_item(size=30), 0.0)
    assert booked(backlog) == {"created": 4, "queued": 4}

    backlog.add(an_item(size=15), 0.0)
    assert booked(backlog) == {"created": 5, "queued": 3, "queue_full": 2}
    assert (backlog.pushed_out, backlog._held_bytes) == (2, 55)
    full = "more is waiting than memory may hold"
    assert booked_of_project(backlog) == DestinationStats(0, 0, 0, {"queue_full": 2}, full)


def with_media(number: int, queue_bytes: int = 10**9) -> Backlog:
    """Return a backlog in which so many spans have arrived whose media, 110 bytes each, wait."""
    backlog = Backlog(replace(ROOM, queue_bytes=queue_bytes), Counts())
    for content in range(number):
        backlog.add(an_item(), 0.0)
        items, first = backlog.take(1)
        backlog.attach(PROJECTS[0], attachments_of(content), first, 0.0)
        backlog.put(items, first, [a_batch(1, first)])
        [batch] = backlog.lanes.start(0.0)
        backlog.delivered(batch, 0)
    return backlog


def test_media() -> None:
    """A span is open for as long as its media are on their way."""
    backlog = with_media(1)
    assert (booked(backlog), backlog.oldest) == ({"created": 1, "sent": 1}, 1)

    [upload] = backlog.uploads.start(0.0)
    backlog.uploads.done(upload, 0.0)
    backlog.uploads.take_settled()
    backlog.settle(1, [])
    assert (backlog.is_empty, booked(backlog)) == (True, {"created": 1, "sent": 1})

    backlog.attach(PROJECTS[0], attachments_of(0), 2, 1.0)
    assert backlog.is_empty


def test_media_that_failed() -> None:
    """A span whose media failed goes once more, which is counted, and is open until then."""
    backlog = with_media(2)
    batches = [a_batch(1, number, size=7) for number in (1, 2)]
    for batch in batches:
        backlog.settle(batch.number, [batch])

    assert booked(backlog) == {"created": 4, "sent": 2, "queued": 2}
    assert backlog.counts.stats().media.repeated == 2
    for batch in batches:
        assert (backlog.oldest, list(backlog.lanes.start(0.0))) == (batch.number, [batch])
        backlog.delivered(batch, 0)
    assert (backlog.is_empty, booked(backlog)) == (True, {"created": 4, "sent": 4})


def test_media_fill_half() -> None:
    """Media take half of the memory at most, the oldest that wait make room."""
    backlog = with_media(3, queue_bytes=440)

    assert (len(backlog.uploads), backlog.uploads.bytes) == (2, 220)
    assert backlog.counts.stats().media.failed == {"queue_full": 1}


def test_media_go_first() -> None:
    """Where spans need the room media make it, and spans only where media are under way."""
    backlog = with_media(2, queue_bytes=440)
    first, _ = backlog.uploads.start(0.0)
    backlog.uploads.given_back(first)
    backlog.add(an_item(size=220), 0.0)
    assert len(backlog.uploads) == 2

    backlog.add(an_item(size=100), 0.0)
    assert (len(backlog.uploads), backlog.pushed_out) == (1, 0)
    backlog.add(an_item(size=11), 0.0)
    assert (len(backlog.uploads), backlog.pushed_out) == (1, 1)


def test_hurry() -> None:
    """Who is in a hurry waits neither for a request's next attempt nor for an upload's."""
    backlog = with_media(1)
    backlog.postponed(in_flight(backlog, 1), 9.0, "HTTP 503")
    [upload] = backlog.uploads.start(0.0)
    backlog.uploads.postponed(upload, 9.0)
    backlog.hurry()

    assert (backlog.lanes.next_due(), backlog.uploads.next_due()) == (0.0, 0.0)


def test_abandoned() -> None:
    """What waits in memory is lost, what is on disk stays there, and nothing goes any more."""
    backlog = with_media(2)
    in_flight(backlog, 1)
    backlog.add(an_item(), 0.0)
    backlog.add(an_item(), 0.0)
    backlog.recover([a_batch(3, file="a")])

    assert backlog.abandon("shutdown", "the process ended") == 3
    assert booked(backlog) == {
        "created": 8,
        "sent": 2,
        "recovered": 3,
        "spooled": 3,
        "shutdown": 3,
    }
    assert backlog.counts.stats().last_error == "the process ended"
    assert (backlog.is_over, backlog.is_empty, backlog._held_bytes) == (True, True, 0)
    assert list(backlog.lanes.start(0.0)) == []
    assert backlog.abandon("shutdown", "again") == 0
    assert backlog.counts.stats().last_error == "the process ended"
    assert backlog.counts.stats().media.failed == {"shutdown": 2}


def test_two_key_pairs() -> None:
    """A project is counted as one, with whichever secret its spans were sent."""
    counts = Counts()
    right, wrong = (langfuse_destination("https://x.example", "pk", secret) for secret in "ab")
    counts.sent(right, 1_000, 5)
    counts.dropped("rejected", 1, wrong, "HTTP 401")
    counts.sent(right, 1, 1)

    assert counts.stats().destinations == {
        right.label: DestinationStats(1_001, 0, 6, {"rejected": 1}, "HTTP 401")
    }


def test_lost() -> None:
    """What ends before the queue is created and dropped."""
    backlog = with_items(2)
    backlog.lose("sampled_out")

    assert booked(backlog) == {"created": 3, "queued": 2, "sampled_out": 1}


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
