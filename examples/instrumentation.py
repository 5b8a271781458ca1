"""For `callbacks: ["instrumentation.callback"]` in the configuration of the LiteLLM proxy.

The callback, and beside it health, status and flush below `/api/instrumentation`, and the counts on
the page of LiteLLM's own `prometheus` callback.
"""

from litellm.proxy.proxy_server import app

from langfuse_otel import asgi, callback, prometheus

__all__ = ["callback"]

app.mount("/api/instrumentation", asgi.app)
prometheus.register()
