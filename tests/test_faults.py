"""A far end in trouble: each span arrives, once unless an answer was lost, and the caller is unharmed."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from langfuse_otel._delivery import worker
from langfuse_otel._delivery.backlog import Limits
from langfuse_otel._delivery.delivery import Delivery
from langfuse_otel._delivery.sender import Sender
from langfuse_otel._destination import langfuse_destination
from langfuse_otel.testing import Answer, Collector
from loopback import Loopback, QuietHandler
from test_delivery import SOON_S, adds_up, an_item, span_ids, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langfuse_otel._destination import Destination

NUMBERS = range(1, 51)


class Faulty(Loopback):
    """Reads each request, does to it what the script says, and accepts when the script is over."""

    def __init__(self, *faults: Callable[[FaultyHandler], None]) -> None:
        super().__init__(FaultyHandler)
        self.faults = list(faults)
        self.seen: list[list[int]] = []
        self.gate = threading.Event()

    @property
    def destination(self) -> Destination:
        """A project on this server."""
        return langfuse_destination(self.root, "pk-lf-1", "sk-lf-1")


class FaultyHandler(QuietHandler):
    """One connection."""

    server: Faulty

    def do_POST(self) -> None:
        """Fail as told, or accept."""
        if self.server.faults:
            self.server.faults.pop(0)(self)
        else:
            self.server.seen.append(span_ids(self.body()))
            self.answer(200)

    def body(self) -> bytes:
        """Read the whole request."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, length: int = 0) -> None:
        """Send the head of an answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def closed_before_the_body(handler: FaultyHandler) -> None:
    """Close the connection when no more than the head was read."""
    handler.rfile.read(10)
    hang_up(handler)


def closed_before_the_answer(handler: FaultyHandler) -> None:
    """Take the spans, and close the connection without a word."""
    handler.server.seen.append(span_ids(handler.body()))
    hang_up(handler)


def closed_within_the_answer(handler: FaultyHandler) -> None:
    """Take the spans, and close the connection in the middle of saying so."""
    handler.server.seen.append(span_ids(handler.body()))
    handler.answer(200, length=100)
    handler.wfile.write(b"{")
    hang_up(handler)


def no_http(handler: FaultyHandler) -> None:
    """Answer in another language."""
    handler.body()
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    hang_up(handler)


def hanging(handler: FaultyHandler) -> None:
    """Read the request and say nothing until the test is over."""
    handler.body()
    handler.server.gate.wait(SOON_S)
    hang_up(handler)


def hang_up(handler: FaultyHandler) -> None:
    """Close the connection."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def answering(status: int) -> Callable[[FaultyHandler], None]:
    """Return what answers with this status."""

    def answer(handler: FaultyHandler) -> None:
        handler.body()
        handler.answer(status)

    return answer


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(worker, "backoff_s", lambda _failures: 0.01)


@pytest.fixture
def deliveries() -> Iterator[Callable[..., Delivery]]:
    """Make deliveries over real connections, closed at the end."""
    made: list[Delivery] = []

    def make(**limits: float) -> Delivery:
        options = {"flush_interval_s": 0.01, "flush_at": 10, **limits}
        made.append(Delivery(Sender, Limits(**options)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for delivery in made:
        delivery.shutdown(0.0)


def submitted(delivery: Delivery, destination: Destination) -> None:
    """Submit the numbers."""
    for number in NUMBERS:
        delivery.submit(an_item(number, destination))


@pytest.mark.parametrize(
    ("fault", "may_repeat"),
    [
        (answering(500), False),
        (answering(502), False),
        (answering(408), False),
        (closed_before_the_body, False),
        (no_http, False),
        (closed_before_the_answer, True),
        (closed_within_the_answer, True),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_fault(
    deliveries: Callable[..., Delivery],
    fault: Callable[[FaultyHandler], None],
    may_repeat: bool,
) -> None:
    """Whatever happened to the first requests, all spans arrive, and none twice without need."""
    with Faulty(*[fault] * 3) as langfuse:
        delivery = deliveries()
        submitted(delivery, langfuse.destination)
        flushed = delivery.flush(SOON_S)
        stats = delivery.stats()
    arrived = Counter(number for ids in langfuse.seen for number in ids)

    assert flushed
    assert set(arrived) == set(NUMBERS)
    assert may_repeat or set(arrived.values()) == {1}
    assert (stats.sent, stats.dropped) == (len(NUMBERS), {})
    assert adds_up(delivery)


def test_hang(deliveries: Callable[..., Delivery]) -> None:
    """A request that hangs ends with its timeout, delays no submit, and its spans go again."""
    with Faulty(hanging) as langfuse:
        delivery = deliveries(timeout_s=1.0)
        submitted(delivery, langfuse.destination)
        flushed = delivery.flush(SOON_S)
        langfuse.gate.set()

    assert flushed
    assert sorted(number for ids in langfuse.seen for number in ids) == list(NUMBERS)
    assert delivery.stats().last_error == "no answer within 1 s"


def test_a_hanging_project_delays_no_other(deliveries: Callable[..., Delivery]) -> None:
    """While one host hangs another gets its spans."""
    with Faulty(*[hanging] * 10) as dead, Faulty() as well:
        delivery = deliveries(timeout_s=SOON_S)
        delivery.submit(an_item(1, dead.destination))
        submitted(delivery, well.destination)
        deadline = time.monotonic() + SOON_S
        while delivery.stats().sent < len(NUMBERS) and time.monotonic() < deadline:
            time.sleep(0.005)
        sent = delivery.stats().sent
        delivery.shutdown(0.0)
        dead.gate.set()

    assert sent == len(NUMBERS)
    assert delivery.stats().dropped == {"shutdown": 1}


def test_the_end_while_a_request_hangs(deliveries: Callable[..., Delivery]) -> None:
    """The end comes in its time, whatever the timeout of the request under way."""
    with Faulty(*[hanging] * 10) as langfuse:
        delivery = deliveries(timeout_s=3600.0)
        submitted(delivery, langfuse.destination)
        until(lambda: len(langfuse.faults) < 10)
        thread, began = delivery._thread, time.monotonic()
        delivery.shutdown(0.1)
        took_s = time.monotonic() - began
        is_left = thread is None or thread.is_alive()
        langfuse.gate.set()

    assert took_s < SOON_S / 2
    assert not is_left
    assert delivery.stats().dropped == {"shutdown": len(NUMBERS)}
    assert adds_up(delivery)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after(deliveries: Callable[..., Delivery], collector: Collector, form: str) -> None:
    """A server that asks to wait is not asked again before, in either form."""
    later = datetime.now(timezone.utc) + timedelta(seconds=100)
    wait = "100" if form == "seconds" else format_datetime(later, usegmt=True)
    collector.answer_next(Answer(429, {"Retry-After": wait}))
    delivery = deliveries()
    delivery.submit(an_item(1, of(collector)))
    collector.wait_for_refusals(1)
    until(lambda: delivery.stats().retries == 1)
    [(until_s, _, _)] = delivery._backlog.lanes._resting
    left_s = until_s - time.monotonic()

    assert 50 < left_s <= 100
    assert delivery.flush(SOON_S)
    assert [span.span_id for span in collector.spans] == [f"{1:016x}"]


def test_no_such_host(deliveries: Callable[..., Delivery]) -> None:
    """A name without an address is tried again, and the reason is said."""
    nowhere = langfuse_destination("http://langfuse.invalid", "pk-lf-1", "sk-lf-1")
    delivery = deliveries()
    delivery.submit(an_item(1, nowhere))
    until(lambda: delivery.stats().retries > 1)

    assert delivery.stats().queued == 1
    assert str(delivery.stats().last_error).startswith("cannot connect: ")
    assert not delivery.flush(0.0)


def test_down_then_up(deliveries: Callable[..., Delivery]) -> None:
    """What was submitted while nobody listened arrives when somebody does."""
    langfuse = Faulty()
    port = langfuse.server_port
    langfuse.server_close()
    delivery = deliveries()
    submitted(delivery, langfuse.destination)
    until(lambda: delivery.stats().retries > 2)
    again = Faulty()
    again.server_close()
    again.socket = socket.create_server(("127.0.0.1", port))
    again.server_address = again.socket.getsockname()
    with again:
        flushed = delivery.flush(SOON_S)

    assert flushed
    assert sorted(number for ids in again.seen for number in ids) == list(NUMBERS)
    assert delivery.stats().sent == len(NUMBERS)


def test_a_kept_connection_that_was_closed(deliveries: Callable[..., Delivery]) -> None:
    """A connection that the server closed between two requests costs no retry."""
    with Faulty() as langfuse:
        delivery = deliveries()
        delivery.submit(an_item(1, langfuse.destination))
        assert delivery.flush(SOON_S)
        langfuse.faults = [closed_before_the_body]
        delivery.submit(an_item(2, langfuse.destination))
        assert delivery.flush(SOON_S)

    assert langfuse.seen == [[1], [2]]
    assert delivery.stats().retries == 0


def of(collector: Collector) -> Destination:
    """Return the project of a collector."""
    return langfuse_destination(collector.url, collector.public_key, collector.secret_key)
