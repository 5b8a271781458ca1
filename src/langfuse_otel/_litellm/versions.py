"""The versions that this one is tested with; `docs/versions.md` shows what was tested. Pure."""

from __future__ import annotations

from bisect import bisect

# The first LiteLLM that looks our class up when the name is used, some since, and the newest. `nox -s matrix` runs them all.
LITELLM = ("1.75.6", "1.77.7", "1.80.11", "1.82.6", "1.90.7", "1.99.4", "1.106.2", "1.110.2")
# What LiteLLM's proxy image pinned for long, and the newest.
OPENTELEMETRY = ("1.33.1", "1.45.2")


def standing_of(version: str) -> str:
    """Say how a version of LiteLLM stands to those that are tested; empty if it is one of them.

    A later build of a release, 1.75.6.post1, counts as that release.
    """
    if _numbers(version) in map(_numbers, LITELLM):
        return ""
    above = bisect(LITELLM, _numbers(version), key=_numbers)
    if above == 0:
        return f"older than {LITELLM[0]}, the oldest that is supported"
    if above == len(LITELLM):
        return f"newer than {LITELLM[-1]}, the newest that is tested"
    return f"between versions that are tested, {LITELLM[above - 1]} and {LITELLM[above]}"


def is_supported(version: str) -> bool:
    """Whether a version of LiteLLM is none of the too old ones."""
    return _numbers(version) >= _numbers(LITELLM[0])


def _numbers(version: str) -> tuple[int, ...]:
    """The release without what follows it: 1.75.5.post2 is (1, 75, 5)."""
    numbers = []
    for part in version.split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
