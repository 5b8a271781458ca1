"""Requests per second of the real LiteLLM proxy, with a bare callback, the built-in one, and ours.

All proxies run side by side, one of them under load at a time, in an order that changes by round.
Provider and load generator are processes of their own.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.sink import Sink
from benchmarks.variants import VARIANTS, Variant
from benchmarks.workers import Worker, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPARED = ("floor", "builtin", "ours")
MASTER_KEY = "sk-bench-7f3c9a51"
LITELLM = Path(sys.executable).with_name("litellm")
CONNECTIONS = 16
ENDLESS = 10_000_000
WARM_UP_S = 3.0
START_S = 120.0
STOP_S = 20.0
OK = 200


def measure(rounds: int, seconds: float) -> dict[str, Any]:
    """Return requests per second by variant: of each round, and their median."""
    rates: dict[str, list[float]] = {name: [] for name in COMPARED}
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        upstream = stack.enter_context(a_provider(sink))
        ports = {
            name: stack.enter_context(a_proxy(VARIANTS[name], sink.url, upstream))[0]
            for name in COMPARED
        }
        for port in ports.values():
            asked(sink, port, WARM_UP_S)
        for number in range(rounds):
            order = list(COMPARED)
            random.Random(number).shuffle(order)
            for name in order:
                print(f"proxy: round {number + 1} of {rounds}, {name}", flush=True)
                rates[name].append(asked(sink, ports[name], seconds)["per_second"])
    return {
        name: {"rounds": found, "median": statistics.median(found)} for name, found in rates.items()
    }


def asked(sink: Sink, port: int, seconds: float, calls: int = ENDLESS) -> dict[str, Any]:
    """Put a proxy under load and return what the load generator tells.

    Raises:
        RuntimeError: not every request was answered well.
    """
    arguments = [str(port), MASTER_KEY, str(seconds), str(CONNECTIONS), str(calls)]
    with Worker("load", arguments, environment(VARIANTS["none"], sink.url)) as load:
        told = load.hear()
    if told["bad"]:
        raise RuntimeError(f"{told['bad']} requests failed")
    return told


@contextmanager
def a_provider(sink: Sink) -> Iterator[str]:
    """Run the model provider and yield its base address."""
    with Worker("upstream", [], environment(VARIANTS["none"], sink.url)) as worker:
        yield f"http://127.0.0.1:{worker.hear()['port']}/v1"


@contextmanager
def a_proxy(
    variant: Variant, sink_url: str, upstream: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the proxy with one worker; yield its port and its process."""
    with TemporaryDirectory() as folder, free_port() as port:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(_config(upstream, variant.callback)))
        process = subprocess.Popen(
            [LITELLM, "--config", config, "--host", "127.0.0.1", "--port", str(port)],
            env=environment(variant, sink_url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port, "/health/liveliness", process)
            yield port, process
        finally:
            process.terminate()
            process.wait(STOP_S)


def _config(upstream: str, callback: str) -> dict[str, Any]:
    """JSON is YAML."""
    model = {"model": "openai/gpt-4o-mini", "api_base": upstream, "api_key": "sk-upstream"}
    return {
        "model_list": [{"model_name": "house-model", "litellm_params": model}],
        "litellm_settings": {"callbacks": [callback], "num_retries": 0},
        "general_settings": {"master_key": MASTER_KEY},
    }


@contextmanager
def free_port() -> Iterator[int]:
    """Yield a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    yield port


def wait_for(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    """Return once a server answers.

    Raises:
        RuntimeError: it does not.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _status(port, path) == OK:
            return
        time.sleep(0.2)
    raise RuntimeError("a server did not start")


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
