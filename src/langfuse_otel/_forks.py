"""What holds in a process that was forked from one with threads."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from _thread import RLock
    from collections.abc import Callable

LONGEST_WAIT_S = 5.0

_work_locks: WeakValueDictionary[int, RLock] = WeakValueDictionary()
_beginnings: list[Callable[[], None]] = []


class _Forking(threading.local):
    """A fork of this thread: the locks that it holds, and the signals that were kept back before it."""

    mask: set[signal.Signals] | set[int] | None = None

    def __init__(self) -> None:
        self.held: list[RLock] = []


_forking = _Forking()


def before_fork(finish: Callable[[], None]) -> None:
    """Let `finish` be called in this process each time before it is forked."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=finish)


def in_child(begin: Callable[[], None]) -> None:
    """Let `begin` be called in each process that is forked from this one, before all else in it."""
    _beginnings.append(begin)


def open_in_child(lock: RLock) -> RLock:
    """Return `lock`, which is open in a child: a thread that held it would never open it there.

    The standard library does so with locks of its own.
    """
    in_child(lock._at_fork_reinit)  # type: ignore[attr-defined]  # noqa: SLF001
    return lock


def work_lock() -> RLock:
    """Return a lock for a thread of ours to hold while it works: a fork waits for it, for a while.

    Were the process forked while that thread imports a module, the child would never get the module;
    and a lock of another library that the thread holds would never be opened there. The thread lets
    go of this one whenever it waits, so that forks come through.
    """
    lock = threading.RLock()
    _work_locks[id(lock)] = lock
    return lock


def all_work_locks() -> list[RLock]:
    """Return those that are in use; other threads may make more meanwhile."""
    return [lock for known in _work_locks.valuerefs() if (lock := known()) is not None]


def is_forking() -> bool:
    """Whether this thread is in the midst of a fork: it holds what others need, and nothing may be raised.

    Python prints what a hook of a fork raises, and goes on.
    """
    return _forking.mask is not None


def _hold_back() -> None:
    """Wait for those at work, and keep signals back.

    Python (3.14) forgets one that comes to a child before Python has begun there, and whoever sent it
    would wait for the child's end for ever.
    """
    _forking.held = held = []
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    deadline = time.monotonic() + LONGEST_WAIT_S
    # Who is waited for may start another thread, which makes a lock of its own.
    while new := [lock for lock in all_work_locks() if lock not in held]:
        for lock in new:
            held.append(lock)
            lock.acquire(timeout=max(0.0, deadline - time.monotonic()))


def _go_on_in_parent() -> None:
    while _forking.held:
        lock = _forking.held[-1]
        if lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001
            lock.release()
        _forking.held.pop()
    _let_signals_through()


def _begin_in_child() -> None:
    _forking.held = []
    for lock in all_work_locks():
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        for begin in _beginnings:
            begin()
    finally:
        _let_signals_through()


def _let_signals_through() -> None:
    """Let them come while this is still a fork: their handlers run within."""
    if _forking.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)
        _forking.mask = None


if hasattr(os, "register_at_fork"):
    _SIGNALS = signal.valid_signals()
    os.register_at_fork(
        before=_hold_back, after_in_parent=_go_on_in_parent, after_in_child=_begin_in_child
    )
    # A signal's handler that raises, as that of Ctrl-C does, may have taken the place of the first.
    os.register_at_fork(after_in_parent=_go_on_in_parent)
