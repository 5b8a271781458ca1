"""Starts workers: programs of ours in a process of their own, with a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.process import SAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from benchmarks.variants import Variant

ROOT = Path(__file__).parents[1]
FOREIGN = ("LANGFUSE_", "OTEL_", "LITELLM_", "OPENAI_")
PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
STOP_S = 20.0


def environment(variant: Variant, sink_url: str, **more: str) -> dict[str, str]:
    """Return the variables of a worker: the sink and its keys, and nothing of this machine's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name.lower() not in PROXIES
    }
    return {
        **inherited,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-bench",
        "LANGFUSE_SECRET_KEY": "sk-lf-bench",
        "LANGFUSE_HOST": sink_url,
        "LANGFUSE_OTEL_HOST": sink_url,
        "LANGFUSE_BASE_URL": sink_url,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OPENAI_API_KEY": "sk-bench",
        "NO_PROXY": "*",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        **variant.environment,
        **more,
    }


class Worker:
    """A running worker; killed at the end of its `with` block if it has not ended.

    Args:
        module: its module in this package.
        arguments: what it is told.
        environment: its variables.
    """

    def __init__(self, module: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=STOP_S)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the worker says until it ends."""
        for line in self.process.stdout or ():
            if line.startswith(SAYS):
                yield json.loads(line.removeprefix(SAYS))

    def hear(self) -> dict[str, Any]:
        """Return the next thing that the worker says.

        Raises:
            RuntimeError: it has ended.
        """
        for message in self.messages():
            return message
        raise RuntimeError(f"the worker ended with {self.process.wait(STOP_S)}")

    def go_on(self) -> None:
        """Let a worker that waits go on."""
        if self.process.stdin:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
