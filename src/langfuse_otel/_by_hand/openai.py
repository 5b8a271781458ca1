"""Calls through the plain OpenAI SDK: OpenInference's instrumentation sees them, we deliver them.

LiteLLM uses that SDK, too, and reports such calls itself: they pass by the instrumentation.
"""

from __future__ import annotations

import inspect
import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import wrapt

from langfuse_otel._read_settings import read_settings
from langfuse_otel.settings import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider

    from langfuse_otel.exporter import LangfuseSpanExporter
    from langfuse_otel.settings import Settings

log = logging.getLogger("langfuse_otel")

# What stands on the stack between the SDK's user and its request.
_BETWEEN = frozenset({"langfuse_otel", "openai", "wrapt"})


def watch(openai: ModuleType) -> None:
    """Trace the SDK, which has just been imported, where the settings ask for it."""
    settings = read_settings()
    if not (settings.enabled and settings.openai_instrumentation):
        return
    try:
        _instrument(openai, settings)
    except ImportError:
        log.warning(
            "langfuse-otel: LANGFUSE_OPENAI_INSTRUMENTATION needs `pip install "
            "'langfuse-otel[openai]'`; calls of the OpenAI SDK are not traced"
        )
    except Exception as error:  # noqa: BLE001 - the program's import of the SDK goes on
        log.warning("langfuse-otel: cannot trace the OpenAI SDK: %s", type(error).__name__)


def _instrument(openai: ModuleType, settings: Settings) -> None:
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415 - an extra

    instrumentor = OpenAIInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        log.warning("langfuse-otel: the OpenAI SDK is traced by another already; left as it is")
        return
    instrumentor.instrument(tracer_provider=_provider(settings))
    for name in ("OpenAI.request", "AsyncOpenAI.request"):
        wrapt.wrap_function_wrapper(openai, name, _passing_litellm)


def _passing_litellm(
    traced: Any, _client: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Do the request, untraced where LiteLLM asks for it."""
    request: Callable[..., Any] = traced.__wrapped__ if _user() == "litellm" else traced
    return request(*args, **kwargs)


def _user() -> str:
    """Return the package that uses the SDK: the first on the stack that is none of its own."""
    frame = inspect.currentframe()
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _BETWEEN:
            return package
        frame = frame.f_back
    return ""


def _provider(settings: Settings) -> TracerProvider:
    """Return a tracer provider of our own: nobody else's spans come here, and these go nowhere else."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - rare
    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415 - as above

    from langfuse_otel._spans.span import resource_of  # noqa: PLC0415 - as above

    class Delivered(SpanProcessor):
        """Hands each span to our delivery."""

        def on_start(self, span: Span, parent_context: Context | None = None) -> None:
            span.set_attributes(_placed(parent_context))

        def on_end(self, span: ReadableSpan) -> None:
            _exporter().export((span,))

    resource = resource_of(settings.service_name, environment_of(settings), settings.release)
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource(dict(resource)),
        span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(Delivered())
    return provider


@cache
def _exporter() -> LangfuseSpanExporter:
    """Made at the first span, so that a program may set the rest of the settings before."""
    from langfuse_otel.exporter import LangfuseSpanExporter  # noqa: PLC0415 - as above

    return LangfuseSpanExporter()


def _placed(context: Context | None) -> dict[str, Any]:
    """What the span has to say of its trace, by the span that it is made under."""
    from langfuse_otel._spans.ambient import parent_of_call  # noqa: PLC0415 - as above
    from langfuse_otel._spans.attributes import AS_ROOT, trace_attributes_of  # noqa: PLC0415 - as above

    parent = parent_of_call(context)
    if parent is None or parent.in_langfuse:
        return trace_attributes_of(parent.trace) if parent and parent.trace else {}
    return dict(AS_ROOT)
