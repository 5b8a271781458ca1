"""Whether LiteLLM knows what a model costs.

A model that is not on its price list LiteLLM (1.106) may know by its family, or from its router, which
puts each of its models on the list, priced or not: then it says that a call cost nothing, as it does
of one that is free.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from langfuse_otel._values import mapping_of, part

if TYPE_CHECKING:
    from collections.abc import Mapping

# Whose calls cost nothing by themselves: they run at home, or a subscription pays for them.
_FREE = ("chatgpt", "github_copilot", "ollama", "ollama_chat")


def is_unpriced(kwargs: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """Whether a call that is said to have cost nothing was of a model without a price.

    Args:
        kwargs: LiteLLM's dictionary about the call.
        payload: its `standard_logging_object`.
    """
    if kwargs.get("response_cost") != 0 or kwargs.get("custom_llm_provider") in _FREE:
        return False
    found = mapping_of(payload.get("model_map_information")).get("model_map_value")
    name, prices = part(found, "key"), getattr(sys.modules.get("litellm"), "model_cost", None)
    if not isinstance(name, str) or not isinstance(prices, dict):
        return False
    # Copied, for the router of another thread may add to it.
    listed = dict(mapping_of(prices.get(name)))
    return not any(_is_price(known) and listed[known] is not None for known in listed)


def _is_price(name: str) -> bool:
    return "cost" in name or "pricing" in name
