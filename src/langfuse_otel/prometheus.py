"""The counts of `stats()` as Prometheus metrics.

Needs `pip install 'langfuse-otel[prometheus]'`. In the LiteLLM proxy with its own `prometheus`
callback, `register()` puts them on the same `/metrics` page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from langfuse_otel._process import stats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.registry import CollectorRegistry

    from langfuse_otel._delivery.counts import Stats

PREFIX = "langfuse_otel"


class StatsCollector:
    """Reads the counts whenever Prometheus asks; nothing is counted twice.

    The counts are of one process. Where several share a port, as with `PROMETHEUS_MULTIPROC_DIR`,
    the client library leaves out collectors like this one: scrape each worker, or read
    `langfuse_otel.stats()` there.
    """

    def describe(self) -> Iterator[Metric]:
        """Return what `collect` does: by its names a registry knows that it has these already."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they stand now."""
        counts = stats()
        yield from _totals(counts)
        yield from _moments(counts)
        yield _by_reason("spans_dropped", "Spans that were lost, by reason.", counts.dropped)
        yield _by_reason("media_failed", "Media not uploaded, by reason.", counts.media.failed)


def register(registry: CollectorRegistry = REGISTRY) -> StatsCollector:
    """Add the counts to a registry, that of the process by default, and return their collector.

    Raises:
        ValueError: they are in the registry already.
    """
    collector = StatsCollector()
    registry.register(collector)
    return collector


def _totals(counts: Stats) -> Iterator[Metric]:
    yield _total("spans_created", "Spans of finished calls.", counts.created)
    yield _total("spans_sent", "Spans that Langfuse took.", counts.sent)
    yield _total("spans_recovered", "Spans found in the spool.", counts.recovered)
    yield _total("requests_retried", "Requests to be sent again.", counts.retries)
    yield _total("sent_bytes", "Bodies of the requests that were taken.", counts.bytes_sent)
    yield _total("spool_errors", "Batches that the disk did not take.", counts.spool_errors)
    yield _total("mask_failures", "Fields replaced since a mask failed.", counts.mask_failures)
    yield _total("media_uploaded", "Media that were uploaded.", counts.media.uploaded)
    yield _total("media_repeated", "Spans sent again for media.", counts.media.repeated)


def _moments(counts: Stats) -> Iterator[Metric]:
    yield _moment("spans_queued", "Spans that wait in memory.", counts.queued)
    yield _moment("spans_spooled", "Spans that wait on disk.", counts.spooled)
    yield _moment("media_waiting", "Media that wait for their upload.", counts.media.waiting)


def _total(name: str, about: str, value: int) -> Metric:
    return CounterMetricFamily(f"{PREFIX}_{name}", about, value=value)


def _moment(name: str, about: str, value: int) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", about, value=value)


def _by_reason(name: str, about: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}_{name}", about, labels=["reason"])
    for reason, count in sorted(counts.items()):
        family.add_metric([reason], count)
    return family
