"""A stand-in for Langfuse that can fail in every way: a strict OTLP/HTTP receiver on loopback."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from benchmarks.behaviour import HEALTHY, Behaviour
from benchmarks.received import MalformedError, Received, Request, request_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

# What Langfuse's own SDK and LiteLLM's older callback ask before they send.
QUESTIONS = {
    "/api/public/health": b'{"status": "OK", "version": "3.140.0"}',
    "/api/public/projects": b'{"data": [{"id": "bench", "name": "bench", "metadata": {}}]}',
}
GOODBYE = (ConnectionError, asyncio.IncompleteReadError)


class Sink:
    """Receives in a thread of its own while its `with` block runs."""

    def __init__(self) -> None:
        self.port = 0
        self._behaviour = HEALTHY
        self._received = Received()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._recovery: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.behave(HEALTHY)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.behave(Behaviour("refuse"))
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Address of this Langfuse."""
        return f"http://127.0.0.1:{self.port}"

    def behave(self, behaviour: Behaviour) -> None:
        """Meet requests like this from now on."""
        asyncio.run_coroutine_threadsafe(self._turn(behaviour), self._loop).result(10)

    def take(self) -> Received:
        """Return what came since the last time, and begin anew."""
        received, self._received = self._received, Received()
        return received

    async def _turn(self, behaviour: Behaviour) -> None:
        """Change the behaviour. Connections that hang under the old one are closed."""
        if self._recovery:
            self._recovery.cancel()
            self._recovery = None
        if self._behaviour.kind == "hang" or behaviour.kind == "refuse":
            self._hang_up()
        self._behaviour = behaviour
        await self._listen(listening=behaviour.kind != "refuse")
        if behaviour.for_s is not None:
            self._recovery = self._loop.call_later(behaviour.for_s, self._recover)

    async def _leave(self) -> None:
        """End the connections that are still served."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _recover(self) -> None:
        self._task = self._loop.create_task(self._turn(HEALTHY))

    def _hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _listen(self, *, listening: bool) -> None:
        if listening and self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        elif not listening and self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(*GOODBYE):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    await self._exchange(head, reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path, headers = _read(head)
        length = int(headers.get("content-length", 0))
        if not path.endswith("/v1/traces"):
            await reader.readexactly(length)
            _answer(writer, 200 if path in QUESTIONS else 404, QUESTIONS.get(path, b"{}"))
            return
        behaviour = self._behaviour
        if behaviour.kind == "cut":
            await reader.readexactly(length // 2)
            raise self._break_off(writer, "cut")
        body = await reader.readexactly(length)
        if behaviour.kind == "hang":
            self._received.refused["hang"] += 1
            await reader.read(1)  # nothing comes before one side closes
            raise ConnectionAbortedError("hang")
        await asyncio.sleep(behaviour.delay_s)
        self._decide(behaviour, headers, body, writer)

    def _decide(
        self,
        behaviour: Behaviour,
        headers: dict[str, str],
        body: bytes,
        writer: asyncio.StreamWriter,
    ) -> None:
        if behaviour.kind == "status":
            self._refuse(writer, behaviour.status, behaviour.retry_after)
        elif behaviour.limit_bytes is not None and len(body) > behaviour.limit_bytes:
            self._refuse(writer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._accept(behaviour, headers, body, writer)

    def _accept(
        self,
        behaviour: Behaviour,
        headers: dict[str, str],
        body: bytes,
        writer: asyncio.StreamWriter,
    ) -> None:
        request = self._checked(headers, body, writer)
        if request is None:
            return
        if behaviour.poison in request.calls:
            self._refuse(writer, HTTPStatus.BAD_REQUEST)
            return
        answered = behaviour.kind != "lose_answer" and not writer.is_closing()
        self._received.take(request, answered=answered)
        if not answered:
            raise self._break_off(writer, "lose_answer")
        _answer(writer, 200, b"", "application/x-protobuf")

    def _checked(
        self, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> Request | None:
        try:
            return request_of(headers, body)
        except MalformedError as error:
            self._received.malformed.append(error.reason)
            self._refuse(writer, error.status)
            return None

    def _refuse(
        self, writer: asyncio.StreamWriter, status: int, retry_after: str | None = None
    ) -> None:
        self._received.refused[str(int(status))] += 1
        more = f"Retry-After: {retry_after}\r\n" if retry_after else ""
        _answer(writer, status, b"{}", more=more)

    def _break_off(self, writer: asyncio.StreamWriter, kind: str) -> ConnectionError:
        self._received.refused[kind] += 1
        writer.transport.abort()
        return ConnectionAbortedError(kind)


def _read(head: bytes) -> tuple[str, dict[str, str]]:
    """Return path and headers."""
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return first.split(" ")[1].partition("?")[0], headers


def _answer(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    content_type: str = "application/json",
    more: str = "",
) -> None:
    head = (
        f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    writer.write(head.encode() + body)
