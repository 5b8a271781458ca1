"""What the figures have to be: one table, and whether a run keeps to it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.overhead import above_floor, lookup

if TYPE_CHECKING:
    from collections.abc import Callable

Results = dict[str, Any]
Verdict = Literal["ok", "missed", "informational", "not measured"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its limit.

    Attributes:
        part: the part of the results that the figure is read from.
        figure: reads it.
        at_most: the limit from above, or None.
        at_least: the limit from below, or None.
        is_judged: False for absolute figures, which the machine decides as much as the code.
    """

    name: str
    part: str
    figure: Callable[[Any], float]
    at_most: float | None = None
    at_least: float | None = None
    is_judged: bool = True

    def verdict(self, value: float | None) -> Verdict:
        """Say what becomes of the goal at this value."""
        if value is None:
            return "not measured"
        kept = (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )
        if not self.is_judged:
            return "informational"
        return "ok" if kept else "missed"

    @property
    def limit(self) -> str:
        """The limit in words."""
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"


def _cpu(variant: str, size: str, at_most: float) -> list[Goal]:
    return [
        Goal(
            f"CPU above floor, {'gzip' if variant == 'ours' else 'no compression'}, {mode} {size}",
            "overhead",
            lambda costs, c=f"{mode} {size}": above_floor(lookup(costs), variant, c),
            at_most,
        )
        for mode in ("sync", "async")
    ]


def _caller(size: str) -> Goal:
    def figure(costs: list[dict[str, Any]]) -> float:
        cost, cell = lookup(costs), f"async {size}"
        return float(cost("ours", cell)["caller_us"] / cost("builtin", cell)["caller_us"])

    return Goal(f"CPU on the caller's own loop, async {size}", "overhead", figure, at_most=0.2)


def _bytes(size: str) -> Goal:
    def figure(costs: list[dict[str, Any]]) -> float:
        cost, cell = lookup(costs), f"async {size}"
        return float(cost("ours", cell)["wire_bytes"] / cost("builtin", cell)["wire_bytes"])

    return Goal(f"bytes on the wire, {size}", "overhead", figure, at_most=0.5)


def _spans(costs: list[dict[str, Any]]) -> float:
    return max(abs(c["spans"] - 1) + abs(c["arrived"] - 1) for c in costs if c["variant"] == "ours")


def _handover(mode: str, state: str) -> Goal:
    def figure(latencies: Any) -> float:
        found = latencies[mode]
        return float(found[state]["p99_us"] / found["healthy"]["p99_us"])

    return Goal(f"p99 of the caller, {mode}, {state} / healthy", "handover", figure, at_most=1.5)


def _latency(mode: str) -> Goal:
    def figure(latencies: Any) -> float:
        return float(latencies[mode]["healthy"]["p50_us"] / latencies[mode]["floor"]["p50_us"])

    name = f"p50 of the caller, {mode}, ours / floor"
    return Goal(name, "handover", figure, at_most=1.1, is_judged=False)


def _rate(other: str, at_least: float) -> Goal:
    def figure(rates: Any) -> float:
        pairs = zip(rates["ours"]["rounds"], rates[other]["rounds"], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    return Goal(f"proxy, requests per second, ours / {other}", "proxy", figure, at_least=at_least)


def _first_call(what: str) -> Callable[[Any], float]:
    def figure(startup: Any) -> float:
        calls = startup["first_calls"]
        return float(calls["ours"][what] - calls["floor"][what])

    return figure


def _import_ms(startup: Any) -> float:
    return float(startup["imports"]["langfuse_otel"]["import_ms"])


def _import_ratio(startup: Any) -> float:
    return _import_ms(startup) / float(startup["imports"]["httpx"]["import_ms"])


GOALS = (
    *_cpu("ours_plain", "small", 0.15),
    *_cpu("ours_plain", "medium", 0.15),
    *_cpu("ours_plain", "large", 0.25),
    *_cpu("ours", "small", 0.20),
    *_cpu("ours", "medium", 0.30),
    *_cpu("ours", "large", 0.60),
    _caller("small"),
    _caller("medium"),
    *map(_bytes, ("small", "medium", "large")),
    Goal("spans for a call, beside one", "overhead", _spans, at_most=0),
    *(_handover(mode, state) for mode in ("sync", "async") for state in ("dead", "hanging")),
    *map(_latency, ("sync", "async")),
    _rate("floor", 0.95),
    _rate("builtin", 1.1),
    Goal("first call over floor, ms", "startup", _first_call("first_call_ms"), at_most=50),
    Goal("first call over floor, MB", "startup", _first_call("memory_mb"), at_most=15),
    Goal("import, ms", "startup", _import_ms, at_most=150, is_judged=False),
    Goal("import / import httpx", "startup", _import_ratio, at_most=1, is_judged=False),
    Goal(
        "10,000 projects, growth over floor, MB",
        "tenants",
        lambda found: found["ours"]["growth_mb"] - max(0.0, found["floor"]["growth_mb"]),
        at_most=32,
    ),
    Goal(
        "10,000 projects, sender threads",
        "tenants",
        lambda found: found["ours"]["threads"],
        at_most=1,
    ),
    Goal(
        "10,000 projects, share that got its spans",
        "tenants",
        lambda found: found["ours"]["projects"] / found["projects"],
        at_least=1,
    ),
)


def judged(results: Results) -> list[dict[str, Any]]:
    """Return each goal with its value and what became of it."""
    rows = []
    for goal in GOALS:
        value = goal.figure(results[goal.part]) if goal.part in results else None
        verdict = goal.verdict(value)
        row = {"goal": goal.name, "value": value, "limit": goal.limit}
        rows.append({**row, "verdict": verdict})
    return rows
