"""A file of spans, and what Langfuse would make of it: `langfuse-otel lint`."""

from __future__ import annotations

import dataclasses
import gzip
import json
from typing import TYPE_CHECKING, Final

from langfuse_otel.dev import lint
from langfuse_otel.dev._attributes import BatchLostError
from langfuse_otel.dev._decode import RefusedError, decode

if TYPE_CHECKING:
    from langfuse_otel.dev import LintWarning

_GZIP: Final = b"\x1f\x8b"


def lint_bytes(content: bytes) -> list[LintWarning]:
    """
    Take an OTLP request for traces, protobuf or JSON, gzip or not, give what Langfuse would not keep.

    Raises:
        ValueError: Langfuse would refuse or lose the whole request; the text says why.

    """
    try:
        plain = gzip.decompress(content) if content.startswith(_GZIP) else content
        kind = "json" if plain.lstrip()[:1] == b"{" else "x-protobuf"
        return lint(decode(plain, f"application/{kind}"))
    except (OSError, EOFError) as error:
        raise ValueError(f"The gzip cannot be read: {error}.") from None
    except RefusedError as error:
        raise ValueError(f"Langfuse would refuse the request: {error.message}") from None
    except BatchLostError as error:
        raise ValueError(f"Langfuse would answer 200 and lose the request: {error}.") from None


def json_of(warnings: list[LintWarning]) -> str:
    """Take warnings, give a JSON list of objects, for machines."""
    return json.dumps([dataclasses.asdict(warning) for warning in warnings], indent=2)
