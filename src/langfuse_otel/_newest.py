"""A bounded memory: calls, projects and media have no end, so the newest of them are remembered."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

# Enough for all that is under way at one time, and a few megabytes.
MOST = 10_000


class Newest(OrderedDict[Key, Value]):
    """A dictionary of the entries that were put into it last.

    Args:
        most: how many.
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.most = most

    def put(self, key: Key, value: Value) -> None:
        """Add an entry, in place of an earlier one of this key; the oldest make room for it."""
        self.pop(key, None)
        self[key] = value
        while len(self) > self.most:
            self.popitem(last=False)
