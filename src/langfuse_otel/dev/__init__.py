"""A local receiver that behaves as Langfuse does, for people without an account."""

from ._tree import colored, tree_text
from ._views import Dropped, ObservationView, TraceView
from .server import LocalReceiver, serve

__all__ = [
    "Dropped",
    "LocalReceiver",
    "ObservationView",
    "TraceView",
    "colored",
    "serve",
    "tree_text",
]
