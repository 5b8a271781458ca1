"""The jobs of the project: `nox` runs what must pass, `nox -l` lists all."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["lint", "types", "docs", "demo", "examples", "tests", "browser"]

# LiteLLM asks the network for its price list when it is imported, unless this is set.
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
# The time that archives say they were made at: 2026-01-01.
EPOCH = {"SOURCE_DATE_EPOCH": "1767225600"}
# uv trusts the authorities that pip does, and does not ask twice where nobody answers.
UV = "uv>=0.13"
UVS_OWN = {"UV_SYSTEM_CERTS": "1", "UV_HTTP_RETRIES": "0"}
# What a green run was made of; `nox -s constraints` makes it anew.
CONSTRAINTS = ("-c", "constraints.txt")
# Many processes import the same: what one has compiled, the others read, and pytest asserts nothing
# in the code of plugins that are not used here.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
LEAN = {**COMPILED, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PLUGINS = ("-p", "xdist", "-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin")
# A third worker for two cores: one is waiting for a process, as a rule.
PARALLEL = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
PROJECT = nox.project.load_toml("pyproject.toml")


def _install(session: nox.Session, group: str, extras: str = "") -> None:
    """Let uv install, in a tenth of pip's time; pip, where uv finds no index: it reads no pip.conf."""
    groups = nox.project.dependency_groups(PROJECT, group)
    wanted = (*CONSTRAINTS, "-e", f".{extras}", *groups)
    session.install(UV)
    try:
        session.run_install("uv", "pip", "install", *wanted, env=UVS_OWN)
    except CommandFailed:
        session.install(*wanted)


def _install_newest(session: nox.Session, group: str) -> None:
    """Peers and foreign receivers are installed as their users do, and want versions of their own."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, group))


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*CONSTRAINTS, *nox.project.dependency_groups(PROJECT, "lint"))
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
    session.run("pytest", *PLUGINS, *(session.posargs or PARALLEL), env=OFFLINE | LEAN)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests and show which lines and branches none of them reaches."""
    _install(session, "coverage", "[dev,openai,proxy]")
    session.run("pytest", *PARALLEL, "--cov", env=OFFLINE)


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
def mutate(session: nox.Session) -> None:
    """Change the pure modules, and see that a test fails: all, or `-- identity attributes`."""
    _install(session, "mutation", "[dev,openai,proxy]")
    changed = [f"langfuse_otel.*{name}.x*" for name in session.posargs]
    # pytest begins anew for each change: with the two plugins that pyproject.toml names for it.
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    session.run("mutmut", "run", "--max-children", "1", *changed, env=OFFLINE | quick)
    session.run("python", "docs/mutants.py")


@nox.session
def matrix(session: nox.Session) -> None:
    """Try the versions of LiteLLM, OpenTelemetry and Python together: `-- --help` names the ways."""
    session.install("-e", ".", UV)
    session.run("python", "-m", "matrix", *session.posargs, env=OFFLINE)


@nox.session
def record(session: nox.Session) -> None:
    """Record what each LiteLLM gives its callbacks into `tests/payloads`: all, or `-- 1.110.0`."""
    session.install("-e", ".", UV)
    session.run("python", "-m", "matrix.record", *session.posargs, env=OFFLINE)


@nox.session
def package(session: nox.Session) -> None:
    """Build twice to the same bytes, and use the wheel as a typed consumer would."""
    session.install(*CONSTRAINTS, *nox.project.dependency_groups(PROJECT, "package"))
    folders = [Path(session.create_tmp()) / name for name in ("first", "second")]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        build = ("uv", "build", "--quiet", "--build-constraints", CONSTRAINTS[1])
        session.run(*build, "--out-dir", str(folder), env=EPOCH)
    built = sorted(path for path in folders[0].iterdir() if path.suffix in {".whl", ".gz"})
    for path in built:
        if path.read_bytes() != (folders[1] / path.name).read_bytes():
            session.error(f"{path.name} is not the same when it is built again")
    names = [str(path) for path in built]
    session.run("twine", "check", "--strict", *names)
    [wheel] = [name for name in names if name.endswith(".whl")]
    session.run("check-wheel-contents", wheel)
    session.run("validate-pyproject", "pyproject.toml")
    session.install(*CONSTRAINTS, wheel)
    session.run("langfuse-otel", "--version")
    # Elsewhere, so that the wheel is read and not the checkout.
    shutil.copy("tests/consumer.py", folders[1])
    with session.chdir(folders[1]):
        session.run("mypy", "--strict", "--config-file=", "consumer.py")
        session.run("pyright", "consumer.py")


@nox.session
def constraints(session: nox.Session) -> None:
    """Write the newest versions that go together into `constraints.txt`, for every Python."""
    session.install(UV)
    groups = [
        f"--group={name}" for name in ("lint", "types", "coverage", "docs", "mutation", "package")
    ]
    form = ["--universal", "--python-version=3.10", "--no-annotate", "--no-header", "--quiet"]
    out = ["--all-extras", "--upgrade", "--output-file=constraints.txt"]
    session.run("uv", "pip", "compile", "pyproject.toml", *form, *groups, *out)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into `docs/_build`; every warning is an error."""
    _install(session, "docs", "[dev,prometheus]")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "docs", "docs/_build", env=OFFLINE)


@nox.session
def demo(session: nox.Session) -> None:
    """Make LiteLLM calls without a key or a network and show their traces."""
    session.install(*CONSTRAINTS, ".[dev]")
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
    _install_newest(session, "interop")
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
    _install_newest(session, "benchmarks")
    installed = OFFLINE | COMPILED  # as pip leaves it, for us as for the peers
    session.run("python", "-m", "benchmarks", "bench", *session.posargs, env=installed)


@nox.session
def compare(session: nox.Session) -> None:
    """Run what users expect with LiteLLM's own callback and with this library."""
    _install_newest(session, "benchmarks")
    session.run("python", "-m", "benchmarks", "compare", *session.posargs, env=OFFLINE)


@nox.session
def faults(session: nox.Session) -> None:
    """Let programs make calls under faults: `nox -s faults -- down_20_s`, or `-- --list`."""
    _install_newest(session, "benchmarks")
    session.run("python", "-m", "benchmarks", "faults", *session.posargs, env=OFFLINE)
