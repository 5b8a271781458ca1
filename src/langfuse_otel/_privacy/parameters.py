"""The parameters that shaped an answer. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langfuse_otel._text import json_text
from langfuse_otel._values import mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._records import Json

# Parameters that shape an answer. An allow-list, since the rest may hold credentials.
MODEL_PARAMETERS = frozenset(
    {
        "audio",
        "background",
        "dimensions",
        "encoding_format",
        "frequency_penalty",
        "language",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "max_tool_calls",
        "min_p",
        "modalities",
        "n",
        "output_format",
        "parallel_tool_calls",
        "presence_penalty",
        "quality",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "seed",
        "service_tier",
        "size",
        "speed",
        "stop",
        "store",
        "style",
        "temperature",
        "text",
        "thinking",
        "tool_choice",
        "top_k",
        "top_logprobs",
        "top_n",
        "top_p",
        "truncation",
        "verbosity",
        "voice",
        "web_search_options",
    }
)

# The same by the names that Gemini's own requests have for them.
_GEMINIS = {
    "candidateCount": "n",
    "frequencyPenalty": "frequency_penalty",
    "maxOutputTokens": "max_output_tokens",
    "presencePenalty": "presence_penalty",
    "responseModalities": "modalities",
    "stopSequences": "stop",
    "thinkingConfig": "thinking",
    "topK": "top_k",
    "topP": "top_p",
}


# Those that hold what the caller wrote: texts, schemas, the names of tools, places.
QUOTING = frozenset({"response_format", "stop", "text", "tool_choice", "web_search_options"})

# Call types of which the request has parameters that LiteLLM's other dictionaries lack.
_SENT = ("transcription", "atranscription", "speech", "aspeech")


def _chosen(container: Mapping[str, Any]) -> dict[str, Any]:
    return {name: container[name] for name in MODEL_PARAMETERS.intersection(container)}


def model_parameters(kwargs: Mapping[str, Any]) -> Json | None:
    """Return those of the parameters that were given, also 0 and false, as JSON text."""
    asked = mapping_of(kwargs.get("optional_params"))
    given = {
        **_chosen(_sent(kwargs)),
        **_chosen(kwargs),
        **{_GEMINIS[name]: asked[name] for name in _GEMINIS.keys() & asked},
        **_chosen(asked),
    }
    found = {name: value for name, value in sorted(given.items()) if value is not None}
    return json_text(found) if found else None


def _sent(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request for a transcription or speech: LiteLLM (1.106) has its parameters nowhere else."""
    if kwargs.get("call_type") not in _SENT:
        return {}
    return mapping_of(mapping_of(kwargs.get("additional_args")).get("complete_input_dict"))


def without_quoting(parameters: Json | None) -> Json | None:
    """Return them without those that hold what the caller wrote."""
    given = mapping_of(json.loads(parameters or "{}"))
    left = {name: value for name, value in given.items() if name not in QUOTING}
    return json_text(left) if left else None
