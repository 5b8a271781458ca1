"""How the examples are run here: as their users start them, beside a local receiver."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from langfuse_otel.dev import LocalReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

HERE = Path(__file__).parent
SCRIPTS = Path(sys.executable).parent
START_S = 90.0


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    """A Langfuse on loopback."""
    with LocalReceiver() as running:
        yield running


@pytest.fixture
def environment(receiver: LocalReceiver) -> dict[str, str]:
    """The variables of a program that sends to the receiver."""
    ours = ("LANGFUSE_", "OTEL_", "LITELLM_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited,
        "LANGFUSE_OTEL_HOST": receiver.url,
        "LANGFUSE_PUBLIC_KEY": receiver.public_key,
        "LANGFUSE_SECRET_KEY": receiver.secret_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Callable[..., str]:
    """What runs an example to its end and returns what it prints."""

    def program(example: str, *arguments: str, **variables: str) -> str:
        ended = subprocess.run(
            [sys.executable, str(HERE / example), *arguments],
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return program


@pytest.fixture
def serve(
    environment: dict[str, str], tmp_path: Path
) -> Callable[..., AbstractContextManager[httpx.Client]]:
    """What runs a server while its `with` block does, and gives a client for it."""

    @contextmanager
    def server(command: str, *arguments: str, **variables: str) -> Iterator[httpx.Client]:
        port = _free_port()
        with (tmp_path / "server.log").open("w+") as log:
            process = subprocess.Popen(
                [SCRIPTS / command, *arguments, "--host", "127.0.0.1", "--port", str(port)],
                env=environment | variables,
                cwd=HERE.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                    _wait(client, process, tmp_path / "server.log")
                    yield client
            finally:
                process.terminate()
                process.wait(30)

    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")
