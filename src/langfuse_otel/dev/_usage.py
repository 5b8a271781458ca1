"""
Token counts and cost, as given: there is no price table and no tokenizer here.

Of the many spellings in which `gen_ai.usage.*` and `llm.token_count.*` name their details, the
common ones are known; another suffix becomes a bucket of its own, as on the server.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from ._values import NOT_JSON, first_present, is_truthy, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._views import WritePath

USAGE: Final = "langfuse.observation.usage_details"
COST: Final = "langfuse.observation.cost_details"
_FALLBACK_PREFIXES: Final = ("gen_ai.usage.", "llm.token_count.")

_OPENAI_SHAPES: Final = (("prompt", "completion"), ("input", "output"))

_WHOLES: Final = {
    "input": ("prompt_tokens", "input_tokens", "prompt"),
    "output": ("completion_tokens", "output_tokens", "completion"),
    "total": ("total_tokens", "total"),
}
# (bucket, the count it is a part of, spellings)
_PARTS: Final = (
    (
        "input_cached_tokens",
        "input",
        (
            "cache_read_input_tokens",
            "cache_read.input_tokens",
            "cache_read_tokens",
            "cached_tokens",
            "input_cached_tokens",
            "prompt_details.cache_read",
            "prompt_tokens_details.cached_tokens",
            "input_tokens_details.cached_tokens",
            "details.cache_read_input_tokens",
            "details.cache_read_tokens",
        ),
    ),
    (
        "input_cache_creation",
        "input",
        (
            "cache_creation_input_tokens",
            "cache_creation.input_tokens",
            "cache_creation_tokens",
            "cache_write_tokens",
            "prompt_details.cache_write",
            "details.cache_creation_input_tokens",
        ),
    ),
    (
        "output_reasoning_tokens",
        "output",
        (
            "reasoning_tokens",
            "reasoning.output_tokens",
            "output_reasoning_tokens",
            "completion_details.reasoning",
            "completion_tokens_details.reasoning_tokens",
            "output_tokens_details.reasoning_tokens",
            "details.reasoning_tokens",
        ),
    ),
    (
        "output_audio_tokens",
        "output",
        ("output_audio_tokens", "completion_details.audio", "audio.output_tokens"),
    ),
)
_KNOWN: Final = frozenset(
    spelling
    for spellings in (*_WHOLES.values(), *(part[2] for part in _PARTS), ("cost",))
    for spelling in spellings
)

_TOO_EXPENSIVE: Final = 1_000_000
_SMALLEST_COST: Final = 1e-12
_DECIMALS: Final = 12


def usage_details_of(attributes: Mapping[str, Any]) -> dict[str, int]:
    """Take span attributes, give the token buckets with their total."""
    given = given_object(attributes.get(USAGE))
    counts = _fallback_usage(attributes) if given is None else converted(given)
    return _with_total(_integers(counts))


def cost_details_of(attributes: Mapping[str, Any], path: WritePath) -> dict[str, float]:
    """
    Take span attributes, give the cost buckets with a total where the server computes one.

    Raises:
        ValueError: The database refuses the value, and with it the observation.

    """
    given = _given_cost(attributes)
    costs = _validated(given) if path == "legacy" else _unvalidated(given)
    if any(cost >= _TOO_EXPENSIVE for cost in costs.values()):
        raise ValueError(f"a cost of {_TOO_EXPENSIVE} or more fails the insert")
    # A third bucket without a total leaves the trace without a cost.
    if costs and "total" not in costs and costs.keys() <= {"input", "output"}:
        costs["total"] = round(sum(costs.values()), _DECIMALS)
    return costs


def given_object(value: Any) -> dict[str, Any] | None:
    """Take a value, give its object, `{}` for what is not one, None where others are asked."""
    if not is_truthy(value):
        return None
    data = parse_json(value)
    if data is NOT_JSON and isinstance(value, str):
        return None
    return data if isinstance(data, dict) else {}


def converted(given: dict[str, Any]) -> dict[str, Any]:
    """Take counts, give exactly OpenAI's shape as buckets, any other as it is."""
    for sides in _OPENAI_SHAPES:
        wholes = {f"{side}_tokens" for side in sides} | {"total_tokens"}
        details = {f"{side}_tokens_details" for side in sides}
        if wholes <= given.keys() <= wholes | details:
            return _split(given, sides)
    return given


def _split(given: dict[str, Any], sides: tuple[str, str]) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for side, bucket in zip(sides, ("input", "output"), strict=True):
        parts = _integers(given.get(f"{side}_tokens_details") or {})
        whole = _integer(given[f"{side}_tokens"]) or 0
        counts[bucket] = max(whole - sum(parts.values()), 0)
        counts.update({f"{bucket}_{part}": count for part, count in parts.items()})
    return {**counts, "total": given["total_tokens"]}


def _fallback_usage(attributes: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(_suffixed(attributes))
    counts = {whole: first_present(found, spellings) for whole, spellings in _WHOLES.items()}
    for bucket, whole, spellings in _PARTS:
        part = _integer(first_present(found, spellings))
        if part is not None:
            counts[bucket] = part
            # Always subtracted: a count that excludes its cache collapses to zero.
            counts[whole] = max((_integer(counts[whole]) or 0) - part, 0)
    others = {suffix: count for suffix, count in found.items() if suffix not in _KNOWN}
    return {**others, **counts}


def _suffixed(attributes: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in attributes.items():
        for prefix in _FALLBACK_PREFIXES:
            if key.startswith(prefix):
                yield key.removeprefix(prefix), value


def _integers(counts: Any) -> dict[str, int]:
    pairs = counts.items() if isinstance(counts, dict) else ()
    return {key: count for key, value in pairs if (count := _integer(value)) is not None}


def _integer(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:20])
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if is_whole and not isinstance(value, bool) and value >= 0 else None


def _with_total(counts: dict[str, int]) -> dict[str, int]:
    if not counts or "total" in counts:
        return counts
    return {**counts, "total": sum(counts.values())}


def _given_cost(attributes: Mapping[str, Any]) -> dict[str, Any]:
    given = given_object(attributes.get(COST))
    if given is not None:
        return given
    total = attributes.get("gen_ai.usage.cost") or attributes.get("llm.cost.total")
    return {"total": total} if total else {}


def _validated(given: dict[str, Any]) -> dict[str, float]:
    return {key: cost for key, cost in given.items() if _is_number(cost) and cost >= 0}


def _unvalidated(given: dict[str, Any]) -> dict[str, float]:
    costs = {key: _stored_number(cost) for key, cost in given.items() if cost is not None}
    return {key: 0 if 0 < cost < _SMALLEST_COST else cost for key, cost in costs.items()}


def _stored_number(cost: Any) -> float:
    number: Any = _number_in(cost) if isinstance(cost, str) else cost
    if not _is_number(number):
        raise ValueError("a cost that is not a number fails the insert")
    return float(number)


def _number_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_number(value: Any) -> bool:
    is_given = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_given and abs(value) <= sys.float_info.max
