"""For `opentelemetry-instrument`: the callback for a program that knows nothing of this library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

import langfuse_otel  # noqa: F401 - takes the callback's name
from langfuse_otel._read_settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import ModuleType


class LangfuseOtelInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Takes LiteLLM's callback name and adds the callback itself, where it has a destination.

    That is Langfuse keys, or `LANGFUSE_OTEL_ENDPOINT`. An endpoint for all that speak OTLP is none:
    the program may have set it for its own spans.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: LiteLLM is this library's own dependency."""
        return ()

    def _instrument(self, **_kwargs: Any) -> None:
        settings = read_settings()
        has_keys = settings.public_key and settings.secret_key
        if settings.enabled and (has_keys or settings.endpoint):
            wrapt.register_post_import_hook(_add_callback, "litellm")

    def _uninstrument(self, **_kwargs: Any) -> None:
        """The callback stays registered: LiteLLM's lists belong to the program by now."""


def _add_callback(_litellm: ModuleType) -> None:
    from langfuse_otel.logger import StayingLogger  # noqa: PLC0415 - LiteLLM is there now

    StayingLogger().register()
