"""Whether a program came through a fault: what is always due, and what one fault allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

# What a loaded machine may take beyond a limit that the library keeps.
PATIENCE_S = 2.0
HUNG = "the program did not end"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen of one program under one fault.

    Attributes:
        sent: calls whose answer the caller has.
        wanted: calls that it was to make.
        arrived: those of them that the sink has.
        observations: distinct ids that the sink has; calls beside the count make one each.
        beside: calls beside the count: before the fault, and in the aftermath.
        repeated: ids that came again without need.
        malformed: requests that a strict receiver does not take.
        rate: calls a second.
        exit_s: from the end of the last call to the end of the process.
        stats: the library's own counts, of each process that could tell.
        wrong: answers that were not the one to come.
        errors: what else went wrong.
    """

    sent: int
    wanted: int
    arrived: int
    observations: int
    beside: int
    repeated: int
    malformed: tuple[str, ...]
    rate: float | None
    exit_s: float | None
    wrong: int = 0
    stats: tuple[dict[str, Any], ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def dropped(self) -> int:
        """How many the library says it lost."""
        return sum(sum(stats["dropped"].values()) for stats in self.stats)


Expectation = Callable[[Outcome], Iterator[str]]


def always(outcome: Outcome) -> Iterator[str]:
    """Yield what is wrong that no fault excuses."""
    yield from outcome.errors
    if outcome.wrong:
        yield f"{outcome.wrong} answers were not the ones to come"
    if outcome.repeated:
        yield f"{outcome.repeated} observations came again without need"
    if outcome.malformed:
        yield f"malformed requests: {outcome.malformed[0]}"
    if outcome.observations > outcome.arrived + outcome.beside:
        yield f"{outcome.observations} observations of {outcome.arrived + outcome.beside} calls"
    for stats in outcome.stats:
        yield from _sums(stats)


def _sums(stats: dict[str, Any]) -> Iterator[str]:
    """Each observation stands under one head."""
    heads = [stats["sent"], stats["queued"], stats.get("spooled", 0), *stats["dropped"].values()]
    if stats["created"] != sum(heads):
        yield f"stats() do not add up: {stats}"


def everything(outcome: Outcome) -> Iterator[str]:
    """Expect all that was sent."""
    if outcome.sent < outcome.wanted:
        yield f"only {outcome.sent} of {outcome.wanted} calls were answered"
    if outcome.arrived < outcome.sent:
        yield f"{outcome.sent - outcome.arrived} of {outcome.sent} calls did not arrive"


def all_but_one(outcome: Outcome) -> Iterator[str]:
    """Expect all but the one span that is refused for good, and that one counted."""
    if outcome.arrived != outcome.sent - 1:
        yield f"{outcome.arrived} of {outcome.sent} calls arrived, and one may be missing"
    if outcome.stats and outcome.dropped != 1:
        yield f"{outcome.dropped} were counted as lost, and one was"


def all_but_the_last(seconds: float) -> Expectation:
    """Expect all but what the program did in its last seconds."""

    def expectation(outcome: Outcome) -> Iterator[str]:
        spared = int((outcome.rate or 0) * seconds)
        if outcome.arrived < outcome.sent - spared:
            missing = outcome.sent - outcome.arrived
            yield f"{missing} of {outcome.sent} calls did not arrive, {spared} may be missing"

    return expectation


def counted_within(seconds: float) -> Expectation:
    """Expect the end of the process in time, and what is lost counted: nothing could arrive."""

    def expectation(outcome: Outcome) -> Iterator[str]:
        if outcome.sent < outcome.wanted:
            yield f"only {outcome.sent} of {outcome.wanted} calls were answered"
        if outcome.exit_s is None or outcome.exit_s > seconds + PATIENCE_S:
            yield f"the end took {outcome.exit_s or float('nan'):.1f} s, not {seconds:g}"
        if outcome.stats and outcome.dropped < outcome.sent - outcome.arrived:
            yield f"{outcome.dropped} counted as lost of {outcome.sent - outcome.arrived}"

    return expectation
