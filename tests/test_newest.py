"""A dictionary of the newest entries."""

from __future__ import annotations

from langfuse_otel._newest import Newest


def test_bounded() -> None:
    """The oldest make room for the newest."""
    newest: Newest[str, int] = Newest(2)
    for number, key in enumerate("abc"):
        newest.put(key, number)

    assert newest == {"b": 1, "c": 2}


def test_put_again() -> None:
    """What is put in again is the newest, with its new value."""
    newest: Newest[str, int] = Newest(2)
    for number, key in enumerate("abac"):
        newest.put(key, number)

    assert newest == {"a": 2, "c": 3}
