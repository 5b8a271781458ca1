"""Our loggers among the callbacks that LiteLLM has for a call."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel.logger import LangfuseOtelLogger


def loggers_of(call: Any, callbacks: str) -> Iterator[LangfuseOtelLogger]:
    """Yield those of our loggers that LiteLLM would call back for a call.

    Args:
        call: LiteLLM's logging object.
        callbacks: the name of LiteLLM's list that they stand in.
    """
    from langfuse_otel.logger import LangfuseOtelLogger  # noqa: PLC0415 - it imports this room

    params = call.model_call_details.get("litellm_params") or {}
    own = getattr(call, f"dynamic_{callbacks.lstrip('_')}s", None) or ()
    for callback in (*own, *getattr(sys.modules["litellm"], callbacks)):
        if isinstance(callback, LangfuseOtelLogger) and call.should_run_callback(
            callback=callback, litellm_params=params, event_hook="retry"
        ):
            yield callback
