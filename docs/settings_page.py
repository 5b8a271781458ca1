"""Make `settings.md` from the fields of `Settings`: `python docs/settings_page.py`."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from langfuse_otel.settings import Settings, variables

INTRODUCTION = """\
# Settings

<!-- Made by settings_page.py from langfuse_otel/settings.py. -->

Everything can be set by an environment variable, or by an argument of the same name as the heading
to `LangfuseOtelLogger(...)`, `LangfuseSpanExporter(...)` and `Settings(...)`; the argument wins.
Settings are read at the first call, not at import. An invalid value is warned of and its default
used; `Settings(...)` and `LangfuseSpanExporter(...)` raise an error instead.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *map(_entry, Settings.model_fields)])


def _entry(name: str) -> str:
    field = Settings.model_fields[name]
    example = (field.examples or [""])[0]
    lines = [
        f"## {name}\n",
        f"{field.description}\n",
        f"- Variable: {', then '.join(f'`{v}`' for v in variables(name))}",
        f"- Default: {_default(field.default)}",
        f"- Example: `{variables(name)[0]}={example}`",
    ]
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value is None or isinstance(value, SecretStr):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    Path(__file__).with_name("settings.md").write_text(page(), encoding="utf-8")
