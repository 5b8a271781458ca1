"""Runs programs under faults, each against a sink of its own, and judges what came of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from benchmarks import tables
from benchmarks.programs import outcome_of
from benchmarks.scenarios import SCENARIOS
from benchmarks.verdicts import Outcome, always

Row = dict[str, Any]


def listing() -> str:
    """Return the scenarios, one on a line."""
    return "\n".join(f"{name:18} {scenario.about}" for name, scenario in SCENARIOS.items())


def run(names: tuple[str, ...], variant: str, jobs: int) -> list[Row]:
    """Run scenarios, some at once, and return what came of each."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda name: _row(name, variant), names or SCENARIOS))


def _row(name: str, variant: str) -> Row:
    """Run one scenario; what breaks the bench is a problem like any other."""
    try:
        outcome = outcome_of(name, variant)
    except Exception as error:  # noqa: BLE001 - the other scenarios are still of interest
        row: Row = {"scenario": name, "variant": variant, "problems": [f"not run: {error!r}"]}
    else:
        row = {"scenario": name, "variant": variant, **asdict(outcome)}
        row["problems"] = [*always(outcome), *SCENARIOS[name].expects(outcome)]
    print(f"{name:18} {_verdict(row)}", flush=True)
    return row


def table(rows: list[Row]) -> str:
    """Return what arrived of what was sent, and what is wrong."""
    heads = ("fault", "arrived of sent", "observations", "lost, as counted", "end, s", "")
    return tables.table(heads, map(_line, rows))


def _line(row: Row) -> tuple[object, ...]:
    name = row["scenario"]
    about = f"`{name}`: {SCENARIOS[name].about}"
    if "sent" not in row:
        return about, "", "", "", "", _verdict(row)
    outcome = Outcome(**{key: row[key] for key in Outcome.__slots__})
    end = "" if outcome.exit_s is None else f"{outcome.exit_s:.1f}"
    arrived = f"{outcome.arrived} of {outcome.sent}"
    lost = outcome.dropped if outcome.stats else ""
    return about, arrived, outcome.observations, lost, end, _verdict(row)


def _verdict(row: Row) -> str:
    return " ".join("; ".join(row["problems"]).split()) or "ok"
