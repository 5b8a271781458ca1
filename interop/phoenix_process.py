"""Arize Phoenix as a process of its own on loopback, and the questions to its API."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 120.0
STOP_S = 20.0
ARRIVAL_S = 30.0
POLL_S = 0.2
COMMAND = [str(Path(sys.executable).with_name("phoenix")), "serve"]


class Phoenix:
    """Phoenix's own REST API.

    Args:
        client: speaks to it.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @property
    def traces_url(self) -> str:
        """Where it takes OTLP."""
        return str(self._client.base_url.join("/v1/traces"))

    def spans(self, number: int) -> dict[str, dict[str, Any]]:
        """Return what arrived by span id, as OTLP in JSON, once there are `number` of them.

        Raises:
            TimeoutError: they did not come in time.
        """
        deadline = time.monotonic() + ARRIVAL_S
        while time.monotonic() < deadline:
            answer = self._client.get("/v1/projects/default/spans/otlpv1", params={"limit": 1000})
            spans = answer.raise_for_status().json()["data"]
            if len(spans) >= number:
                return {span["span_id"]: span for span in spans}
            time.sleep(POLL_S)
        raise TimeoutError(f"{len(spans)} of {number} spans after {ARRIVAL_S:g} s")


@contextmanager
def a_phoenix(folder: Path) -> Iterator[Phoenix]:
    """Run Phoenix with its database and its log in `folder`."""
    port, grpc_port = _free_ports()
    log = folder / "phoenix.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            COMMAND,
            env=_environment(folder, port, grpc_port),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait(client, process, log)
                yield Phoenix(client)
        finally:
            process.terminate()
            process.wait(STOP_S)


def _environment(folder: Path, port: int, grpc_port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc_port),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(POLL_S)
    raise RuntimeError(f"Phoenix did not start:\n{log.read_text()[-3000:]}")
