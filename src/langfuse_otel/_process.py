"""What there is one of in a process: the delivery, and the functions that flush and count it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from langfuse_otel._forks import open_in_child
from langfuse_otel._hooks import children, pending, signals, streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._delivery.backlog import Limits
    from langfuse_otel._delivery.counts import Stats
    from langfuse_otel._delivery.delivery import Delivery
    from langfuse_otel._delivery.spool import Spool
    from langfuse_otel.settings import Settings

log = logging.getLogger("langfuse_otel")
_litellms_log = logging.getLogger("LiteLLM")

_lock = open_in_child(threading.RLock())
_delivery: Delivery | None = None
_shutdown_timeout_s = 5.0


def delivery(settings: Settings) -> Delivery:
    """Return the delivery of this process, made at the first call with these settings."""
    global _delivery, _shutdown_timeout_s  # noqa: PLW0603 - the one delivery of the process
    with _lock:
        if _delivery is None:
            from langfuse_otel._delivery.delivery import Delivery  # noqa: PLC0415 - only who sends pays

            # Here and not in the thread that sends: the OpenAI SDK (3.54) takes an `httpx` that
            # another thread is importing for a whole one, and the caller's request fails.
            from langfuse_otel._delivery.sender import Sender  # noqa: PLC0415 - as above

            show_debug_lines(settings)
            _shutdown_timeout_s = settings.shutdown_timeout
            _delivery = Delivery(Sender, limits_of(settings), _spool(settings))
        return _delivery


def flush(timeout: float = 30.0) -> bool:
    """Send every call that has ended, and wait until Langfuse has it.

    Waits for LiteLLM's pending callbacks first. Inside a running event loop use `aflush`: LiteLLM's
    asynchronous callbacks cannot run while this waits, so it sends the rest and returns False.

    Args:
        timeout: longest wait, in seconds.

    Returns:
        False if something still waits when the time is over.
    """
    deadline = time.monotonic() + timeout
    drained = pending.drain(timeout)
    _export_ended()
    return (_delivery is None or _delivery.flush(max(0.0, deadline - time.monotonic()))) and drained


async def aflush(timeout: float = 30.0) -> bool:
    """Do as `flush`, without blocking the event loop."""
    deadline = time.monotonic() + timeout
    drained = await pending.adrain(timeout)
    _export_ended()
    if _delivery is None:
        return drained
    left = max(0.0, deadline - time.monotonic())
    return await _apart(partial(_delivery.flush, left)) and drained


async def _apart(ask: Callable[[], bool]) -> bool:
    """Ask in a thread of its own.

    The loop's own threads may all be busy. And it waits for them at its end, also for one whose
    answer nobody wants any more.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bool] = loop.create_future()

    def work() -> None:
        answer = ask()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_answer, answered, answer)

    try:
        threading.Thread(target=work, name="langfuse-otel-flush", daemon=True).start()
    except RuntimeError:
        return ask()
    return await answered


def _answer(asked: asyncio.Future[bool], answer: bool) -> None:
    if not asked.done():
        asked.set_result(answer)


def _export_ended() -> None:
    streams.export_ended()
    if drafts := sys.modules.get("langfuse_otel._by_hand.drafts"):
        drafts.export_abandoned()


def stats() -> Stats:
    """Return how many observations were created, sent, are queued, or were lost and why."""
    from langfuse_otel._delivery.counts import Stats  # noqa: PLC0415 - keeps `import langfuse_otel` light

    return Stats() if _delivery is None else _delivery.stats()


def end() -> None:
    """Deliver what is left; runs at the end of the interpreter.

    LiteLLM's own exit hook may run after this one, so its left callbacks are run first.
    """
    signals.keep_for_the_end()
    try:
        if "langfuse_otel.logger" in sys.modules:
            pending.drain_at_exit()
            streams.export_all()
        if drafts := sys.modules.get("langfuse_otel._by_hand.drafts"):
            drafts.end_all()
    except Exception as error:  # noqa: BLE001 - whatever LiteLLM's callbacks raise, we still deliver
        log.warning("langfuse-otel: a callback failed at the end: %s", type(error).__name__)
    finally:
        if _delivery is not None:
            _delivery.shutdown(_shutdown_timeout_s)
        signals.release()


def forget() -> None:
    """Give up what still waits; who sends next makes a delivery of its own, and counts from 0."""
    global _delivery
    with _lock:
        given_up, _delivery = _delivery, None
    if given_up is not None:
        given_up.shutdown(0.0)


def handle_signals(settings: Settings) -> None:
    """See that a SIGTERM loses nothing, unless the settings say to leave it alone."""
    if settings.handle_signals:
        signals.install(_hasten, end_before_threads, 2 * settings.shutdown_timeout)
        if children.is_child():
            signals.listen()


def _hasten() -> None:
    if _delivery is not None:
        _delivery.hasten()


def end_before_threads(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Do as `end` where LiteLLM's threads and event loop may still run.

    So it is at a signal, and in a child process of `multiprocessing` or Celery. LiteLLM's callbacks
    get half of the time.
    """
    if "langfuse_otel.logger" in sys.modules:
        pending.drain(_shutdown_timeout_s / 2, loop)
    end()


def show_debug_lines(settings: Settings) -> None:
    """Let our debug lines out where the settings or LiteLLM's debug mode ask for it."""
    asked = settings.debug or (settings.litellm_log or "").upper() == "DEBUG"
    if not (asked or _litellms_log.isEnabledFor(logging.DEBUG)):
        return
    log.setLevel(logging.DEBUG)
    if not log.hasHandlers():
        log.addHandler(logging.StreamHandler())


def limits_of(settings: Settings) -> Limits:
    """Return what the settings say of delivery."""
    from langfuse_otel._delivery.backlog import Limits  # noqa: PLC0415 - keeps `import langfuse_otel` light

    return Limits(
        flush_interval_s=settings.flush_interval,
        flush_at=settings.flush_at,
        timeout_s=settings.timeout,
        queue_bytes=settings.max_queue_bytes,
        batch_bytes=settings.max_batch_bytes,
        compress=settings.compression == "gzip",
    )


def _spool(settings: Settings) -> Spool | None:
    if settings.spool_dir is None:
        return None
    from langfuse_otel._delivery.spool import Spool  # noqa: PLC0415 - only who has a spool pays

    try:
        folder = Path(settings.spool_dir).expanduser().absolute()
        return Spool(folder, settings.spool_max_bytes)
    except (OSError, RuntimeError) as error:  # no locks here, or nobody's home
        log.warning("langfuse-otel: no spool: %s", error)
        return None
