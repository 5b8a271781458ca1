"""A spool passes over whatever else is in its folder, and takes none of it away."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from langfuse_otel._delivery.request_file import write
from langfuse_otel._delivery.spool import Spool, in_use, waiting
from langfuse_otel._destination import Address
from strategies import bounded, mutated

ADDRESS = Address("https://langfuse.example/api/public/otel/v1/traces", "pk")
OURS = "01700000000000000000-1-0000000a"


def _whole() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x.request")
        write(file, ADDRESS, 1, b"the body")
        return file.read_bytes()


Kind = Literal["file", "folder", "pipe", "link", "nowhere"]
Entry = tuple[str, str, Kind, bytes]

FOLDERS = st.sampled_from([OURS, OURS[:-1] + "b", f".{OURS}", "dpkg", "x.request"])
FILES = st.sampled_from(
    [
        "lock",
        "a.request",
        "a.unreadable",
        "a.tmp",
        "b.request",
        ".request",
        "a\n\x1b.request",
        "note",
    ]
)
KINDS = st.sampled_from(["file", "file", "file", "folder", "pipe", "link", "nowhere"])
ENTRIES = st.tuples(FOLDERS, FILES, KINDS, st.binary(max_size=30) | mutated(_whole()))


def put(spool: Path, outside: Path, entry: Entry) -> None:
    """Make one entry of a folder, if there is none of its name."""
    folder, name, kind, content = entry
    (spool / folder).mkdir(exist_ok=True)
    at = spool / folder / name
    if os.path.lexists(at):
        return
    if kind == "file":
        at.write_bytes(content)
    elif kind == "folder":
        at.mkdir()
    elif kind == "pipe":
        os.mkfifo(at)
    else:
        at.symlink_to(outside / name if kind == "link" else "/nowhere/at/all")


def contents(folder: Path) -> Counter[bytes]:
    """Return what is in files that are nobody's lock, and no half-written request of ours."""
    return Counter(
        file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and not _is_spent(file)
    )


def _is_spent(file: Path) -> bool:
    return file.parent.name.startswith("01") and file.name in {"lock", "a.tmp"}


@bounded
@given(st.lists(ENTRIES, max_size=8), st.booleans())
def test_any_folder(entries: list[Entry], is_linked: bool) -> None:
    """What is not ours stays or is set aside, and nothing outside the folder is touched."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, outside = Path(temporary, "spool"), Path(temporary, "outside")
        folder.mkdir()
        outside.mkdir()
        for name in ("lock", "a.request", "b.request", "a.tmp", "note"):
            (outside / name).write_bytes(_WHOLE)
        for entry in entries:
            put(folder, outside, entry)
        if is_linked:
            (folder / f"{OURS[:-1]}c").symlink_to(outside)
        before, far = contents(folder), sorted(outside.iterdir())
        spool = Spool(folder, 10**9)
        found = spool.recover(lambda address: address == ADDRESS)
        bodies = [spool.body(one.file) for one in found]
        left = [*waiting(folder), *in_use(folder)]
        spool.close()

        assert set(bodies) <= {b"the body", None}
        assert len(left) >= len(bodies) - bodies.count(None)
        assert contents(folder) == before
        assert sorted(outside.iterdir()) == far
        assert contents(outside) == Counter({_WHOLE: len(far)})


_WHOLE = _whole()
