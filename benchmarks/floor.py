"""The cheapest callback: what LiteLLM itself does for having one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from litellm.integrations.custom_logger import CustomLogger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Floor(CustomLogger):
    """A bare callback."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[object] = deque(maxlen=512)

    def log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Append."""
        self._calls.append(kwargs)

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        """Append."""
        self._calls.append(kwargs)


callback = Floor()
