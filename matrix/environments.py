"""Environments with chosen versions in them, made by `uv`, and programs that run there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from matrix.combinations import interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matrix.combinations import Combination

ROOT = Path(__file__).parents[1]
OVERRIDES = Path(__file__).with_name("overrides.txt")
# LiteLLM is compiled when it is first imported, beside other environments.
PROGRAM_S = 1800


def wheel_into(folder: Path) -> Path:
    """Build this library's wheel and return it."""
    _run("uv", "build", "--wheel", "--quiet", "--out-dir", str(folder / "dist"), str(ROOT))
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


def environment(combination: Combination, wheel: Path, folder: Path) -> Path:
    """Return the interpreter of a new environment; without LiteLLM's proxy where it lacks a part."""
    _run("uv", "venv", "--quiet", "--python", str(interpreter(combination.python)), str(folder))
    python = folder / "bin/python"
    install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    install += ["--override", str(OVERRIDES)]
    install += [f"{wheel}[launcher]", f"opentelemetry-sdk=={combination.opentelemetry}"]
    try:
        _run(*install, f"litellm[proxy]=={combination.litellm}")
    except subprocess.CalledProcessError:
        _run(*install, f"litellm=={combination.litellm}")
    return python


def run_in(python: Path, program: str, *arguments: str) -> str:
    """Return what a program of this folder prints; it may use the helpers of the tests."""
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    program = str(ROOT / "matrix" / program)
    return _run(str(python), program, *arguments, env={**os.environ, "PYTHONPATH": path})


def _run(*command: str, env: Mapping[str, str] | None = None) -> str:
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=PROGRAM_S, check=True
    ).stdout
