"""The event loop that requests run in: one that still works when the interpreter is ending."""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401 - a lookup would import it in its thread, where a fork may come
import socket
import threading
from asyncio.events import _get_running_loop, _set_running_loop
from contextlib import suppress
from contextvars import ContextVar
from selectors import DefaultSelector
from typing import TYPE_CHECKING, Any

from langfuse_otel._forks import work_lock
from langfuse_otel._hosts import is_public

if TYPE_CHECKING:
    from _thread import RLock
    from collections.abc import Callable, Coroutine
    from selectors import SelectorKey

# Whether what runs may connect to the public internet alone. The addresses that are checked are the
# very ones that are connected to: a name that resolves otherwise the next time gains nothing.
only_public: ContextVar[bool] = ContextVar("only_public", default=False)

NO_PUBLIC_ADDRESS = "the host has no public address"


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it to the end in a loop of its own; a loop that runs in this thread waits meanwhile."""
    outer = _get_running_loop()
    at_work = work_lock()
    loop = DeliveryLoop(ForkableSelector(at_work))
    try:
        _set_running_loop(None)
        with at_work:
            loop.run_until_complete(work())
    finally:
        loop.close()
        _set_running_loop(outer)


class ForkableSelector(DefaultSelector):
    """Lets a fork of this process come while it waits."""

    def __init__(self, at_work: RLock) -> None:
        super().__init__()
        self._at_work = at_work

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Do as any selector."""
        self._at_work.release()
        try:
            return super().select(timeout)
        finally:
            self._at_work.acquire()


class DeliveryLoop(asyncio.SelectorEventLoop):
    """Looks names up in a thread of their own.

    asyncio looks them up in its default thread pool, which takes no more work once the interpreter
    ends (CPython 3.9 and later), just when a short script delivers what it has.
    """

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> list[Any]:
        """Do as `socket.getaddrinfo`, without the addresses that may not be connected to.

        Raises:
            OSError: there is none, or none left.
        """
        found = await self._looked_up(host, port, **options)
        if not only_public.get():
            return found
        public = [one for one in found if is_public(one[4][0])]
        if not public:
            raise OSError(NO_PUBLIC_ADDRESS)
        return public

    async def _looked_up(self, host: Any, port: Any, **options: Any) -> list[Any]:
        found: asyncio.Future[list[Any]] = self.create_future()

        def look_up() -> None:
            try:
                addresses, error = socket.getaddrinfo(host, port, **options), None
            except Exception as problem:  # noqa: BLE001 - a name may be no name at all
                addresses, error = [], problem
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self.call_soon_threadsafe(_resolve, found, addresses, error)

        try:
            threading.Thread(target=look_up, name="langfuse-otel-dns", daemon=True).start()
        except RuntimeError:
            return socket.getaddrinfo(host, port, **options)
        return await found


def _resolve(
    found: asyncio.Future[list[Any]], addresses: list[Any], error: Exception | None
) -> None:
    if found.done():
        return
    if error is not None:
        found.set_exception(error)
    else:
        found.set_result(addresses)
