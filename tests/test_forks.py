"""A process that is forked from one with threads."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from litellm.litellm_core_utils import thread_pool_executor

from langfuse_otel import _forks, _pipeline, _process, logger
from langfuse_otel._by_hand import drafts
from langfuse_otel._delivery.loop import run
from langfuse_otel._forks import all_work_locks, work_lock
from langfuse_otel._hooks import pending, streams

if TYPE_CHECKING:
    from langfuse_otel._forks import AnyLock

LOCKS = {
    "observations": _pipeline._remembering,
    "delivery": _process._lock,
    "logger": logger._opening,
    "steps": drafts._exporting,
    "streams": streams._exporting,
}
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning"),
]
SOON_S = 30.0


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_is_held(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that another thread holds when the process forks is open in the child."""
    monkeypatch.setattr(_forks, "LONGEST_WAIT_S", 0.0)
    lock: AnyLock = LOCKS[name]
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            may_end.wait(SOON_S)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(SOON_S)
    child = os.fork()
    if child == 0:
        os._exit(0 if lock.acquire(blocking=False) else 1)
    status = os.waitpid(child, 0)[1]
    may_end.set()
    holder.join()

    assert os.waitstatus_to_exitcode(status) == 0
    assert lock.acquire(timeout=SOON_S)
    lock.release()


def test_a_thread_at_work() -> None:
    """A fork waits for a thread that is at work, and its lock is open in both processes then."""
    lock, is_forked = work_lock(), threading.Event()
    begun, happened = threading.Event(), []

    def work() -> None:
        with lock:
            begun.set()
            is_forked.wait(0.5)
            happened.append("worked")

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(SOON_S)
    child = os.fork()
    if child == 0:
        is_free = lock.acquire(blocking=False)
        os._exit(0 if is_free and happened == ["worked"] else 1)
    is_forked.set()
    worker.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert lock.acquire(blocking=False)


def test_in_a_callback() -> None:
    """A callback in one of LiteLLM's threads that forks does not wait for its own end."""

    def took_s() -> float:
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return time.monotonic() - begun

    pool = thread_pool_executor.executor
    pool.submit(int).result(SOON_S)  # has the pool start its thread, and know it
    forking = pool.submit(took_s)

    assert forking.result(SOON_S) < pending.MOST_BEFORE_FORK_S


def test_a_loop_that_waits() -> None:
    """Our loop is at work but for where it waits for the network."""
    begun, may_end, loops = threading.Event(), asyncio.Event(), []
    was_at_work: list[bool] = []

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        was_at_work.append(is_at_work())
        begun.set()
        await may_end.wait()
        was_at_work.append(is_at_work())

    worker = threading.Thread(target=run, args=[work])
    worker.start()
    assert begun.wait(SOON_S)
    for lock in all_work_locks():
        assert lock.acquire(timeout=SOON_S)
        lock.release()
    loops[0].call_soon_threadsafe(may_end.set)
    worker.join(SOON_S)

    assert was_at_work == [True, True]


def is_at_work() -> bool:
    """Whether a fork from another thread would wait for this one."""
    return any(lock._is_owned() for lock in all_work_locks())  # type: ignore[attr-defined]


def test_a_signal_that_comes_too_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIGTERM that a child gets before it has begun comes when it has."""
    happened: list[str] = []

    def begin() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        happened.append("begun")

    monkeypatch.setattr(_forks, "_beginnings", [begin])
    before = signal.signal(signal.SIGTERM, lambda *_: os._exit(1 if happened else 2))
    child = os.fork()
    if child == 0:
        os._exit(3)
    signal.signal(signal.SIGTERM, before)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
