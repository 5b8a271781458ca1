"""Writes `cli.md` from the commands, so that the two say the same: `python docs/cli_page.py`."""

from __future__ import annotations

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from langfuse_otel.cli import main

HEAD = """\
# The command `langfuse-otel`

Every command explains itself with `--help`.

| exit code | means |
|---|---|
| 0 | all is well |
| 1 | there is a problem, and it is named |
| 2 | an argument or a file cannot be used |

With `--json` the standard output is one JSON object; the exit codes stay, and `ok` is whether it is
0. What keeps a command from beginning at all is a line on the standard error, and no object. Colors
and what a command is doing are shown on a terminal alone; `NO_COLOR=1` takes the colors away.
"""
EXAMPLES: dict[str, dict[str, Any]] = {
    "check": {
        "ok": False,
        "settings": [{"name": "public_key", "value": "pk-lf-...", "source": "LANGFUSE_PUBLIC_KEY"}],
        "notes": ["removed quotes or white space around LANGFUSE_SECRET_KEY"],
        "findings": [
            {
                "step": "credentials",
                "good": False,
                "text": "the keys are refused (HTTP 401)",
                "cure": "They are of another region: set LANGFUSE_OTEL_HOST=https://cloud.langfuse.com.",
            }
        ],
    },
    "demo": {"ok": False, "calls": ["tool call", "failing call"], "missing": ["tool call"]},
    "drain": {
        "ok": False,
        "destination": "https://cloud.langfuse.com (pk-lf-...)",
        "delivered": 120,
        "foreign": 3,
        "in_use": 0,
        "refused": 1,
        "unreached": 0,
        "unreadable": 0,
        "rejected": 0,
        "refusal": "HTTP 400",
        "trouble": "",
    },
    "lint": {
        "ok": False,
        "warnings": [
            {
                "trace_id": "5f8c1d0e9b7a4e21a3c6d4f2b1907e68",
                "span_id": "a3c6d4f2b1907e68",
                "name": "greet",
                "effect": "changed",
                "attribute": "langfuse.environment",
                "text": "“Prod EU” is stored as “default”.",
            }
        ],
    },
}
"""What `--json` prints, by command; a test holds the shapes equal."""
FIELDS = {
    "check": """
        The steps are `settings`, `mask` and `spool` where one is set, `name`, `connection`, `health`,
        `credentials`, `test_trace`, `read_back` and `clock`, with `--litellm` also `litellm` and
        `callback`.
    """,
    "demo": "Names of calls: those that were made, and those that did not arrive as they were sent.",
    "drain": """
        The numbers are spans. Left are those of other projects or hosts (`foreign`), of processes
        that still run (`in_use`), that the server refuses (`refused`, for `refusal`), that it could
        not be given in time (`unreached`, for `trouble`), and in files that cannot be read and were
        set aside (`unreadable`). `rejected` are lost: the server took them out of a request.
    """,
    "lint": "`span_id` is null for a whole trace, `attribute` where it is none or several.",
}


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
    head = [f"## {context.info_name}", "", "```text", usage, "```"]
    return "\n".join([*head, "", said, *table, *_example(str(context.info_name)), ""])


def _example(name: str) -> list[str]:
    if name not in EXAMPLES:
        return []
    text = json.dumps(EXAMPLES[name], indent=2, ensure_ascii=False)
    return ["", "```json", text, "```", "", cleandoc(FIELDS[name])]


def _default(option: click.Option, context: click.Context) -> str:
    value = option.get_default(context)
    return "" if value is None or option.is_flag else f"`{value}`"


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")
