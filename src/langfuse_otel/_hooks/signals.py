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
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langfuse_otel._forks import in_child, is_forking

if TYPE_CHECKING:
    from collections.abc import Callable

    Deliver = Callable[[asyncio.AbstractEventLoop | None], None]

# Ours, once it stands before the one that was there.
_handler: Any = None
# Begins to deliver before the default action; None where that is not ours to do.
_begin: Deliver | None = None

# Where Python writes the number of each signal as it comes: what is read from, and written to.
_bell: tuple[int, int] | None = None
# So long the main thread is given to hear of a signal itself.
HEARD_S = 0.2
# And so long to go by it, before it is told again.
AGAIN_S = 0.02

# Whether what is left is being delivered by the exit hook.
_is_ending = False

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
    global _handler, _begin  # noqa: PLW0603 - there is one handler in a process
    if _handler is not None or threading.current_thread() is not threading.main_thread():
        return
    found = signal.getsignal(signal.SIGTERM)
    if found is signal.SIG_DFL:
        _handler, _begin = _before_default(deliver, timeout_s)
    elif callable(found):
        _handler = _before(found, hasten)
    else:
        return
    signal.signal(signal.SIGTERM, _handler)


def listen() -> None:
    """See that this process hears a SIGTERM at once, though its main thread waits.

    Python calls a handler when the main thread does something next. Where the signal comes just
    before that one waits for a lock of another process, as the workers of a pool do, it does nothing
    any more, and whoever sent the signal waits for its end.
    """
    global _bell  # noqa: PLW0603 - a process has one
    if _begin is None or _bell is not None or not hasattr(signal, "pthread_kill"):
        return
    if threading.current_thread() is not threading.main_thread():
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    others = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    if others != -1:
        signal.set_wakeup_fd(others)
        os.close(reading)
        os.close(writing)
        return
    _bell = reading, writing
    _thread.start_new_thread(_wait_for_signals, (reading, _begin))


def keep_for_the_end() -> None:
    """Say that this process delivers by itself from now on, and calls `release` then."""
    global _is_ending  # noqa: PLW0603 - a process ends once
    _is_ending = hasattr(signal, "pthread_kill")


def release() -> None:
    """Let a signal through that was held back until everything was delivered."""
    global _is_ending  # noqa: PLW0603 - see above
    _is_ending = False
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _before(handler: Callable[[int, Any], Any], hasten: Callable[[], None]) -> Any:
    def handle(number: int, frame: Any) -> None:
        if _comes_later():
            return
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


def _before_default(deliver: Deliver, timeout_s: float) -> tuple[Any, Deliver]:
    """Deliver in another thread, for this one may hold a lock that delivering needs.

    A running event loop goes on meanwhile, since the callbacks of its calls run in it. The thread
    is started by the function that takes no lock of Python's `threading`.
    """
    begun, delivered = _thread.allocate_lock(), _thread.allocate_lock()
    delivered.acquire()

    def deliver_and_die(loop: asyncio.AbstractEventLoop | None) -> None:
        try:
            deliver(loop)
        finally:
            delivered.release()
            _die()

    def begin(loop: asyncio.AbstractEventLoop | None) -> None:
        if begun.acquire(blocking=False):
            _thread.start_new_thread(deliver_and_die, (loop,))

    def handle(_number: int, _frame: Any) -> None:
        if _comes_later():
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        loop = asyncio._get_running_loop()  # noqa: SLF001 - the one that raises nothing
        try:
            begin(loop)
        except RuntimeError:  # Python (3.12) starts no thread any more, or the system has none left
            _die_unaided()
            return
        if loop is None and not delivered.acquire(timeout=timeout_s):
            _die()

    return handle, begin


def _die_unaided() -> None:
    """Die at once, or where this thread delivers, and alone holds the signal back, after that."""
    if not _is_ending:
        _die()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


def _comes_later() -> bool:
    """Whether the signal came within a fork: then it is sent once more, for after it.

    In a fork delivering would wait for locks that this thread holds, and what a handler raises is lost.
    """
    if not is_forking():
        return False
    _thread.start_new_thread(_tell_later, ())
    return True


def _tell_later() -> None:
    time.sleep(AGAIN_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _wait_for_signals(reading: int, begin: Deliver) -> None:
    with suppress(OSError):  # closed, see below
        while heard := os.read(reading, 64):
            if signal.SIGTERM in heard:
                time.sleep(HEARD_S)
                if _is_ours():
                    begin(None)


def _die() -> None:
    """By the signal itself, so that whoever waits for this process sees what ended it.

    While our handler still stands it is told again and again, until the main thread hears of it.
    """
    while _is_ours():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(AGAIN_S)


def _is_ours() -> bool:
    """Whether nobody has put a handler in the place of ours."""
    return signal.getsignal(signal.SIGTERM) in {_handler, signal.SIG_DFL}


def _begin_in_child() -> None:
    """The bell is the parent's, which may have closed it with all else, as a daemon does."""
    global _bell  # noqa: PLW0603 - see above
    if _bell is None:
        return
    signal.set_wakeup_fd(-1)
    for end in _bell:
        with suppress(OSError):
            os.close(end)
    _bell = None


in_child(_begin_in_child)
