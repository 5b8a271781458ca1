"""From a record to the queue: sampled, given its ids, and counted where it ends early."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

from langfuse_otel import _process
from langfuse_otel._delivery.backlog import Queued
from langfuse_otel._forks import open_in_child
from langfuse_otel._litellm.tenants import NOBODY
from langfuse_otel._newest import Newest
from langfuse_otel._privacy.masking import Masking, mask_of, masked, masked_score, without_content
from langfuse_otel._read_settings import read_settings
from langfuse_otel._records import Defaults, finished_of
from langfuse_otel._routes import Routes
from langfuse_otel._spans.identity import identify, with_inherited
from langfuse_otel._spans.otlp import Part
from langfuse_otel._spans.span import part_of, resource_of
from langfuse_otel.settings import environment_name, environment_of, names_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._destination import Destination
    from langfuse_otel._litellm.tenants import Tenant
    from langfuse_otel._records import Finished, Json, Observation
    from langfuse_otel._routes import Astray
    from langfuse_otel._spans.span import InPlaceOfMedia
    from langfuse_otel.settings import Settings

    # Where a call goes, or why it goes nowhere.
    Route = Destination | Astray | Literal["not_sampled"]
    Key = tuple[Route, int, str, str]
    Times = tuple[int, int]

log = logging.getLogger("langfuse_otel")

# Observations are remembered, to export one that several callbacks bring only once.
_remembered: Newest[Key, tuple[Times, ...]] = Newest()
_remembering = open_in_child(threading.RLock())


def defaults_of(settings: Settings) -> Defaults:
    """Return what the settings say of every observation."""
    return Defaults(
        user_from=names_of(settings.user_from),
        environment=environment_of(settings),
        release=settings.release,
        ignores_context=settings.ignore_context_propagation,
        trusts_requests=settings.trust_request_metadata,
    )


class Pipeline:
    """Takes observations for the destinations that the settings and the calls themselves name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._delivery = _process.delivery(settings)
        self._routes = Routes(settings, self._delivery.keep)
        self.defaults = defaults_of(settings)
        self.spans = names_of(settings.spans)
        self._masking = Masking(mask_of(settings.mask), self._delivery.mask_failed)

    def defaults_for(self, tenant: Tenant) -> Defaults:
        """Return what holds for a call: the settings, but for the environment that it names."""
        if not tenant.environment:
            return self.defaults
        environment = environment_name(tenant.environment)
        return replace(self.defaults, environment=environment) if environment else self.defaults

    def export(
        self, take: Callable[[], Finished], source: object, tenant: Tenant = NOBODY
    ) -> Finished | None:
        """Queue the observation that `take` leads to, or count why it is not sent.

        One that was queued or counted before, by another callback for the same call, is neither.

        Args:
            take: takes the call.
            source: what it is taken from; two callbacks for one call have the same.
            tenant: the project that the call asks for.

        Returns:
            What was queued, None if nothing was.
        """
        _process.show_debug_lines(self.settings)
        try:
            route, finished = self._sampled(self._routes.of(tenant), take())
        except Exception as error:  # noqa: BLE001 - whatever a caller's object raises when it is read
            self._delivery.lose("unreadable")
            log.warning("langfuse-otel: a call could not be read: %s", type(error).__name__)
            return None
        if not _is_new((route, id(source), finished.level, finished.call_id), finished):
            return None
        if isinstance(route, str):
            self._delivery.lose(route)
            return None
        media = _in_place_of_media(self.settings, route)
        encode = partial(_encoded, finished.observe, self.settings, media, self._masking)
        self._delivery.submit(Queued(route, finished.size, encode))
        return finished

    def export_score(self, body: Json, trace_id: int | None) -> None:
        """Queue a score, or count why it is not sent.

        Args:
            body: of the request; masks see what of it is content.
            trace_id: of the trace that it judges; a session's score has none.
        """
        if not self.settings.enabled:
            return
        route = self._routes.of_scores()
        if isinstance(route, str):
            self._delivery.lose(route)
        elif trace_id is not None and not is_sampled(trace_id, self.settings.sample_rate):
            self._delivery.lose("not_sampled")
        else:
            encode = partial(_encoded_score, body, self._masking)
            self._delivery.submit(Queued(route, len(body), encode))

    def _sampled(self, route: Route, taken: Finished) -> tuple[Route, Finished]:
        """Return the route, or `not_sampled`; and the call, read if its trace had to be known."""
        if isinstance(route, str) or self.settings.sample_rate >= 1:
            return route, taken
        observation = taken.observe()
        trace_id = identify(observation.clues).trace_id
        is_sent = is_sampled(trace_id, self.settings.sample_rate)
        return route if is_sent else "not_sampled", finished_of(observation)


@cache
def of_environment() -> Pipeline:
    """Return the pipeline of what is made by hand, with the settings at its first use."""
    settings = read_settings()
    _process.handle_signals(settings)
    return Pipeline(settings)


def _encoded(
    observe: Callable[[], Observation], settings: Settings, media: InPlaceOfMedia, masking: Masking
) -> Part:
    """Read what was taken, where nobody waits for it, and mask it before all else."""
    seen = with_inherited(observe())
    observation = masked(seen if settings.capture_content else without_content(seen), masking)
    resource = resource_of(settings.service_name, observation.environment)
    return part_of(observation, identify(observation.clues), resource, media)


def _encoded_score(body: Json, masking: Masking) -> Part:
    return Part(b"", b"", masked_score(body, masking).encode())


def is_sampled(trace_id: int, rate: float) -> bool:
    """Decide by trace id, as OpenTelemetry's `TraceIdRatioBased` does, so that a trace stays whole."""
    return trace_id & (2**64 - 1) < round(rate * 2**64)


def _in_place_of_media(settings: Settings, destination: Destination) -> InPlaceOfMedia:
    """Only Langfuse has an API for media. Media are content, in metadata as well."""
    if not settings.capture_content:
        return "marker"
    if settings.inline_media:
        return "media"
    is_uploaded = settings.media_upload_enabled and destination.kind == "langfuse"
    return "reference" if is_uploaded else "marker"


def _is_new(key: Key, finished: Finished) -> bool:
    """Whether no other callback has brought this call.

    LiteLLM (1.106) may log a call for each of two nested functions of its own: both have the same
    data, and the time of one lies within that of the other. Attempts follow one another.
    """
    times = finished.started_ns, finished.ended_ns
    with _remembering:
        earlier = _remembered.get(key, ())
        is_new = not any(_overlap(times, other) for other in earlier)
        if is_new:
            _remembered.put(key, (*earlier, times))
    return is_new


def _overlap(one: Times, other: Times) -> bool:
    return one == other or (one[0] < other[1] and other[0] < one[1])
