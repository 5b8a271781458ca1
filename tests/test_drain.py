"""`langfuse-otel drain`: what is left in a spool is delivered, and nothing is lost by trying."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from langfuse_otel._delivery.backlog import Limits
from langfuse_otel._delivery.batches import packed
from langfuse_otel._delivery.compression import decompressed
from langfuse_otel._delivery.spool import Spool, waiting
from langfuse_otel._destination import langfuse_destination
from langfuse_otel.testing import Answer
from programs import SCRIPTS, environment, run_on_terminal
from test_delivery import an_item, span_ids

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from langfuse_otel._destination import Destination
    from langfuse_otel.testing import Collector

COMMAND = str(SCRIPTS / "langfuse-otel")


def left_behind(folder: Path, destination: Destination, numbers: Iterable[int]) -> Spool:
    """Put one request with these spans into the folder of a process that still runs."""
    spool = Spool(folder, 10**9)
    parts = [an_item(number, destination, output="x" * 2_000).encode() for number in numbers]
    [batch] = packed(destination, parts, 1, Limits())
    spool.put(destination.address, batch.spans, batch.body)
    return spool


def ended(folder: Path, destination: Destination, *requests: Iterable[int]) -> None:
    """Leave requests behind, as processes do that were killed."""
    for numbers in requests:
        left_behind(folder, destination, numbers).let_go()


def project(collector: Collector, public_key: str | None = None) -> Destination:
    """Return a project of the collector."""
    return langfuse_destination(
        collector.url, public_key or collector.public_key, collector.secret_key
    )


def drain(
    collector: Collector, folder: Path, *options: str, **variables: str
) -> tuple[int, list[str]]:
    """Run the command; return its exit code and its lines."""
    run = subprocess.run(
        [COMMAND, "drain", str(folder), *options],
        env=environment(collector, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in run.stderr
    return run.returncode, (run.stdout or run.stderr).splitlines()


def on_disk(folder: Path) -> list[int]:
    """Return the ids of the spans that are left."""
    bodies = [one.file.read_bytes().partition(b"\n")[2] for one in waiting(folder)]
    return sorted(number for body in bodies for number in span_ids(decompressed(body)))


def arrived(collector: Collector) -> list[int]:
    """Return the ids of the spans that have arrived."""
    return sorted(int(span.span_id, 16) for span in collector.spans)


def test_all_is_delivered(collector: Collector, tmp_path: Path) -> None:
    """What ended processes left arrives, and the folder is empty."""
    ended(tmp_path, project(collector), [1, 2], [3])
    code, lines = drain(collector, tmp_path)

    assert code == 0
    assert lines == [f"Sending to {collector.url} (pk-lf-test)", "Delivered: 3 spans."]
    assert arrived(collector) == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_for_machines(collector: Collector, tmp_path: Path) -> None:
    """With --json the result is one object, and the exit code is the same."""
    ended(tmp_path, project(collector), [1, 2], [3])
    refused, lines = drain(collector, tmp_path, "--json", LANGFUSE_SECRET_KEY="sk-lf-wrong")
    before = json.loads("".join(lines))
    taken, lines = drain(collector, tmp_path, "--json")
    after = json.loads("".join(lines))

    assert (refused, before["ok"], before["delivered"], before["refused"]) == (1, False, 0, 3)
    assert before["refusal"] == "HTTP 401"
    assert (taken, after["ok"], after["delivered"], after["refused"]) == (0, True, 3, 0)
    assert after["destination"] == f"{collector.url} (pk-lf-test)"


def test_how_far_it_is(collector: Collector, tmp_path: Path) -> None:
    """A terminal shows how many spans are done of how many; a pipe has the result alone."""
    ended(tmp_path, project(collector), [1, 2], [3])
    variables = environment(collector, TERM="xterm")
    code, shown = run_on_terminal([COMMAND, "drain", str(tmp_path)], variables)

    assert code == 0
    assert "2 of 3 spans ..." in shown


def test_nothing_is_left(collector: Collector, tmp_path: Path) -> None:
    """An empty folder is well."""
    assert drain(collector, tmp_path)[0] == 0


def test_other_projects_stay(collector: Collector, tmp_path: Path) -> None:
    """What belongs to another public key or host is never sent with the keys at hand."""
    ended(tmp_path, project(collector), [1])
    ended(tmp_path, project(collector, "pk-lf-other"), [2])
    ended(tmp_path, langfuse_destination("https://elsewhere.example", "pk-lf-test", "sk"), [3, 4])
    code, lines = drain(collector, tmp_path)

    assert code == 0
    assert lines[1:] == ["Delivered: 1 span.", "Left: 3 spans of other projects or hosts."]
    assert arrived(collector) == [1]
    assert on_disk(tmp_path) == [2, 3, 4]


def test_a_running_process_keeps_its_own(collector: Collector, tmp_path: Path) -> None:
    """What a living process holds is left to it."""
    owner = left_behind(tmp_path, project(collector), [1])
    code, lines = drain(collector, tmp_path)
    owner.close()

    assert code == 0
    assert lines[1:] == [
        "Delivered: 0 spans.",
        "Left: 1 span of processes that still run, which send them themselves.",
    ]
    assert arrived(collector) == []


def test_wrong_keys_lose_nothing(collector: Collector, tmp_path: Path) -> None:
    """With a wrong secret the first refusal is the last question, and all stays on disk."""
    ended(tmp_path, project(collector), [1, 2], [3])
    code, lines = drain(collector, tmp_path, LANGFUSE_SECRET_KEY="sk-lf-wrong")

    assert code == 1
    assert lines[1:] == [
        "Delivered: 0 spans.",
        "Left: 3 spans that the server refuses: HTTP 401.",
    ]
    assert collector.refused == [401]
    assert on_disk(tmp_path) == [1, 2, 3]
    assert drain(collector, tmp_path)[0] == 0
    assert arrived(collector) == [1, 2, 3]


def test_one_bad_span(collector: Collector, tmp_path: Path) -> None:
    """A refused request is halved; the span that is refused alone stays, the others arrive."""
    ended(tmp_path, project(collector), [1, 2], [3])
    collector.answer_next(*[Answer(400)] * 2)
    code, lines = drain(collector, tmp_path)

    assert code == 1
    assert lines[-1] == "Left: 1 span that the server refuses: HTTP 400."
    assert (arrived(collector), on_disk(tmp_path)) == ([2, 3], [1])


def test_too_large(collector: Collector, tmp_path: Path) -> None:
    """What is too large is halved, and one span alone cut, until the server takes it."""
    ended(tmp_path, project(collector), [1, 2])
    collector.answer_next(*[Answer(413)] * 2)
    code, lines = drain(collector, tmp_path)

    assert code == 0, lines
    assert arrived(collector) == [1, 2]
    assert b"cut by langfuse-otel: 2000 bytes" in b"".join(collector.bodies)


def test_a_server_that_comes_back(collector: Collector, tmp_path: Path) -> None:
    """What nobody took is tried again until the time is over."""
    ended(tmp_path, project(collector), [1])
    collector.answer_next(Answer(503), Answer(429, {"Retry-After": "0"}))
    code, _ = drain(collector, tmp_path)

    assert code == 0
    assert arrived(collector) == [1]


def test_no_server(collector: Collector, tmp_path: Path) -> None:
    """Where nobody answers the command ends in its time, and says why."""
    nowhere = langfuse_destination("http://127.0.0.1:9", "pk-lf-test", "sk-lf-test")
    ended(tmp_path, nowhere, [1, 2])
    variables = {"LANGFUSE_OTEL_HOST": "http://127.0.0.1:9"}
    code, lines = drain(collector, tmp_path, "--timeout", "1", **variables)

    assert code == 1
    assert lines[-1].startswith(
        "Left: 2 spans that could not be delivered in time: cannot connect: "
    )
    assert on_disk(tmp_path) == [1, 2]


def test_torn_files(collector: Collector, tmp_path: Path) -> None:
    """A file that is not what was written is set aside, and the others arrive."""
    ended(tmp_path, project(collector), [1], [2])
    torn = waiting(tmp_path)[0].file
    torn.write_bytes(torn.read_bytes()[:-1] + b"?")
    code, lines = drain(collector, tmp_path)

    assert code == 0
    assert lines[-1] == "Left: 1 span in files that cannot be read, which were set aside."
    assert arrived(collector) == [2]
    assert len(list(tmp_path.glob("*/*.unreadable"))) == 1


def test_no_folder(collector: Collector, tmp_path: Path) -> None:
    """A folder that is not there is one clear line."""
    code, lines = drain(collector, tmp_path / "missing")

    assert code == 2
    assert "does not exist" in lines[-1]


def test_no_keys(tmp_path: Path) -> None:
    """Without keys it says what to do."""
    run = subprocess.run(
        [COMMAND, "drain", str(tmp_path)],
        env=environment(None),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 1
    assert "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY must be set" in run.stderr


def test_what_was_set_aside(collector: Collector, tmp_path: Path) -> None:
    """What a process set aside, whose keys were refused, is delivered with the right ones."""
    owner = left_behind(tmp_path, project(collector), [1])
    owner.set_aside(waiting(tmp_path)[0].file)
    owner.close()
    ended(tmp_path, project(collector), [2])
    code, lines = drain(collector, tmp_path)

    assert (code, lines[1:]) == (0, ["Delivered: 2 spans."])
    assert [int(span.span_id, 16) for span in collector.spans] == [1, 2]
    assert list(tmp_path.iterdir()) == []
