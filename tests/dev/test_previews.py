"""The list shows the last question and the answer, in whichever shape they came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langfuse_otel.dev._previews import answered, asked

USER = {"role": "user", "content": "Why?"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("Why?", "Why?"),
        ([{"role": "system", "content": "Be brief."}, USER], "Why?"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "content": "3"}], ""),
        ({"messages": [USER], "tools": [{"name": "x"}]}, "Why?"),
        ([{"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {}}]}], "Look:"),
        ([{"role": "user", "parts": [{"type": "text", "content": "parts"}]}], "parts"),
        ({"query": "ranked", "documents": []}, "ranked"),
        (["one", "two"], "one two"),
        ([{"role": "system", "content": "alone"}], "alone"),
        ("a\n  b\tc", "a b c"),
        (7, ""),
        (None, ""),
        ("x" * 500, "x" * 199 + "…"),
    ],
    ids=str,
)  # fmt: skip
def test_asked(given: Any, line: str) -> None:
    """What was asked last is what the last speaker said who is neither system nor tool."""
    assert asked(given if isinstance(given, str) else json.dumps(given)) == line


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"role": "assistant", "content": "Because."}, "Because."),
        ({"choices": [], "content": ""}, ""),
        ({"content": None, "tool_calls": [{"function": {"name": "weather"}}]}, "weather(…)"),
        ([{"message": {"content": "first"}}], "first"),
        ({"score": 1}, ""),
    ],
    ids=str,
)
def test_answered(given: Any, line: str) -> None:
    """The answer is its words; a call of a tool is its name."""
    assert answered(json.dumps(given)) == line


def test_nothing_is_nothing() -> None:
    """Without an input or output there is no line."""
    assert (asked(None), answered(None)) == ("", "")
