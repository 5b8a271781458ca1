"""The jobs of the project: `nox` runs what must pass, `nox -l` lists all."""

from __future__ import annotations

import shutil
import time

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "types", "docs", "demo", "examples", "tests", "browser"]

# LiteLLM asks the network for its price list when it is imported, unless this is set.
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
PROJECT = nox.project.load_toml("pyproject.toml")


def _install(session: nox.Session, group: str, extras: str = "") -> None:
    session.install("-e", f".{extras}", *nox.project.dependency_groups(PROJECT, group))


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("validate-pyproject", "pyproject.toml")


@nox.session
def types(session: nox.Session) -> None:
    _install(session, "types", "[dev,prometheus]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest: `nox -s tests -- -k stream`."""
    _install(session, "tests", "[dev,openai,proxy]")
    arguments = session.posargs or ["-n", "2", "--dist", "loadfile"]
    session.run("pytest", *arguments, env=OFFLINE)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ask the properties in `tests/fuzz` for five minutes, or so many seconds: `-- 60`."""
    _install(session, "tests", "[dev,proxy]")
    seconds = float(session.posargs[0]) if session.posargs else 300.0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        # Every round draws other examples; one that fails ends the session and is kept.
        arguments = ["tests/fuzz", "--hypothesis-profile=fuzz", "--timeout=600", "-n", "2"]
        session.run("pytest", *arguments, env=OFFLINE)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into `docs/_build`; every warning is an error."""
    _install(session, "docs", "[dev,prometheus]")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "docs", "docs/_build", env=OFFLINE)


@nox.session
def demo(session: nox.Session) -> None:
    """Make LiteLLM calls without a key or a network and show their traces."""
    session.install(".[dev]")
    session.run("langfuse-otel", "demo")


@nox.session
def examples(session: nox.Session) -> None:
    """Run the gateways and the recipes beside a local receiver."""
    _install(session, "examples", "[dev,proxy]")
    session.run("pytest", "examples", *session.posargs, env=OFFLINE)
    # The oldest Langfuse SDK that stands on OpenTelemetry.
    session.install("langfuse==3.0.0")
    session.run("pytest", "examples", "-k", "langfuse_sdk", env=OFFLINE)


@nox.session
def interop(session: nox.Session) -> None:
    """Send calls to Arize Phoenix, on loopback, and ask it what arrived."""
    _install(session, "interop")
    # Phoenix brings a plugin for pytest that warns when it is imported.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    arguments = ["-p", "pytest_timeout", "interop", *session.posargs]
    session.run("pytest", *arguments, env=OFFLINE | alone)


@nox.session
def browser(session: nox.Session) -> None:
    """Use the page of `langfuse-otel dev`, out of the wheel, in Chromium; makes screenshots."""
    if shutil.which("chromium") is None:
        session.skip("there is no chromium here: apt-get install chromium")
    session.install(".[dev]", *nox.project.dependency_groups(PROJECT, "browser"))
    session.run("pytest", "browser", *session.posargs, env=OFFLINE)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure what a call costs, beside the peers: `nox -s bench -- --quick`."""
    _install(session, "benchmarks")
    session.run("python", "-m", "benchmarks", "bench", *session.posargs, env=OFFLINE)


@nox.session
def compare(session: nox.Session) -> None:
    """Run what users expect with LiteLLM's own callback and with this library."""
    _install(session, "benchmarks")
    session.run("python", "-m", "benchmarks", "compare", *session.posargs, env=OFFLINE)


@nox.session
def faults(session: nox.Session) -> None:
    """Let programs make calls under faults: `nox -s faults -- down_20_s`, or `-- --list`."""
    _install(session, "benchmarks")
    session.run("python", "-m", "benchmarks", "faults", *session.posargs, env=OFFLINE)
