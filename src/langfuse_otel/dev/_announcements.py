"""Tells open pages that something arrived; what it was, they ask for themselves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_QUIET_S: Final = 15.0
"""After so long a comment is sent, which shows whether anybody still listens."""


class Announcements:
    """The number of what arrived, and who waits for the next; `close` may be called anywhere."""

    def __init__(self) -> None:
        self._number = 0
        self._is_closed = False
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def announce(self) -> None:
        """Wake everybody up; in the thread of the event loop."""
        self._number += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and its streams with it
                self._loop.call_soon_threadsafe(self.announce)

    async def stream(self) -> AsyncIterator[str]:
        """Give server-sent events: one at once, then one whenever something has arrived."""
        self._loop = asyncio.get_running_loop()
        while not self._is_closed:
            changed = self._changed
            yield f"data: {self._number}\n\n"
            while not await _is_set(changed):
                yield ": quiet\n\n"


async def _is_set(event: asyncio.Event) -> bool:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), _QUIET_S)
    return event.is_set()
