"""The real LiteLLM proxy as a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from programs import SCRIPTS, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from langfuse_otel.testing import Collector

MASTER_KEY = "sk-proxy-7f3c9a51e2d84b06"
START_S = 240.0
STOP_S = 20.0


@contextmanager
def a_proxy(
    folder: Path,
    upstream: str,
    callbacks: Sequence[str],
    collector: Collector,
    launcher: Sequence[str] = (),
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
        launcher: a command that starts the proxy's.
        more: further sections of the configuration, and entries for those that there are.
        variables: further variables of its environment.
    """
    config = folder / "config.yaml"
    config.write_text(_config(upstream, callbacks, more or {}))
    port = _free_port()
    command = [*launcher, str(SCRIPTS / "litellm"), "--config", str(config), "--port", str(port)]
    with (folder / "proxy.log").open("w+") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1"],
            env=environment(collector, **variables),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            headers = {"Authorization": f"Bearer {MASTER_KEY}"}
            url = f"http://127.0.0.1:{port}"
            # uvicorn closes what was idle for 5 seconds, perhaps when it is used again.
            once = httpx.Limits(max_keepalive_connections=0)
            with httpx.Client(base_url=url, headers=headers, timeout=30, limits=once) as client:
                _wait(client, process, folder / "proxy.log")
                yield client
        finally:
            process.terminate()
            process.wait(STOP_S)


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


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/health/liveliness").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the proxy did not start:\n{log.read_text()[-3000:]}")
