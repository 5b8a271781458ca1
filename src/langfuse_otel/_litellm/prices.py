"""Whether LiteLLM knows what a model costs.

A model that is not on its price list LiteLLM (1.106) may know by its family: then it says that a call
cost nothing, as it does of one that is free.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from langfuse_otel._values import mapping_of, part

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_unpriced(kwargs: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """Whether a call that is said to have cost nothing was of a model without a price.

    Args:
        kwargs: LiteLLM's dictionary about the call.
        payload: its `standard_logging_object`.
    """
    if kwargs.get("response_cost") != 0:
        return False
    found = mapping_of(payload.get("model_map_information")).get("model_map_value")
    name, prices = part(found, "key"), getattr(sys.modules.get("litellm"), "model_cost", None)
    return isinstance(name, str) and isinstance(prices, dict) and name not in prices
