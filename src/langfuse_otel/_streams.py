"""Sees streams that nobody reads to the end, for LiteLLM (1.106) calls no one back for those.

The constructor of LiteLLM's stream object is the one function of the request path that is wrapped.
A stream whose call has been announced is held by its chunks until its callback comes; when the
stream object is gone and no callback has come a little later, what it gave is exported.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import wrapt

from langfuse_otel._usage import part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    Export = Callable[["Stream"], None]

# LiteLLM's callback runs after the last chunk was read, when the stream object may be gone already.
# Should it come later still, it brings the same observation id, and Langfuse keeps the later one.
GRACE_S = 2.0

# Calls that were announced and of which nothing was heard since; the oldest are forgotten.
MAX_EXPECTED = 10_000

_open: dict[str, Stream] = {}
_expected: dict[str, list[Export]] = {}


@dataclass(slots=True)
class Stream:
    """What is known of one stream.

    `kwargs` is LiteLLM's dictionary about the call, `chunks` its list of what was given so far,
    `exports` who wants it, `reference` leads to the stream object while there is one, `ended` is
    the time when it was gone.
    """

    kwargs: Mapping[str, Any]
    chunks: list[Any]
    exports: list[Export]
    reference: Callable[[], Any]
    ended: datetime | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the provider said why it stopped, or LiteLLM did in its place."""
        if getattr(self.reference(), "sent_last_chunk", False):
            return True
        choices = (choice for chunk in self.chunks for choice in part(chunk, "choices") or ())
        return any(part(choice, "finish_reason") for choice in choices)


def watch(module: ModuleType) -> None:
    """Wrap the constructor in LiteLLM's module, which has just been imported."""
    if hasattr(module, "CustomStreamWrapper"):
        wrapt.wrap_function_wrapper(module, "CustomStreamWrapper.__init__", _opened)


def expect(call_id: str, export: Export) -> None:
    """Say that the call which has just started may become a stream, and who exports it."""
    _expected.setdefault(call_id, []).append(export)
    while len(_expected) > MAX_EXPECTED:
        _expected.pop(next(iter(_expected)), None)


def finished(call_id: str | None, export: Export) -> Stream | None:
    """Return the stream of a call whose callback has come to one exporter; None if it was none."""
    if call_id is None:
        return None
    _expected.pop(call_id, None)
    stream = _open.get(call_id)
    if stream is not None and export in stream.exports:
        stream.exports.remove(export)
    if stream is not None and not stream.exports:
        _open.pop(call_id, None)
    return stream


def export_all() -> None:
    """Export every stream that is still open; for the end of the process."""
    for call_id in list(_open):
        _export(call_id)


def export_ended() -> None:
    """Export the streams whose object is gone."""
    for call_id, stream in list(_open.items()):
        if stream.ended is not None:
            _export(call_id)


def _opened(
    construct: Callable[..., None], stream: Any, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    construct(*arguments, **named)
    logging_obj = getattr(stream, "logging_obj", None)
    call_id = str(getattr(logging_obj, "litellm_call_id", ""))
    exports = _expected.pop(call_id, None)
    if logging_obj is None or not exports or not isinstance(stream.chunks, list):
        return
    details, reference = logging_obj.model_call_details, weakref.ref(stream)
    _open[call_id] = Stream(details, stream.chunks, exports, reference)
    weakref.finalize(stream, _gone, call_id).atexit = False


def _gone(call_id: str) -> None:
    stream = _open.get(call_id)
    if stream is None:
        return
    stream.ended = datetime.now()  # noqa: DTZ005 - naive and local, as LiteLLM's times are
    timer = threading.Timer(GRACE_S, _export, (call_id,))
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        return  # the interpreter is ending; `export_all` comes


def _export(call_id: str) -> None:
    stream = _open.pop(call_id, None)
    if stream is not None and stream.chunks:
        for export in stream.exports:
            export(stream)
