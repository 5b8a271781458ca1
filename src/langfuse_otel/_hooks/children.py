"""Child processes of `multiprocessing` and Celery: no exit hook of Python runs when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

EXIT_PRIORITY = 0


def deliver_at_end_of(util: ModuleType, end: Callable[[], None]) -> None:
    """Let children of `multiprocessing.util`, which has just been imported, call `end`.

    A child forgets the finalizers of its parent when it starts, and runs its own before it waits
    for its threads.
    """

    def in_child(_: Any) -> None:
        util.Finalize(None, end, exitpriority=EXIT_PRIORITY)

    util.register_after_fork(end, in_child)
    if _is_child():
        in_child(end)


def deliver_at_end_of_workers(signals: ModuleType, end: Callable[[], None]) -> None:
    """Let the processes of a pool of Celery, whose `signals` have just been imported, call `end`."""

    def at_shutdown(**_: Any) -> None:
        end()

    signals.worker_process_shutdown.connect(at_shutdown, weak=False)


def _is_child() -> bool:
    from multiprocessing import parent_process  # noqa: PLC0415 - whoever comes here has it

    return parent_process() is not None
