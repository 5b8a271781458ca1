"""LiteLLM (1.106) announces a call to its input callbacks alone, not to those for its end.

So a logger of ours that is put into the list for the end stands in the other as well.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ADD = "LoggingCallbackManager.add_litellm_success_callback"


def watch(module: ModuleType) -> None:
    """Wrap that function in LiteLLM's module, which has just been imported."""
    if hasattr(getattr(module, "LoggingCallbackManager", None), ADD.partition(".")[2]):
        wrapt.wrap_function_wrapper(module, ADD, _added)


def _added(
    add: Callable[..., None], manager: Any, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    add(*arguments, **named)
    ours = getattr(sys.modules.get("langfuse_otel.logger"), "LangfuseOtelLogger", ())
    for callback in (*arguments, *named.values()):
        if isinstance(callback, ours):
            manager.add_litellm_input_callback(callback)
