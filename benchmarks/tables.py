"""Results as Markdown: for the terminal, and for the page in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.overhead import COMPARED, above_floor, lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
Results = dict[str, Any]


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def goals(rows: list[dict[str, Any]]) -> str:
    """Return what had to be and what was."""
    heads = ("goal", "measured", "limit", "")
    return table(heads, ((r["goal"], _number(r["value"]), r["limit"], r["verdict"]) for r in rows))


def report(results: Results) -> str:
    """Return all that was measured, under a line that says where and when."""
    parts = {
        "overhead": _overhead,
        "handover": _handover,
        "proxy": _proxy,
        "startup": _startup,
        "tenants": _tenants,
    }
    texts = [about(results), "### Goals", goals(results["goals"])]
    texts += [make(results[part]) for part, make in parts.items() if part in results]
    return "\n\n".join(texts)


def about(results: Results) -> str:
    """Return one line on date, machine and versions."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return f"Run of {results['date']}{results['kind']}: {results['machine']}; {versions}."


def write(page: Path, marker: str, text: str) -> None:
    """Replace what stands between two markers of the page."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    made = f"{begin}\n\n{text}\n\n{end}"
    page.write_text(pattern.sub(lambda _: made, page.read_text()))


def _overhead(costs: list[dict[str, Any]]) -> str:
    cost = lookup(costs)
    cells = list(dict.fromkeys(c["cell"] for c in costs))
    known = [name for name in COMPARED if any(c["variant"] == name for c in costs)]
    others = sorted({c["variant"] for c in costs} - set(known))
    texts = ["### Overhead of a call", OVERHEAD]
    for cell in cells:
        rows = (
            (
                f"`{name}`",
                f"{cost(name, cell)['cpu_us']:.0f}",
                _spread(cost(name, cell)["cpu_rounds_us"]),
                f"{above_floor(cost, name, cell):.2f}",
                f"{cost(name, cell)['caller_us']:.0f}",
                f"{cost(name, cell)['latency_us']:.0f}",
                f"{cost(name, cell)['wire_bytes']:.0f}",
                f"{cost(name, cell)['spans']:.2f}",
                f"{cost(name, cell)['arrived']:.2f}",
            )
            for name in [*known, *others]
        )
        texts += [f"**{cell}**", table(COLUMNS, rows)]
    return "\n\n".join(texts)


OVERHEAD = (
    "µs that are added to a call, until everything has reached the sink; above floor is "
    "(variant - `floor`) / (`builtin` - `floor`)."
)
COLUMNS = (
    "variant",
    "CPU µs",
    "rounds",
    "above floor",
    "caller CPU µs",
    "latency µs",
    "wire bytes",
    "spans",
    "arrived",
)


def _handover(latencies: dict[str, Any]) -> str:
    rows = (
        (mode, state, f"{at['p50_us']:.0f}", f"{at['p99_us']:.0f}", at["calls"])
        for mode, states in latencies.items()
        for state, at in states.items()
    )
    heads = ("mode", "Langfuse is", "p50 µs", "p99 µs", "calls")
    return f"### What the caller waits for\n\n{table(heads, rows)}"


def _proxy(rates: dict[str, Any]) -> str:
    rows = ((f"`{n}`", f"{r['median']:.0f}", _spread(r["rounds"])) for n, r in rates.items())
    return f"### The proxy\n\n{table(('callback', 'requests per second', 'rounds'), rows)}"


def _startup(startup: dict[str, Any]) -> str:
    calls = (
        (f"`{name}`", *(f"{facts[key]:.0f}" for key in FIRST_CALL))
        for name, facts in startup["first_calls"].items()
    )
    imports = ((f"`{m}`", f"{f['import_ms']:.0f}") for m, f in startup["imports"].items())
    heads = ("variant", "set up, ms", "first call, ms", "CPU in all, ms", "memory, MB")
    return f"### Start-up\n\n{table(heads, calls)}\n\n{table(('import', 'ms'), imports)}"


FIRST_CALL = ("install_ms", "first_call_ms", "cpu_ms", "memory_mb")


def _tenants(found: dict[str, Any]) -> str:
    rows = (
        (f"`{n}`", f"{found[n]['growth_mb']:.1f}", found[n]["threads"], found[n]["projects"])
        for n in ("floor", "ours")
    )
    heads = ("variant", "growth, MB", "threads", "projects served")
    title = f"### {found['projects']} projects over {found['calls']} calls"
    return f"{title}\n\n{table(heads, rows)}"


def _spread(values: list[float]) -> str:
    return f"{min(values):.0f} to {max(values):.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
