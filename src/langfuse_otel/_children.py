"""Child processes of `multiprocessing`: they end without Python's exit hooks, but run its own."""

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


def _is_child() -> bool:
    from multiprocessing import parent_process  # noqa: PLC0415 - whoever comes here has it

    return parent_process() is not None
