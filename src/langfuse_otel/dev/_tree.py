"""A trace as text for the terminal: one header, then its observations as a tree; pure."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._views import ObservationView, TraceView

    Style = Callable[[str, str], str]

_LONGEST_LABEL: Final = 56
_LONGEST_MESSAGE: Final = 72
_DEEPEST: Final = 60
"""Columns of indentation, below which a tree goes on without indenting further."""
_JOINER: Final = "\u200d"
_GAP: Final = "  "
# (role of the style, is right-aligned)
_COLUMNS: Final = (
    ("label", False),
    ("model", False),
    ("number", True),
    ("number", True),
    ("number", True),
    ("cost", True),
)
_COLORS: Final[dict[str, dict[str, str | bool]]] = {
    "title": {"bold": True},
    "muted": {"dim": True},
    "model": {"fg": "cyan"},
    "cost": {"fg": "green"},
    "DEBUG": {"dim": True},
    "WARNING": {"fg": "yellow"},
    "ERROR": {"fg": "red", "bold": True},
}


def tree_text(trace: TraceView, *, style: Style | None = None) -> str:
    """
    Take a trace, give its header, its tree and what the server would drop, line by line.

    Args:
        trace: The trace to show.
        style: Colors a text for a role; plain text without one. `colored` is such a function.

    """
    paint = style or _plain
    observations = list(_walk(trace.observations))
    cells = [_cells(prefix, seen) for prefix, seen in observations]
    rows = _aligned(cells, paint)
    levels = [_level(seen, paint) for _, seen in observations]
    lines = [_joined((row, level)) for row, level in zip(rows, levels, strict=True)]
    lost = [_lost(dropped.name or dropped.id, dropped.reason, paint) for dropped in trace.dropped]
    return "\n".join((_header(trace, paint), *lines, *lost))


def colored(text: str, role: str) -> str:
    """Take a text and its role, give it with the terminal's colors."""
    return click.style(text, **_COLORS[role]) if role in _COLORS else text  # type: ignore[arg-type]


def escaped(text: str) -> str:
    """Take text from outside, give it with everything that could steer a terminal spelled out."""
    return "".join(_escaped_character(character) for character in text)


def _plain(text: str, role: str) -> str:  # noqa: ARG001 (the shape of a style)
    return text


def _header(trace: TraceView, paint: Style) -> str:
    facts = (
        f"● {paint(_short(escaped(trace.name or 'unnamed trace'), _LONGEST_LABEL), 'title')}",
        _seconds(trace.latency_s),
        _tokens(trace.input_tokens, trace.output_tokens),
        _painted(_dollars(trace.total_cost), "cost", paint),
        *_labeled("user", trace.user_id),
        *_labeled("session", trace.session_id),
        " ".join(f"#{escaped(tag)}" for tag in trace.tags),
        paint(escaped(trace.id), "muted"),
    )
    return _joined(facts)


def _labeled(label: str, value: str | None) -> list[str]:
    return [f"{label} {escaped(value)}"] if value else []


def _walk(observations: Sequence[ObservationView]) -> Iterator[tuple[str, ObservationView]]:
    """Give each observation with the lines that lead to it, parents first, by start."""
    known = {seen.id for seen in observations}
    children: dict[str | None, list[ObservationView]] = {}
    for seen in observations:
        parent = seen.parent_id if seen.parent_id in known else None
        children.setdefault(parent, []).append(seen)
    shown: set[str] = set()
    yield from _branches(children.pop(None, []), children, shown)
    for seen in observations:
        # Spans that name each other as parent hang nowhere; they start at the top level.
        if seen.id not in shown:
            yield from _branches([seen], children, shown)


def _branches(
    top: list[ObservationView],
    children: dict[str | None, list[ObservationView]],
    shown: set[str],
) -> Iterator[tuple[str, ObservationView]]:
    open_branches = _opened(top, "")
    while open_branches:
        indent, is_last, seen = open_branches.pop()
        if seen.id in shown:
            continue
        shown.add(seen.id)
        yield f"{indent}{'└─' if is_last else '├─'} ", seen
        below = indent + ("   " if is_last else "│  ") if len(indent) < _DEEPEST else indent
        open_branches += _opened(children.get(seen.id, []), below)


def _opened(
    siblings: list[ObservationView], indent: str
) -> list[tuple[str, bool, ObservationView]]:
    last = len(siblings) - 1
    return [(indent, at == last, seen) for at, seen in enumerate(siblings)][::-1]


def _cells(prefix: str, seen: ObservationView) -> tuple[str, ...]:
    kind = "" if seen.type == "GENERATION" else f" ({seen.type.lower()})"
    first = seen.time_to_first_token_s
    return (
        f"{prefix}{_short(escaped(seen.name), _LONGEST_LABEL)}{kind}",
        _short(escaped(seen.model or ""), _LONGEST_LABEL),
        _seconds(seen.latency_s),
        "" if first is None else f"first {_seconds(first)}",
        _tokens(seen.input_tokens, seen.output_tokens),
        _dollars(seen.total_cost),
    )


def _aligned(rows: list[tuple[str, ...]], paint: Style) -> list[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    # A column that no observation fills is left out.
    shapes = [(at, width, *_COLUMNS[at]) for at, width in enumerate(widths) if width]
    return [
        _GAP.join(
            _painted(row[at], role, paint, width=width, is_right=is_right)
            for at, width, role, is_right in shapes
        )
        for row in rows
    ]


def _painted(text: str, role: str, paint: Style, *, width: int = 0, is_right: bool = False) -> str:
    fill = " " * (width - _width(text))
    shown = paint(text, role) if text else ""
    return fill + shown if is_right else shown + fill


def _level(seen: ObservationView, paint: Style) -> str:
    if seen.level == "DEFAULT":
        return ""
    message = _short(" ".join(escaped(seen.status_message or "").split()), _LONGEST_MESSAGE)
    return paint(_joined((seen.level, message), " "), seen.level)


def _lost(name: str, reason: str, paint: Style) -> str:
    return paint(f"✗  {_short(escaped(name), _LONGEST_LABEL)} dropped: {escaped(reason)}", "ERROR")


def _joined(parts: Sequence[str], gap: str = _GAP) -> str:
    return gap.join(part for part in parts if part).rstrip()


def _width(text: str) -> int:
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character == _JOINER:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if abs(seconds) < 1 else f"{seconds:.2f} s"


def _tokens(given: int, taken: int) -> str:
    return f"{given:,} → {taken:,}" if given or taken else ""


def _dollars(cost: float | None) -> str:
    if cost is None:
        return ""
    if not 0 < abs(cost) < 1:
        return f"${cost:,.2f}"
    decimals = max(6, 1 - math.floor(math.log10(abs(cost))))
    return f"${cost:.{decimals}f}"


def _escaped_character(character: str) -> str:
    # Control, format (bidirectional overrides), surrogate, line and paragraph separators.
    is_safe = unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    if is_safe or character == _JOINER:
        return character
    return character.encode("unicode_escape").decode("ascii")
