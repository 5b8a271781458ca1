"""Our loggers among LiteLLM's callbacks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel.logger import LangfuseOtelLogger

# LiteLLM's lists, and what each has beside it for one call.
_OWN = {
    "input_callback": "dynamic_input_callbacks",
    "_async_success_callback": "dynamic_async_success_callbacks",
    "failure_callback": "dynamic_failure_callbacks",
    "_async_failure_callback": "dynamic_async_failure_callbacks",
}


def loggers_of(call: Any, callbacks: str) -> Iterator[LangfuseOtelLogger]:
    """Yield those of our loggers that LiteLLM would call back for a call.

    Args:
        call: LiteLLM's logging object.
        callbacks: the name of LiteLLM's list that they stand in.
    """
    from langfuse_otel.logger import LangfuseOtelLogger  # noqa: PLC0415 - it imports this room

    params = call.model_call_details.get("litellm_params") or {}
    own = getattr(call, _OWN[callbacks], None) or ()
    for callback in (*own, *getattr(sys.modules["litellm"], callbacks)):
        if isinstance(callback, LangfuseOtelLogger) and call.should_run_callback(
            callback=callback, litellm_params=params, event_hook="retry"
        ):
            yield callback
