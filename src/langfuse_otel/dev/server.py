"""The receiver as a program part: in the background for tests, in the foreground for people."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shlex
import signal
import socket
import sqlite3
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import uvicorn

from ._announcements import Announcements
from ._app import create_app
from ._origin import LOOPBACK_NAMES
from ._retention import KEEP_ALL
from ._store import Store
from ._tree import colored, tree_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from ._received import ReceivedSpan
    from ._retention import Retention
    from ._views import TraceView

_PUBLIC_KEY = "pk-lf-local"
_SECRET_KEY = "sk-lf-local"  # noqa: S105 (opens nothing but the local receiver)
_KNOWN_KEYS = (
    "Everybody knows these keys, and other machines can reach this address: choose others, with\n"
    "--public-key and --secret-key.\n"
)


class LocalReceiver:
    """
    Receives spans in a background thread while its `with` block runs.

    Args:
        port: The port to listen on; 0 takes a free one.
        db: The SQLite file, `:memory:` to keep nothing.
        host: The address to listen on.
        public_key: The public key that senders must use.
        secret_key: The secret key that senders must use.
        on_spans: Called with the spans of each stored batch, in the receiver's thread.
        allow_remote: Has to be set for an address that other machines can reach. There the page
            asks for the keys: the public one as user, the secret one as password.
        retention: How long, and in how many bytes, traces are kept.

    """

    def __init__(
        self,
        port: int = 0,
        db: str = ":memory:",
        host: str = "127.0.0.1",
        public_key: str = _PUBLIC_KEY,
        secret_key: str = _SECRET_KEY,
        *,
        on_spans: Callable[[Sequence[ReceivedSpan]], None] | None = None,
        allow_remote: bool = False,
        retention: Retention = KEEP_ALL,
    ) -> None:
        if not allow_remote and not _is_loopback(host):
            raise ValueError(f"{host} can be reached by other machines: allow_remote is needed.")
        self.public_key = public_key
        self.secret_key = secret_key
        self._host, self._port, self._db = host, port, db
        self._retention = retention
        self._on_spans = on_spans
        self._arrived = threading.Condition()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        listener = _listening(self._host, self._port)
        try:
            store = Store(self._db, retention=self._retention)
        except sqlite3.Error as error:
            listener.close()
            raise OSError(f"Cannot use {self._db} as database: {error}.") from error
        announcements = Announcements()
        app = self._app(store, announcements)
        self._running = _Running(store, listener, announcements, app)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        running, self._running = self._started, None
        running.stop()

    @property
    def url(self) -> str:
        """The base address to give to senders."""
        return self._started.url

    @property
    def store(self) -> Store:
        """What arrived so far."""
        return self._started.store

    def traces(self, *, limit: int = 50, page: int = 1) -> list[TraceView]:
        """Give one page of the traces, newest first."""
        return self.store.traces(limit=limit, page=page)

    def trace(self, trace_id: str) -> TraceView | None:
        """Take a trace id, give the trace as Langfuse would show it, or None."""
        return self.store.trace(trace_id)

    def wait_for(self, observations: int, timeout_s: float = 10.0) -> bool:
        """Wait until so many different observations arrived; False where time ran out before."""
        store = self.store
        with self._arrived:
            return self._arrived.wait_for(lambda: store.span_count() >= observations, timeout_s)

    @property
    def _started(self) -> _Running:
        if self._running is None:
            raise RuntimeError("The receiver runs inside its `with` block only.")
        return self._running

    def _app(self, store: Store, announcements: Announcements) -> Any:
        is_loopback = _is_loopback(self._host)
        return create_app(
            store,
            public_key=self.public_key,
            secret_key=self.secret_key,
            on_spans=self._received,
            announcements=announcements,
            hosts={*LOOPBACK_NAMES, self._host} if is_loopback else None,
            is_page_open=is_loopback,
        )

    def _received(self, spans: Sequence[ReceivedSpan]) -> None:
        with self._arrived:
            self._arrived.notify_all()
        if self._on_spans is not None:
            self._on_spans(spans)


class _Running:
    """A server in its thread, with the store and the socket that it owns."""

    def __init__(
        self, store: Store, listener: socket.socket, announcements: Announcements, app: Any
    ) -> None:
        self.store = store
        self._announcements = announcements
        self.url = _url_of(listener)
        self._listener = listener
        self._server = uvicorn.Server(_configuration(app))
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [listener]},
            name="langfuse-otel-receiver",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Let requests in progress finish, then close the socket and the store."""
        self._server.should_exit = True
        self._announcements.close()
        self._thread.join()
        self._listener.close()
        self.store.close()


def serve(
    host: str = "127.0.0.1",
    port: int = 3030,
    db: str = ":memory:",
    public_key: str = _PUBLIC_KEY,
    secret_key: str = _SECRET_KEY,
    *,
    echo: Callable[[str], object] = click.echo,
    allow_remote: bool = False,
    retention: Retention = KEEP_ALL,
) -> None:
    """
    Receive in the foreground and show each trace as it arrives, until Ctrl-C or SIGTERM.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        db: The SQLite file, `:memory:` to keep nothing.
        public_key: The public key that senders must use.
        secret_key: The secret key that senders must use.
        echo: Prints one text; it has to strip colors where they are not wanted.
        allow_remote: Has to be set for an address that other machines can reach.
        retention: How long, and in how many bytes, traces are kept.

    Raises:
        OSError: The address or the file cannot be used; the text says why.

    """

    def show(spans: Sequence[ReceivedSpan]) -> None:
        for trace_id in dict.fromkeys(span.trace_id for span in spans):
            trace = receiver.trace(trace_id)
            if trace is not None:
                echo(tree_text(trace, style=colored) + "\n")

    receiver = LocalReceiver(
        port,
        db,
        host,
        public_key,
        secret_key,
        on_spans=show,
        allow_remote=allow_remote,
        retention=retention,
    )
    with _stop_signal() as stopped, receiver:
        echo(_greeting(receiver, host))
        stopped.wait()


@contextlib.contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    stopped = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _greeting(receiver: LocalReceiver, host: str) -> str:
    url = _url_for_others(receiver.url)
    exports = {
        "LANGFUSE_HOST": url,
        "LANGFUSE_PUBLIC_KEY": receiver.public_key,
        "LANGFUSE_SECRET_KEY": receiver.secret_key,
    }
    lines = [f"  export {name}={shlex.quote(value)}" for name, value in exports.items()]
    start = f"Receiving at {receiver.url}, Ctrl-C ends. In the shell of your program:"
    page = f"To see the traces as a page, open {url}"
    is_known = receiver.secret_key == _SECRET_KEY and not _is_loopback(host)
    return "\n".join((start, "", *lines, "", page, *([_KNOWN_KEYS] if is_known else []), ""))


def _url_for_others(url: str) -> str:
    """Take the address that is listened on, give one that leads here from other machines as well."""
    host = urlsplit(url).hostname or ""
    if not ipaddress.ip_address(host).is_unspecified:
        return url
    return f"http://{socket.gethostname()}:{urlsplit(url).port}"


def _listening(host: str, port: int) -> socket.socket:
    try:
        return _bound(host, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        text = f"Cannot listen on {host} port {port}: {reason}."
        raise OSError(text) from error


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _configuration(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
