"""LiteLLM's callbacks that have not run yet: waits for them, so that a flush is a whole one.

LiteLLM runs the callbacks of synchronous calls in a thread pool and those of asynchronous calls in
a worker task. Neither can be asked to finish through a public name (LiteLLM 1.106.2); where a name
is missing in another version, nothing is waited for.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

POLL_S = 0.002


def drain_at_exit() -> None:
    """Run what the worker task left behind, as LiteLLM does itself, perhaps only after us."""
    worker = _worker()
    if worker is not None:
        worker._flush_on_exit()  # noqa: SLF001


def drain(timeout_s: float) -> bool:
    """Wait for LiteLLM's callbacks from a thread; False if some still run after `timeout_s`.

    Inside a running event loop the callbacks of asynchronous calls cannot run while it waits, so
    it does not wait for those: `adrain` does.
    """
    deadline = time.monotonic() + timeout_s
    while not (_pool_is_idle() and (_in_event_loop() or _worker_is_idle())):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


async def adrain(timeout_s: float) -> bool:
    """Wait for LiteLLM's callbacks from a coroutine; False if some still run after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    worker = _worker()
    try:
        if worker is not None:
            await asyncio.wait_for(worker.flush(), timeout_s)
        while not _pool_is_idle():
            await asyncio.wait_for(asyncio.sleep(POLL_S), deadline - time.monotonic())
    except asyncio.TimeoutError:
        return False
    return True


def _pool_is_idle() -> bool:
    pool = _member("litellm.litellm_core_utils.thread_pool_executor", "executor")
    try:
        return bool(pool._work_queue.empty() and pool._idle_semaphore._value >= len(pool._threads))  # noqa: SLF001
    except AttributeError:
        return True


def _worker_is_idle() -> bool:
    """A worker whose loop has ended runs nothing any more; what it left is run at once."""
    worker = _worker()
    try:
        if worker._bound_loop is not None and worker._bound_loop.is_closed():  # noqa: SLF001
            worker._flush_on_exit()  # noqa: SLF001
        return not worker._running_tasks and (worker._queue is None or worker._queue.empty())  # noqa: SLF001
    except AttributeError:
        return True


def _worker() -> Any:
    return _member("litellm.litellm_core_utils.logging_worker", "GLOBAL_LOGGING_WORKER")


def _member(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
