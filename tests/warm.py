"""Programs that find LiteLLM imported: a warm process forks for each, so that they start at once.

All else is as with `python -c`: a process of its own with its own environment and folder, code that
runs as `__main__`, signals as Python sets them, and the end of an interpreter with all its hooks.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self


class Program:
    """A program that was started warm. It is killed where its `with` block, or its starter, ends first."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.returncode: int | None = None

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with suppress(OSError):
            self._channel.send(bytes([number]))

    def poll(self, timeout_s: float = 0.0) -> int | None:
        """Return its return code as `subprocess` has it, or None while it runs."""
        if self.returncode is None and select.select([self._channel], [], [], timeout_s)[0]:
            self.returncode = int(self._channel.recv(8))
        return self.returncode

    def wait(self, timeout_s: float) -> int:
        """Return its return code once it has ended."""
        if (code := self.poll(timeout_s)) is None:
            raise subprocess.TimeoutExpired("a warm program", timeout_s)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()


class Warm:
    """A process that has imported some modules. It ends with this one, however this one ends."""

    def __init__(self, modules: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._requests, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(its.fileno()), *modules],
                env=environment,
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for pytest
            )

    def start(
        self, code: str, environment: Mapping[str, str], stdout: IO[str], stderr: IO[str]
    ) -> Program:
        """Start a program in the present folder."""
        ours, its = socket.socketpair()
        with its:
            passed = [file.fileno() for file in (its, stdout, stderr)]
            socket.send_fds(self._requests, [b"."], passed)
        request = {"code": code, "environment": dict(environment), "folder": str(Path.cwd())}
        ours.sendall(json.dumps(request).encode() + b"\n")
        return Program(ours)


def _asked(requests: socket.socket) -> tuple[socket.socket, int, int]:
    """Fork for each request until there are no more; return, in the child, what came with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a keeper ended
    while (message := socket.recv_fds(requests, 1, 3))[0]:
        channel, stdout, stderr = message[1]
        if not os.fork():
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return socket.socket(fileno=channel), stdout, stderr
        for descriptor in message[1]:
            os.close(descriptor)
    sys.exit()


def _keep(program: int, channel: socket.socket) -> NoReturn:
    """Hand signals on to the program, and tell how it ended; kill it when nobody waits for it."""

    def hand_on() -> None:
        with suppress(ProcessLookupError):
            while asked := channel.recv(1):
                os.kill(program, asked[0])
            os.kill(program, signal.SIGKILL)

    threading.Thread(target=hand_on, daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    with suppress(OSError):
        channel.send(str(code).encode())
    os._exit(0)


def _become(
    request: Mapping[str, Any], set_by_imports: Mapping[str, str], stdout: int, stderr: int
) -> None:
    """Make this process what `python -c` would have made."""
    for ours, its in ((stdout, 1), (stderr, 2)):
        os.dup2(ours, its)
        os.close(ours)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update({**set_by_imports, **request["environment"]})
    sys.argv, sys.path[0] = ["-c"], ""
    sys.modules["__main__"] = ModuleType("__main__")


if __name__ == "__main__":
    given = dict(os.environ)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    set_by_imports = {k: v for k, v in os.environ.items() if given.get(k) != v}
    gc.freeze()
    channel, stdout, stderr = _asked(socket.socket(fileno=int(sys.argv[1])))
    request = json.loads(channel.makefile("rb", buffering=0).readline())
    if program := os.fork():
        _keep(program, channel)
    channel.close()
    _become(request, set_by_imports, stdout, stderr)
    code = compile(request["code"], "<string>", "exec", dont_inherit=True)
    exec(code, vars(sys.modules["__main__"]))
