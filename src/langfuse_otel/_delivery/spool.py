"""Undelivered requests on disk: they outlive an outage, a restart and a killed process.

A spool is a folder that several processes may share. Each process has a folder of its own in it,
and holds a lock on the file `lock` there for as long as it lives. Who finds a folder whose lock is
free takes over, by renaming them into its own, the requests that it has the keys for.

Keys that the server refuses may be the wrong ones. What others left and the keys at hand do not open
is set aside in a folder `refused`, which no process looks into but `langfuse-otel drain`.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from langfuse_otel._delivery.request_file import (
    REQUEST,
    UNFINISHED,
    Spooled,
    body_of,
    described,
    moved,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from langfuse_otel._destination import Address

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = "lock"
REFUSED = "refused"
HEADER_BYTES = 512

# The time of its making, the process, and something random; or what was set aside.
_FOLDER = re.compile(rf"\d{{20}}-\d+-[0-9a-f]{{8}}|{REFUSED}")


class Spool:
    """The requests of this process, and those of processes that have ended.

    Args:
        folder: shared by the processes of one machine; made with mode 0700 if it is not there.
        max_bytes: of all files in it together.

    Raises:
        OSError: the system cannot lock files.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        if fcntl is None:
            raise OSError("a spool needs file locks, which this system does not have")
        self._folder = folder
        self._max_bytes = max_bytes
        self._own: Path | None = None
        self._lock: int | None = None
        self._bytes = 0

    def may_hold(self, body: bytes) -> bool:
        """Whether a request would fit if there were no others."""
        return len(body) + HEADER_BYTES <= self._max_bytes

    def has_room(self, body: bytes) -> bool:
        """Whether a request fits beside the others.

        Raises:
            OSError: the folder cannot be made.
        """
        self._opened()
        return self._bytes + len(body) + HEADER_BYTES <= self._max_bytes

    def put(self, address: Address, spans: int, body: bytes) -> Path:
        """Write a request to disk and return its file.

        Raises:
            OSError: the disk does not take it.
        """
        file = self._opened() / f"{time.time_ns():020d}-{secrets.token_hex(4)}{REQUEST}"
        self._bytes += write(file, address, spans, body)
        return file

    def body(self, file: Path) -> bytes | None:
        """Return the body of a request; None if its file is gone, or torn and so set aside.

        Raises:
            OSError: it cannot be read now.
        """
        return body_of(file)

    def remove(self, file: Path) -> None:
        """Forget a request that was delivered or dropped."""
        with suppress(OSError):
            size = file.stat().st_size
            file.unlink()
            self._bytes = max(0, self._bytes - size)

    def set_aside(self, file: Path) -> bool:
        """Keep a request that no process should try again; False if that is not possible."""
        aside = self._folder / REFUSED
        try:
            aside.mkdir(mode=0o700, exist_ok=True)
            if aside.is_symlink():
                return False
            moved(file, aside / file.name)
        except OSError:
            return False
        return True

    def readmit(self, is_known: Callable[[Address], bool]) -> list[Spooled]:
        """Take over requests that were set aside and whose address is known, the oldest first.

        Raises:
            OSError: the folder cannot be read or written.
        """
        aside, own = self._folder / REFUSED, self._opened()
        taken = list(_moved(aside, own, is_known)) if aside in _folders(self._folder) else []
        with suppress(OSError):
            aside.rmdir()
        return taken

    def recover(self, is_known: Callable[[Address], bool]) -> list[Spooled]:
        """Take over the requests of ended processes whose address is known, the oldest first.

        Raises:
            OSError: the folder cannot be read or written.
        """
        own = self._opened()
        self._bytes = self._held()
        taken = [
            spooled
            for folder in _folders(self._folder)
            if folder != own
            for spooled in self._recovered(folder, own, is_known)
        ]
        return sorted(taken, key=lambda spooled: spooled.file.name)

    def close(self) -> None:
        """Let go of the lock: what is left may be taken over."""
        if self._own is not None and not _requests(self._own):
            _remove_folder(self._own)
        self.let_go()

    def let_go(self) -> None:
        """Begin anew: what is in the folder is left, in a child process to the parent, who has the lock."""
        if self._lock is not None:
            os.close(self._lock)
        self._own = self._lock = None

    def _opened(self) -> Path:
        """The folder of this process, made at first use and locked before others can see it."""
        if self._own is not None and self._own.is_dir():
            return self._own
        self.let_go()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        hidden = self._folder / f".{name}"
        hidden.mkdir(mode=0o700)
        try:
            self._lock = _lock(hidden / LOCK, os.O_CREAT)
            self._own = hidden.rename(self._folder / name)
        except OSError:
            _remove_folder(hidden)
            raise
        self._bytes = self._held()
        return self._own

    def _held(self) -> int:
        """The bytes of all files, whole or not: what they have on disk."""
        return sum(_size(file) for folder in _folders(self._folder) for file in _entries(folder))

    def _recovered(
        self, folder: Path, own: Path, is_known: Callable[[Address], bool]
    ) -> Iterator[Spooled]:
        try:
            lock = _lock(folder / LOCK)
        except OSError:  # a living process has it, or it is no folder of ours
            return
        try:
            yield from _moved(folder, own, is_known)
            if not _requests(folder):
                _remove_folder(folder)
        finally:
            os.close(lock)


def _moved(folder: Path, own: Path, is_known: Callable[[Address], bool]) -> Iterator[Spooled]:
    for file in _requests(folder):
        spooled = described(file)
        if spooled is not None and is_known(spooled.address):
            with suppress(OSError):
                yield replace(spooled, file=moved(file, own / file.name))


def waiting(folder: Path) -> list[Spooled]:
    """Return every request in a spool, of live processes and ended ones, the oldest first."""
    found = (described(file) for one in _folders(folder) for file in _requests(one))
    return sorted(filter(None, found), key=lambda spooled: spooled.file.name)


def in_use(folder: Path) -> set[Path]:
    """Return the folders in a spool whose process lives."""
    return {one for one in _folders(folder) if _is_locked(one / LOCK)}


def _is_locked(file: Path) -> bool:
    try:
        os.close(_lock(file))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _folders(spool: Path) -> list[Path]:
    """The folders of processes, the oldest first: what has another name is not ours."""
    return [
        one
        for one in _entries(spool)
        if _FOLDER.fullmatch(one.name) and one.is_dir() and not one.is_symlink()
    ]


def _requests(folder: Path) -> list[Path]:
    """The requests of one process, the oldest first."""
    return [file for file in _entries(folder) if file.suffix == REQUEST]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it is none, or has gone, as those of others may any time."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _lock(file: Path, flags: int = 0) -> int:
    """Lock a file for as long as the returned descriptor is open.

    Raises:
        OSError: another process has the lock, there is no such file, or it cannot be opened.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_folder(folder: Path) -> None:
    """Remove a folder with nothing in it but what is never needed again."""
    with suppress(OSError):
        for file in folder.iterdir():
            if file.name == LOCK or file.suffix == UNFINISHED:
                file.unlink()
        folder.rmdir()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
