"""
A local receiver that behaves as Langfuse does, for people without an account.

Reading spans as Langfuse does needs no server; only what listens needs the extra `dev`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._lint import LintWarning, lint
from ._retention import Retention
from ._tree import colored, tree_text
from ._views import Dropped, ObservationView, TraceView

if TYPE_CHECKING:
    from .server import LocalReceiver, serve

__all__ = [
    "Dropped",
    "LintWarning",
    "LocalReceiver",
    "ObservationView",
    "Retention",
    "TraceView",
    "colored",
    "lint",
    "serve",
    "tree_text",
]


def __getattr__(name: str) -> Any:
    """Import what listens when it is asked for."""
    if name not in {"LocalReceiver", "serve"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import server  # noqa: PLC0415 (needs the extra)

    return getattr(server, name)
