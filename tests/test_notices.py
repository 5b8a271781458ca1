"""What the log says of trouble."""

from __future__ import annotations

import pytest

from langfuse_otel._delivery import notices as module
from langfuse_otel._delivery.notices import Notices, lost


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def test_line(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A line says where, why, what happened and what to do."""
    notices = Notices(clock)
    notices.warn("https://a.example", "HTTP 413 too large", lost(2))
    notices.warn("", "something else", lost(1))

    first, second = caplog.messages
    assert first == (
        "langfuse-otel: https://a.example: HTTP 413 too large: 2 spans are lost. "
        "Raise the body limit of the proxy in front of Langfuse."
    )
    assert second == "langfuse-otel: something else: 1 span is lost."


@pytest.mark.parametrize(
    ("where", "reason", "is_new"),
    [
        ("a", "HTTP 500 broken", False),
        ("a", "HTTP 500 other words", False),
        ("b", "HTTP 500 broken", True),
        ("a", "HTTP 502 broken", True),
        ("a", "no answer", True),
    ],
)
def test_causes(
    clock: Clock, caplog: pytest.LogCaptureFixture, where: str, reason: str, is_new: bool
) -> None:
    """A cause is a place and the first two words of a reason."""
    notices = Notices(clock)
    notices.warn("a", "HTTP 500 broken", "x")
    notices.warn(where, reason, "x")

    assert len(caplog.messages) == 1 + is_new


def test_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A cause is told once a minute, with how often it came between."""
    notices = Notices(clock)
    for second in (0, 1, 59, 60, 61, 120, 180):
        clock.now = 1_000.0 + second
        notices.warn("a", "HTTP 500", "x")

    said = [message.partition("(")[2][:6] for message in caplog.messages]
    assert said == ["", "2 more", "1 more", ""]


def test_first_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A clock that begins at 0 is no reason to keep quiet."""
    clock.now = 0.0
    Notices(clock).warn("a", "HTTP 500", "x")

    assert len(caplog.messages) == 1


def test_bounded(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many causes are remembered; the one that did not come for longest is forgotten."""
    monkeypatch.setattr(module, "MAX_CAUSES", 2)
    notices = Notices(clock)
    for where in "abacab":
        notices.warn(where, "HTTP 500", "x")

    assert [message[15] for message in caplog.messages] == ["a", "b", "c", "b"]
