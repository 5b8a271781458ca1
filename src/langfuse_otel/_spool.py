"""Undelivered requests on disk: they outlive an outage, a restart and a killed process.

A spool is a folder that several processes may share. Each process has a folder of its own in it,
and holds a lock on the file `lock` there for as long as it lives. A request is one file: a line of
JSON about it, then its body, written under another name and renamed when it is whole. Who finds a
folder whose lock is free takes over, by renaming them into its own, the files that it has the keys
for. No file holds a secret.
"""

from __future__ import annotations

import json
import os
import secrets
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langfuse_otel._destination import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
LOCK = "lock"
HEADER_BYTES = 512
REQUEST = ".request"
UNREADABLE = ".unreadable"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A request on disk."""

    file: Path
    address: Address
    spans: int


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
        self._numbers = 0

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
        header = {
            "format": FORMAT,
            "traces_url": address.traces_url,
            "public_key": address.public_key,
            "spans": spans,
            "bytes": len(body),
            "crc32": zlib.crc32(body),
        }
        content = json.dumps(header).encode() + b"\n" + body
        own = self._opened()
        self._numbers += 1
        file = own / f"{time.time_ns():020d}-{self._numbers:06d}{REQUEST}"
        _write(file, content)
        self._bytes += len(content)
        return file

    def body(self, file: Path) -> bytes | None:
        """Return the body of a request; None if its file is gone or torn, which sets it aside."""
        try:
            _, body = _read(file)
        except ValueError:
            _set_aside(file)
            return None
        except OSError:
            return None
        return body

    def remove(self, file: Path) -> None:
        """Forget a request that was delivered or dropped."""
        with suppress(OSError):
            size = file.stat().st_size
            file.unlink()
            self._bytes = max(0, self._bytes - size)

    def recover(self, is_known: Callable[[Address], bool]) -> list[Spooled]:
        """Take over the requests of ended processes whose address is known, the oldest first.

        Raises:
            OSError: the folder cannot be read or written.
        """
        own = self._opened()
        self._bytes = sum(_size(file) for file in self._folder.glob(f"*/*{REQUEST}"))
        taken = [
            spooled
            for folder in sorted(self._folder.iterdir())
            if folder != own and folder.is_dir() and not folder.name.startswith(".")
            for spooled in self._recovered(folder, own, is_known)
        ]
        return sorted(taken, key=lambda spooled: spooled.file.name)

    def close(self) -> None:
        """Let go of the lock: what is left may be taken over."""
        if self._lock is not None and self._own is not None:
            if not any(self._own.glob(f"*{REQUEST}")):
                _remove_folder(self._own)
            os.close(self._lock)
        self._own = self._lock = None

    def leave_to_parent(self) -> None:
        """Begin anew in a child process: the folder and its lock are the parent's."""
        if self._lock is not None:
            os.close(self._lock)
        self._own = self._lock = None

    def _opened(self) -> Path:
        """The folder of this process, made at first use and locked before others can see it."""
        if self._own is not None:
            return self._own
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}"
        hidden = self._folder / f".{name}"
        hidden.mkdir(mode=0o700)
        try:
            self._lock = _locked(hidden / LOCK, create=True)
            self._own = hidden.rename(self._folder / name)
        except OSError:
            _remove_folder(hidden)
            raise
        self._bytes = sum(_size(file) for file in self._folder.glob(f"*/*{REQUEST}"))
        return self._own

    def _recovered(
        self, folder: Path, own: Path, is_known: Callable[[Address], bool]
    ) -> Iterator[Spooled]:
        lock = _locked(folder / LOCK, create=False)
        if lock is None:
            return
        try:
            for file in sorted(folder.glob(f"*{REQUEST}")):
                spooled = _described(file)
                if spooled is not None and is_known(spooled.address):
                    target = file.rename(own / file.name)
                    yield Spooled(target, spooled.address, spooled.spans)
            if not any(folder.glob(f"*{REQUEST}")):
                _remove_folder(folder)
        finally:
            os.close(lock)


def waiting(folder: Path) -> list[Spooled]:
    """Return every request in a spool, of live processes and ended ones, the oldest first."""
    found = (_described(file) for file in folder.glob(f"*/*{REQUEST}"))
    return sorted(filter(None, found), key=lambda spooled: spooled.file.name)


def _locked(file: Path, *, create: bool) -> int | None:
    """An open lock on `file`; None if another process has it, or there is no such file."""
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    try:
        descriptor = os.open(file, flags, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _write(file: Path, content: bytes) -> None:
    """Write the whole file or none of it, and let it outlive the machine."""
    unfinished = file.with_suffix(".tmp")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        unfinished.rename(file)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _read(file: Path) -> tuple[dict[str, Any], bytes]:
    """Return what a file says of its request, and the body.

    Raises:
        ValueError: it is no request, or not a whole one.
    """
    line, _, body = file.read_bytes().partition(b"\n")
    header = json.loads(line)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("no request of a format that this version knows")
    if header.get("bytes") != len(body) or header.get("crc32") != zlib.crc32(body):
        raise ValueError("not the whole request")
    return header, body


def _described(file: Path) -> Spooled | None:
    try:
        header, _ = _read(file)
        address = Address(str(header["traces_url"]), header["public_key"])
        return Spooled(file, address, int(header["spans"]))
    except (ValueError, KeyError, TypeError):
        _set_aside(file)
        return None
    except OSError:
        return None


def _set_aside(file: Path) -> None:
    """Keep what cannot be read, for people to look at, under a name that nothing looks for."""
    with suppress(OSError):
        file.rename(file.with_suffix(UNREADABLE))


def _remove_folder(folder: Path) -> None:
    """Remove a folder with nothing in it but what is never needed again."""
    with suppress(OSError):
        for file in folder.iterdir():
            if file.name == LOCK or file.suffix == ".tmp":
                file.unlink()
        folder.rmdir()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
