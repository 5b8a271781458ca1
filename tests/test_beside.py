"""Other integrations in the same process: each gets what it would get alone, and so do we."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from programs import run_program

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

CALLS = """
import json, litellm
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
litellm.callbacks = {callbacks}

async def main():
    await litellm.acompletion(**call())
    await litellm.acompletion(**call(model="{second}"))
    await GLOBAL_LOGGING_WORKER.flush()
asyncio.run(main())
"""
OTEL = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry import trace
seen = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(seen))
trace.set_tracer_provider(provider)
"""
OTEL_SAID = """
print(json.dumps(sorted(
    [span.name, sorted(span.attributes), span.parent is None]
    for span in seen.get_finished_spans()
)))
"""
PROMETHEUS_SAID = """
from prometheus_client import generate_latest
print(json.dumps(sorted(
    line for line in generate_latest().decode().splitlines()
    if line.startswith("litellm_") and "_count{" in line or "_total{" in line
)))
"""
PARTNERS = {
    "otel": (OTEL, OTEL_SAID),
    "arize": (OTEL, OTEL_SAID),
    "prometheus": ("", PROMETHEUS_SAID),
}
ARIZE = {
    "ARIZE_SPACE_ID": "space",
    "ARIZE_API_KEY": "key",
    "ARIZE_HTTP_ENDPOINT": "http://127.0.0.1:9/v1/traces",
}


def said(collector: Collector, partner: str, *, beside: bool) -> Any:
    """Return what the partner was told of two calls, with this library beside it or without."""
    before, after = PARTNERS[partner]
    ours = "import langfuse_otel\n" if beside else ""
    callbacks = [partner, "langfuse_otel"] if beside else [partner]
    calls = CALLS.format(callbacks=callbacks, second="anthropic/claude-3-haiku-20240307")
    run = run_program(before + ours + calls + after, collector, **ARIZE)

    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("partner", PARTNERS)
def test_callbacks_of_litellm(collector: Collector, partner: str) -> None:
    """Another callback of LiteLLM's is told the same with ours beside it as alone."""
    alone = said(collector, partner, beside=False)
    beside = said(collector, partner, beside=True)

    assert alone
    assert beside == alone
    assert len(collector.spans) == 2
    assert {span.scope for span in collector.spans} == {"langfuse_otel"}


WITHOUT_SDK = """
sys.modules["langfuse"] = None  # as if it were not installed
import langfuse_otel, litellm
litellm.callbacks = ["langfuse_otel"]
with langfuse_otel.trace("lesson", user_id="ada") as trace:
    litellm.completion(**call())
    trace.score(name="good", value=1)

@langfuse_otel.observe()
def asked():
    return litellm.completion(**call()).choices[0].message.content
asked()
assert langfuse_otel.flush(20)
"""


def test_without_the_langfuse_sdk(collector: Collector) -> None:
    """Nothing here needs the Langfuse SDK."""
    run = run_program(WITHOUT_SDK, collector)

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 4
    assert len(collector.scores) == 1
