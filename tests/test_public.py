"""What the package shows, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import langfuse_otel

SOURCE = Path(langfuse_otel.__file__).parent


def run(code: str) -> str:
    """Run a program in an interpreter of its own and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize("name", langfuse_otel.__all__)
def test_public_names_exist(name: str) -> None:
    """Every name that the package announces can be imported from it."""
    assert getattr(langfuse_otel, name) is not None


def test_unknown_name() -> None:
    """A name that does not exist is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = langfuse_otel.no_such_name


def test_import_is_light() -> None:
    """Importing the package imports neither LiteLLM nor the OpenTelemetry SDK nor an HTTP client."""
    loaded = run(
        "import sys, langfuse_otel;"
        "print([m for m in ('litellm', 'opentelemetry.sdk', 'opentelemetry.exporter', 'httpx',"
        " 'pydantic_settings') if m in sys.modules])"
    )

    assert loaded == "[]"


def test_import_starts_nothing() -> None:
    """Importing the package starts no thread and sets no tracer provider."""
    state = run(
        "import threading, langfuse_otel; from opentelemetry import trace;"
        "print(threading.active_count(), trace._TRACER_PROVIDER)"
    )

    assert state == "1 None"
