"""What is undelivered outlives an outage, a full disk and a killed process, and stays its project's."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest

from langfuse_otel import _process
from langfuse_otel._delivery import request_file, shelf, worker
from langfuse_otel._delivery.backlog import Limits
from langfuse_otel._delivery.delivery import GRACE_S, Delivery
from langfuse_otel._delivery.sender import Rejected, TryLater
from langfuse_otel._delivery.spool import HEADER_BYTES, Spool, in_use, waiting
from langfuse_otel._destination import Address, langfuse_destination
from langfuse_otel.settings import Settings
from langfuse_otel.testing import Answer, Collector
from programs import environment
from test_delivery import ONE, SOON_S, TWO, Langfuse, adds_up, an_item, delivering, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel._delivery.sender import Outcome
    from langfuse_otel._destination import Destination

MIB = 1024 * 1024
DOWN = TryLater("HTTP 503", 3600.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a spool will be."""
    return tmp_path / "deep" / "spool"


def a_spool(folder: Path, max_bytes: int = MIB) -> Spool:
    """Return the spool of one process."""
    return Spool(folder, max_bytes)


def files(folder: Path, pattern: str = "*/*.request") -> list[Path]:
    """Return the requests on disk, the oldest first."""
    return sorted(folder.glob(pattern), key=lambda file: file.name)


def an_ended_process(folder: Path, *bodies: bytes, address: Address = ONE.address) -> list[Path]:
    """Leave these requests behind, as a process does that was killed."""
    spool = a_spool(folder)
    left = [spool.put(address, 1, body) for body in bodies]
    spool.let_go()
    return left


def keep_on_disk(delivery: Delivery, count: int) -> None:
    """Send what waits to a server that is down, until it has said so; so many spans are on disk."""
    delivery.flush(0.0)
    until(lambda: delivery.stats().spooled == count and delivery.stats().retries > 0)


def is_dealt_with(delivery: Delivery, count: int) -> bool:
    """Whether so many spans are on disk or were dropped, since it is full."""
    stats = delivery.stats()
    return stats.spooled + stats.dropped.get("spool_full", 0) == count


def everything(_: Address) -> bool:
    """Know every address."""
    return True


# --- the files


def test_a_request_is_kept(folder: Path) -> None:
    """What is written is read back, and gone when it is removed."""
    spool = a_spool(folder)
    file = spool.put(ONE.address, 3, b"body\nwith a line\n")

    assert spool.body(file) == b"body\nwith a line\n"
    [found] = waiting(folder)
    assert (found.file, found.address, found.spans) == (file, ONE.address, 3)
    spool.remove(file)
    assert files(folder) == []
    assert spool.body(file) is None


def test_all_that_waits(folder: Path) -> None:
    """The requests of all processes are listed in the order in which they were written."""
    one, other = a_spool(folder), a_spool(folder)
    written = [spool.put(ONE.address, 1, b"body") for spool in (one, other, one)]

    assert [found.file for found in waiting(folder)] == written


def test_in_use(folder: Path) -> None:
    """The folder of a process that lives is told from those of ended ones, and from no such folder."""
    living = a_spool(folder)
    file = living.put(ONE.address, 1, b"body")
    an_ended_process(folder, b"body")
    living.set_aside(living.put(ONE.address, 1, b"body"))

    assert in_use(folder) == {file.parent}
    living.close()
    assert in_use(folder) == set()


def test_modes(folder: Path) -> None:
    """Nobody else on the machine can read it."""
    before = os.umask(0)
    try:
        spool = a_spool(folder)
        file = spool.put(ONE.address, 1, b"body")
        spool.set_aside(spool.put(ONE.address, 1, b"body"))
    finally:
        os.umask(before)
    folders = (folder, file.parent, folder / "refused")

    assert [path.stat().st_mode & 0o777 for path in folders] == [0o700] * 3
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent / "lock")] == [0o600] * 2


def test_room(folder: Path) -> None:
    """What is on disk and what would come, with its header, fit the limit to the byte."""
    spool = a_spool(folder, 2_000)
    most = 2_000 - HEADER_BYTES
    assert [spool.may_hold(bytes(size)) for size in (most, most + 1)] == [True, False]
    assert [spool.has_room(bytes(size)) for size in (most, most + 1)] == [True, False]

    file = spool.put(ONE.address, 1, bytes(500))
    left = most - file.stat().st_size
    assert [spool.has_room(bytes(size)) for size in (left, left + 1)] == [True, False]
    spool.remove(file)
    assert [spool.has_room(bytes(size)) for size in (most, most + 1)] == [True, False]


def test_close(folder: Path) -> None:
    """A process leaves no folder behind but one with requests in it."""
    a_spool(folder).close()
    assert not folder.exists()

    spool = a_spool(folder)
    spool.remove(spool.put(ONE.address, 1, b"body"))
    spool.close()
    assert list(folder.iterdir()) == []

    file = spool.put(ONE.address, 1, b"body")
    spool.close()
    assert file.exists()


def test_no_secret(folder: Path) -> None:
    """A file holds the public key, and the secret one in no form."""
    delivery = delivering(Langfuse(DOWN), a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1))
    keep_on_disk(delivery, 1)
    [written] = [file.read_bytes() for file in files(folder)]
    token = base64.b64encode(b"pk-lf-1:sk-lf-1")

    assert b"pk-lf-1" in written
    assert b"sk-lf-1" not in written
    assert token not in written
    assert b"Authorization" not in written


def test_an_ended_process_is_taken_over(folder: Path) -> None:
    """The next process takes what was left, the oldest first, and the old folder goes."""
    left = an_ended_process(folder, b"first", b"second")
    spool = a_spool(folder)
    found = spool.recover(everything)

    assert [spool.body(one.file) for one in found] == [b"first", b"second"]
    assert not left[0].parent.exists()


def test_a_living_process_is_left_alone(folder: Path) -> None:
    """Nothing is taken from a process that still runs."""
    owner = a_spool(folder)
    file = owner.put(ONE.address, 1, b"body")

    assert a_spool(folder).recover(everything) == []
    assert owner.body(file) == b"body"
    owner.close()
    assert len(a_spool(folder).recover(everything)) == 1


def test_a_folder_in_the_making_is_left_alone(folder: Path) -> None:
    """A process that is just starting has a folder that others do not look at."""
    hidden = folder / ".00000000000000000001-1-aaaaaaaa"
    hidden.mkdir(parents=True)
    (hidden / "lock").touch()
    a_spool(folder).recover(everything)

    assert (hidden / "lock").exists()


def test_two_take_over_at_once(folder: Path) -> None:
    """Of several processes that find the same, each request goes to one."""
    numbers = range(50)
    an_ended_process(folder, *(str(n).encode() for n in numbers))
    spools = [a_spool(folder) for _ in range(4)]
    found: list[bytes | None] = []

    def take(spool: Spool) -> None:
        found.extend(spool.body(one.file) for one in spool.recover(everything))

    threads = [threading.Thread(target=take, args=(spool,)) for spool in spools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, found)) == sorted(str(str(n).encode()) for n in numbers)


def test_another_project_is_left_alone(folder: Path) -> None:
    """What belongs to another public key, or another host, stays for who has its keys."""
    other_host = Address("https://elsewhere.example/x", ONE.public_key)
    theirs = an_ended_process(folder, b"key", address=TWO.address)
    theirs += an_ended_process(folder, b"host", address=other_host)
    langfuse = Langfuse()
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert langfuse.posts == [ONE.host]
    assert files(folder) == theirs


def test_a_project_that_comes_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left for a project is taken over soon after its keys are known."""
    monkeypatch.setattr(shelf, "RECOVER_NEW_S", 0.0)
    an_ended_process(folder, b"", address=ONE.address)
    an_ended_process(folder, b"", address=TWO.address)
    langfuse = Langfuse()
    delivery = delivering(langfuse, a_spool(folder))
    for count, project in enumerate((ONE, TWO), 1):
        delivery.keep(project)
        until(lambda count=count: delivery.stats().sent == count)  # type: ignore[misc]

    assert langfuse.posts == [ONE.host, TWO.host]
    delivery.shutdown(1)


HEADER = {
    "format": 1,
    "traces_url": ONE.traces_url,
    "public_key": ONE.public_key,
    "spans": 1,
    "size": 4,
    "crc32": 3_799_495_136,
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"[]\nbody",
        b"null\nbody",
        *(
            json.dumps({**HEADER, **odd}).encode() + b"\nbody"
            for odd in (
                {"format": 2},
                {"public_key": ["a list"]},
                {"public_key": {}},
                {"spans": 0},
                {"spans": -1},
                {"spans": 1e400},
                {"spans": "1"},
                {"size": 5},
                {"size": None},
            )
        ),
    ],
)
def test_a_foreign_file_is_set_aside(folder: Path, content: bytes) -> None:
    """What is no request of ours, or a torn one, harms none of the others and is kept for people."""
    [good] = an_ended_process(folder, b"good")
    good.with_name(f"0{good.name}").write_bytes(content)
    spool = a_spool(folder)
    found = spool.recover(everything)

    assert [spool.body(one.file) for one in found] == [b"good"]
    assert [file.read_bytes() for file in folder.glob("*/*.unreadable")] == [content]


def test_a_flipped_bit(folder: Path) -> None:
    """A request that is not what was written is not sent; it is set aside, counted."""
    [torn] = an_ended_process(folder, b"body")
    torn.write_bytes(torn.read_bytes()[:-1] + b"?")
    langfuse = Langfuse()
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    until(lambda: bool(delivery.stats().dropped))

    assert delivery.stats().dropped == {"spool_lost": 1}
    assert langfuse.posts == []
    assert len(list(folder.glob("*/*.unreadable"))) == 1
    assert adds_up(delivery)


@pytest.mark.parametrize("name", ["dpkg", "0-1-00000000", "{name}", ".{name}", "{name}-1"])
def test_a_lock_of_others(folder: Path, tmp_path: Path, name: str) -> None:
    """What other programs keep beside a lock of theirs is theirs, also where a link leads there."""
    [ours] = an_ended_process(folder, b"ours")
    another = ours.parent.name[:-1] + ("1" if ours.parent.name[-1] == "0" else "0")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for kept in ("lock", "half.tmp", "whole.request"):
        (theirs / kept).touch()
    (folder / name.format(name=another)).symlink_to(theirs)
    found = a_spool(folder).recover(everything)

    assert len(found) == 1
    assert len(list(theirs.iterdir())) == 3


def test_a_lock_that_is_a_link(folder: Path, tmp_path: Path) -> None:
    """A folder whose lock leads elsewhere is none of ours, and what is there is not locked."""
    [left] = an_ended_process(folder, b"body")
    lock = left.with_name("lock")
    lock.rename(tmp_path / "theirs")
    lock.symlink_to(tmp_path / "theirs")

    assert a_spool(folder).recover(everything) == []
    assert left.exists()


def test_no_locks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no file locks there is no spool, and the error says why."""
    monkeypatch.setattr("langfuse_otel._delivery.spool.fcntl", None)

    with pytest.raises(OSError, match=r"^a spool needs file locks, .* does not have$"):
        a_spool(folder)


def test_a_folder_of_others(folder: Path) -> None:
    """A folder with a lock, but without a name of ours, keeps all that is in it."""
    theirs = folder / "dpkg"
    theirs.mkdir(parents=True)
    for kept in ("lock", "half.tmp"):
        (theirs / kept).touch()
    a_spool(folder).recover(everything)

    assert len(list(theirs.iterdir())) == 2


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_request_that_is_no_file(folder: Path, tmp_path: Path, kind: str) -> None:
    """What has a request's name and is no file is passed over: a pipe would be read forever."""
    [good] = an_ended_process(folder, b"good")
    odd = good.with_name(f"0{good.name}")
    if kind == "link":
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(good.read_bytes())
        odd.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.mkdir()
    found = a_spool(folder).recover(everything)

    assert len(found) == 1
    assert os.path.lexists(odd)


def test_two_requests_of_one_name(folder: Path) -> None:
    """Neither of two files of one name is written over, whether it is whole or not."""
    [first] = an_ended_process(folder, b"first")
    [second] = an_ended_process(folder, b"second")
    second = second.rename(second.with_name(first.name))
    kept = first.with_suffix(".unreadable")
    kept.write_bytes(b"kept")
    torn = second.rename(first.with_name("0.request"))
    torn.write_bytes(b"torn")
    [second] = an_ended_process(folder, b"second")
    second.rename(second.with_name(first.name))
    (first.parent / "0.unreadable").write_bytes(b"kept, too")
    a_spool(folder).recover(everything)

    left = [file.read_bytes() for file in folder.glob("*/*") if file.name != "lock"]
    assert {content.rpartition(b"\n")[2] for content in left} == {
        b"first",
        b"second",
        b"torn",
        b"kept",
        b"kept, too",
    }


@pytest.mark.parametrize("make", ["nothing", "lock-is-a-folder", "no-lock", "file"])
def test_a_foreign_folder(folder: Path, make: str) -> None:
    """Folders and files that are not ours are passed over, and ours are found."""
    an_ended_process(folder, b"ours")
    foreign = folder / "0-lost+found"
    if make == "file":
        foreign.touch()
    else:
        foreign.mkdir()
    if make == "lock-is-a-folder":
        (foreign / "lock").mkdir()
    if make == "no-lock":
        (foreign / "x.request").touch()

    assert len(a_spool(folder).recover(everything)) == 1
    assert foreign.exists()


# --- room


def test_the_oldest_goes_when_it_is_full(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A full spool drops its oldest, counted, and never holds more than it may."""
    langfuse = Langfuse(*[DOWN] * 100)
    delivery = delivering(langfuse, a_spool(folder, 10_000), flush_at=1, compress=False)
    delivery.keep(ONE)
    numbers = range(1, 9)
    for number in numbers:
        delivery.submit(an_item(number, output="x" * 1_500))
        delivery.flush(0.0)
        until(partial(is_dealt_with, delivery, number))
        assert sum(file.stat().st_size for file in files(folder)) <= 10_000
    dropped = delivery.stats().dropped["spool_full"]
    langfuse.outcomes.clear()

    assert 0 < dropped < len(numbers)
    assert delivery.flush(SOON_S)
    assert sorted(langfuse.arrived) == list(numbers)[dropped:]
    assert adds_up(delivery)
    assert "the spool is full" in caplog.text


def test_what_never_fits_drops_no_other(folder: Path) -> None:
    """A request larger than the whole spool waits in memory; the others stay on disk."""
    langfuse = Langfuse(*[DOWN] * 100)
    delivery = delivering(langfuse, a_spool(folder, 10_000), flush_at=1, compress=False)
    delivery.keep(ONE)
    delivery.submit(an_item(1))
    keep_on_disk(delivery, 1)
    delivery.submit(an_item(2, output="x" * 20_000))
    delivery.flush(0.0)
    until(lambda: len(langfuse.posts) > 1)

    assert (delivery.stats().spooled, delivery.stats().queued) == (1, 1)
    langfuse.outcomes.clear()
    assert delivery.flush(SOON_S)
    assert sorted(langfuse.arrived) == [1, 2]


# --- trouble with the disk


def test_no_half_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk takes only in part is taken away again."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    spool = a_spool(folder)
    file = spool.put(ONE.address, 1, b"whole")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        spool.put(ONE.address, 1, b"half")

    assert files(folder, "*/*.*") == [file]


def test_no_folder_to_be_had(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the folder cannot be made spans wait in memory, counted, and are delivered."""
    folder.parent.mkdir(parents=True)
    folder.touch()
    langfuse = Langfuse()
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1]
    assert delivery.stats().spool_errors == 1
    assert "cannot write to the spool: File exists: spans wait in memory" in caplog.text


def test_the_folder_vanishes(folder: Path) -> None:
    """When somebody removes the folder it is made anew, and what was in it is counted as lost."""
    langfuse = Langfuse(DOWN)
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1))
    keep_on_disk(delivery, 1)
    [file] = files(folder)
    for path in (file, file.parent / "lock", file.parent, folder):
        path.rmdir() if path.is_dir() else path.unlink()
    langfuse.gate.clear()
    delivery.submit(an_item(2))
    delivery.flush(0.0)
    until(lambda: bool(files(folder)))

    assert len(files(folder)) == 1
    langfuse.gate.set()
    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [2]
    assert delivery.stats().dropped == {"spool_lost": 1}
    assert adds_up(delivery)


def test_a_disk_that_cannot_be_read_for_a_while(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that cannot be read now is not lost: it is read again later."""
    errors = [OSError(24, "Too many open files")]
    real = request_file._header

    def read(stream: BinaryIO) -> object:
        if errors:
            raise errors.pop()
        return real(stream)

    monkeypatch.setattr(request_file, "_header", read)
    monkeypatch.setattr(worker, "backoff_s", lambda _failures: 0.0)
    langfuse = Langfuse()
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1))

    assert delivery.flush(SOON_S)
    assert langfuse.arrived == [1]
    assert files(folder) == []


def test_the_rest_is_recovered_when_one_cannot_be_moved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be taken over now stays, and those before and after it are delivered."""
    left = an_ended_process(folder, b"1", b"2", b"3")
    real = Path.rename

    def rename(file: Path, target: Path) -> Path:
        if file == left[1]:
            raise OSError(28, "No space left on device")
        return real(file, target)

    monkeypatch.setattr(Path, "rename", rename)
    spool = a_spool(folder)

    assert [spool.body(one.file) for one in spool.recover(everything)] == [b"1", b"3"]
    assert left[1].exists()


def test_no_home(caplog: pytest.LogCaptureFixture) -> None:
    """A folder that cannot be named is warned of, and the rest works without."""
    assert _process._spool(Settings(spool_dir="~nobody-of-this-name/spool")) is None
    assert "no spool" in caplog.text


def test_a_relative_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative folder is that of the start, wherever the process goes later."""
    monkeypatch.chdir(tmp_path)
    spool = _process._spool(Settings(spool_dir="spool"))
    assert spool is not None
    monkeypatch.chdir("/")

    assert spool.put(ONE.address, 1, b"body").is_relative_to(tmp_path / "spool")


# --- the delivery with a spool


def test_on_disk_before_it_is_sent(folder: Path) -> None:
    """A request is on disk while it is under way, and gone when it has arrived."""
    langfuse = Langfuse()
    langfuse.gate.clear()
    delivery = delivering(langfuse, a_spool(folder), flush_at=1)
    delivery.keep(ONE)
    delivery.submit(an_item(1))
    assert langfuse.posted.wait(SOON_S)

    assert len(files(folder)) == 1
    assert (delivery.stats().spooled, delivery.stats().queued) == (1, 0)
    langfuse.gate.set()
    assert delivery.flush(SOON_S)
    assert files(folder) == []


@pytest.mark.parametrize("timeout_s", [0.0, 0.05])
def test_the_end_keeps_what_it_cannot_send(folder: Path, timeout_s: float) -> None:
    """However little time the end has, what was queued is on disk, and the next process sends it."""
    numbers = range(1, 3001)
    langfuse = Langfuse(*[DOWN] * 1_000)
    delivery = delivering(langfuse, a_spool(folder, 100 * MIB), flush_at=10_000)
    delivery.keep(ONE)
    for number in numbers:
        delivery.submit(an_item(number))
    delivery.shutdown(timeout_s)

    assert (delivery.stats().spooled, delivery.stats().dropped) == (len(numbers), {})
    healthy = Langfuse()
    after = delivering(healthy, a_spool(folder, 100 * MIB))
    after.keep(ONE)
    until(lambda: after.stats().sent == len(numbers))
    assert sorted(healthy.arrived) == list(numbers)
    assert after.stats().recovered == len(numbers)
    assert adds_up(delivery)
    assert adds_up(after)


def test_the_end_waits_for_the_disk(folder: Path) -> None:
    """A thread that is slow to begin still puts on disk what was queued, after the time is over."""
    began, slow = threading.Event(), threading.Event()

    def open_sender() -> Langfuse:
        began.set()
        slow.wait(GRACE_S + 0.2)
        return Langfuse()

    delivery = Delivery(open_sender, Limits(), a_spool(folder))  # type: ignore[arg-type]
    delivery.keep(ONE)
    delivery.submit(an_item(1))
    assert began.wait(SOON_S)
    delivery.shutdown(0.0)

    assert (delivery.stats().spooled, delivery.stats().dropped) == (1, {})


def test_pieces_are_on_disk(folder: Path) -> None:
    """A refused request goes on in pieces, each of them on disk."""
    langfuse = Langfuse(bad={3})
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    for number in range(1, 5):
        delivery.submit(an_item(number))

    assert delivery.flush(SOON_S)
    assert sorted(langfuse.arrived) == [1, 2, 4]
    assert delivery.stats().dropped == {"rejected": 1}
    assert files(folder) == []
    assert adds_up(delivery)


def test_other_destinations_wait_in_memory(folder: Path) -> None:
    """Only what the settings name is kept on disk, not what a request brought its own keys for."""
    delivery = delivering(Langfuse(*[DOWN] * 2), a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1, ONE))
    delivery.submit(an_item(2, TWO))
    keep_on_disk(delivery, 1)

    assert (delivery.stats().spooled, delivery.stats().queued) == (1, 1)
    assert [found.address for found in waiting(folder)] == [ONE.address]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_child_has_a_folder_of_its_own(folder: Path) -> None:
    """A child leaves its parent's folder locked, and what it leaves behind the parent takes over."""
    langfuse = Langfuse(*[DOWN] * 3)
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    delivery.submit(an_item(1))
    keep_on_disk(delivery, 1)
    child = os.fork()
    if child == 0:
        delivery.submit(an_item(2))
        keep_on_disk(delivery, 1)
        os._exit(0 if len(waiting(folder)) == 2 else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert len({file.parent for file in files(folder)}) == 2
    other = a_spool(folder)
    [taken] = other.recover(everything)
    assert b"pk-lf-1" in taken.file.read_bytes()
    assert len([file for file in files(folder) if file.parent != taken.file.parent]) == 1


# --- whole programs

PROGRAM = """
import os, sys, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
import langfuse_otel
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(langfuse_otel.LangfuseSpanExporter()))
def export(*names):
    for name in names:
        provider.get_tracer("test").start_span(name).end()
def until(is_true):
    deadline = time.monotonic() + 20
    while not is_true(langfuse_otel.stats()) and time.monotonic() < deadline:
        time.sleep(0.005)
"""
UNDELIVERED = """
export(*sys.argv[1:])
until(lambda s: s.spooled == len(sys.argv) - 1)
print(langfuse_otel.stats().spooled, flush=True)
sys.stdin.read()
"""


def settings(collector: Collector, folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a program with a spool."""
    fast = {"LANGFUSE_FLUSH_INTERVAL": "0.01", "LANGFUSE_OTEL_SPOOL_DIR": str(folder)}
    return environment(collector, **{**fast, **changes})


@contextmanager
def a_program(code: str, *arguments: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program, and see that it has ended afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM + code, *arguments],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(code: str, *arguments: str, env: dict[str, str]) -> tuple[str, str]:
    """Return what a program has written, on either stream, when it has ended by itself."""
    with a_program(code, *arguments, env=env) as process:
        return process.communicate(timeout=60)


def test_kill_9(collector: Collector, folder: Path) -> None:
    """What a killed program had on disk is delivered by the next one, once."""
    collector.answer_next(*[Answer(503)] * 1_000)
    env = settings(collector, folder)
    with a_program(UNDELIVERED, "a", "b", env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        process.send_signal(signal.SIGKILL)
    collector._answers.clear()

    out, _ = said("export('c'); print(langfuse_otel.flush(20))", env=env)
    collector.wait_for(3)
    assert out == "True\n"
    assert sorted(span.name for span in collector.spans) == ["a", "b", "c"]
    assert files(folder) == []


def test_several_processes_share_a_folder(collector: Collector, folder: Path) -> None:
    """Programs that run at once, and are killed at once, keep out of each other's way."""
    collector.answer_next(*[Answer(503)] * 10_000)
    env = settings(collector, folder)
    names = [[f"{program}-{n}" for n in range(5)] for program in range(3)]
    with (
        a_program(UNDELIVERED, *names[0], env=env) as one,
        a_program(UNDELIVERED, *names[1], env=env) as two,
        a_program(UNDELIVERED, *names[2], env=env) as three,
    ):
        for process in (one, two, three):
            assert process.stdout is not None
            assert process.stdout.readline() == "5\n"
    assert sum(found.spans for found in waiting(folder)) == 15
    collector._answers.clear()

    waits = "print(langfuse_otel.flush(20))\nuntil(lambda s: s.recovered == s.sent == 15)"
    said(waits, env=env)
    assert sorted(span.name for span in collector.spans) == sorted(chain(*names))
    assert files(folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such limit")
def test_a_full_disk(collector: Collector, folder: Path) -> None:
    """On a full disk spans wait in memory, are delivered, and leave no half file."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    out, error = said(
        limit + "export('a', 'b'); print(langfuse_otel.flush(20), langfuse_otel.stats().sent)",
        env=settings(collector, folder),
    )

    assert out == "True 2\n"
    assert "cannot write to the spool: File too large: spans wait in memory" in error
    assert list(folder.glob("*/*.*")) == []


def test_a_dead_host_ends_in_time(collector: Collector, folder: Path) -> None:
    """With a dead host the program ends within its time, and its spans are on disk."""
    collector.answer_next(*[Answer(503, {"Retry-After": "100"})] * 1_000)
    env = settings(collector, folder, LANGFUSE_OTEL_SHUTDOWN_TIMEOUT="0.2")
    said("export('a', 'b')", env=env)

    assert sum(found.spans for found in waiting(folder)) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_keys_lose_nothing_of_others(folder: Path, status: int) -> None:
    """What an ended process left and these keys do not open is set aside, counted, for `drain`."""
    [left] = an_ended_process(folder, b"theirs")
    langfuse = Langfuse(*[Rejected(f"HTTP {status}", status)] * 2)
    spool = a_spool(folder)
    delivery = delivering(langfuse, spool)
    delivery.keep(ONE)
    until(lambda: delivery.stats().dropped == {"set_aside": 1})
    delivery.submit(an_item(2))
    assert delivery.flush(SOON_S)

    assert delivery.stats().dropped == {"set_aside": 1, "rejected": 1}
    assert adds_up(delivery)
    assert [file.name for file in files(folder, "refused/*")] == [left.name]
    delivery.shutdown(0)
    spool = a_spool(folder)
    assert spool.recover(everything) == []
    assert [spool.body(one.file) for one in spool.readmit(everything)] == [b"theirs"]


class Locked(Langfuse):
    """Takes what comes with the keys of one destination."""

    async def post(self, destination: Destination, body: bytes, timeout_s: float) -> Outcome:
        """Answer one request."""
        if destination != ONE:
            return Rejected("HTTP 401", 401)
        return await super().post(destination, body, timeout_s)


def test_wrong_keys_take_nothing_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left goes with the keys that came first: a client may name wrong ones later."""
    monkeypatch.setattr(shelf, "RECOVER_EVERY_S", 0.01)
    langfuse = Locked()
    delivery = delivering(langfuse, a_spool(folder))
    delivery.keep(ONE)
    delivery.keep(langfuse_destination(ONE.host, "pk-lf-1", "sk-lf-wrong"))
    an_ended_process(folder, b"")
    until(lambda: delivery.stats().recovered == 1 and not delivery.stats().spooled)

    assert (delivery.stats().sent, delivery.stats().dropped) == (1, {})
    delivery.shutdown(1)


def test_what_is_set_aside_counts_against_the_limit(folder: Path) -> None:
    """What was set aside takes its room on disk."""
    spool = a_spool(folder, 2_000)
    assert spool.set_aside(spool.put(ONE.address, 1, bytes(1_000)))
    other = a_spool(folder, 2_000)

    assert not other.has_room(bytes(1_000))


def test_each_readmits_its_own(folder: Path) -> None:
    """Of what was set aside each takes what it has the keys for; with the last of it the folder goes."""
    spool = a_spool(folder)
    for project in (ONE, TWO, ONE):
        assert spool.set_aside(spool.put(project.address, 1, project.host.encode()))

    found = spool.readmit(ONE.address.__eq__)
    assert [spool.body(one.file) for one in found] == [ONE.host.encode()] * 2
    assert len(files(folder, "refused/*")) == 1
    assert len(spool.readmit(TWO.address.__eq__)) == 1
    assert not (folder / "refused").exists()
    assert spool.readmit(everything) == []


def test_a_link_is_no_place_to_set_aside(folder: Path, tmp_path: Path) -> None:
    """Nothing is put, and nothing taken, where somebody's link leads."""
    [foreign] = an_ended_process(tmp_path / "other", b"foreign")
    spool = a_spool(folder)
    file = spool.put(ONE.address, 1, b"own")
    (folder / "refused").symlink_to(foreign.parent)

    assert not spool.set_aside(file)
    assert spool.readmit(everything) == []
    assert (file.exists(), foreign.exists()) == (True, True)


def test_what_cannot_be_set_aside_is_lost(folder: Path) -> None:
    """Where the disk does not let it be set aside it is counted as any other refusal."""
    an_ended_process(folder, b"theirs")
    (folder / "refused").write_text("a file is in the way")
    delivery = delivering(Langfuse(Rejected("HTTP 401", 401)), a_spool(folder))
    delivery.keep(ONE)
    until(lambda: delivery.stats().dropped == {"rejected": 1})
    delivery.shutdown(0)
