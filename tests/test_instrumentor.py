"""The launcher's plug-in: whether it adds the callback."""

from __future__ import annotations

import litellm
import pytest

from langfuse_otel import instrumentor

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}


@pytest.mark.parametrize(
    ("variables", "is_added"),
    [
        ({}, False),
        (KEYS, True),
        (KEYS | {"LANGFUSE_TRACING_ENABLED": "false"}, False),
        ({"LANGFUSE_OTEL_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, False),
    ],
    ids=["nothing", "keys", "off", "own endpoint", "everybody's endpoint"],
)
def test_callback(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, is_added: bool
) -> None:
    """The callback is added where the settings say of this library where spans go."""
    added: list[object] = []
    monkeypatch.setattr(instrumentor, "_add_callback", added.append)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    instrumentor.LangfuseOtelInstrumentor()._instrument()

    assert added == ([litellm] if is_added else [])
