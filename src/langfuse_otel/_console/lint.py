"""A file of spans, and what Langfuse would make of it: `langfuse-otel lint`."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import TYPE_CHECKING, Final

import click

from langfuse_otel._delivery.compression import decompressed
from langfuse_otel.dev import lint
from langfuse_otel.dev._attributes import BatchLostError
from langfuse_otel.dev._decode import RefusedError, decode, too_deep
from langfuse_otel.dev._tree import escaped

if TYPE_CHECKING:
    from langfuse_otel.dev import LintWarning
    from langfuse_otel.dev._received import ReceivedSpan

_TOO_DEEP: Final = f"Langfuse would refuse the request: {too_deep().message}"
_COLORS: Final = {"dropped": "red", "ignored": "yellow", "changed": "cyan"}


def lint_bytes(content: bytes) -> list[LintWarning]:
    """Return what Langfuse would not keep of an OTLP request: protobuf or JSON, gzip or not.

    Raises:
        ValueError: Langfuse would refuse or lose the whole request; the text says why.
    """
    try:
        return lint(spans_in(content))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def spans_in(content: bytes) -> tuple[ReceivedSpan, ...]:
    """Return the spans of such a request.

    Raises:
        ValueError: as above.
    """
    try:
        plain = decompressed(content)
        kind = "json" if plain.lstrip()[:1] == b"{" else "x-protobuf"
        return decode(plain, f"application/{kind}")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"The gzip cannot be read: {error}.") from None
    except RefusedError as error:
        raise ValueError(f"Langfuse would refuse the request: {error.message}") from None
    except BatchLostError as error:
        raise ValueError(f"Langfuse would answer 200 and lose the request: {error}.") from None


def text_of(warnings: list[LintWarning]) -> str:
    """Return a line for each warning, or one that says that there is none."""
    lines = [f"{_painted(warning.effect)}  {escaped(str(warning))}" for warning in warnings]
    return "\n".join(lines) or "Langfuse keeps everything as it was sent."


def json_of(warnings: list[LintWarning]) -> str:
    """Return warnings as one JSON object; `docs/cli.md` shows its shape."""
    found = [dataclasses.asdict(warning) for warning in warnings]
    return json.dumps({"ok": not found, "warnings": found}, indent=2)


def _painted(effect: str) -> str:
    return click.style(f"{effect:<8}", fg=_COLORS[effect])
