"""Credentials of a call, to be taken out of the texts that may quote them. Pure.

A provider's error may repeat the key that it refuses ("Incorrect API key provided: ..."), a proxy's
the headers that it got; LiteLLM puts such texts into exceptions and tracebacks.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from langfuse_otel._values import mapping_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IN_PLACE = "[credential]"

# A shorter value is hardly a secret, and may stand in a text by chance.
SHORTEST = 8

_NAME = re.compile(
    r"api_?key|access_key|secret|token$|password|credential|authorization", re.IGNORECASE
)
_HEADERS = ("extra_headers", "headers", "default_headers")
_PLACES = ("litellm_params", "optional_params", "standard_callback_dynamic_params")


def without_secrets(text: str, kwargs: Mapping[str, Any]) -> str:
    """Return a text without the credentials in LiteLLM's dictionary about the call.

    They are known by the names of the arguments that hold them; of headers, all values are taken
    for one.
    """
    for secret in sorted(set(_secrets(kwargs)), key=len, reverse=True):
        text = text.replace(secret, IN_PLACE)
    return text


def _secrets(kwargs: Mapping[str, Any]) -> Iterator[str]:
    places = [kwargs, *(mapping_of(kwargs.get(name)) for name in _PLACES)]
    sent = mapping_of(kwargs.get("additional_args"))
    # What went to the provider: of an asynchronous call the extra headers stand here alone.
    places += [sent, mapping_of(sent.get("complete_input_dict"))]
    for place in places:
        for name, value in dict(place).items():
            if isinstance(value, str) and _NAME.search(str(name)):
                yield from _forms(value)
        for name in _HEADERS:
            for value in dict(mapping_of(place.get(name))).values():
                yield from _forms(str(value))


def _forms(value: str) -> Iterator[str]:
    """As it is, as it stands in JSON, and without the scheme of an Authorization header."""
    for form in (value, json.dumps(value)[1:-1], value.rpartition(" ")[2]):
        if len(form) >= SHORTEST:
            yield form
