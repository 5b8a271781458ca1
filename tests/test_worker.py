"""The thread that delivers: no error, of ours or of the system, ends it or loses count."""

from __future__ import annotations

import asyncio
import threading

import pytest

from langfuse_otel._delivery import loop, worker
from langfuse_otel._delivery.backlog import Queued
from langfuse_otel._delivery.sender import Delivered, Rejected
from langfuse_otel._spans.otlp import Part
from test_delivery import ONE, SOON_S, Langfuse, adds_up, an_item, delivering


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(worker, "backoff_s", lambda _failures: 0.0)
    monkeypatch.setattr(worker, "AFTER_ERROR_S", 0.0)


class Failing:
    """Fails once, then does what it stands for."""

    def __init__(self, error: Exception, real: object) -> None:
        self.error: Exception | None = error
        self.real = real

    def __call__(self, *arguments: object, **named: object) -> object:
        """Fail at the first call."""
        error, self.error = self.error, None
        if error is not None:
            raise error
        return self.real(*arguments, **named)  # type: ignore[operator]


def test_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error while requests are put together loses what was in hand, counted, and no more."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    monkeypatch.setattr(worker, "packed", Failing(KeyError("a secret"), worker.packed))
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert delivery.stats().dropped == {"unencodable": 1}
    thread = delivery._thread
    delivery.submit(an_item(2))
    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [2]
    assert delivery._thread is thread
    assert "an error of ours: KeyError: delivery goes on" in caplog.text
    assert "a secret" not in caplog.text


def test_an_error_while_an_answer_is_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch whose answer could not be dealt with is sent again, and its place is free."""
    langfuse = Langfuse(Rejected("HTTP 400", 400))
    delivery = delivering(langfuse)
    monkeypatch.setattr(worker, "divided", Failing(KeyError(), worker.divided))
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1]
    assert delivery._backlog.lanes._in_flight == 0
    assert delivery._backlog.lanes._lanes == {}


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize("body", [b"no OTLP", b"\x1f\x8b no gzip", b""])
def test_what_cannot_be_divided(status: int, body: bytes) -> None:
    """A refused request that holds no spans, as one from elsewhere may, is lost alone."""
    langfuse = Langfuse(Rejected("refused", status))
    delivery = delivering(langfuse, compress=False)
    delivery.submit(Queued(ONE, 1, lambda: Part(b"", b"", b"")))
    delivery.flush(SOON_S)
    batch = worker.Batch(ONE, body, 1, 1)

    assert worker.divided(batch, body, status, delivery._limits) == []
    assert worker.named(body) == ""
    assert adds_up(delivery)


def test_a_request_that_never_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is broken off before its first step waits again, and is counted."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)

    class Stopping(worker.Worker):
        async def _pause(self, least_s: float) -> None:
            raise asyncio.CancelledError

    monkeypatch.setattr(worker, "Worker", Stopping)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    delivery.submit(an_item(1))
    with pytest.raises(asyncio.CancelledError):
        delivery.flush(0.1)

    assert delivery._backlog.lanes._in_flight == 0
    assert [
        batch.spans for lane in delivery._backlog.lanes._lanes.values() for batch in lane.waiting
    ] == [1]


def no_thread(_: threading.Thread) -> None:
    """Do as the interpreter does when it is ending."""
    raise RuntimeError("can't create new thread at interpreter shutdown")


@pytest.mark.parametrize("end", ["flush", "shutdown"])
def test_no_loop_to_be_had(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Where the system gives no event loop the caller sees no error, and all is counted."""
    delivery = delivering(Langfuse())
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    monkeypatch.setattr(
        loop, "DeliveryLoop", Failing(OSError(24, "Too many open files"), loop.DeliveryLoop)
    )
    delivery.submit(an_item(1))
    getattr(delivery, end)(0.05)

    assert delivery.stats().created == 1
    assert adds_up(delivery)


def test_flush_without_thread_inside_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush that must send by itself does so inside a running event loop, too."""
    langfuse = Langfuse()
    delivery = delivering(langfuse)
    monkeypatch.setattr(threading.Thread, "start", no_thread)

    async def main() -> bool:
        delivery.submit(an_item(1))
        flushed = delivery.flush(SOON_S)
        await asyncio.sleep(0)
        return flushed

    assert asyncio.run(main())
    assert langfuse.arrived == [1]


def test_no_name_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that no resolver can read fails at once, not after the timeout."""

    def refuse(*_: object, **__: object) -> object:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(loop.socket, "getaddrinfo", refuse)

    async def look_up() -> None:
        await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("a..b", 80), SOON_S)

    with pytest.raises(UnicodeError):
        loop.run(look_up)


def test_more_refused_than_sent() -> None:
    """A partial success that says nonsense leaves the count right."""
    delivery = delivering(Langfuse(Delivered(1_000)))
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert delivery.stats().dropped == {"rejected": 1}
    assert adds_up(delivery)
