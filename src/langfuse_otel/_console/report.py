"""What `langfuse-otel check` reports: its records, and the two views of them, text and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import click

from langfuse_otel._text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

Step = Literal[
    "settings",
    "mask",
    "spool",
    "name",
    "connection",
    "health",
    "credentials",
    "test_trace",
    "read_back",
    "clock",
    "litellm",
    "callback",
]

_LABEL_WIDTH: Final = 14


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name stands for, as text with its secrets masked, and what set it."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a user should know of the settings."""

    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found out: a fact, or where `good` is False a problem and `cure`, what to do."""

    step: Step
    good: bool
    text: str
    cure: str = ""


Record: TypeAlias = "Resolved | Note | Finding"


def is_well(records: Iterable[Record]) -> bool:
    """Whether a report has no problem."""
    return all(record.good for record in records if isinstance(record, Finding))


def text_of(record: Record) -> str:
    """Return the line of a record, and below it what to do."""
    if isinstance(record, Resolved):
        label = record.name.replace("_", " ")
        return _line(label, f"{record.value} ({record.source})")
    if isinstance(record, Note):
        return click.style(_line("note", record.text), fg="yellow")
    if record.good:
        return _line("ok", record.text, "green")
    lines = [_line("PROBLEM", record.text, "red")]
    return "\n".join([*lines, _line("", record.cure)] if record.cure else lines)


def json_of(records: Iterable[Record]) -> str:
    """Return a report as one JSON object; `docs/cli.md` shows its shape."""
    kinds: dict[type[Record], list[Record]] = {Resolved: [], Note: [], Finding: []}
    for record in records:
        kinds[type(record)].append(record)
    report = {
        "ok": is_well(kinds[Finding]),
        "settings": [asdict(record) for record in kinds[Resolved]],
        "notes": [asdict(record)["text"] for record in kinds[Note]],
        "findings": [asdict(record) for record in kinds[Finding]],
    }
    return json.dumps(report, indent=2)


def _line(label: str, text: str, color: str | None = None) -> str:
    """A label and its text, which begins in the same column below a label that is too long for it."""
    gap = (
        "\n" + " " * _LABEL_WIDTH
        if len(label) > _LABEL_WIDTH
        else " " * (_LABEL_WIDTH - len(label))
    )
    return f"{click.style(label, fg=color)}{gap}  {printable(text)}"
