"""Other libraries in the same process: each gets what it would get alone, and none is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from programs import run_program
from proxies import MODULES

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

CALLS = """
import json, litellm
from litellm.integrations.custom_logger import CustomLogger

class Last(CustomLogger):
    called = 0
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        Last.called += 1

litellm.callbacks = [*{callbacks}, Last()]

async def main():
    await litellm.acompletion(**call())
    await litellm.acompletion(**call(model="anthropic/claude-3-haiku-20240307"))
    while Last.called < 2 or not is_told():
        await asyncio.sleep(0.01)
asyncio.run(asyncio.wait_for(main(), 60))
print(json.dumps(sorted(told())))
"""
# Each says whether everything has come to it, and what.
OTEL = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
seen = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(seen))
trace.set_tracer_provider(provider)
def is_told():
    return True
def told():
    return [[s.name, sorted(s.attributes), s.parent is None] for s in seen.get_finished_spans()]
"""
ARIZE = """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
os.environ |= {
    "ARIZE_SPACE_ID": "space",
    "ARIZE_API_KEY": "key",
    "ARIZE_HTTP_ENDPOINT": "http://127.0.0.1:9/v1/traces",
    "OTEL_BSP_SCHEDULE_DELAY": "50",
}
seen = []
OTLPSpanExporter.export = lambda self, spans: seen.extend(spans) or SpanExportResult.SUCCESS
def is_told():
    return len(seen) >= 4  # two for each call
def told():
    return [[s.name, sorted(s.attributes), s.parent is None] for s in seen]
"""
PROMETHEUS = """
from prometheus_client import generate_latest
def is_told():
    return True
def told():
    lines = generate_latest().decode().splitlines()
    return [l for l in lines if l.startswith("litellm_") and ("_count{" in l or "_total{" in l)]
"""
PARTNERS = {"otel": OTEL, "arize": ARIZE, "prometheus": PROMETHEUS}


def told(collector: Collector, partner: str, *, beside: bool) -> Any:
    """Return what a callback of LiteLLM's was told of two calls, with ours beside it or alone."""
    ours = "import langfuse_otel\n" if beside else ""
    callbacks = [partner, "langfuse_otel"] if beside else [partner]
    code = ours + PARTNERS[partner] + CALLS.format(callbacks=callbacks)
    run = run_program(code, collector, imported=MODULES)  # which LiteLLM's `otel` imports

    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("partner", PARTNERS)
def test_callbacks_of_litellm(collector: Collector, partner: str) -> None:
    """Another callback of LiteLLM's is told the same with ours beside it as alone."""
    alone = told(collector, partner, beside=False)
    beside = told(collector, partner, beside=True)

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
