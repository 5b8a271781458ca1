"""LiteLLM's usage and cost → Langfuse's buckets, which must not overlap. Pure.

LiteLLM normalises every provider to OpenAI's shape: `prompt_tokens` includes cached, cache-writing,
audio and image tokens, `completion_tokens` includes reasoning, audio and image tokens. Langfuse
prices each bucket by its own name and adds them up, so the parts are subtracted from the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langfuse_otel._text import MAX_EXACT_INTEGER
from langfuse_otel._values import members

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

# Langfuse fails to store a batch that holds a cost of a million or more.
MAX_COST = 1e6
COST_TOLERANCE = 1e-9

_INPUT_PARTS = {
    "input_cached_tokens": "cached_tokens",
    "input_cache_creation": "cache_creation_tokens",
    "input_audio_tokens": "audio_tokens",
    "input_image_tokens": "image_tokens",
}
_OUTPUT_PARTS = {
    "output_reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "audio_tokens",
    "output_image_tokens": "image_tokens",
}
_CACHE_READS = {"input_cached_tokens": "cache_read_input_tokens"}
_CACHE_WRITES = {
    "input_cache_creation_5m": "ephemeral_5m_input_tokens",
    "input_cache_creation_1h": "ephemeral_1h_input_tokens",
}
_SEARCHES = {"input_tool_use_tokens": "tool_use_tokens"}
_INPUT_COSTS = {
    "input_cached_tokens": "cache_read_cost",
    "input_cache_creation": "cache_creation_cost",
}
_COSTS = {"input": "input_cost", "output": "output_cost", "tools": "tool_usage_cost"}


def usage_of(usage: object) -> dict[str, int] | None:
    """Return the token buckets of LiteLLM's `usage`, or None where it counts nothing.

    Buckets are non-negative integers, `input` and `output` hold what no other bucket holds, and
    `total` is the provider's own.
    """
    counts = members(usage)
    prompt = tokens(counts, "prompt_tokens") or tokens(counts, "input_tokens")
    completion = tokens(counts, "completion_tokens") or tokens(counts, "output_tokens")
    total = tokens(counts, "total_tokens") or prompt + completion
    if not total:
        return None
    details = members(counts.get("prompt_tokens_details") or counts.get("input_tokens_details"))
    inputs = _inputs(counts, details, prompt)
    answered = members(
        counts.get("completion_tokens_details") or counts.get("output_tokens_details")
    )
    outputs = _parts(_OUTPUT_PARTS, answered, completion)
    # What a search put into Gemini's prompt LiteLLM has in the total alone, without a price.
    searched = _parts(_SEARCHES, details, max(0, total - prompt - completion))
    return {
        "input": prompt - sum(inputs.values()),
        **inputs,
        **searched,
        "output": completion - sum(outputs.values()),
        **outputs,
        "total": total,
    }


def _inputs(counts: Mapping[str, Any], details: Mapping[str, Any], prompt: int) -> dict[str, int]:
    found = _parts(_INPUT_PARTS, _uncached(details), prompt)
    if "input_cached_tokens" not in found:
        found |= _parts(_CACHE_READS, counts, prompt - sum(found.values()))
    if "input_cache_creation" in found:
        written = found["input_cache_creation"]
        lifetimes = members(details.get("cache_creation_token_details"))
        by_lifetime = _parts(_CACHE_WRITES, lifetimes, written)
        if sum(by_lifetime.values()) == written:
            del found["input_cache_creation"]
            found |= by_lifetime
    return found


def _uncached(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where LiteLLM tells cached audio and images apart (1.109 of Gemini), it counts them twice."""
    cached = members(details.get("cached_tokens_details"))
    if not cached:
        return details
    media = ("audio_tokens", "image_tokens")
    return {**details, **{name: tokens(details, name) - tokens(cached, name) for name in media}}


def cost_of(total: object, breakdown: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the cost in US dollars: `total`, and its parts where they add up to it.

    None where LiteLLM knows no price, so that Langfuse may use its own.
    """
    if not is_cost(total):
        return None
    return {**_cost_parts(float(total), breakdown), "total": float(total)}


def _cost_parts(total: float, breakdown: Mapping[str, Any]) -> dict[str, float]:
    """LiteLLM counts the cost of cached tokens within the input's or beside it, by version."""
    parts, cached = _found(_COSTS, breakdown), _found(_INPUT_COSTS, breakdown)
    within = parts.get("input", 0.0) - sum(cached.values())
    if within >= 0 and abs(sum(parts.values()) - total) <= COST_TOLERANCE:
        parts["input"] = within
        return {name: cost for name, cost in {**parts, **cached}.items() if cost}
    beside = {**parts, **cached}
    return beside if abs(sum(beside.values()) - total) <= COST_TOLERANCE else {}


def _found(table: Mapping[str, str], breakdown: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(cost)
        for name, key in table.items()
        if (cost := breakdown.get(key)) and is_cost(cost)
    }


def is_cost(value: object) -> TypeGuard[float]:
    """True for a number that Langfuse can store as a cost."""
    if isinstance(value, bool) or not isinstance(value, (float, int)):
        return False
    return 0 <= value < MAX_COST  # which neither NaN nor infinity is


def tokens(counts: Mapping[str, Any], name: str) -> int:
    """Return a token count as a non-negative integer; what is no number that JSON has counts as 0."""
    count = counts.get(name)
    if isinstance(count, bool) or not isinstance(count, (int, float)):
        return 0
    return int(count) if 0 <= count <= MAX_EXACT_INTEGER else 0


def _parts(table: Mapping[str, str], details: Mapping[str, Any], whole: int) -> dict[str, int]:
    """Return the buckets of `table` that are not 0, none larger than what is left of the whole."""
    found: dict[str, int] = {}
    for bucket, name in table.items() if details else ():
        count = min(whole, tokens(details, name))
        if count:
            found[bucket] = count
            whole -= count
    return found
