"""Child processes of `multiprocessing` and Celery: no exit hook of Python runs when they end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from langfuse_otel._hooks import signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

EXIT_PRIORITY = 0


def deliver_at_end_of(util: ModuleType, end: Callable[[], None]) -> None:
    """Let children of `multiprocessing.util`, which has just been imported, call `end`.

    A child forgets the finalizers of its parent when it starts, and runs its own before it waits
    for its threads. Its parent may end it by a signal as well, and wait for it.
    """

    def in_child(_: Any) -> None:
        util.Finalize(None, end, exitpriority=EXIT_PRIORITY)
        signals.listen()

    util.register_after_fork(end, in_child)
    if is_child():
        in_child(end)


def deliver_at_end_of_workers(celery: ModuleType, end: Callable[[], None]) -> None:
    """Let the processes of a pool of Celery, whose `celery.signals` have just been imported, call `end`."""

    def at_shutdown(**_: Any) -> None:
        end()

    celery.worker_process_shutdown.connect(at_shutdown, weak=False)


def is_child() -> bool:
    """Whether `multiprocessing` has started this process."""
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None
