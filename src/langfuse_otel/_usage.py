"""LiteLLM's usage and cost → Langfuse's buckets, which must not overlap. Pure.

LiteLLM normalises every provider to OpenAI's shape: `prompt_tokens` includes cached, cache-writing,
audio and image tokens, `completion_tokens` includes reasoning, audio and image tokens. Langfuse
prices each bucket by its own name and adds them up, so the parts are subtracted from the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeGuard

# Langfuse fails to store a batch that holds a cost of a million or more.
MAX_COST = 1e6
COST_TOLERANCE = 1e-9

_INPUT_PARTS = {
    "input_cached_tokens": ("cached_tokens",),
    "input_cache_creation": ("cache_creation_tokens",),
    "input_audio_tokens": ("audio_tokens",),
    "input_image_tokens": ("image_tokens",),
}
_OUTPUT_PARTS = {
    "output_reasoning_tokens": ("reasoning_tokens",),
    "output_audio_tokens": ("audio_tokens",),
    "output_image_tokens": ("image_tokens",),
}
_COST_PARTS = {
    "input": "input_cost",
    "input_cached_tokens": "cache_read_cost",
    "input_cache_creation": "cache_creation_cost",
    "output": "output_cost",
    "tools": "tool_usage_cost",
}


def usage_of(usage: object) -> dict[str, int] | None:
    """Return the token buckets of LiteLLM's `usage`, or None where it counts nothing.

    Buckets are non-negative integers, `input` and `output` hold what no other bucket holds, and
    `total` is the provider's own.
    """
    prompt, completion = tokens(usage, "prompt_tokens"), tokens(usage, "completion_tokens")
    total = tokens(usage, "total_tokens") or prompt + completion
    if not total:
        return None
    inputs = _parts(_INPUT_PARTS, part(usage, "prompt_tokens_details"), prompt)
    if not inputs.get("input_cached_tokens"):
        inputs |= _parts({"input_cached_tokens": ("cache_read_input_tokens",)}, usage, prompt)
    outputs = _parts(_OUTPUT_PARTS, part(usage, "completion_tokens_details"), completion)
    return {
        "input": prompt - sum(inputs.values()),
        **inputs,
        "output": completion - sum(outputs.values()),
        **outputs,
        "total": total,
    }


def cost_of(total: object, breakdown: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the cost in US dollars: `total`, and its parts where they add up to it.

    None where LiteLLM knows no price, so that Langfuse may use its own.
    """
    if not is_cost(total):
        return None
    parts = {
        name: float(breakdown[key])
        for name, key in _COST_PARTS.items()
        if is_cost(breakdown.get(key)) and breakdown[key]
    }
    adds_up = abs(sum(parts.values()) - total) <= COST_TOLERANCE
    return {**(parts if adds_up else {}), "total": float(total)}


def is_cost(value: object) -> TypeGuard[float]:
    """True for a number that Langfuse can store as a cost."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and 0 <= value < MAX_COST


def part(value: object, name: str) -> Any:
    """Return the member `name` of a mapping or object, None where there is none."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def tokens(value: object, name: str) -> int:
    """Return a token count as a non-negative integer; what is no number counts as 0."""
    count = part(value, name)
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not math.isfinite(count):
        return 0
    return max(0, int(count))


def _parts(table: Mapping[str, tuple[str, ...]], details: object, whole: int) -> dict[str, int]:
    """Return the buckets of `table` that are not 0, none larger than what is left of the whole."""
    found: dict[str, int] = {}
    for bucket, names in table.items():
        left = whole - sum(found.values())
        count = min(left, max(tokens(details, name) for name in names))
        if count:
            found[bucket] = count
    return found
