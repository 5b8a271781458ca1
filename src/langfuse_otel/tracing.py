"""Observations by hand: `generation()`, `span()` and `trace()`, with or without a `with` block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace as otel

from langfuse_otel._by_hand.drafts import begun
from langfuse_otel._by_hand.fields import type_from
from langfuse_otel._by_hand.open_observation import OpenObservation, generation_under

if TYPE_CHECKING:
    from langfuse_otel._records import ObservationType


def generation(
    provider: str | None = None, model: str | None = None, **fields: Any
) -> OpenObservation:
    """Begin a generation: one call to a model.

    Calls through LiteLLM that are made within it are its children, and carry usage and cost alone:
    it is exported as a span then.

    Args:
        provider: of the model; becomes a tag of the trace.
        model: the model's name, by which Langfuse knows a price.
        fields: as for `span`.
    """
    return generation_under(otel.get_current_span(), provider, model, fields)


def span(
    name: str = "span", *, as_type: ObservationType = "span", **fields: Any
) -> OpenObservation:
    """Begin a span: a step that is no call to a model.

    Args:
        name: of the observation.
        as_type: one of Langfuse's observation types; a span for what is none.
        fields: those of `OpenObservation.update`; also `trace_id` and `parent_observation_id`,
            which are taken as in the metadata of a LiteLLM call, and `trace_name`.

    Raises:
        TypeError: a name is none of these.
    """
    return OpenObservation(begun(otel.get_current_span(), type_from(as_type), name=name, **fields))


def trace(name: str = "trace", **fields: Any) -> OpenObservation:
    """Begin the span that stands for a whole trace, and names it.

    What it says of the trace (user, session, tags, metadata) stands on all observations within it.
    Its `score` judges the trace. Under an active OpenTelemetry span it joins that one's trace.

    Args:
        name: of the trace.
        fields: as for `span`.
    """
    active = otel.get_current_span()
    return OpenObservation(begun(active, "span", name=name, is_trace=True, **fields))


# The same, named for programs that end them by hand.
start_generation = generation
start_span = span
start_trace = trace
