"""A trace as the tree that the page draws, and one observation with all that is known of it; pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ._api import json_of_observation, json_of_trace
from ._lint import warnings_of
from ._reading import reading_of
from ._scores import json_of_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._received import ReceivedSpan
    from ._scores import Score
    from ._views import TraceView

_LARGE = ("input", "output", "metadata", "modelParameters")


def json_of_tree(trace: TraceView, scores: Sequence[Score]) -> dict[str, Any]:
    """Take a trace and its scores, give it with its observations, which have no content."""
    return {
        **json_of_trace(trace, scores),
        "path": trace.path,
        "level": trace.level,
        "inputTokens": trace.input_tokens,
        "outputTokens": trace.output_tokens,
        "observations": [
            {key: value for key, value in json_of_observation(seen).items() if key not in _LARGE}
            | {
                "inputTokens": seen.input_tokens,
                "outputTokens": seen.output_tokens,
                "totalCost": seen.total_cost,
            }
            for seen in trace.observations
        ],
        "dropped": [dataclasses.asdict(lost) for lost in trace.dropped],
        "scores": [json_of_score(score) for score in scores],
    }


def json_of_details(trace: TraceView, span: ReceivedSpan) -> dict[str, Any]:
    """Take a trace and one of its spans, give the observation, what became of which attribute."""
    seen = next((found for found in trace.observations if found.id == span.span_id), None)
    return {
        "observation": None if seen is None else json_of_observation(seen),
        "reads": [dataclasses.asdict(read) for read in reading_of(span, trace.path)],
        "warnings": [dataclasses.asdict(warning) for warning in warnings_of(span)],
        "span": dataclasses.asdict(span),
    }
