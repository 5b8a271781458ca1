"""Calls that LiteLLM answers from its cache: it announces none of these to a callback (1.106).

LiteLLM calls back in a thread that knows nothing of the caller's context, so what is active around the
call has to be seen where the answer is found.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import wrapt

from langfuse_otel._hooks.loggers import loggers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

log = logging.getLogger("langfuse_otel")

# What LiteLLM does with an answer that it has found, in the caller's own context.
FOUND = "LLMCachingHandler._update_litellm_logging_obj_environment"


def watch(module: ModuleType) -> None:
    """Wrap that function in LiteLLM's module, which has just been imported."""
    if hasattr(getattr(module, "LLMCachingHandler", None), FOUND.partition(".")[2]):
        wrapt.wrap_function_wrapper(module, FOUND, _found)


def _found(
    describe: Callable[..., None],
    _handler: object,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    describe(*arguments, **named)
    try:
        _announce(named["logging_obj"])
    except Exception as error:  # noqa: BLE001 - another version's names must not hurt the call
        log.warning("langfuse-otel: a call could not be announced: %s", type(error).__name__)


def _announce(call: Any) -> None:
    if "langfuse_otel.logger" in sys.modules:
        details = call.model_call_details
        for logger in loggers_of(call, "input_callback"):
            logger.log_pre_api_call(details.get("model"), None, details)
