"""What is compared: the library, its peers, and the floors below them all.

Nothing is imported before its variant is installed, so that none pays for another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Flush = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing to compare.

    Attributes:
        install: registers it in this process, given the sink's address; returns its own flush,
            where it has more to flush than OpenTelemetry's processors.
        callback: its name in a proxy's configuration.
        environment: variables beside those that name the sink.
    """

    name: str
    install: Callable[[str], Flush | None]
    callback: str = "langfuse_otel"
    environment: Mapping[str, str] = field(default_factory=dict)


def _nothing(_sink_url: str) -> None:
    pass


def _floor(_sink_url: str) -> None:
    import litellm

    from benchmarks.floor import Floor

    litellm.callbacks = [Floor()]


def _otel_floor(sink_url: str) -> None:
    import litellm

    from benchmarks.otel_floor import OtelFloor

    litellm.callbacks = [OtelFloor(sink_url)]


def _wire_floor(sink_url: str) -> Flush:
    import litellm

    from benchmarks.wire_floor import WireFloor

    logger = WireFloor(sink_url)
    litellm.callbacks = [logger]
    return logger.flush


def _builtin(_sink_url: str) -> None:
    import litellm

    litellm.callbacks = ["langfuse_otel"]


def _langfuse_sdk(_sink_url: str) -> None:
    import litellm

    litellm.success_callback = ["langfuse"]
    litellm.failure_callback = ["langfuse"]


def _openinference(sink_url: str) -> None:
    from openinference.instrumentation.litellm import LiteLLMInstrumentor

    from benchmarks.otel_floor import provider

    LiteLLMInstrumentor().instrument(tracer_provider=provider(sink_url))


def _ours(_sink_url: str) -> Flush:
    import litellm

    import langfuse_otel

    litellm.callbacks = ["langfuse_otel"]
    return langfuse_otel.flush


PLAIN = {"LANGFUSE_OTEL_COMPRESSION": "none"}

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("none", _nothing),
        Variant("floor", _floor, callback="benchmarks.floor.callback"),
        Variant("wire_floor", _wire_floor),
        Variant("otel_floor", _otel_floor),
        Variant("openinference", _openinference),
        Variant("langfuse_sdk", _langfuse_sdk, callback="langfuse"),
        Variant("builtin", _builtin),
        Variant("ours_plain", _ours, "langfuse_otel.callback", PLAIN),
        Variant("ours", _ours, "langfuse_otel.callback"),
    )
}
