"""What holds in a process that was forked from one with threads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _thread import RLock
    from collections.abc import Callable


def before_fork(finish: Callable[[], None]) -> None:
    """Let `finish` be called in this process each time before it is forked."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=finish)


def in_child(begin: Callable[[], None]) -> None:
    """Let `begin` be called in each process that is forked from this one, before all else in it."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin)


def open_in_child(lock: RLock) -> RLock:
    """Return `lock`, which is open in a child: a thread that held it would never open it there.

    The standard library does so with locks of its own.
    """
    in_child(lock._at_fork_reinit)  # type: ignore[attr-defined]  # noqa: SLF001
    return lock
