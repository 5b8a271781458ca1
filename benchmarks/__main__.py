"""`python -m benchmarks overhead`, or `faults`: see README.md."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks import compare, faults, goals, handover, overhead, proxy, startup, tables, tenants

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = ("langfuse-otel", "litellm", "opentelemetry-sdk", "httpx")


@click.group()
def main() -> None:
    """Measure what the library costs and loses, beside its peers."""


def _parts(*, quick: bool, more: tuple[str, ...]) -> dict[str, Callable[[], Any]]:
    """Return what can be measured; quick runs see that it works, and judge little."""
    return {
        "overhead": lambda: overhead.measure(
            *((1, 3) if quick else (3, 6)), quick=quick, more=more
        ),
        "handover": lambda: handover.measure(*((2, 100) if quick else (8, 300))),
        "startup": lambda: startup.measure(1 if quick else 5),
        "proxy": lambda: proxy.measure(*((2, 3.0) if quick else (6, 8.0))),
        "tenants": lambda: tenants.measure(*((200, 2_000) if quick else (10_000, 100_000))),
    }


@main.command()
@click.argument("parts", nargs=-1)
@click.option("--quick", is_flag=True, help="Short: whether it works, not how good it is.")
@click.option("--with", "more", multiple=True, help="Another variant, such as langfuse_sdk.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the results there.")
@click.option("--write-docs", is_flag=True, help="Put the tables into docs/benchmarks.md.")
def bench(
    parts: tuple[str, ...],
    more: tuple[str, ...],
    file: Path | None,
    *,
    quick: bool,
    write_docs: bool,
) -> None:
    """Measure PARTS (all by default) and judge them by the goals."""
    measures = _parts(quick=quick, more=more)
    results = _about(quick=quick)
    results |= {part: measures[part]() for part in parts or measures}
    results["goals"] = goals.judged(results)
    text = tables.report(results)
    _put_out("results", text, results, file, write_docs=write_docs)
    sys.exit(any(row["verdict"] == "missed" for row in results["goals"]))


@main.command(name="faults")
@click.argument("names", nargs=-1)
@click.option("--variant", default="ours", help="Who is put to the test; only ours can fail it.")
@click.option("--jobs", default=2, help="How many scenarios run at once.")
@click.option("--list", "listing", is_flag=True, help="Show the scenarios.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the outcomes there.")
@click.option("--write-docs", is_flag=True, help="Put the table into docs/benchmarks.md.")
def faults_command(
    names: tuple[str, ...],
    variant: str,
    jobs: int,
    file: Path | None,
    *,
    listing: bool,
    write_docs: bool,
) -> None:
    """Run the scenarios NAMES (all by default)."""
    if listing:
        click.echo(faults.listing())
        return
    rows = faults.run(names, variant, jobs)
    results = {**_about(quick=False), "faults": rows}
    text = f"{tables.about(results)}\n\n{faults.table(rows)}"
    _put_out("faults", text, results, file, write_docs=write_docs)
    sys.exit(variant == "ours" and any(row["problems"] for row in rows))


@main.command(name="compare")
@click.option("--write-docs", is_flag=True, help="Put the table into docs/why.md.")
def compare_command(*, write_docs: bool) -> None:
    """Run each claim with LiteLLM's own callback and with this library."""
    rows = compare.run()
    text = f"{tables.about(_about(quick=False))}\n\n{compare.table(rows)}"
    click.echo(text)
    if write_docs:
        tables.write(tables.DOCS / "why.md", "comparison", text)
    sys.exit(not all(row["ours"] for row in rows))


def _about(*, quick: bool) -> dict[str, Any]:
    cores = os.cpu_count()
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "kind": " (quick: it shows that the bench works, no figure is to be trusted)"
        if quick
        else "",
        "machine": f"{cores} cores, {platform.system()}, {platform.machine()}",
        "versions": {"Python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
    }


def _put_out(
    marker: str, text: str, results: dict[str, Any], file: Path | None, *, write_docs: bool
) -> None:
    click.echo(text)
    if file:
        file.write_text(json.dumps(results, indent=1))
    if write_docs:
        tables.write(tables.PAGE, marker, text)


if __name__ == "__main__":
    main()
