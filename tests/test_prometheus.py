"""The counts as Prometheus metrics, and the dashboard that charts them beside LiteLLM's."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import litellm
import pytest
from prometheus_client import CollectorRegistry, generate_latest

import langfuse_otel
from langfuse_otel import Stats, prometheus
from langfuse_otel._delivery.counts import MediaStats
from proxies import a_proxy
from upstream import Upstream

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

ROOT = Path(__file__).parents[1]
DASHBOARD = ROOT / "docs" / "grafana.json"
EXAMPLE = ROOT / "examples" / "instrumentation.py"
METRIC = re.compile(r"\b(?:litellm|langfuse_otel)_\w+")

# Not counts: a text, and what is there by destination.
NO_COUNTS = {"last_error", "destinations", "media"}


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry that has our counts alone."""
    registry = CollectorRegistry()
    prometheus.register(registry)
    return registry


def test_counts(registry: CollectorRegistry, langfuse: Collector) -> None:
    """The metrics are the counts of `stats()` at the moment that they are asked for."""
    litellm.completion(
        model="gpt-4o", messages=[{"role": "user", "content": "q"}], mock_response="a"
    )
    assert langfuse_otel.flush()

    assert registry.get_sample_value("langfuse_otel_spans_sent_total") == 1
    assert registry.get_sample_value("langfuse_otel_spans_queued") == 0


def test_lost_by_reason(
    registry: CollectorRegistry, langfuse: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lost is counted by its reason."""
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0")
    litellm.completion(
        model="gpt-4o", messages=[{"role": "user", "content": "q"}], mock_response="a"
    )
    assert langfuse_otel.flush()

    lost = {"reason": "not_sampled"}
    assert registry.get_sample_value("langfuse_otel_spans_dropped_total", lost) == 1


def test_every_count_has_a_metric(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No count is left out: each that is given another value changes a metric."""
    shown = []
    for kind in (Stats, MediaStats):
        for field in fields(kind):
            if field.name in NO_COUNTS:
                continue
            value = 7 if field.type == "int" else {"a": 7}
            counts = kind(**{field.name: value})
            stats = counts if isinstance(counts, Stats) else Stats(media=counts)
            monkeypatch.setattr(prometheus, "stats", lambda stats=stats: stats)
            text = generate_latest(registry).decode()
            shown += [field.name] if re.search(r" 7\.0$", text, re.MULTILINE) else []

    expected = [f.name for kind in (Stats, MediaStats) for f in fields(kind)]
    assert is_dataclass(Stats)
    assert shown == [name for name in expected if name not in NO_COUNTS]


def test_dashboard(tmp_path: Path, collector: Collector) -> None:
    """Every metric that the dashboard names is on the page of a proxy that has both callbacks."""
    shutil.copy(EXAMPLE, tmp_path)
    callbacks = ["instrumentation.callback", "prometheus"]
    with Upstream() as upstream, a_proxy(tmp_path, upstream.url, callbacks, collector) as client:
        body = {"model": "house-model", "messages": [{"role": "user", "content": "q"}]}
        client.post("/chat/completions", json=body).raise_for_status()
        collector.wait_for(1)
        page = client.get("/metrics/", follow_redirects=True).text
    named = {
        name
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
        for name in METRIC.findall(target["expr"])
    }
    exported = set(METRIC.findall(page))

    assert {name.removesuffix("_bucket") for name in named} <= exported
    assert "langfuse_otel_spans_sent_total 1.0" in page
