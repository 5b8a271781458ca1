"""
What Langfuse would drop, ignore or change of spans, whichever client sent them; pure.

Each rule asks the mapping what it makes of the span, and says where that is not what was sent.
Sources of the rules: the server's code, release 4.16.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from ._lint_rules import RULES
from ._trace import trace_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._received import ReceivedSpan

Effect = Literal["dropped", "ignored", "changed"]

_TRACE_ROW: Final = "no trace row"


@dataclass(frozen=True, slots=True)
class LintWarning:
    """
    What becomes of something that was sent.

    Args:
        trace_id: The trace.
        span_id: The span, None where it is about the whole trace.
        name: The name of the span, or of the trace.
        effect: `dropped`: the observation is not stored. `ignored`: something sent is not read.
            `changed`: it is stored as something else.
        attribute: The attribute that causes it, None where it is none or several.
        text: What happens, in a sentence.

    """

    trace_id: str
    span_id: str | None
    name: str
    effect: Effect
    attribute: str | None
    text: str

    def __str__(self) -> str:
        """Give it in one line."""
        where = f"{self.attribute}: " if self.attribute else ""
        return f"{self.name}: {where}{self.text}"


def lint(spans: Iterable[ReceivedSpan]) -> list[LintWarning]:
    """Take spans of any number of traces, give what Langfuse would not keep as it was sent."""
    ordered = sorted(spans, key=lambda span: span.trace_id)
    return [
        warning
        for _, trace in groupby(ordered, key=lambda span: span.trace_id)
        for warning in _of_trace(list(trace))
    ]


def warnings_of(span: ReceivedSpan) -> list[LintWarning]:
    """Take one span, give what is about it alone."""
    return [
        LintWarning(span.trace_id, span.span_id, span.name, effect, attribute, text)
        for rule in RULES
        for effect, attribute, text in rule(span)
    ]


def _of_trace(spans: list[ReceivedSpan]) -> Iterator[LintWarning]:
    for span in spans:
        yield from warnings_of(span)
    trace = trace_view(spans, "legacy")

    def about(effect: Effect, attribute: str | None, text: str) -> LintWarning:
        return LintWarning(trace.id, None, trace.name or "trace", effect, attribute, text)

    for lost in trace.dropped:
        if lost.reason.endswith(_TRACE_ROW):
            yield about("dropped", None, f"On the legacy path (Langfuse 3): {lost.reason}.")
    roots = [span for span in spans if not span.parent_span_id]
    if len(roots) > 1:
        text = f"{len(roots)} spans without a parent: the one written last gives the trace its name"
        yield about("changed", None, f"{text}, input and output.")
    tags = {row.tags for row in trace_view(spans, "direct").observations if row.tags}
    if len(tags) > 1:
        text = "The spans differ: on the direct path (Langfuse 4) the trace has one span's tags."
        yield about("changed", "langfuse.trace.tags", text)
