"""What Langfuse would show: the records that the mapping gives and the tree and the API read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

WritePath = Literal["legacy", "direct"]

_LEVELS: Final = ("DEBUG", "DEFAULT", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Dropped:
    """An observation that the server accepts and then does not store, and why."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationView:
    """
    One observation as stored.

    The last group of fields lives on the row on the direct path only; on the legacy path it
    belongs to the trace and is empty here.
    """

    id: str
    trace_id: str
    parent_id: str | None
    name: str
    type: str
    start: datetime
    end: datetime | None
    completion_start_time: datetime | None
    level: str
    status_message: str | None
    version: str | None
    environment: str
    model: str | None
    model_parameters: Mapping[str, Any]
    input: str | None
    output: str | None
    usage_details: Mapping[str, int]
    cost_details: Mapping[str, float]
    prompt_name: str | None
    prompt_version: int | None
    metadata: Mapping[str, str]

    trace_name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    release: str | None = None
    public: bool = False
    is_app_root: bool = False

    @property
    def latency_s(self) -> float | None:
        """Seconds from start to end."""
        return None if self.end is None else (self.end - self.start).total_seconds()

    @property
    def time_to_first_token_s(self) -> float | None:
        """Seconds from start to the first token."""
        first = self.completion_start_time
        return None if first is None else (first - self.start).total_seconds()

    @property
    def total_cost(self) -> float | None:
        """What the observation cost, where the server has a total."""
        return self.cost_details.get("total")

    @property
    def input_tokens(self) -> int:
        """All buckets that the server's page counts as input."""
        return _tokens(self.usage_details, "input")

    @property
    def output_tokens(self) -> int:
        """All buckets that the server's page counts as output."""
        return _tokens(self.usage_details, "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """A trace with its observations in the order of their start."""

    id: str
    path: WritePath
    name: str | None
    timestamp: datetime
    user_id: str | None
    session_id: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    version: str | None
    release: str | None
    public: bool
    environment: str
    input: str | None
    output: str | None
    observations: tuple[ObservationView, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def latency_s(self) -> float | None:
        """Seconds from the first start to the last end."""
        if not self.observations:
            return None
        ends = [seen.end or seen.start for seen in self.observations]
        return (max(ends) - min(seen.start for seen in self.observations)).total_seconds()

    @property
    def total_cost(self) -> float | None:
        """The sum of the totals of its observations, None where no observation has one."""
        costs = [seen.total_cost for seen in self.observations if seen.total_cost is not None]
        return round(sum(costs), 12) if costs else None

    @property
    def input_tokens(self) -> int:
        """The sum over its observations."""
        return sum(seen.input_tokens for seen in self.observations)

    @property
    def output_tokens(self) -> int:
        """The sum over its observations."""
        return sum(seen.output_tokens for seen in self.observations)

    @property
    def level(self) -> str:
        """The worst level of its observations."""
        levels = [seen.level for seen in self.observations] or ["DEFAULT"]
        return max(levels, key=_LEVELS.index)


def _tokens(usage: Mapping[str, int], side: str) -> int:
    return sum(count for bucket, count in usage.items() if side in bucket)
