"""A web application with OpenTelemetry: of its spans, Langfuse gets those of the shop alone."""

from __future__ import annotations

import litellm
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from langfuse_otel.exporter import LangfuseSpanExporter, of_scopes

litellm.callbacks = ["langfuse_otel"]

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(LangfuseSpanExporter(only=of_scopes("shop"))))
trace.set_tracer_provider(provider)

with (
    trace.get_tracer("web.framework").start_as_current_span("POST /questions"),
    trace.get_tracer("shop").start_as_current_span("answer a question"),
):
    response = litellm.completion(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Is it in stock?"}],
        mock_response="It is.",  # take this line out to ask the model
    )

print(response.choices[0].message.content)
