"""Calls to totals, to the points of the charts over time, and to a line for each model; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COLUMNS: Final = "start_ms, latency_ms, input_tokens, output_tokens, cost, level = 'ERROR', model"
"""What is read of `calls`, in this order; of the level only whether it is an error."""

Key = TypeVar("Key", int, str)
Call = tuple[int, "float | None", int, int, "float | None", int, "str | None"]

_MOST_BUCKETS: Final = 60
_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WIDTHS: Final = (
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 6, 12)),
    *(count * _DAY for count in (1, 2, 7, 14, 28, 91, 364, 3640)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """The sums over one model's calls in one bucket; latencies in ascending order."""

    model: str
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost: float
    latencies: list[float]


def overview_of(calls: Sequence[Call]) -> dict[str, Any]:
    """
    Take calls, give `totals`, `models` and `buckets`, all with the same sums.

    A model is a line with its `model`, the busiest first. A bucket has its `start_ms` and, in
    `models`, the calls of each model; all buckets are `width_ms` wide, and those without a call
    are there too.
    """
    starts = [call[0] for call in calls]
    first, last = (min(starts), max(starts)) if starts else (0, 0)
    width = width_of(first, last)
    cells = _cells(calls, width)
    by_bucket = _gathered((at, cell) for at, cell in cells)
    by_model = _gathered((cell.model, cell) for _, cell in cells)
    buckets = range(first // width, last // width + 1) if calls else ()
    return {
        "totals": _sums([cell for _, cell in cells]),
        "models": sorted(
            ({"model": model, **_sums(found)} for model, found in by_model.items()),
            key=lambda line: (-line["calls"], line["model"]),
        ),
        "width_ms": width,
        "buckets": [_bucket(at * width, by_bucket.get(at, [])) for at in buckets],
    }


def width_of(first_ms: int, last_ms: int) -> int:
    """Take the first and the last start, give the narrowest round width of few enough buckets."""
    few = (width for width in _WIDTHS if last_ms // width - first_ms // width < _MOST_BUCKETS)
    return next(few, max(_WIDTHS[-1], (last_ms - first_ms) // (_MOST_BUCKETS - 2)))


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Take numbers in ascending order, give the smallest one that so many percent do not exceed."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _cells(calls: Sequence[Call], width: int) -> list[tuple[int, _Cell]]:
    groups: dict[tuple[int, str], list[Call]] = defaultdict(list)
    for call in calls:
        groups[call[0] // width, call[6] or ""].append(call)
    return [(at, _cell(model, found)) for (at, model), found in groups.items()]


def _cell(model: str, calls: list[Call]) -> _Cell:
    _, latencies, given, taken, costs, errors, _ = zip(*calls, strict=True)
    return _Cell(
        model=model,
        calls=len(calls),
        errors=sum(errors),
        input_tokens=sum(given),
        output_tokens=sum(taken),
        cost=sum(cost for cost in costs if cost),
        latencies=sorted(latency for latency in latencies if latency is not None),
    )


def _gathered(pairs: Iterable[tuple[Key, _Cell]]) -> dict[Key, list[_Cell]]:
    groups: dict[Key, list[_Cell]] = defaultdict(list)
    for key, cell in pairs:
        groups[key].append(cell)
    return groups


def _sums(cells: list[_Cell]) -> dict[str, Any]:
    ordered = sorted(chain.from_iterable(cell.latencies for cell in cells))
    return {
        "calls": sum(cell.calls for cell in cells),
        "errors": sum(cell.errors for cell in cells),
        "input_tokens": sum(cell.input_tokens for cell in cells),
        "output_tokens": sum(cell.output_tokens for cell in cells),
        "cost": round(sum(cell.cost for cell in cells), 12),
        "p50_ms": percentile(ordered, 50),
        "p95_ms": percentile(ordered, 95),
    }


def _bucket(start_ms: int, cells: list[_Cell]) -> dict[str, Any]:
    models = {cell.model: cell.calls for cell in cells}
    return {"start_ms": start_ms, **_sums(cells), "models": models}
