"""What the commands print: text in the colors that the terminal has, and what they are doing."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from langfuse_otel._environment import text_in
from langfuse_otel._text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def echo(text: str) -> None:
    """Print a text; its colors only on a terminal that has them, whose user wants them.

    https://no-color.org says how users say so.
    """
    is_plain = text_in("NO_COLOR") or text_in("TERM") == "dumb"
    click.echo(text, color=False if is_plain else None)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows on the terminal what is being done, if there is a terminal.

    Each text takes the place of the one before, and the empty one of all: say that before printing.
    The texts go to the standard error, so that the standard output is the result alone.
    """
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    width = shutil.get_terminal_size().columns - 1

    def show(text: str) -> None:
        click.echo(f"\r{' ' * width}\r{printable(text)[:width]}", nl=False, err=True)

    try:
        yield show
    finally:
        show("")
