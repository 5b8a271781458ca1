"""A program that uses the public names; type checkers read it against the installed wheel."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

import langfuse_otel
from langfuse_otel import LangfuseOtelLogger, LangfuseSpanExporter, Settings
from langfuse_otel.testing import Collector, ReceivedSpan


def shout(data: Any, kind: str) -> Any:
    """Mask content."""
    return str(data).upper() if kind == "input" else data


langfuse_otel.configure(mask=shout)
logger: LangfuseOtelLogger = LangfuseOtelLogger(host="http://127.0.0.1:3030")
assert_type(langfuse_otel.flush(1.0), bool)
assert_type(langfuse_otel.stats(), langfuse_otel.Stats)
assert_type(Settings().host, str)
assert_type(langfuse_otel.__version__, str)
exporter = LangfuseSpanExporter(environment="test")
with Collector() as collector:
    assert_type(collector.spans, list[ReceivedSpan])
