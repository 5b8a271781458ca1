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
            {"prompt_tokens": 5.0, "completion_tokens": -3.0, "total_tokens": -3},
            {"input": 5, "output": 0, "total": 5},
        ),
        ({"prompt_tokens": "many"}, None),
        (None, None),
        (
            {
                "input_tokens": 10,
                "output_tokens": 20,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 5, "image_tokens": 6},
            },
            {
                "input": 6,
                "input_cached_tokens": 4,
                "output": 9,
                "output_reasoning_tokens": 5,
                "output_image_tokens": 6,
                "total": 30,
            },
        ),
        (
            {"prompt_tokens": 1, "prompt_tokens_details": {"image_tokens": 1}},
            {"input": 0, "input_image_tokens": 1, "output": 0, "total": 1},
        ),
        (
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 4},
                "cache_read_input_tokens": 9,
            },
            {"input": 6, "input_cached_tokens": 4, "output": 0, "total": 10},
        ),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 6, "audio_tokens": 7}},
            {
                "input": 0,
                "input_cached_tokens": 6,
                "input_audio_tokens": 4,
                "output": 0,
                "total": 10,
            },
        ),
        (
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {"audio_tokens": 7},
                "cache_read_input_tokens": 9,
            },
            {
                "input": 0,
                "input_audio_tokens": 7,
                "input_cached_tokens": 3,
                "output": 0,
                "total": 10,
            },
        ),
        (
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {
                    "cached_tokens": 1,
                    "cache_creation_tokens": 5,
                    "cache_creation_token_details": {
                        "ephemeral_5m_input_tokens": 2,
                        "ephemeral_1h_input_tokens": 3,
                    },
                },
            },
            {
                "input": 4,
                "input_cached_tokens": 1,
                "input_cache_creation_5m": 2,
                "input_cache_creation_1h": 3,
                "output": 0,
                "total": 10,
            },
        ),
        (
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {
                    "cache_creation_tokens": 5,
                    "cache_creation_token_details": {"ephemeral_5m_input_tokens": 2},
                },
            },
            {"input": 5, "input_cache_creation": 5, "output": 0, "total": 10},
        ),
        (
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {
                    "cache_creation_token_details": {"ephemeral_5m_input_tokens": 2},
                },
            },
            {"input": 10, "output": 0, "total": 10},
        ),
        ({"prompt_tokens": True, "completion_tokens": math.inf, "total_tokens": math.nan}, None),
        ({"prompt_tokens": 10**20, "completion_tokens": 1e20}, None),
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
        "other-names",
        "image",
        "cached-twice",
        "more-parts-than-there-is",
        "cached-beside-audio",
        "lifetimes",
        "part-of-the-lifetimes",
        "lifetimes-of-nothing",
        "no-numbers",
        "too-many",
    ],
)
def test_buckets(usage: object, buckets: dict[str, int] | None) -> None:
    """Buckets do not overlap, are never negative, and add up to the provider's total."""
    found = usage_of(usage)

    assert found == buckets
    assert found is None or sum(found.values()) == 2 * found["total"]


@pytest.mark.parametrize(
    ("total", "searched"),
    [(15, {"input_tool_use_tokens": 4}), (13, {"input_tool_use_tokens": 3}), (10, {}), (9, {})],
    ids=["all", "part", "none", "less"],
)
def test_search(total: int, searched: dict[str, int]) -> None:
    """What a search put into the prompt is counted where the total has room for it."""
    found = usage_of(
        {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": total,
            "prompt_tokens_details": {"tool_use_tokens": 4},
        }
    )

    assert found == {"input": 7, **searched, "output": 3, "total": total}


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
        (999_999.5, {}, {"total": 999_999.5}),
        ("0.1", {}, None),
        (True, {}, None),
        (
            1.0,
            {**SPLIT, "tool_usage_cost": 0.25},
            {"input": 0.25, "output": 0.5, "tools": 0.25, "total": 1.0},
        ),
        (
            0.75,
            {**SPLIT, "cache_read_cost": 0.125},
            {"input": 0.125, "input_cached_tokens": 0.125, "output": 0.5, "total": 0.75},
        ),
        (
            0.75,
            {**SPLIT, "cache_read_cost": 0.25},
            {"input_cached_tokens": 0.25, "output": 0.5, "total": 0.75},
        ),
        (0.75, {**SPLIT, "cache_read_cost": 0.3}, {"total": 0.75}),
        (0.75 + 0.9e-9, SPLIT, {"input": 0.25, "output": 0.5, "total": 0.75 + 0.9e-9}),
        (0.75 + 2e-9, SPLIT, {"total": 0.75 + 2e-9}),
        (0.5, {"input_cost": "0.25", "output_cost": 0.5}, {"output": 0.5, "total": 0.5}),
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
        "large",
        "text",
        "boolean",
        "tools",
        "cache-within",
        "cache-alone",
        "more-cache-than-input",
        "rounded",
        "not-rounded",
        "odd-part",
    ],
)
def test_cost(total: object, breakdown: dict[str, float], cost: dict[str, float] | None) -> None:
    """A cost has a total always, and parts only where they add up to it."""
    assert cost_of(total, breakdown) == cost
