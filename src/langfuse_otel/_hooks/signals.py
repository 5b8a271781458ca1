"""SIGTERM: what has ended is delivered before the process goes.

Its default action ends a process without any hook. And uvicorn, after a graceful shutdown, raises the
signal once more with the handler that it found, which is mostly that default action.
"""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Deliver = Callable[[asyncio.AbstractEventLoop | None], None]

# Whether our handler stands before the one that was there.
_is_installed = False

# Python's own, for which ours stands from the first SIGTERM on.
_raise_signal = signal.raise_signal


def install(hasten: Callable[[], None], deliver: Deliver, timeout_s: float) -> None:
    """Stand before the handler that there is; from the main thread alone, as Python has it.

    Args:
        hasten: is called where another handler ends the process.
        deliver: is called before the default action, in a thread of its own, with the event loop
            that the signal came upon, None without one.
        timeout_s: the default action waits for it no longer than this.
    """
    global _is_installed  # noqa: PLW0603 - there is one handler in a process
    if _is_installed or threading.current_thread() is not threading.main_thread():
        return
    found = signal.getsignal(signal.SIGTERM)
    if found is signal.SIG_DFL:
        handler = _before_default(deliver, timeout_s)
    elif callable(found):
        handler = _before(found, hasten)
    else:
        return
    _is_installed = True
    signal.signal(signal.SIGTERM, handler)


def release() -> None:
    """Let a signal through that was held back until everything was delivered."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _before(handler: Callable[[int, Any], Any], hasten: Callable[[], None]) -> Any:
    def handle(number: int, frame: Any) -> None:
        hasten()
        if hasattr(signal, "pthread_sigmask"):
            signal.raise_signal = _raise_at_the_end
        handler(number, frame)

    return handle


def _raise_at_the_end(number: int) -> None:
    """Hold back what the main thread raises for the default action: the exit hooks run first.

    Not sooner: whatever is started while a signal is blocked has it blocked, too.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and number == signal.SIGTERM and signal.getsignal(number) is signal.SIG_DFL:
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    _raise_signal(number)


def _before_default(deliver: Deliver, timeout_s: float) -> Any:
    """Deliver in another thread, for this one may hold a lock that delivering needs.

    A running event loop goes on meanwhile, since the callbacks of its calls run in it. The thread
    is started by the function that takes no lock of Python's `threading`.
    """
    delivered = _thread.allocate_lock()
    delivered.acquire()

    def deliver_and_die(loop: asyncio.AbstractEventLoop | None) -> None:
        try:
            deliver(loop)
        finally:
            delivered.release()
            _die()

    def handle(_number: int, _frame: Any) -> None:
        if not delivered.locked():
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        loop = asyncio._get_running_loop()  # noqa: SLF001 - the one that raises nothing
        _thread.start_new_thread(deliver_and_die, (loop,))
        if loop is None and not delivered.acquire(timeout=timeout_s):
            _die()

    return handle


def _die() -> None:
    """By the signal itself, so that whoever waits for this process sees what ended it."""
    os.kill(os.getpid(), signal.SIGTERM)
