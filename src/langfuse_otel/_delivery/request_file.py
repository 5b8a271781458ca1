"""One undelivered request as a file: a line of JSON about it, then its body. It holds no secret.

A file is written under another name and renamed when it is whole. What turns out to be torn, or
no request of ours, is set aside under a name that nothing looks for.
"""

from __future__ import annotations

import os
import stat
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from pydantic import BaseModel, NonNegativeInt, PositiveInt

from langfuse_otel._destination import Address

if TYPE_CHECKING:
    from pathlib import Path

REQUEST = ".request"
UNFINISHED = ".tmp"
UNREADABLE = ".unreadable"
LONGEST_HEADER = 65_536


@dataclass(frozen=True, slots=True)
class Spooled:
    """A request on disk."""

    file: Path
    address: Address
    spans: int


class _Header(BaseModel, strict=True, frozen=True):
    """The first line of a file: what the rest of it is."""

    format: Literal[1] = 1
    traces_url: str
    public_key: str | None
    spans: PositiveInt
    size: NonNegativeInt
    crc32: int


def write(file: Path, address: Address, spans: int, body: bytes) -> int:
    """Write a whole request or nothing, so that it outlives the machine; return its size.

    Raises:
        OSError: the disk does not take it.
    """
    header = _Header(
        traces_url=address.traces_url,
        public_key=address.public_key,
        spans=spans,
        size=len(body),
        crc32=zlib.crc32(body),
    )
    content = header.model_dump_json().encode() + b"\n" + body
    unfinished = file.with_suffix(UNFINISHED)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
    return len(content)


def body_of(file: Path) -> bytes | None:
    """Return the body of a request; None if its file is gone, or torn and so set aside.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        with _opened(file) as stream:
            header = _header(stream)
            body = stream.read()
        if zlib.crc32(body) == header.crc32:
            return body
    except FileNotFoundError:
        return None
    except ValueError:
        pass
    _set_aside(file)
    return None


def described(file: Path) -> Spooled | None:
    """Return what a file holds, without reading all of it; None if nothing that can be read."""
    try:
        with _opened(file) as stream:
            header = _header(stream)
    except ValueError:
        _set_aside(file)
        return None
    except OSError:
        return None
    return Spooled(file, Address(header.traces_url, header.public_key), header.spans)


def moved(file: Path, to: Path) -> Path:
    """Rename a file in the spool, where nothing has the new name; return it.

    Raises:
        OSError: something has.
    """
    if os.path.lexists(to):
        raise FileExistsError(to)
    return file.rename(to)


def _opened(file: Path) -> BinaryIO:
    """Open a file that is one: no link to elsewhere, and no pipe that nobody writes to.

    Raises:
        OSError: it is none, or cannot be read now.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"no file: {file.name}")
    return os.fdopen(descriptor, "rb")


def _header(stream: BinaryIO) -> _Header:
    """Read what a file says of its request.

    Raises:
        ValueError: it is no request of a format that this version knows, or not a whole one.
    """
    header = _Header.model_validate_json(stream.readline(LONGEST_HEADER))
    if os.fstat(stream.fileno()).st_size - stream.tell() != header.size:
        raise ValueError("not the whole request")
    return header


def _set_aside(file: Path) -> None:
    with suppress(OSError):
        moved(file, file.with_suffix(UNREADABLE))
