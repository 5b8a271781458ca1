"""The programs of the tests: one that starts warm is as one that starts cold, and none is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from programs import LITELLM, run_cold_program, run_program, warm

SURROUNDINGS = """
import litellm.litellm_core_utils.default_encoding, signal, threading
print(__name__, sys.argv, sys.path, os.getcwd(), sorted(os.environ.items()))
handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)]
print([handler is signal.SIG_DFL for handler in handlers])
print(threading.enumerate()[1:], sorted(os.listdir("/dev/fd")), [name for name in globals() if name[0] != "_"])
"""
HOOKS = """
import atexit, threading, time
class Kept:
    def __del__(self):
        print("cleared away")
kept = Kept()
atexit.register(print, "exit hook")
threading.Thread(target=lambda: [time.sleep(0.1), print("thread")]).start()
"""
STARTER = """
import os, sys
from warm import Warm
warm = Warm((), dict(os.environ))
code = "import time; print('it runs', flush=True); time.sleep(600)"
program = warm.start(code, dict(os.environ), sys.stdout, sys.stderr)
program.wait(600)
"""


@pytest.mark.parametrize(
    "code",
    [
        SURROUNDINGS,
        HOOKS,
        "print(1); sys.exit(3)",
        "print(1); raise ValueError('unhandled')",
        "import signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import signal; os.kill(os.getpid(), signal.SIGINT)",
        "import subprocess; print(subprocess.run(['false']).returncode)",
        "def annotated(x: int): pass\nprint(annotated.__annotations__)",
    ],
    ids=["surroundings", "hooks", "exit", "error", "signal", "interrupt", "child", "flags"],
)
def test_warm_is_as_cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """In what it finds once LiteLLM is imported, how it ends and what it says at its end."""
    warm(*LITELLM)  # runs before the folder and the variables are those of the test
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME")
    cold, run = run_cold_program(code, None, MINE="1"), run_program(code, None, MINE="1")

    assert (run.returncode, run.stdout) == (cold.returncode, cold.stdout)
    assert run.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:]


def test_time_is_up() -> None:
    """A program that does not end is ended."""
    with pytest.raises(subprocess.TimeoutExpired):
        run_program("import time; time.sleep(600)", None, timeout_s=0.1)


def test_nothing_is_left() -> None:
    """Where pytest is killed, neither the warm process nor a program outlives it."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parent,
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "it runs\n"
        starter.kill()
        # All of them have this pipe, which ends with the last.
        starter.communicate(timeout=60)
