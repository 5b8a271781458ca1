"""Token buckets and cost."""

from __future__ import annotations

import math

import pytest
from litellm.types.utils import Usage

from langfuse_otel._litellm.usage import cost_of, usage_of

SPLIT = {"input_cost": 0.25, "output_cost": 0.5, "tool_usage_cost": 0.0}


@pytest.mark.parametrize(
    ("usage", "buckets"),
    [
        (
            Usage(prompt_tokens=10, completion_tokens=20, total_tokens=30),
            {"input": 10, "output": 20, "total": 30},
        ),
        (
            Usage(
                prompt_tokens=100,
                completion_tokens=50,
                total_tokens=150,
                prompt_tokens_details={"cached_tokens": 30, "audio_tokens": 5},
                completion_tokens_details={"reasoning_tokens": 20, "audio_tokens": 7},
            ),
            {
                "input": 65,
                "input_cached_tokens": 30,
                "input_audio_tokens": 5,
                "output": 23,
                "output_reasoning_tokens": 20,
                "output_audio_tokens": 7,
                "total": 150,
            },
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 0,
                "prompt_tokens_details": {
                    "cached_tokens": 30,
                    "audio_tokens": 25,
                    "image_tokens": 12,
                    "cached_tokens_details": {"audio_tokens": 20, "image_tokens": 99},
                },
            },
            {
                "input": 65,
                "input_cached_tokens": 30,
                "input_audio_tokens": 5,
                "output": 0,
                "total": 100,
            },
        ),
        (
            Usage(
                prompt_tokens=100,
                completion_tokens=10,
                total_tokens=110,
                cache_creation_input_tokens=40,
                cache_read_input_tokens=50,
            ),
            {
                "input": 10,
                "input_cached_tokens": 50,
                "input_cache_creation": 40,
                "output": 10,
                "total": 110,
            },
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 0, "cache_read_input_tokens": 9},
            {"input": 0, "input_cached_tokens": 5, "output": 0, "total": 5},
        ),
        (
            {"prompt_tokens": 5.0, "completion_tokens": -3, "total_tokens": None},
            {"input": 5, "output": 0, "total": 5},
        ),
        ({"prompt_tokens": "many"}, None),
        (None, None),
    ],
    ids=[
        "plain",
        "details",
        "cached-audio",
        "anthropic-cache",
        "more-cached-than-read",
        "odd",
        "text",
        "none",
    ],
)
def test_buckets(usage: object, buckets: dict[str, int] | None) -> None:
    """Buckets do not overlap, are never negative, and add up to the provider's total."""
    found = usage_of(usage)

    assert found == buckets
    assert found is None or sum(found.values()) == 2 * found["total"]


@pytest.mark.parametrize(
    ("total", "breakdown", "cost"),
    [
        (0.75, SPLIT, {"input": 0.25, "output": 0.5, "total": 0.75}),
        (0.75, {}, {"total": 0.75}),
        (0.7, SPLIT, {"total": 0.7}),
        (
            1.0,
            {**SPLIT, "cache_read_cost": 0.125, "cache_creation_cost": 0.125},
            {
                "input": 0.25,
                "input_cached_tokens": 0.125,
                "input_cache_creation": 0.125,
                "output": 0.5,
                "total": 1.0,
            },
        ),
        (0, {}, {"total": 0.0}),
        (None, SPLIT, None),
        (math.nan, {}, None),
        (-1.0, {}, None),
        (1e6, {}, None),
        ("0.1", {}, None),
        (True, {}, None),
    ],
    ids=[
        "split",
        "total-only",
        "split-that-does-not-add-up",
        "cache-split",
        "zero",
        "no-price",
        "nan",
        "negative",
        "too-large",
        "text",
        "boolean",
    ],
)
def test_cost(total: object, breakdown: dict[str, float], cost: dict[str, float] | None) -> None:
    """A cost has a total always, and parts only where they add up to it."""
    assert cost_of(total, breakdown) == cost
