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

HANDLER, CALLBACKS = "async_success_handler", "_async_success_callback"
# Where a callback is told. Before that hooks may yet hide some of it, so the call is lost, and counted.
TELLING = {"async_log_success_event", "async_log_event", "_async_log_event"}
# What LiteLLM makes of its dictionary for each callback.
REDACT = "redact_standard_logging_payload_from_model_call_details"
STREAMED = "async_complete_streaming_response"
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
    """Tell our loggers of the call that stands in these frames, those that were yet to be told.

    Returns:
        What has yet to run before anyone can be told; None where nothing has.
    """
    try:
        local = {frame.f_code.co_name: frame.f_locals for frame in frames}
        if told := local.get(f"_{HANDLER}_body") or local.get(HANDLER):
            (_lose if TELLING.isdisjoint(local) else _tell)(told)
        elif building := local.get(BUILDING):
            return _anew(building)
    except Exception as error:  # noqa: BLE001 - another version's names
        log.warning("langfuse-otel: a call that was cut short is lost: %s", type(error).__name__)
    return None


def _lose(told: Mapping[str, Any]) -> None:
    for logger in loggers_of(told["self"], CALLBACKS):
        logger.lose("its callbacks were cut short")


def _tell(told: Mapping[str, Any]) -> None:
    call, callbacks = told["self"], list(told["callbacks"])
    behind = callbacks[callbacks.index(told["callback"]) + 1 :]
    for logger in loggers_of(call, CALLBACKS):
        if logger in behind:
            details = getattr(logger, REDACT, _itself)(call.model_call_details)
            response = details.get(STREAMED) if call.stream is True else told["result"]
            logger.log_success_event(details, response, told["start_time"], told["end_time"])


def _itself(details: Any) -> Any:
    return details


def _anew(building: Mapping[str, Any]) -> Coroutine[Any, Any, object]:
    handler = import_module(STREAMING_HANDLER).PassThroughStreamingHandler
    function = getattr(handler, BUILDING)
    arguments = signature(function).parameters
    again: Coroutine[Any, Any, object] = function(**{name: building[name] for name in arguments})
    return again
