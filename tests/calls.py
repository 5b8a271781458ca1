"""Callback arguments as LiteLLM makes them, with what matters to a test said at the call."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from litellm.types.utils import Choices, Message, ModelResponse, Usage

from langfuse_otel._litellm.observation import observation_from
from langfuse_otel._litellm.redaction import SHOWN, Hidden
from langfuse_otel._litellm.snapshot import snapshot_of
from langfuse_otel._records import ONLY_ATTEMPT, Attempt, Defaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._records import Observation, Parent

NO_DEFAULTS = Defaults()
STARTED = datetime(2026, 11, 21, 8, 0, 0)  # noqa: DTZ001 - LiteLLM's times are naive and local
ENDED = datetime(2026, 11, 21, 8, 0, 2)  # noqa: DTZ001
MESSAGES = [{"role": "user", "content": "hi"}]


def a_response(*contents: str, **message: Any) -> ModelResponse:
    """Return a chat completion with one choice for each of the contents."""
    choices = [
        Choices(index=i, finish_reason="stop", message=Message(content=c, **message))
        for i, c in enumerate(contents or ("hello",))
    ]
    usage = Usage(prompt_tokens=10, completion_tokens=20, total_tokens=30)
    return ModelResponse(id="chatcmpl-1", model="gpt-4o-2026", choices=choices, usage=usage)


def a_call(metadata: object = None, **changes: Any) -> dict[str, Any]:
    """Return the dictionary that LiteLLM hands to callbacks, for a chat completion."""
    return {
        "litellm_call_id": "call-1",
        "litellm_trace_id": "0af76519-16cd-43dd-8448-eb211c80319c",
        "call_type": "completion",
        "custom_llm_provider": "openai",
        "model": "gpt-4o",
        "messages": MESSAGES,
        "optional_params": {},
        "litellm_params": {"metadata": metadata},
        "start_time": STARTED,
        "completion_start_time": ENDED,
        "stream": False,
        "response_cost": 0.75,
        "cache_hit": None,
        "standard_logging_object": {
            "trace_id": "0af76519-16cd-43dd-8448-eb211c80319c",
            "cost_breakdown": {"input_cost": 0.25, "output_cost": 0.5},
            "metadata": {},
        },
        **changes,
    }


class Growing(dict[str, Any]):
    """A dictionary that another thread adds to while it is looked through."""

    def items(self) -> Any:
        """Add a key with each that is returned."""
        for pair in super().items():
            self[f"{len(self)} more"] = 1
            yield pair

    def values(self) -> Any:
        """As above."""
        return (value for _, value in self.items())


def observed(
    kwargs: dict[str, Any] | None = None, response: object = "default", **metadata: Any
) -> Observation:
    """Return the observation of a successful call with this metadata."""
    made = a_response() if response == "default" else response
    return observation_of(kwargs or a_call(metadata), made)


def observation_of(
    kwargs: Mapping[str, Any],
    response: object,
    *,
    started: object = STARTED,
    ended: object = ENDED,
    ambient: Parent | None = None,
    attempt: Attempt = ONLY_ATTEMPT,
    defaults: Defaults = NO_DEFAULTS,
    switched: Hidden = SHOWN,
    said: object = None,
) -> Observation:
    """Return the observation of a call: taken, and read at once."""
    taken = snapshot_of(kwargs, response, started, ended, attempt, switched=switched, said=said)
    return observation_from(taken, ambient, defaults)
