"""Waits until a variant has done all that a block of calls gave it to do."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.export import BatchSpanProcessor

POLL_S = 0.002
QUIET_POLLS = 5
LIMIT_S = 120.0


class Settling:
    """Drains LiteLLM's callbacks and flushes whatever exporter the process has.

    Args:
        flush: what the variant has to flush beside OpenTelemetry's processors.
    """

    def __init__(self, flush: Callable[[], object] | None) -> None:
        self._flush = flush
        self._processors: list[BatchSpanProcessor] | None = None

    def settle(self) -> None:
        """Return when everything has reached the sink."""
        drain()
        if self._processors is None:
            self._processors = batch_processors()
        for processor in self._processors:
            processor.force_flush()
        if self._flush:
            self._flush()


def batch_processors() -> list[BatchSpanProcessor]:
    """Return those that are alive in the process; a variant keeps its own out of sight."""
    if "opentelemetry.sdk.trace.export" not in sys.modules:
        return []
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return [thing for thing in gc.get_objects() if isinstance(thing, BatchSpanProcessor)]


def drain() -> None:
    """Wait for LiteLLM's callbacks of synchronous calls."""
    _wait_until(_threads_are_idle)


async def adrain() -> None:
    """Wait for those of asynchronous calls; some of them enter the worker a little later."""
    quiet = 0
    deadline = time.monotonic() + LIMIT_S
    while quiet < QUIET_POLLS and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        quiet = quiet + 1 if _worker_is_idle() else 0


def _wait_until(idle: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not idle() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _threads_are_idle() -> bool:
    """LiteLLM has no public name for it."""
    from litellm.litellm_core_utils.thread_pool_executor import executor

    return bool(executor._pending_slots._value >= executor._max_pending_tasks)


def _worker_is_idle() -> bool:
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER as WORKER

    return not WORKER._running_tasks and (WORKER._queue is None or WORKER._queue.empty())
