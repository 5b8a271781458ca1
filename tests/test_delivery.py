"""From the queue to the outcome: nothing is lost uncounted, nobody waits."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import deque
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from langfuse_otel._delivery import backlog, counts, worker
from langfuse_otel._delivery.backlog import Limits, Queued
from langfuse_otel._delivery.compression import decompressed
from langfuse_otel._delivery.delivery import URGENT_S, Delivery
from langfuse_otel._delivery.sender import Delivered, Outcome, Rejected, TryLater
from langfuse_otel._destination import Destination, langfuse_destination
from langfuse_otel._records import Identity
from langfuse_otel._spans.span import part_of
from test_attributes import FULL
from test_spans import RESOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

    from typing_extensions import Self

    from langfuse_otel._delivery.spool import Spool

ONE = langfuse_destination("https://one.example", "pk-lf-1", "sk-lf-1")
TWO = langfuse_destination("https://two.example", "pk-lf-2", "sk-lf-2")
SOON_S = 10.0


class Langfuse:
    """A sender that answers from a script, then accepts."""

    def __init__(self, *outcomes: Outcome, limit: int = 10**9, bad: Collection[int] = ()) -> None:
        self.outcomes = deque(outcomes)
        self.limit = limit
        self.bad = set(bad)
        self.bodies: list[bytes] = []
        self.accepted: list[tuple[str, list[int]]] = []
        self.posts: list[str] = []
        self.timeouts: list[float] = []
        self.posted = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    async def post(self, destination: Destination, body: bytes, timeout_s: float) -> Outcome:
        """Answer one request."""
        self.posts.append(destination.host)
        self.timeouts.append(timeout_s)
        self.posted.set()
        while not self.gate.is_set():  # noqa: ASYNC110 - opened by another thread
            await asyncio.sleep(0.001)
        outcome = self.outcomes.popleft() if self.outcomes else self.verdict(body)
        if isinstance(outcome, Delivered):
            self.bodies.append(body)
            self.accepted.append((destination.host, span_ids(body)))
        return outcome

    def verdict(self, body: bytes) -> Outcome:
        """Refuse what is too large, and requests with a bad span, as Langfuse does."""
        if len(body) > self.limit:
            return Rejected("HTTP 413", 413)
        if self.bad & set(span_ids(body)):
            return Rejected("HTTP 400", 400)
        return Delivered()

    async def aclose(self) -> None:
        """Hold nothing open."""

    @property
    def arrived(self) -> list[int]:
        """The ids of all spans that were accepted, in order."""
        return [span_id for _, ids in self.accepted for span_id in ids]


def span_ids(body: bytes) -> list[int]:
    """Return the span ids in the body of a request."""
    request = ExportTraceServiceRequest.FromString(decompressed(body))
    return [
        int.from_bytes(span.span_id, "big")
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def an_item(
    number: int, destination: Destination = ONE, size: int = 1, output: str = '"hello"'
) -> Queued:
    """Return a span whose id is its number."""
    identity = Identity(1, number, None)
    observation = FULL._replace(output=output)
    return Queued(destination, size, partial(part_of, observation, identity, RESOURCE))


def delivering(langfuse: Langfuse, spool: Spool | None = None, **limits: float) -> Delivery:
    """Return a delivery that waits for a flush, unless told otherwise."""
    return Delivery(lambda: langfuse, Limits(**{"flush_interval_s": 3600.0, **limits}), spool)  # type: ignore[arg-type]


def adds_up(delivery: Delivery) -> bool:
    """Whether each created span is in exactly one place."""
    stats = delivery.stats()
    return stats.created == stats.sent + stats.queued + stats.spooled + sum(stats.dropped.values())


def until(is_true: Callable[[], bool]) -> None:
    """Wait for what comes soon."""
    deadline = time.monotonic() + SOON_S
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once."""
    monkeypatch.setattr(worker, "backoff_s", lambda _failures: 0.0)


def test_flush_delivers() -> None:
    """A flush returns when all that was submitted before it has arrived."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    for number in (1, 2, 3):
        delivery.submit(an_item(number))

    assert delivery.flush(SOON_S)
    assert langfuse.accepted == [(ONE.host, [1, 2, 3])]
    assert (delivery.stats().created, delivery.stats().sent, delivery.stats().queued) == (3, 3, 0)


def test_flush_of_nothing() -> None:
    """A flush of nothing is done at once and starts no thread."""
    delivery = delivering(Langfuse())

    assert delivery.flush(0)
    assert delivery._thread is None


def test_interval() -> None:
    """Without a flush a span goes when its interval is over."""
    langfuse = Langfuse()
    delivery = delivering(langfuse, flush_interval_s=0.01)
    delivery.submit(an_item(1))

    assert langfuse.posted.wait(SOON_S)


def test_flush_at() -> None:
    """So many spans go without waiting for the interval."""
    langfuse = Langfuse()
    delivery = delivering(langfuse, flush_at=2)
    delivery.submit(an_item(1))
    delivery.submit(an_item(2))

    assert langfuse.posted.wait(SOON_S)


def test_batches() -> None:
    """A request carries at most so many spans."""
    langfuse = Langfuse()
    langfuse.gate.clear()
    delivery = delivering(langfuse, flush_at=2)
    for number in range(1, 6):
        delivery.submit(an_item(number))
    langfuse.gate.set()

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1, 2, 3, 4, 5]
    assert max(len(ids) for _, ids in langfuse.accepted) == 2


def test_destinations() -> None:
    """Spans for different projects go in different requests, each to its own."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    for number in (1, 2, 3, 4):
        delivery.submit(an_item(number, ONE if number % 2 else TWO))

    assert delivery.flush(SOON_S)
    assert sorted(langfuse.accepted) == [(ONE.host, [1, 3]), (TWO.host, [2, 4])]
    assert delivery._backlog.lanes._lanes == {}


@pytest.mark.usefixtures("no_backoff")
def test_retry() -> None:
    """What nobody took is sent again until it is taken."""
    langfuse = Langfuse(TryLater("HTTP 500"), TryLater("no answer within 10 s"))
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert (langfuse.arrived, len(langfuse.posts)) == ([1], 3)
    assert (delivery.stats().retries, delivery.stats().sent) == (2, 1)


def test_retry_after() -> None:
    """The server's own wait is kept, and a dead project delays no other."""
    langfuse = Langfuse(TryLater("HTTP 429", 3600.0))
    delivery = delivering(langfuse, flush_interval_s=0.01)
    delivery.submit(an_item(1, ONE))
    assert langfuse.posted.wait(SOON_S)
    delivery.submit(an_item(2, TWO))
    deadline = time.monotonic() + SOON_S
    while not langfuse.accepted and time.monotonic() < deadline:
        langfuse.posted.wait(0.01)

    assert langfuse.accepted == [(TWO.host, [2])]
    assert (delivery.stats().queued, delivery.stats().sent) == (1, 1)


def test_lanes_are_bounded() -> None:
    """What waits for a dead host counts as memory, too; the oldest goes, counted."""
    langfuse = Langfuse(*[TryLater("no answer", 3600.0)] * 1_000)
    delivery = delivering(langfuse, flush_at=1, queue_bytes=8_000, compress=False)
    numbers = range(1, 9)
    for number in numbers:
        delivery.submit(an_item(number, output="x" * 1_000))
        delivery.flush(0.0)
        until(lambda: not delivery._backlog._queue)
    kept = delivery.stats().queued

    assert 0 < kept < len(numbers)
    assert delivery.stats().dropped == {"queue_full": len(numbers) - kept}
    langfuse.outcomes.clear()
    assert delivery.flush(SOON_S)
    assert langfuse.arrived == list(numbers)[-kept:]
    assert adds_up(delivery)


def test_batches_are_bounded_by_bytes() -> None:
    """A request carries at most so many bytes before compression."""
    langfuse = Langfuse()
    delivery = delivering(langfuse, batch_bytes=5_000)
    for number, size in enumerate((2_000, 2_000, 100, 2_000, 100), 1):
        delivery.submit(an_item(number, output="x" * size))

    assert delivery.flush(SOON_S)
    assert [ids for _, ids in langfuse.accepted] == [[1], [2, 3], [4, 5]]


def test_a_span_larger_than_a_request_is_cut() -> None:
    """A span is never lost to its size: its longest text is cut, and says how long it was."""
    langfuse = Langfuse()
    delivery = delivering(langfuse, batch_bytes=5_000)
    delivery.submit(an_item(1, output="x" * 100_000))

    assert delivery.flush(SOON_S)
    [body] = langfuse.bodies
    assert langfuse.arrived == [1]
    assert len(decompressed(body)) <= 5_000
    assert b"[cut by langfuse-otel: 100000 bytes in all]" in decompressed(body)


def test_too_large_for_the_server() -> None:
    """What a server finds too large is halved until it fits; one span alone is cut."""
    langfuse = Langfuse(limit=4_000)
    delivery = delivering(langfuse, compress=False)
    for number in range(1, 6):
        delivery.submit(an_item(number, output="x" * (20_000 if number == 3 else 100)))

    assert delivery.flush(SOON_S)
    assert sorted(langfuse.arrived) == [1, 2, 3, 4, 5]
    assert (delivery.stats().sent, delivery.stats().dropped) == (5, {})


def test_too_large_whatever_is_done() -> None:
    """A server that finds everything too large loses the span, counted as such."""
    langfuse = Langfuse(limit=10)
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert delivery.stats().dropped == {"too_large": 1}
    assert adds_up(delivery)


def test_one_bad_span_is_lost_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A 400 is bisected until the bad span stands alone, which is counted and named."""
    langfuse = Langfuse(bad={7})
    delivery = delivering(langfuse)
    for number in range(1, 21):
        delivery.submit(an_item(number))

    assert delivery.flush(SOON_S)
    assert sorted(langfuse.arrived) == [n for n in range(1, 21) if n != 7]
    assert delivery.stats().dropped == {"rejected": 1}
    assert "observation 0000000000000007 of trace 00000000000000000000000000000001" in caplog.text
    assert adds_up(delivery)


def test_a_server_that_refuses_everything_is_not_asked_for_each_span() -> None:
    """After so many refusals in a row a refused request is not divided any further."""
    numbers = range(1, 1001)
    langfuse = Langfuse(bad=set(numbers))
    delivery = delivering(langfuse)
    for number in numbers:
        delivery.submit(an_item(number))

    assert delivery.flush(SOON_S)
    assert delivery.stats().dropped == {"rejected": 1000}
    assert len(langfuse.posts) < 400


def test_late_answer_after_the_end() -> None:
    """What was given up at the end is not counted again when its answer comes."""
    langfuse = Langfuse()
    langfuse.gate.clear()
    delivery = delivering(langfuse, flush_at=1, timeout_s=SOON_S)
    delivery.submit(an_item(1))
    assert langfuse.posted.wait(SOON_S)
    thread = delivery._thread
    assert thread is not None
    delivery.shutdown(0.01)
    langfuse.gate.set()
    thread.join(SOON_S)

    assert delivery.stats().dropped == {"shutdown": 1}
    assert delivery.stats().sent == 0
    assert adds_up(delivery)


def test_shutdown_interrupts_backoff() -> None:
    """At the end what waits for its next attempt gets one at once."""
    langfuse = Langfuse(TryLater("HTTP 503", 3600.0))
    delivery = delivering(langfuse, flush_at=1)
    delivery.submit(an_item(1))
    assert langfuse.posted.wait(SOON_S)
    delivery.shutdown(SOON_S)

    assert langfuse.arrived == [1]


def test_counts_always_add_up() -> None:
    """At any moment each span is counted in exactly one place."""
    delivery = delivering(Langfuse(), flush_at=3)
    threads = [
        threading.Thread(
            target=lambda: [delivery.submit(an_item(number)) for number in range(1, 300)]
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    checks = [adds_up(delivery)]
    while any(thread.is_alive() for thread in threads):
        checks.append(adds_up(delivery))

    assert all(checks)
    assert delivery.flush(SOON_S)


def test_rejected() -> None:
    """What Langfuse refuses is counted, with what it said."""
    langfuse = Langfuse(Rejected("HTTP 401 Invalid credentials", 401))
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert delivery.stats().dropped == {"rejected": 1}
    assert delivery.stats().last_error == "HTTP 401 Invalid credentials"
    assert adds_up(delivery)


def test_warned_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same problem is logged once in a while, not with each batch."""
    langfuse = Langfuse(*[Rejected("HTTP 401", 401)] * 3)
    delivery = delivering(langfuse)
    for number in (1, 2, 3):
        delivery.submit(an_item(number))
        delivery.flush(SOON_S)

    ours = [record.message for record in caplog.records if record.levelname == "WARNING"]
    [line] = ours
    assert line == (
        "langfuse-otel: https://one.example (pk-lf-1): HTTP 401: 1 span is lost (rejected, "
        "observation 0000000000000001 of trace 00000000000000000000000000000001). The key pair does "
        "not belong to this host: run `langfuse-otel check` with this pair."
    )


def test_unencodable_is_lost_alone() -> None:
    """A span that cannot be built takes no other with it."""

    def broken() -> None:
        raise ValueError

    langfuse = Langfuse()
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))
    delivery.submit(Queued(ONE, 1, broken))  # type: ignore[arg-type]
    delivery.submit(an_item(3))

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1, 3]
    assert delivery.stats().dropped == {"unencodable": 1}
    assert adds_up(delivery)


def test_bounded_by_bytes() -> None:
    """When memory is full the oldest go, counted; what is submitted last is kept."""
    langfuse = Langfuse()
    delivery = delivering(langfuse, queue_bytes=10_000)
    for number in (1, 2, 3):
        delivery.submit(an_item(number, size=4_000))

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [2, 3]
    assert delivery.stats().dropped == {"queue_full": 1}
    assert adds_up(delivery)


def test_submit_never_waits() -> None:
    """Submitting returns while a request hangs."""
    langfuse = Langfuse()
    langfuse.gate.clear()
    delivery = delivering(langfuse, flush_at=1)
    delivery.submit(an_item(1))
    assert langfuse.posted.wait(SOON_S)
    delivery.submit(an_item(2))

    assert (delivery.stats().queued, langfuse.accepted) == (2, [])
    langfuse.gate.set()
    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1, 2]


def test_flush_gives_up() -> None:
    """A flush returns False in time when a request hangs."""
    langfuse = Langfuse()
    langfuse.gate.clear()
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))

    assert not delivery.flush(0.05)
    langfuse.gate.set()
    assert delivery.flush(SOON_S)


def test_flush_interrupts_backoff() -> None:
    """A flush tries at once what waits for its next attempt."""
    langfuse = Langfuse(TryLater("HTTP 503", 3600.0))
    delivery = delivering(langfuse, flush_at=1)
    delivery.submit(an_item(1))
    assert langfuse.posted.wait(SOON_S)

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1]


def test_hasten() -> None:
    """Who may be about to end sends at once, and waits for more again where it lives on."""
    now = [1.0]
    langfuse = Langfuse()
    limits = Limits(flush_interval_s=3600.0)
    delivery = Delivery(lambda: langfuse, limits, clock=lambda: now[0])  # type: ignore[arg-type, return-value]
    delivery.submit(an_item(1))
    delivery.hasten()
    until(lambda: langfuse.arrived == [1])
    delivery.submit(an_item(2))
    until(lambda: langfuse.arrived == [1, 2])
    now[0] += URGENT_S

    delivery.submit(an_item(3))
    assert delivery._backlog.queue_due() == now[0] + 3600.0
    delivery.shutdown(1)


def test_shutdown_delivers() -> None:
    """At the end what waits is sent, without waiting for the interval."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))
    delivery.shutdown(SOON_S)

    assert langfuse.arrived == [1]


def test_shutdown_without_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can start any more, the end of the process does the sending itself."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))
    delivery.shutdown(SOON_S)

    assert langfuse.arrived == [1]


def test_shutdown_keeps_its_deadline() -> None:
    """With a dead host the end comes in time, and what is left is counted."""
    langfuse = Langfuse()
    langfuse.gate.clear()
    langfuse.outcomes.extend([TryLater("no answer")] * 1000)
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))
    delivery.shutdown(1.0)

    assert delivery.stats().dropped == {"shutdown": 1}
    assert max(langfuse.timeouts) <= 1.0
    assert adds_up(delivery)


class Interrupted:
    """Interrupts one line of the books, as a signal handler may do it in the main thread."""

    def __init__(self, handler: Callable[[], object], at: int) -> None:
        self.handler = handler
        self.at = at
        self.lines = 0

    def __enter__(self) -> Self:
        self.before = sys.gettrace()
        sys.settrace(lambda frame, *_: self.step if self.is_of_books(frame) else None)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def is_of_books(self, frame: FrameType) -> bool:
        """Whether the frame is one that holds the lock."""
        return frame.f_code.co_filename in {backlog.__file__, counts.__file__}

    def step(self, _frame: FrameType, event: str, _argument: object) -> Any:
        """Let the handler run at its line; it is not traced itself."""
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.handler()
        return self.step


def submit_interrupted(
    delivery: Delivery, item: Queued, handler: Callable[[], object], at: int
) -> bool:
    """Submit, let a handler run at a line, which may hang, and return whether there is such a line."""
    interrupted, done = Interrupted(handler, at), threading.Event()

    def submit() -> None:
        with interrupted:
            delivery.submit(item)
        done.set()

    threading.Thread(target=submit, daemon=True).start()
    if not done.wait(SOON_S):
        delivery._begin()  # whoever holds the lock has it for good
        pytest.fail("the handler waits for whom it has interrupted")
    return at <= interrupted.lines


@pytest.fixture
def idle() -> Iterator[tuple[Langfuse, Delivery]]:
    """A delivery whose worker has nothing to do."""
    langfuse = Langfuse()
    delivery = delivering(langfuse, flush_interval_s=0.01)
    delivery.submit(an_item(1))
    assert delivery.flush(SOON_S)
    yield langfuse, delivery
    delivery.shutdown(1)


def test_a_handler_that_asks(idle: tuple[Langfuse, Delivery]) -> None:
    """A signal handler that comes upon a span being queued is answered: it waits for no lock."""
    langfuse, delivery = idle
    said: list[bool] = []

    def handler() -> None:
        assert delivery.stats().created
        said.append(delivery.flush(SOON_S))

    lines = 1
    while submit_interrupted(delivery, an_item(1 + lines), handler, lines):
        lines += 1

    assert said == [False] * (lines - 1)
    until(lambda: langfuse.arrived == list(range(1, 2 + lines)))
    assert adds_up(delivery)


def test_a_handler_that_submits(idle: tuple[Langfuse, Delivery]) -> None:
    """A signal handler may queue a span while one is being queued: both arrive, without a flush."""
    langfuse, delivery = idle
    numbers = count(2)

    def handler() -> None:
        delivery.submit(an_item(next(numbers)))

    lines = 1
    while submit_interrupted(delivery, an_item(next(numbers)), handler, lines):
        lines += 1
        until(lambda: delivery.stats().queued == 0)

    last = next(numbers)

    assert lines > 1
    until(lambda: sorted(langfuse.arrived) == list(range(1, last)))
    assert adds_up(delivery)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_fork() -> None:
    """A child starts empty and sends its own; the parent's stays the parent's."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    delivery.submit(an_item(1))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        empty = delivery.stats().created == 0
        delivery.submit(an_item(2))
        flushed = delivery.flush(SOON_S)
        os.write(writing, repr((empty, flushed, langfuse.arrived)).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)

    assert os.read(reading, 1000).decode() == "(True, True, [2])"
    os.close(reading)
    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1]
