"""Observations that have begun by hand: what was said of each, and its end, whoever brings that."""

from __future__ import annotations

import _thread
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from langfuse_otel import _pipeline
from langfuse_otel._by_hand.fields import as_sent, as_trace, changed
from langfuse_otel._forks import in_child, work_lock
from langfuse_otel._litellm.limits import short_text_of
from langfuse_otel._records import Clues, Observation, Parent, finished_of
from langfuse_otel._spans.ambient import OurSpan, parent_of
from langfuse_otel._spans.identity import identify, with_inherited

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span
    from typing_extensions import Unpack

    from langfuse_otel._by_hand.fields import Fields
    from langfuse_otel._pipeline import Pipeline
    from langfuse_otel._records import Finished, ObservationType


@dataclass(eq=False, slots=True)
class Draft:
    """An observation that has begun.

    Attributes:
        record: what was said of it.
        pipeline: where it goes when it ends.
        around: is told of calls within it, for they are within the observation around it, too.
        finish: says the last of it, when it is exported.
        is_trace: it stands for its trace.
        has_calls: calls with a usage of their own were made within it.
        span: stands for it in OpenTelemetry's context.
    """

    record: Observation
    pipeline: Pipeline
    around: Callable[[], None] | None
    finish: Callable[[Observation], Observation] | None
    is_trace: bool
    has_calls: bool = False
    span: OurSpan = field(init=False)

    def change(self, change: Callable[[Observation], Observation]) -> None:
        """Say something of it."""
        self.record = change(self.record)._replace(ended_ns=time.time_ns())

    def note_call(self) -> None:
        """Hear that a call with a usage of its own is made within it."""
        self.has_calls = True
        if self.around is not None:
            self.around()

    def parent(self) -> Parent:
        """Return what is passed on to what is made within it."""
        own = identify(self.record.clues)
        told = with_inherited(self._told())
        return Parent(own.trace_id, own.span_id, True, told.trace, told.prompt)

    def end(self) -> None:
        """Export it, once."""
        if _close(self):
            self._export()

    def abandon(self) -> None:
        """Let another thread export it: this one may be anywhere, and hold a lock of ours.

        It is started by the function that takes no lock of Python's `threading`.
        """
        if _close(self):
            _abandoned.append(self)
            with suppress(RuntimeError):  # the interpreter is ending; `end_all` comes
                _thread.start_new_thread(export_abandoned, ())

    def _told(self) -> Observation:
        return as_trace(self.record) if self.is_trace else self.record

    def _export(self) -> None:
        if self.pipeline.settings.enabled:
            self.pipeline.export(self._finished, self)

    def _finished(self) -> Finished:
        record = self._told() if self.finish is None else self.finish(self._told())
        return finished_of(as_sent(record, has_calls=self.has_calls))


_open: set[Draft] = set()
_abandoned: deque[Draft] = deque()
_exporting = work_lock()


def begun(
    under: Span,
    type_: ObservationType,
    first: Fields | None = None,
    *,
    trace_id: str | None = None,
    parent_observation_id: str | None = None,
    trace_name: str | None = None,
    is_trace: bool = False,
    finish: Callable[[Observation], Observation] | None = None,
    **fields: Unpack[Fields],
) -> Draft:
    """Return an observation that begins now, under a span of whatever kind.

    `first`: what is said of it before the `fields`, which win or add up.
    """
    pipeline = _pipeline.of_environment()
    parent = parent_of(under)
    if pipeline.defaults.ignores_context and parent and parent.trace is None:
        parent = None
    now = time.time_ns()
    clues = Clues(
        str(uuid4()),
        now,
        trace_id=short_text_of(trace_id),
        parent_observation_id=short_text_of(parent_observation_id),
        ambient=parent,
    )
    own = identify(clues)
    plain = Observation(type_, type_, now, now, clues, environment=pipeline.defaults.environment)
    record = changed(changed(plain, first or {}), fields)
    named = short_text_of(trace_name) or (record.name if own.parent_id is None else None)
    told = record.trace._replace(name=named, release=pipeline.defaults.release)
    around = under.on_call if isinstance(under, OurSpan) else None
    draft = Draft(record._replace(trace=told), pipeline, around, finish, is_trace)
    ids = Parent(own.trace_id, own.span_id)
    draft.span = OurSpan(ids, under.get_span_context(), draft.parent, draft.note_call)
    _open.add(draft)
    return draft


def export_abandoned() -> None:
    """Export what was abandoned; two threads do so one after the other."""
    with _exporting:
        while _abandoned:
            _abandoned.popleft()._export()  # noqa: SLF001


def end_all() -> None:
    """End what nobody has ended, as of its last change; at the end of the process."""
    export_abandoned()
    for draft in list(_open):
        draft.end()


def _close(draft: Draft) -> bool:
    """Whether it was still open; in one step, for several may end it."""
    try:
        _open.remove(draft)
    except KeyError:
        return False
    return True


def _begin_in_child() -> None:
    """What the parent process began is the parent's to send."""
    _open.clear()
    _abandoned.clear()


in_child(_begin_in_child)
