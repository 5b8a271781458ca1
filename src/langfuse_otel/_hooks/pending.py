"""LiteLLM's callbacks that have not run yet: waits for them, so that a flush is a whole one.

LiteLLM runs the callbacks of synchronous calls in a thread pool and those of asynchronous calls in
a worker task. Neither can be asked to finish through a public name (LiteLLM 1.106.2), and the
worker forgets a callback that the end of its event loop cancels before the callback starts. So its
`enqueue` is wrapped to remember each callback until it has run. Where a name is missing in another
version, nothing is waited for; of `enqueue` that is said, for calls would be lost in silence.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
import threading
import time
from concurrent.futures.thread import _threads_queues
from contextlib import suppress
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import wrapt

from langfuse_otel._forks import before_fork, in_child
from langfuse_otel._hooks import cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import ModuleType

    Callback = Coroutine[Any, Any, object]
    Kept = dict[int, tuple[Callback, Context]]

log = logging.getLogger("langfuse_otel")

POLL_S = 0.002
MOST_BEFORE_FORK_S = 5.0

# LiteLLM hands callbacks over in tasks of which it keeps no list; these are their coroutines.
HANDING_OVER = frozenset(
    {
        "_client_async_logging_helper",
        "PassThroughStreamingHandler.route_streaming_logging_to_handler",
    }
)

_unfinished: dict[asyncio.AbstractEventLoop, Kept] = {}

# After this a loop has not been about to end.
LATER_S = 1.0
_late: set[asyncio.Future[object]] = set()

# What a child process has of its parent's callbacks. Python warns of one that is thrown away.
_inherited: list[object] = []


def remember_callbacks(module: ModuleType) -> None:
    """Wrap `LoggingWorker.enqueue` of LiteLLM's module, which has just been imported."""
    if hasattr(getattr(module, "LoggingWorker", None), "enqueue"):
        wrapt.wrap_function_wrapper(module, "LoggingWorker.enqueue", _enqueue)
    else:
        log.warning(
            "langfuse-otel: this LiteLLM has no LoggingWorker.enqueue: asynchronous calls that end just"
            " before their event loop may be lost. Call `await langfuse_otel.aflush()` there."
        )


def finish_before_fork() -> None:
    """Wait for the callbacks in LiteLLM's threads: when they run first, they import modules.

    A callback that forks would wait for its own end.
    """
    deadline = time.monotonic() + MOST_BEFORE_FORK_S
    while not (_pool_is_idle() or _in_pool()) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def begin_in_child() -> None:
    """Let LiteLLM's worker and thread pool begin anew in a process that was forked.

    There the pool has its threads by name alone, counts on them and would run nothing, and Python
    would wait for them at the end. What the parent handed over is the parent's to run.
    """
    worker = _worker()
    if worker is not None:
        _inherited.append((_unfinished.copy(), vars(worker).copy()))
        _unfinished.clear()
        with suppress(Exception):  # another version's
            worker.__init__()
    pool = _pool()
    if pool is None:
        return
    for thread in getattr(pool, "_threads", ()):
        _threads_queues.pop(thread, None)  # type: ignore[attr-defined]
    with suppress(Exception):  # as above
        pool.__init__(**_size_of(pool))


def _size_of(pool: Any) -> dict[str, int]:
    return {
        "max_workers": pool._max_workers,  # noqa: SLF001
        "max_pending_tasks": pool._max_pending_tasks,  # noqa: SLF001
    }


def drain_at_exit() -> None:
    """Run what the worker left behind, as LiteLLM does itself, though perhaps only after us."""
    flush = getattr(_worker(), "_flush_on_exit", None)
    if flush is not None:
        flush()
    _run_forgotten()


def drain(timeout_s: float, loop: asyncio.AbstractEventLoop | None = None) -> bool:
    """Wait for LiteLLM's callbacks from a thread; False if some still run after `timeout_s`.

    Inside a running event loop the callbacks of asynchronous calls cannot run while it waits, so
    it does not wait for those: `adrain` does. Of a `loop` that runs in another thread it also waits
    for what is yet to be handed over.
    """
    deadline = time.monotonic() + timeout_s
    in_loop = _in_event_loop()
    while not (_threads_are_idle() and (in_loop or (_worker_is_idle() and _is_done_with(loop)))):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return not in_loop or _worker_is_idle()


async def adrain(timeout_s: float) -> bool:
    """Wait for LiteLLM's callbacks from a coroutine; False if some still run after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    worker = _worker()
    try:
        if tasks := _handing_over(asyncio.get_running_loop()):
            await asyncio.wait(tasks, timeout=timeout_s)
        if worker is not None:
            await asyncio.wait_for(worker.flush(), deadline - time.monotonic())
        while not _threads_are_idle():
            await asyncio.wait_for(asyncio.sleep(POLL_S), deadline - time.monotonic())
    except asyncio.TimeoutError:
        return False
    return True


def _is_done_with(loop: asyncio.AbstractEventLoop | None) -> bool:
    """Whether all callbacks of a loop have run: what is not handed over yet comes first."""
    return loop is None or not (_handing_over(loop) or _unfinished.get(loop))


def _handing_over(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    tasks = asyncio.all_tasks(loop)
    return [t for t in tasks if getattr(t.get_coro(), "__qualname__", "") in HANDING_OVER]


def _enqueue(
    enqueue: Callable[..., None],
    _worker: object,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    if "langfuse_otel.logger" not in sys.modules or not _in_event_loop() or len(arguments) != 1:
        enqueue(*arguments, **named)
        return
    for forgotten, context in _forgotten():
        context.run(lambda kept: enqueue(_remembered(kept)), forgotten)
    enqueue(_remembered(arguments[0]))


def _remembered(callback: Callback) -> Callback:
    """Return a coroutine in place of `callback`, which stays whole if that one never starts."""
    kept = _unfinished.setdefault(asyncio.get_running_loop(), {})
    kept[id(callback)] = callback, copy_context()
    return _finished(callback, kept)


async def _finished(callback: Callback, kept: Kept) -> object:
    try:
        return await callback
    except (asyncio.CancelledError, Exception) as error:
        rest = cancelled.take_up(cancelled.passed(error))
        if rest is not None:
            kept[id(rest)] = rest, copy_context()
            asyncio.get_running_loop().call_later(LATER_S, _begin_late, kept, id(rest))
        raise
    finally:
        kept.pop(id(callback), None)


def _begin_late(kept: Kept, number: int) -> None:
    """Run what was left, in a loop that goes on: it was no end, but LiteLLM's patience."""
    if number in kept:
        callback, context = kept.pop(number)
        task = context.run(asyncio.ensure_future, callback)
        _late.add(task)
        task.add_done_callback(_late.discard)


def _forgotten() -> list[tuple[Callback, Context]]:
    """Take out what is left of the callbacks whose event loop has ended, and where it belongs."""
    ended = [loop for loop in list(_unfinished) if loop.is_closed()]
    left = [
        (context.run(_rest_of, callback), context)
        for loop in ended
        for callback, context in _unfinished.pop(loop, {}).values()
    ]
    return [(callback, context) for callback, context in left if callback is not None]


def _rest_of(callback: Callback) -> Callback | None:
    """Return what has yet to run; one that waits for something of its loop's will wait for ever."""
    state = inspect.getcoroutinestate(callback)
    if state == inspect.CORO_SUSPENDED:
        return cancelled.take_up(cancelled.waiting(callback))
    return callback if state == inspect.CORO_CREATED else None


def _run_forgotten() -> None:
    loop = asyncio.new_event_loop()
    try:
        for callback, context in _forgotten():
            with suppress(Exception):  # another integration's; LiteLLM's worker drops it as well
                context.run(loop.run_until_complete, callback)
    finally:
        loop.close()


def _threads_are_idle() -> bool:
    """LiteLLM's pool, and the threads that it starts for streams that break."""
    is_logging = any(t.name.endswith("(failure_handler)") for t in threading.enumerate())
    return not is_logging and _pool_is_idle()


def _pool_is_idle() -> bool:
    """A child process has LiteLLM's pool, but none of its threads: nothing would be waited for."""
    pool = _pool()
    try:
        if not any(thread.is_alive() for thread in pool._threads):  # noqa: SLF001
            return True
        return bool(pool._pending_slots._value >= pool._max_pending_tasks)  # noqa: SLF001
    except AttributeError:
        return pool is None or pool._work_queue.empty()  # noqa: SLF001


def _in_pool() -> bool:
    return threading.current_thread() in getattr(_pool(), "_threads", ())


def _worker_is_idle() -> bool:
    """A worker whose loop has ended runs nothing any more; what it left is run at once."""
    worker = _worker()
    try:
        has_ended = worker._bound_loop is not None and worker._bound_loop.is_closed()  # noqa: SLF001
        if has_ended:
            _apart(drain_at_exit)
        runs = worker._running_tasks and not has_ended  # noqa: SLF001
        return not runs and (worker._queue is None or worker._queue.empty())  # noqa: SLF001
    except AttributeError:
        return True


def _apart(drain: Callable[[], None]) -> None:
    """Call it in a thread of its own: LiteLLM leaves its thread a closed event loop.

    And where the caller's loop runs, no other can.
    """
    thread = threading.Thread(target=drain)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is ending
        drain()
    else:
        thread.join()


def _pool() -> Any:
    return _member("litellm.litellm_core_utils.thread_pool_executor", "executor")


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


before_fork(finish_before_fork)
in_child(begin_in_child)
