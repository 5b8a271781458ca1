"""The real LiteLLM proxy as a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx

from programs import SCRIPTS, code_of, environment, warm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langfuse_otel.testing import Collector
    from warm import Program

MASTER_KEY = "sk-proxy-7f3c9a51e2d84b06"
MODULES = ("litellm.proxy.proxy_server", "litellm.proxy.proxy_cli")
START_S = 240.0
STOP_S = 20.0


@contextmanager
def a_proxy(
    folder: Path,
    upstream: str,
    callbacks: Sequence[str],
    collector: Collector,
    *,
    more: Mapping[str, Any] | None = None,
    **variables: str,
) -> Iterator[httpx.Client]:
    """Run the proxy and yield a client that is allowed to call it.

    Args:
        folder: where its configuration and its log are written.
        upstream: address of the model provider.
        callbacks: `callbacks` of the configuration.
        collector: where its spans should arrive.
        more: further sections of the configuration, and entries for those that there are.
        variables: further variables of its environment.
    """
    port = _free_port()
    code = code_of(_command(folder, port, _config(upstream, callbacks, more or {})))
    with (
        (folder / "proxy.log").open("w+") as log,
        warm(*MODULES).start(code, environment(collector, **variables), log, log) as process,
        _client(port, process, log) as client,
    ):
        yield client


@contextmanager
def a_cold_proxy(
    folder: Path,
    upstream: str,
    callbacks: Sequence[str],
    collector: Collector,
    launcher: Sequence[str] = (),
    **variables: str,
) -> Iterator[httpx.Client]:
    """Run the proxy as `a_proxy` does, by a command: the launcher's, if any, and LiteLLM's."""
    port = _free_port()
    with (
        (folder / "proxy.log").open("w+") as log,
        subprocess.Popen(
            [*launcher, *_command(folder, port, _config(upstream, callbacks, {}))],
            env=environment(collector, **variables),
            stdout=log,
            stderr=log,
        ) as process,
        _client(port, process, log) as client,
    ):
        yield client


def _command(folder: Path, port: int, config: str) -> list[str]:
    (folder / "config.yaml").write_text(config)
    options = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    return [str(SCRIPTS / "litellm"), *options]


@contextmanager
def _client(
    port: int, process: Program | subprocess.Popen[bytes], log: IO[str]
) -> Iterator[httpx.Client]:
    """Yield a client of the proxy once it answers; end the proxy afterwards."""
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    # uvicorn closes what was idle for 5 seconds, perhaps when it is used again.
    once = httpx.Limits(max_keepalive_connections=0)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=30, limits=once) as client:
            _wait(client, process, log)
            yield client
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        finally:
            process.kill()


def _config(upstream: str, callbacks: Sequence[str], more: Mapping[str, Any]) -> str:
    """JSON is YAML."""
    model = {"model": "openai/gpt-4o-mini", "api_base": upstream, "api_key": "sk-upstream"}
    config: dict[str, Any] = {
        "model_list": [{"model_name": "house-model", "litellm_params": model}],
        "litellm_settings": {"callbacks": list(callbacks), "num_retries": 0},
        "general_settings": {"master_key": MASTER_KEY},
    }
    config["model_list"] += more.get("model_list", [])
    for section in ("litellm_settings", "general_settings"):
        config[section] |= more.get(section, {})
    return json.dumps({**more, **config})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(client: httpx.Client, process: Program | subprocess.Popen[bytes], log: IO[str]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/health/liveliness").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the proxy did not start:\n{Path(log.name).read_text()[-3000:]}")
