"""The table of what was tried, and `docs/versions.md` around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matrix.combinations import Combination

    Row = tuple[Combination, Mapping[str, str]]

PAGE = Path(__file__).parents[1] / "docs/versions.md"

CHECKS = (
    "name",
    "name, late",
    "instance",
    "launcher",
    "stream",
    "failure",
    "metadata",
    "usage",
    "cost",
    "asyncio.run, end",
    "no warning",
    "proxy",
)
OK = "ok"
BY_LAUNCHER = "launcher"
NO_PROXY = "no proxy"
NOT_OF_STREAMS = "not of streams"
NOT_TRIED = "not tried"
# What is no failure: the page says why.
EXPLAINED = (BY_LAUNCHER, NO_PROXY, NOT_OF_STREAMS, NOT_TRIED)

INTRODUCTION = """\
# Versions

<!-- Made by `nox -s matrix -- --write-docs`. -->

What was installed together, and what was asked of it with the real LiteLLM. Other versions between
the oldest and the newest are expected to work. `langfuse-otel check --litellm` says how your version
of LiteLLM stands to these.

"""
EXPLANATION = """
- **name**, **name, late**, **instance**, **launcher**: the ways in. `litellm.callbacks =
  ["langfuse_otel"]` with this library imported before LiteLLM or after it, an instance, and
  `opentelemetry-instrument`.
- **stream**, **failure**, **metadata**, **usage**, **cost**: what arrives of such calls, sync and async.
- **asyncio.run, end**: a program that ends right after its concurrent calls loses none.
- **no warning**: LiteLLM's callback data holds all that is read of it.
- **proxy**: LiteLLM's proxy with `callbacks: ["langfuse_otel.callback"]`, a call and a stream, until
  SIGTERM.

## What differs

- The oldest is 1.75.6. From 1.73.0 on LiteLLM has the name `langfuse_otel`, but before 1.75.6 it
  makes its own OpenTelemetry exporter for it and asks no class that could be ours.
- `launcher`: this LiteLLM's proxy looks for a dotted name in a file beside its configuration alone.
  Start it with `opentelemetry-instrument -- litellm --config …`, without a callback in the
  configuration.
- `not of streams`: this LiteLLM names no cost for a synchronous stream. Langfuse then prices it by
  its own list, from usage and model.
- `not tried`: the machine of this run was too slow for it, or the check was not there yet.
- `no proxy`: this release of `litellm[proxy]` could not be installed on the day of the run, for it
  pins a part that was not on the package index.

## A new release of LiteLLM

`nox -s matrix -- --litellm 1.110.0` tries it. If all is well it goes into `_litellm/versions.py`, and
`nox -s matrix -- --write-docs` makes this page again. `nox -s record` records what its callbacks are
given, into `tests/payloads`.
"""


def table(rows: Iterable[Row]) -> str:
    """Return Markdown: a row for each combination, a column for each check."""
    heads = ("LiteLLM", "OpenTelemetry", "Python", *CHECKS)
    lines = [_line(heads), _line("---" for _ in heads)]
    return "\n".join([*lines, *(_line([*tried, *_cells(said)]) for tried, said in rows)]) + "\n"


def page(rows: Iterable[Row]) -> str:
    """Return the whole page."""
    return INTRODUCTION + table(rows) + EXPLANATION


def _cells(verdicts: Mapping[str, str]) -> list[str]:
    found = (verdicts[name] for name in CHECKS)
    return [said if said in (OK, *EXPLAINED) else "**fails**" for said in found]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
