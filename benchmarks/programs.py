"""Runs the program of a scenario: a worker, a proxy, or a web server; tells what was seen of it."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import HEALTHY
from benchmarks.disks import a_disk
from benchmarks.proxy import a_provider, a_proxy, asked, free_port, wait_for
from benchmarks.scenarios import SCENARIOS
from benchmarks.sink import Sink
from benchmarks.variants import VARIANTS
from benchmarks.verdicts import HUNG, Outcome
from benchmarks.workers import ROOT, Worker, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.received import Received

LIFE_S = 180.0
GUNICORN = Path(sys.executable).with_name("gunicorn")
DRAIN = Path(sys.executable).with_name("langfuse-otel")
CLIENTS = 8
AFTER_S = 1.0  # what a killed process still had on the wire


def outcome_of(name: str, variant: str) -> Outcome:
    """Run one scenario from its beginning to its end."""
    scenario = SCENARIOS[name]
    with (
        TemporaryDirectory(prefix="bench-") as folder,
        a_disk(scenario.disk, Path(folder)) as spool,
        Sink() as sink,
    ):
        run = Run(name, variant, sink, Path(folder), spool)
        programs = {"proxy": run.proxy, "gunicorn": run.gunicorn}
        programs.get(scenario.program, run.worker)()
        run.aftermath()
        time.sleep(AFTER_S)
        return run.outcome(sink.take())


class Run:
    """One scenario that runs."""

    def __init__(
        self, name: str, variant: str, sink: Sink, folder: Path, spool: Path | None
    ) -> None:
        self._name = name
        self._scenario = SCENARIOS[name]
        self._variant = VARIANTS[variant]
        self._sink = sink
        self._folder = folder
        self._spool = spool
        self._sent: int | None = None
        self._ended: float | None = None
        self._errors: list[str] = []

    def worker(self) -> None:
        """Run the scenario's own worker."""
        arguments = [self._variant.name, self._name]
        with Worker("faults_worker", arguments, self._environment(self._scenario.host)) as worker:
            worker.hear()
            self._sink.behave(self._scenario.behaviour)
            worker.go_on()
            if self._scenario.killed_by:
                time.sleep(self._scenario.killed_after_s)
                worker.process.send_signal(self._scenario.killed_by)
            self._await_end(worker.process)

    def proxy(self) -> None:
        """Ask a proxy, and end it with SIGTERM right after its last answer."""
        with a_provider(self._sink) as upstream:
            with a_proxy(self._variant, self._sink.url, upstream) as (port, process):
                told = asked(self._sink, port, LIFE_S, self._scenario.calls)
                self._end(process)
            self._sent = told["good"]

    def gunicorn(self) -> None:
        """Ask a web application whose workers are forks, and end it with SIGTERM."""
        variables = self._environment() | {"BENCH_VARIANT": self._variant.name}
        with free_port() as port, _a_gunicorn(port, variables) as process:
            self._sink.take()
            with ThreadPoolExecutor(CLIENTS) as clients:
                answers = clients.map(lambda number: _ask(port, number), self._scenario.numbers)
                self._sent = sum(answers)
            self._end(process)

    def aftermath(self) -> None:
        """Let somebody else deliver what the program left."""
        if not self._scenario.aftermath:
            return
        self._sink.behave(HEALTHY)
        deliver = {"restart": self._restart, "drain": self._drain}
        deliver[self._scenario.aftermath]()

    def _restart(self) -> None:
        """Run a program that finds the spool and makes a call of its own."""
        other = self._folder / "successor"
        other.mkdir()
        variables = self._environment() | {"BENCH_FOLDER": str(other)}
        with Worker("faults_worker", [self._variant.name, "successor"], variables) as worker:
            worker.hear()
            worker.go_on()
            worker.process.wait(LIFE_S)

    def _drain(self) -> None:
        """Run the command that is there for it."""
        drain = subprocess.run(
            [DRAIN, "drain", self._spool or ""],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=LIFE_S,
            check=False,
        )
        if drain.returncode:
            self._errors.append(f"drain failed: {drain.stderr.strip()[-200:]}")

    def outcome(self, received: Received) -> Outcome:
        """Put together what sink and program tell."""
        diaries = [json.loads(path.read_text()) for path in self._folder.glob("diary.*")]
        sent = self._noted() if self._sent is None else self._sent
        wanted = sent if self._scenario.killed_by else self._scenario.calls
        counted = received.calls & set(self._scenario.numbers[:wanted])
        return Outcome(
            sent=sent,
            wanted=wanted,
            arrived=len(counted),
            observations=len(received.ids),
            beside=len(received.calls - counted),
            repeated=received.repeated,
            malformed=tuple(received.malformed),
            rate=self._scenario.rate,
            exit_s=self._exit_s(diaries),
            wrong=sum(diary["wrong"] for diary in diaries),
            stats=tuple(diary["stats"] for diary in diaries if diary["stats"]),
            errors=tuple(self._errors),
        )

    def _noted(self) -> int:
        """Calls that the processes of the program noted."""
        pages = self._folder.glob("calls.*")
        return sum(int.from_bytes(page.read_bytes(), "little") for page in pages)

    def _exit_s(self, diaries: list[dict[str, Any]]) -> float | None:
        if self._ended is None or not diaries or self._scenario.program != "one":
            return None
        return self._ended - diaries[0]["ended"] - self._scenario.idle_s

    def _environment(self, host: str | None = None) -> dict[str, str]:
        more = {"BENCH_SINK": self._sink.url, "BENCH_FOLDER": str(self._folder)}
        if host:
            more |= {"LANGFUSE_OTEL_HOST": host, "LANGFUSE_HOST": host, "LANGFUSE_BASE_URL": host}
        if self._spool:
            more["LANGFUSE_OTEL_SPOOL_DIR"] = str(self._spool)
        return environment(self._variant, self._sink.url, **more, **self._scenario.settings)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        self._await_end(process)

    def _await_end(self, process: subprocess.Popen[Any]) -> None:
        # Whoever still prints must not have to wait for a reader.
        if process.stdout:
            threading.Thread(target=process.stdout.read, daemon=True).start()
        try:
            process.wait(LIFE_S)
        except subprocess.TimeoutExpired:
            self._errors.append(HUNG)
        self._ended = time.time()


@contextmanager
def _a_gunicorn(port: int, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    address = ["--bind", f"127.0.0.1:{port}", "--workers", "4", "--preload"]
    command = [GUNICORN, *address, "benchmarks.web_application:application"]
    process = subprocess.Popen(
        command,
        env=variables,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, "/", process)
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(port: int, number: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIFE_S)
    try:
        connection.request("GET", f"/{number}")
        return connection.getresponse().status == 200  # noqa: PLR2004
    finally:
        connection.close()
