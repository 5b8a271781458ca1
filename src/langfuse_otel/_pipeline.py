"""From a record to the queue: sampled, given its ids, and counted where it ends early."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from langfuse_otel import _process
from langfuse_otel._delivery import Queued
from langfuse_otel._identity import identify, without_context
from langfuse_otel._links import remember
from langfuse_otel._spans import resource_of, span_of
from langfuse_otel.settings import environment_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._destination import Destination
    from langfuse_otel._records import Clues, Observation
    from langfuse_otel.settings import Settings

log = logging.getLogger("langfuse_otel")

# How many observations are remembered, to export one that is announced twice only once.
MAX_REMEMBERED = 10_000
_remembered: OrderedDict[tuple[Destination, int, int], object] = OrderedDict()


class Pipeline:
    """Takes observations for the destination that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._delivery = _process.delivery(settings)
        self._environment = environment_name(settings.environment or "") or None
        self._resource = resource_of(settings.service_name, self._environment, settings.release)
        self._destination = _destination(settings) if settings.enabled else None
        self.user_from = tuple(name.strip() for name in settings.user_from.split(","))

    def export(self, make: Callable[[], Observation]) -> None:
        """Queue the observation that `make` returns, or count why it is not sent.

        One that was queued before, by another callback for the same call, is neither.
        """
        if self._destination is None:
            self._lose("no_destination")
            return
        try:
            observation = self._completed(make())
        except Exception as error:  # noqa: BLE001 - whatever a caller's object raises when it is read
            self._lose("unreadable")
            log.warning("langfuse-otel: a call could not be read: %s", type(error).__name__)
            return
        identity = identify(observation.clues)
        remember(observation.clues.call_id, identity.trace_id)
        if not is_sampled(identity.trace_id, self.settings.sample_rate):
            self._lose("not_sampled")
        elif _is_new((self._destination, identity.trace_id, identity.span_id)):
            span = partial(span_of, observation, identity, self._resource)
            self._delivery.submit(Queued(self._destination, observation.size, span))

    def announce(self, clues: Clues) -> None:
        """Remember the trace of a call that has just started."""
        remember(clues.call_id, identify(self._in_context(clues)).trace_id)

    def _in_context(self, clues: Clues) -> Clues:
        return without_context(clues) if self.settings.ignore_context_propagation else clues

    def _completed(self, observation: Observation) -> Observation:
        """Fill in what the settings say of every observation."""
        clues, trace = self._in_context(observation.clues), observation.trace
        if self.settings.release and not (trace.release or trace.is_continued):
            trace = replace(trace, release=self.settings.release)
        environment = observation.environment or self._environment
        return replace(observation, clues=clues, trace=trace, environment=environment)

    def _lose(self, reason: str) -> None:
        self._delivery.counts.created()
        self._delivery.counts.dropped(reason)


def is_sampled(trace_id: int, rate: float) -> bool:
    """Decide by trace id, as OpenTelemetry's `TraceIdRatioBased` does, so that a trace stays whole."""
    return trace_id & (2**64 - 1) < round(rate * 2**64)


def _destination(settings: Settings) -> Destination | None:
    try:
        destination = settings.destination()
    except ValueError as error:
        log.warning("langfuse-otel: calls are not sent: %s", error)
        return None
    log.debug(
        "langfuse-otel: spans go to %s (host from %s, public key %s, authorization header built)",
        destination.traces_url,
        settings.source("host"),
        destination.public_key,
    )
    return destination


def _is_new(key: tuple[Destination, int, int]) -> bool:
    mark = object()
    if _remembered.setdefault(key, mark) is not mark:
        return False
    while len(_remembered) > MAX_REMEMBERED:
        _remembered.popitem(last=False)
    return True
