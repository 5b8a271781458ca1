"""A process that is forked from one with threads."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from langfuse_otel import _pipeline, _process, logger
from langfuse_otel._by_hand import drafts
from langfuse_otel._hooks import streams

if TYPE_CHECKING:
    from langfuse_otel._forks import AnyLock

LOCKS = {
    "observations": _pipeline._remembering,
    "delivery": _process._lock,
    "logger": logger._opening,
    "steps": drafts._exporting,
    "streams": streams._exporting,
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_is_held(name: str) -> None:
    """A lock that another thread holds when the process forks is open in the child."""
    lock: AnyLock = LOCKS[name]
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            may_end.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(30)
    child = os.fork()
    if child == 0:
        os._exit(0 if lock.acquire(blocking=False) else 1)
    status = os.waitpid(child, 0)[1]
    may_end.set()
    holder.join()

    assert os.waitstatus_to_exitcode(status) == 0
    assert lock.acquire(blocking=False)
    lock.release()
