"""LiteLLM's asynchronous callbacks that do not come to their end, as at the end of `asyncio.run`.

LiteLLM (1.106) calls them one after the other. Where one that waits is cancelled, those behind it are
never called. What they would have been told stands in the frames of the coroutines.
"""

from __future__ import annotations

import logging
from importlib import import_module
from inspect import signature
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from langfuse_otel._hooks.loggers import loggers_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator, Mapping
    from types import FrameType

log = logging.getLogger("langfuse_otel")

HANDLER = "async_success_handler"
# Puts the answer of a stream of events together, before anybody is called.
STREAMING_HANDLER = "litellm.proxy.pass_through_endpoints.streaming_handler"
BUILDING = "route_streaming_logging_to_handler"


def passed(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames that an error went through."""
    yield from (frame for frame, _ in walk_tb(error.__traceback__))


def waiting(coroutine: Any) -> Iterator[FrameType]:
    """Yield the frames of a coroutine that waits, and of those that it waits for."""
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        yield frame
        coroutine = coroutine.cr_await


def take_up(frames: Iterable[FrameType]) -> Coroutine[Any, Any, object] | None:
    """Tell our loggers of the call that stands in these frames; one that knows it sends no other.

    Returns:
        What has yet to run before anyone can be told; None where nothing has.
    """
    try:
        local = {frame.f_code.co_name: frame.f_locals for frame in frames}
        if told := local.get(f"_{HANDLER}_body") or local.get(HANDLER):
            _tell(told)
        elif building := local.get(BUILDING):
            return _anew(building)
    except Exception as error:  # noqa: BLE001 - another version's names
        log.warning("langfuse-otel: a call that was cut short is lost: %s", type(error).__name__)
    return None


def _tell(told: Mapping[str, Any]) -> None:
    call = told["self"]
    for logger in loggers_of(call, "_async_success_callback"):
        logger.log_success_event(
            call.model_call_details, told["result"], told["start_time"], told["end_time"]
        )


def _anew(building: Mapping[str, Any]) -> Coroutine[Any, Any, object]:
    handler = import_module(STREAMING_HANDLER).PassThroughStreamingHandler
    function = getattr(handler, BUILDING)
    arguments = signature(function).parameters
    again: Coroutine[Any, Any, object] = function(**{name: building[name] for name in arguments})
    return again
