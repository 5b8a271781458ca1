"""How a version of LiteLLM stands to those that are tested."""

from __future__ import annotations

import pytest

from langfuse_otel._litellm import versions
from langfuse_otel._litellm.versions import is_supported, standing_of


@pytest.fixture(autouse=True)
def tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """These are tested, whatever comes next."""
    monkeypatch.setattr(versions, "LITELLM", ("1.75.6", "1.80.11", "1.109.1"))


OLD = "older than 1.75.6, the oldest that is supported"
NEW = "newer than 1.109.1, the newest that is tested"


@pytest.mark.parametrize(
    ("version", "standing"),
    [
        ("1.75.6", ""),
        ("1.109.1", ""),
        ("1.75.5", OLD),
        ("1.75.5.post2", OLD),
        ("1.9.100", OLD),
        ("0.99.9", OLD),
        ("nightly", OLD),
        ("1.109.2", NEW),
        ("1.110.0rc1", NEW),
        ("2.0", NEW),
        ("1.75.6.post1", ""),
        ("1.75.6.1", ""),
        ("1.76.0", "between versions that are tested, 1.75.6 and 1.80.11"),
        ("1.80.12", "between versions that are tested, 1.80.11 and 1.109.1"),
        ("1.80.11.post2", ""),
    ],
)
def test_standing(version: str, standing: str) -> None:
    """A version is one of those, older, newer, or between two of them."""
    assert standing_of(version) == standing


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.75.6", True), ("1.75.6.post1", True), ("1.75.5", False), ("2.0", True), ("dev", False)],
)
def test_supported(version: str, expected: bool) -> None:
    """What is not too old is supported."""
    assert is_supported(version) is expected
