"""Sees streams that nobody reads to the end, for LiteLLM (1.106) calls no one back for those.

The constructor of LiteLLM's stream object is wrapped. A stream whose call has been announced
carries what is known of it; when the stream object is gone and no callback has come a little later,
what it gave is exported.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

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

# LiteLLM's dictionary about a call may lead to the stream object, through the answer or through the
# traceback of an earlier attempt: who holds the one keeps the other, so the stream object alone does.
_open: WeakValueDictionary[str, Stream] = WeakValueDictionary()
_ended: dict[str, Stream] = {}
_expected: dict[str, list[Export]] = {}


@dataclass(eq=False)
class Stream:
    """What is known of one stream.

    `kwargs` is LiteLLM's dictionary about the call, `chunks` its list of what was given so far,
    `exports` who still wants it, `reference` leads to the stream object while there is one, `ended`
    is the time when it was gone.
    """

    call_id: str
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

    def __del__(self) -> None:
        """The stream object is gone, and this with it, unless somebody still wants it."""
        if self.exports:
            _gone(self)


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
    stream = _open.get(call_id) or _ended.get(call_id)
    if stream is not None and export in stream.exports:
        stream.exports.remove(export)
    if stream is not None and not stream.exports:
        _forget(call_id)
    return stream


def export_all() -> None:
    """Export every stream that is still open; for the end of the process."""
    for call_id in [*_open, *_ended]:
        _export(call_id)


def export_ended() -> None:
    """Export the streams whose object is gone."""
    for call_id in list(_ended):
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
    known = Stream(call_id, details, stream.chunks, exports, reference)
    stream._langfuse_otel = _open[call_id] = known  # noqa: SLF001 - a name of ours


def _gone(stream: Stream) -> None:
    stream.ended = datetime.now()  # noqa: DTZ005 - naive and local, as LiteLLM's times are
    _ended[stream.call_id] = stream
    timer = threading.Timer(GRACE_S, _export, (stream.call_id,))
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        return  # the interpreter is ending; `export_all` comes


def _export(call_id: str) -> None:
    stream = _forget(call_id)
    if stream is None:
        return
    exports, stream.exports = stream.exports, []
    for export in exports if stream.chunks else ():
        export(stream)


def _forget(call_id: str) -> Stream | None:
    opened, ended = _open.pop(call_id, None), _ended.pop(call_id, None)
    return opened or ended
