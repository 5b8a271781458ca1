"""LiteLLM calls, seen in Langfuse.

Importing this package makes LiteLLM's callback name `langfuse_otel` mean this library. Nothing
else happens at import: no thread, no socket, neither LiteLLM nor the OpenTelemetry SDK imported, and
no settings read, unless the OpenAI SDK has been imported before.
"""

from __future__ import annotations

import atexit
from functools import partial
from typing import TYPE_CHECKING, Any

import wrapt

from langfuse_otel._hooks import beginnings, broken, hits, retries, streams
from langfuse_otel._hooks.children import deliver_at_end_of, deliver_at_end_of_workers
from langfuse_otel._hooks.partial import READERS
from langfuse_otel._hooks.pending import remember_callbacks
from langfuse_otel._process import aflush, end, end_before_threads, flush, stats
from langfuse_otel._version import __version__

if TYPE_CHECKING:
    from types import ModuleType

    from langfuse_otel._by_hand.observe import observe
    from langfuse_otel._by_hand.open_observation import OpenObservation
    from langfuse_otel._by_hand.scores import score
    from langfuse_otel._delivery.counts import Stats
    from langfuse_otel._destination import Destination
    from langfuse_otel._links import trace_id, trace_url
    from langfuse_otel._log_ids import LogIds
    from langfuse_otel._privacy.masking import configure
    from langfuse_otel._status import health, status
    from langfuse_otel.exporter import LangfuseSpanExporter
    from langfuse_otel.logger import LangfuseOtelLogger
    from langfuse_otel.settings import Settings
    from langfuse_otel.tracing import (
        generation,
        span,
        start_generation,
        start_span,
        start_trace,
        trace,
    )

    callback: LangfuseOtelLogger

__all__ = [
    "Destination",
    "LangfuseOtelLogger",
    "LangfuseSpanExporter",
    "LogIds",
    "OpenObservation",
    "Settings",
    "Stats",
    "__version__",
    "aflush",
    "callback",
    "configure",
    "flush",
    "generation",
    "health",
    "observe",
    "score",
    "span",
    "start_generation",
    "start_span",
    "start_trace",
    "stats",
    "status",
    "trace",
    "trace_id",
    "trace_url",
]

_LAZY = {
    "Destination": "langfuse_otel._destination",
    "LangfuseOtelLogger": "langfuse_otel.logger",
    "LangfuseSpanExporter": "langfuse_otel.exporter",
    "LogIds": "langfuse_otel._log_ids",
    "OpenObservation": "langfuse_otel._by_hand.open_observation",
    "Settings": "langfuse_otel.settings",
    "Stats": "langfuse_otel._delivery.counts",
    "configure": "langfuse_otel._privacy.masking",
    "generation": "langfuse_otel.tracing",
    "health": "langfuse_otel._status",
    "observe": "langfuse_otel._by_hand.observe",
    "score": "langfuse_otel._by_hand.scores",
    "span": "langfuse_otel.tracing",
    "start_generation": "langfuse_otel.tracing",
    "start_span": "langfuse_otel.tracing",
    "start_trace": "langfuse_otel.tracing",
    "status": "langfuse_otel._status",
    "trace": "langfuse_otel.tracing",
    "trace_id": "langfuse_otel._links",
    "trace_url": "langfuse_otel._links",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used; `callback` is the logger that configs name."""
    from importlib import import_module  # noqa: PLC0415 - only a lazy name needs it

    if name == "callback":
        value: object = import_module("langfuse_otel.logger").LangfuseOtelLogger()
    elif name in _LAZY:
        value = getattr(import_module(_LAZY[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _take_the_name(module: ModuleType) -> None:
    """LiteLLM looks the class up in this module of its own each time it resolves the name."""
    from langfuse_otel.logger import LangfuseOtelLogger  # noqa: PLC0415 - LiteLLM is there now

    module.LangfuseOtelLogger = LangfuseOtelLogger  # type: ignore[attr-defined]


def _trace_openai(module: ModuleType) -> None:
    from langfuse_otel._by_hand.openai import watch  # noqa: PLC0415 - only who uses that SDK pays

    watch(module)


wrapt.register_post_import_hook(_take_the_name, "litellm.integrations.langfuse.langfuse_otel")
wrapt.register_post_import_hook(remember_callbacks, "litellm.litellm_core_utils.logging_worker")
wrapt.register_post_import_hook(retries.watch, "litellm")
wrapt.register_post_import_hook(
    beginnings.watch, "litellm.litellm_core_utils.logging_callback_manager"
)
wrapt.register_post_import_hook(hits.watch, "litellm.caching.caching_handler")
wrapt.register_post_import_hook(_trace_openai, "openai")
for _module in READERS:
    wrapt.register_post_import_hook(streams.watch, _module)
for _module in broken.READERS:
    wrapt.register_post_import_hook(broken.watch, _module)
wrapt.register_post_import_hook(
    partial(deliver_at_end_of, end=end_before_threads), "multiprocessing.util"
)
wrapt.register_post_import_hook(
    partial(deliver_at_end_of_workers, end=end_before_threads), "celery.signals"
)
atexit.register(end)
