"""Folders for a spool: one with room, and one on a disk that is full."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FULL_KB = 64


@contextmanager
def a_disk(kind: str, folder: Path) -> Iterator[Path | None]:
    """Yield the folder of a spool, or None where there is to be none."""
    if not kind:
        yield None
        return
    spool = folder / "spool"
    spool.mkdir(mode=0o700)
    if kind == "roomy":
        yield spool
    elif os.geteuid() == 0:
        yield from _tiny(spool)
    else:
        yield from _unwritable(spool)


def _tiny(spool: Path) -> Iterator[Path]:
    """Mount a file system that holds next to nothing."""
    size = f"size={FULL_KB}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", spool], check=True)
    try:
        yield spool
    finally:
        subprocess.run(["umount", "--lazy", spool], check=True)


def _unwritable(spool: Path) -> Iterator[Path]:
    """Take the right to write away; only the superuser writes nonetheless."""
    spool.chmod(0o500)
    try:
        yield spool
    finally:
        spool.chmod(0o700)
