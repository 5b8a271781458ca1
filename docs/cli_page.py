"""Writes `cli.md` from the commands, so that the two say the same: `python docs/cli_page.py`."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path

import click

from langfuse_otel.cli import main

HEAD = "# The command `langfuse-otel`\n\nEvery command explains itself with `--help`.\n"


def page() -> str:
    """Return the page: each command, what it does, its arguments and options."""
    context = click.Context(main, info_name="langfuse-otel")
    sections = (
        _section(click.Context(command, info_name=name, parent=context))
        for name in main.list_commands(context)
        if (command := main.get_command(context, name))
    )
    return "\n".join([HEAD, *sections])


def _section(context: click.Context) -> str:
    command = context.command
    rows = [
        f"| `{', '.join(option.opts)}` | {option.help or ''} | {_default(option, context)} |"
        for option in command.params
        if isinstance(option, click.Option)
    ]
    table = ["", "| option | | default |", "|---|---|---|", *rows] if rows else []
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    said = cleandoc(command.help or "")
    return "\n".join([f"## {context.info_name}", "", "```text", usage, "```", "", said, *table, ""])


def _default(option: click.Option, context: click.Context) -> str:
    value = option.get_default(context)
    return "" if value is None or option.is_flag else f"`{value}`"


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")
