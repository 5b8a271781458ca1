"""A call that has ended → the queue: what is taken of it at once, and what is left to the worker."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from langfuse_otel import _links
from langfuse_otel._hooks import retries
from langfuse_otel._litellm.call import call_id_of, read_call
from langfuse_otel._litellm.guardrails import guardrail_of, results_of
from langfuse_otel._litellm.observation import observation_from
from langfuse_otel._litellm.redaction import hidden_of
from langfuse_otel._litellm.snapshot import snapshot_of
from langfuse_otel._records import Finished, finished_of
from langfuse_otel._spans.ambient import parent_of_call
from langfuse_otel._spans.identity import identify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langfuse_otel._litellm.held import Inlets
    from langfuse_otel._litellm.redaction import Hidden
    from langfuse_otel._litellm.tenants import Tenant
    from langfuse_otel._pipeline import Pipeline
    from langfuse_otel._records import Observation, Parent


class Announced(NamedTuple):
    """What is taken of a call when it starts: the active span, and the caller's metadata."""

    ambient: Parent | None
    metadata: Inlets | None


class Ended(NamedTuple):
    """A call that has ended, as a callback of LiteLLM's or a hook of ours tells of it.

    `kwargs` is LiteLLM's dictionary about the call; where it is a copy that we took, `source` is that
    one. `started` and `ended` are datetimes. `finish` changes the observation of a stream that was
    left, `said` is what a stream had said before it failed.
    """

    kwargs: Mapping[str, Any]
    response: object
    started: object
    ended: object
    finish: Callable[[Observation], Observation] | None = None
    source: Mapping[str, Any] | None = None
    said: object = None

    @property
    def call_id(self) -> str:
        """LiteLLM's id of the call, "" where it has none."""
        return call_id_of(self.kwargs) or ""


def export(
    call: Ended, announced: Announced | None, tenant: Tenant, switched: Hidden, pipeline: Pipeline
) -> None:
    """Queue the observation of a call, and those of its guardrails where the settings ask for them.

    Args:
        call: the call.
        announced: what was taken when it started; None if nobody told of that.
        tenant: the project that it asks for.
        switched: what settings and switches hide of it.
        pipeline: where it goes.
    """
    ambient, metadata = announced or Announced(parent_of_call(), None)
    if call_id := call.call_id:
        _links.announce_late(call_id, call.kwargs, ambient)
    attempt = retries.attempt_of(call_id)
    defaults = pipeline.defaults_for(tenant)

    def take() -> Finished:
        taken = snapshot_of(
            call.kwargs,
            call.response,
            call.started,
            call.ended,
            attempt,
            metadata=metadata,
            switched=switched,
            said=call.said,
        )
        observe = partial(observation_from, taken, ambient, defaults)
        if call.finish is None and call.response is not None:
            times = taken.started_ns, taken.ended_ns
            return Finished(taken.call_id, "DEFAULT", *times, taken.size, observe)
        # What may change its level is read at once.
        observation = observe()
        return finished_of(call.finish(observation) if call.finish else observation)

    source = call.kwargs if call.source is None else call.source
    exported = pipeline.export(take, source, tenant)
    if exported and "guardrails" in pipeline.spans:
        _export_guardrails(call.kwargs, exported, tenant, switched, pipeline)


def _export_guardrails(
    kwargs: Mapping[str, Any],
    exported: Finished,
    tenant: Tenant,
    switched: Hidden,
    pipeline: Pipeline,
) -> None:
    observe = cache(exported.observe)

    def take(number: int, result: Mapping[str, Any]) -> Finished:
        guarded, is_quoting = observe(), not hidden_of(read_call(kwargs, None), switched)
        identity = identify(guarded.clues)
        return finished_of(guardrail_of(result, number, guarded, identity, is_quoting=is_quoting))

    for number, result in enumerate(results_of(kwargs)):
        pipeline.export(partial(take, number, result), result, tenant)
