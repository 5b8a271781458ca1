"""Which versions of LiteLLM, OpenTelemetry and Python are tried together."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from langfuse_otel._litellm.versions import LITELLM, OPENTELEMETRY

OLDEST, *BETWEEN, NEWEST = LITELLM
OLD_SDK, NEW_SDK = OPENTELEMETRY
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


class Combination(NamedTuple):
    """Versions that are installed beside each other."""

    litellm: str
    opentelemetry: str
    python: str

    def __str__(self) -> str:
        """Return it as a line of the progress."""
        return f"LiteLLM {self.litellm}, OpenTelemetry {self.opentelemetry}, Python {self.python}"


def all_combinations() -> list[Combination]:
    """Return each LiteLLM once, the ends with both SDKs, and the newest with every Python."""
    between = [
        Combination(litellm, NEW_SDK, PYTHONS[1 + number % 2])
        for number, litellm in enumerate(BETWEEN)
    ]
    newest = [Combination(NEWEST, NEW_SDK, python) for python in PYTHONS[1:]]
    return [
        Combination(OLDEST, OLD_SDK, "3.10"),
        Combination(OLDEST, NEW_SDK, "3.13"),
        *between,
        Combination(NEWEST, OLD_SDK, "3.10"),
        *newest,
    ]


def both_ends() -> list[Combination]:
    """Return the oldest and the newest of all, on the Python that runs this."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [Combination(OLDEST, OLD_SDK, python), Combination(NEWEST, NEW_SDK, python)]


def with_litellm(version: str) -> list[Combination]:
    """Return a LiteLLM that is not in the table yet, on the Python that runs this."""
    return [both_ends()[1]._replace(litellm=version)]


def interpreter(python: str) -> Path | None:
    """Return the interpreter of a Python version, None where this machine has none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted((root / "versions").glob(f"{python}.*/bin/python"), reverse=True)
    found = shutil.which(f"python{python}")
    candidates = [Path(sys.executable), *([Path(found)] if found else []), *installed]
    return next((path for path in candidates if _is_python(path, python)), None)


def _is_python(path: Path, python: str) -> bool:
    """A launcher of pyenv's is there for versions that it then refuses to start."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    said = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False).stdout
    return said.strip() == python
