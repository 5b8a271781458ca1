"""Sees streams that nobody reads to the end, for LiteLLM (1.106) calls no one back for most of them.

The constructors of LiteLLM's stream objects are wrapped. A stream whose call has been announced
carries what it has said so far; when the stream object is gone and no callback has come a little
later, that is exported.
"""

from __future__ import annotations

import functools
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import wrapt

from langfuse_otel._forks import in_child, work_lock
from langfuse_otel._hooks.partial import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from langfuse_otel._hooks.partial import Partial

    Export = Callable[["Stream"], None]

# LiteLLM's callback runs after the last chunk was read, when the stream object may be gone already.
# Should it come later still, it brings the same observation id, and Langfuse keeps the later one.
GRACE_S = 2.0
LONGEST_EXPORT_S = 2.0

# Calls that were announced and of which nothing was heard since; the oldest are forgotten.
MAX_EXPECTED = 10_000

# What is known of a stream is held by the stream object alone. LiteLLM's dictionary about the call is
# part of it, and that may refer to the stream object, through the answer or the traceback of an earlier
# attempt: held here, it would keep the stream object alive, and nobody would see that it was dropped.
_open: WeakValueDictionary[str, Stream] = WeakValueDictionary()
_ended: dict[str, Stream] = {}
_expected: dict[str, list[Export]] = {}
_exporting = work_lock()


@dataclass(eq=False)
class Stream:
    """What is known of one stream.

    `partial` is what the stream has said so far, `exports` who still wants it, `ended` the time
    when the stream object was gone.
    """

    partial: Partial
    exports: list[Export]
    ended: datetime | None = None

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """LiteLLM's dictionary about the call."""
        return self.partial.kwargs

    @property
    def is_complete(self) -> bool:
        """Whether the provider said that this was all."""
        return self.partial.is_complete

    def answer(self) -> object:
        """Return what was said so far, as LiteLLM puts it together; None where it cannot."""
        try:
            return self.told_apart(self.partial.answer())
        except Exception:  # noqa: BLE001 - whatever LiteLLM raises, the call itself is still exported
            return None

    def told_apart(self, response: object) -> object:
        """Return what LiteLLM has put together with each choice by itself, where it can be."""
        try:
            return self.partial.told_apart(response)
        except Exception:  # noqa: BLE001 - as above
            return response

    def __del__(self) -> None:
        """The stream object is gone, and this with it, unless somebody still wants it."""
        if self.exports and self.ended is None:
            _gone(self)


def watch(module: ModuleType) -> None:
    """Wrap the constructor in a module of LiteLLM's, which has just been imported."""
    name, reader = READERS[module.__name__]
    if hasattr(module, name):
        wrapt.wrap_function_wrapper(module, f"{name}.__init__", functools.partial(_opened, reader))


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
    """Export every stream that is still open; for the end of the process.

    One that a timer exports by now is waited for, but not for ever: a signal may have interrupted
    that very export.
    """
    is_ours = _exporting.acquire(timeout=LONGEST_EXPORT_S)
    try:
        for call_id in [*_open, *_ended]:
            _export(call_id)
    finally:
        if is_ours:
            _exporting.release()


def export_ended() -> None:
    """Export the streams whose object is gone; one that a timer exports by now is waited for."""
    with _exporting:
        for call_id in list(_ended):
            _export(call_id)


def _opened(
    reader: Callable[[Any], Partial],
    construct: Callable[..., None],
    stream: Any,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    construct(*arguments, **named)
    with suppress(AttributeError):  # what another version lacks must not hurt the call
        _hold(stream, reader(stream))


def _hold(stream: Any, partial: Partial) -> None:
    exports = _expected.pop(partial.call_id, None)
    if exports:
        known = Stream(partial, exports)
        stream._langfuse_otel = _open[partial.call_id] = known  # noqa: SLF001 - a name of ours
        weakref.finalize(stream, _dropped, weakref.ref(known)).atexit = False


def _dropped(reference: weakref.ref[Stream]) -> None:
    """The stream object is gone at once; in a cycle, the reference is gone before it."""
    known = reference()
    if known is not None and known.exports and known.ended is None:
        _gone(known)


def _gone(stream: Stream) -> None:
    stream.partial.let_go()
    stream.ended = datetime.now()  # noqa: DTZ005 - naive and local, as LiteLLM's times are
    _ended[stream.partial.call_id] = stream
    timer = threading.Timer(GRACE_S, _export_late, (stream.partial.call_id,))
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        return  # the interpreter is ending; `export_all` comes


def _export_late(call_id: str) -> None:
    with _exporting:
        _export(call_id)


def _export(call_id: str) -> None:
    stream = _forget(call_id)
    if stream is None:
        return
    exports, stream.exports = stream.exports, []
    for export in exports if stream.partial.has_begun else ():
        export(stream)


def _forget(call_id: str) -> Stream | None:
    opened, ended = _open.pop(call_id, None), _ended.pop(call_id, None)
    return opened or ended


def _begin_in_child() -> None:
    """What the parent process has opened is the parent's to export."""
    for stream in list(_open.values()):
        stream.exports.clear()
    _ended.clear()
    _expected.clear()


in_child(_begin_in_child)
