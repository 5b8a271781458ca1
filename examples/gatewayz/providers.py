"""Stands for the clients of the providers: it makes the answers up."""

from __future__ import annotations

from typing import Any


class ProviderError(Exception):
    """A provider did not answer."""


async def ask(provider: str, model: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a text, and what it took.

    Raises:
        ProviderError: the provider has no model of that name.
    """
    if model == "none":
        raise ProviderError(f"{provider} has no model of that name")
    text = f"{model} says hello."
    size = sum(len(str(message["content"])) for message in messages)
    return {"text": text, "input_tokens": size, "output_tokens": len(text), "cost": 0.0023}
