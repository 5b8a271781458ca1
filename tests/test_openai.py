"""Calls through the plain OpenAI SDK, beside those that LiteLLM makes with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from programs import run_cold_program
from upstream import BUCKETS, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel.testing import Collector

SCOPE = "openinference.instrumentation.openai"
PLAIN = """
import langfuse_otel
import openai
from opentelemetry import trace
url = os.environ["UPSTREAM"]
messages = [{"role": "user", "content": "hi"}]
asked = dict(model="gpt-4o", messages=messages)
client = openai.OpenAI(base_url=url, api_key="sk-none")
aclient = openai.AsyncOpenAI(base_url=url, api_key="sk-none")

async def acall():
    await aclient.chat.completions.create(**asked)
    async for _ in await aclient.chat.completions.create(**asked, stream=True):
        pass
"""
LITELLM = """
import litellm
litellm.callbacks = ["langfuse_otel"]
lite = dict(model="openai/gpt-4o", messages=messages, api_base=url, api_key="sk-none")

async def alite():
    await litellm.acompletion(**lite)
    async for _ in await litellm.acompletion(**lite, stream=True):
        pass
    router = litellm.Router([{"model_name": "m", "litellm_params": {
        "model": "openai/gpt-4o", "api_base": url, "api_key": "sk-none"}}])
    await router.acompletion(model="m", messages=messages)

litellm.completion(**lite)
list(litellm.completion(**lite, stream=True))
asyncio.run(alite())
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A provider on loopback."""
    pytest.importorskip("openinference.instrumentation.openai", reason="needs the extra openai")
    with Upstream() as running:
        yield running


def test_one_collector_after_the_other(upstream: Upstream) -> None:
    """In tests of an application each collector gets its calls, not the first alone."""
    code = (
        PLAIN
        + """
from langfuse_otel.testing import Collector
for _ in range(2):
    with Collector() as collector:
        os.environ.update(collector.environment)
        client.chat.completions.create(**asked)
        print(langfuse_otel.flush(), len(collector.spans))
"""
    )
    variables = {"UPSTREAM": upstream.url, "LANGFUSE_OPENAI_INSTRUMENTATION": "true"}
    run = run_cold_program(code, None, **variables)

    assert run.stdout == "True 1\nTrue 1\n", run.stderr


def test_plain_calls(collector: Collector, upstream: Upstream) -> None:
    """A call of the SDK is an LLM span with model, input, output and usage, streamed or not."""
    code = PLAIN + "client.chat.completions.create(**asked)\nasyncio.run(acall())\n"
    run = run_cold_program(
        code,
        collector,
        UPSTREAM=upstream.url,
        LANGFUSE_OPENAI_INSTRUMENTATION="true",
        LANGFUSE_TRACING_ENVIRONMENT="prod",
    )

    assert len(collector.spans) == 3, run.stderr
    for span in collector.spans:
        assert span.scope == SCOPE
        assert span.attributes["openinference.span.kind"] == "LLM"
        assert span.attributes["llm.model_name"] == "gpt-4o"
        assert json.loads(span.attributes["input.value"])["messages"][0]["content"] == "hi"
        assert "Hello from upstream." in span.attributes["output.value"]
        assert span.resource["langfuse.environment"] == "prod"
    first = collector.spans[0].attributes
    assert first["llm.token_count.total"] == BUCKETS["total"]
    assert first["llm.token_count.prompt_details.cache_read"] == BUCKETS["input_cached_tokens"]


def test_litellm_is_not_doubled(collector: Collector, upstream: Upstream) -> None:
    """A call of LiteLLM's is one generation, and none of the SDK's that it uses within."""
    run = run_cold_program(
        PLAIN + LITELLM, collector, UPSTREAM=upstream.url, LANGFUSE_OPENAI_INSTRUMENTATION="true"
    )

    assert len(collector.spans) == 5, run.stderr
    assert {span.scope for span in collector.spans} == {"langfuse_otel"}


def test_within_by_hand(collector: Collector, upstream: Upstream) -> None:
    """A plain call within a generation is its child, has the trace's fields, and alone has usage."""
    code = """
with langfuse_otel.trace("t", user_id="me"), langfuse_otel.generation("openai", "gpt-4o") as made:
    client.chat.completions.create(**asked)
    made.set_token_usage(input_tokens=100, output_tokens=50)
"""
    run = run_cold_program(
        PLAIN + code, collector, UPSTREAM=upstream.url, LANGFUSE_OPENAI_INSTRUMENTATION="true"
    )
    spans = {span.name: span for span in collector.spans}
    assert set(spans) == {"t", "gpt-4o", "ChatCompletion"}, run.stderr
    plain = spans["ChatCompletion"]

    assert plain.parent_id == spans["gpt-4o"].span_id
    assert plain.attributes["user.id"] == "me"
    assert plain.attributes["langfuse.trace.name"] == "t"
    assert "langfuse.internal.as_root" not in plain.attributes
    assert "langfuse.observation.usage_details" not in spans["gpt-4o"].attributes


def test_under_another_span(collector: Collector, upstream: Upstream) -> None:
    """Under a span that does not go to Langfuse a plain call shows the trace itself."""
    code = """
from opentelemetry.sdk.trace import TracerProvider
with TracerProvider().get_tracer("app").start_as_current_span("outer"):
    client.chat.completions.create(**asked)
"""
    run = run_cold_program(
        PLAIN + code, collector, UPSTREAM=upstream.url, LANGFUSE_OPENAI_INSTRUMENTATION="true"
    )
    [span] = collector.spans or pytest.fail(run.stderr)

    assert span.parent_id is not None
    assert span.attributes["langfuse.internal.as_root"] is True


@pytest.mark.parametrize("changes", [{}, {"LANGFUSE_ENABLED": "false"}])
def test_not_asked_for(collector: Collector, upstream: Upstream, changes: dict[str, str]) -> None:
    """Plain calls are traced only where the settings say so, and the library is on."""
    asked = {"LANGFUSE_OPENAI_INSTRUMENTATION": "true", **changes} if changes else {}
    run = run_cold_program(
        PLAIN + "client.chat.completions.create(**asked)", collector, UPSTREAM=upstream.url, **asked
    )

    assert (run.returncode, collector.spans) == (0, []), run.stderr


def test_traced_by_another(collector: Collector, upstream: Upstream) -> None:
    """An SDK that another has instrumented is left as it is, with a warning."""
    code = "from openinference.instrumentation.openai import OpenAIInstrumentor\n"
    code += "OpenAIInstrumentor().instrument()\n" + PLAIN
    code += "client.chat.completions.create(**asked)"
    run = run_cold_program(
        code, collector, UPSTREAM=upstream.url, LANGFUSE_OPENAI_INSTRUMENTATION="true"
    )

    assert collector.spans == []
    assert "traced by another" in run.stderr


def test_without_the_extra(collector: Collector) -> None:
    """Without the package one warning says what to install."""
    code = (
        "sys.modules['openinference.instrumentation.openai'] = None\nimport langfuse_otel, openai"
    )
    run = run_cold_program(code, collector, LANGFUSE_OPENAI_INSTRUMENTATION="true")

    assert "pip install 'langfuse-otel[openai]'" in run.stderr
    assert run.returncode == 0


def test_broken_package(collector: Collector) -> None:
    """A package that cannot be used costs a warning, and not the import of the SDK."""
    code = "from types import ModuleType\nname = 'openinference.instrumentation.openai'\n"
    code += "sys.modules[name] = ModuleType(name)\nsys.modules[name].OpenAIInstrumentor = None\n"
    code += "import langfuse_otel, openai\nprint(openai.OpenAI.__name__)"
    run = run_cold_program(code, collector, LANGFUSE_OPENAI_INSTRUMENTATION="true")

    assert run.stdout == "OpenAI\n"
    assert "cannot trace the OpenAI SDK: TypeError" in run.stderr


def test_nothing_of_it_by_default(collector: Collector) -> None:
    """Where it is not asked for, importing the SDK imports nothing of it."""
    code = "import langfuse_otel, openai\n"
    code += "print([m for m in sys.modules if m.startswith('openinference')])"

    assert run_cold_program(code, collector).stdout == "[]\n"
