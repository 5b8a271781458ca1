"""Whatever a call brings along becomes a span that Langfuse can read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from calls import a_call, a_response, observation_of
from langfuse_otel._litellm.content import KINDS
from langfuse_otel._spans.identity import identify
from langfuse_otel._spans.otlp import request_of
from langfuse_otel._spans.span import part_of, resource_of
from langfuse_otel._text import json_text
from langfuse_otel.testing import _spans_of
from strategies import HEADERS, JSON, OBJECTS, TEXTS, bounded, metadata

CALL_TYPES = st.sampled_from([*KINDS, *(f"a{name}" for name in KINDS)])
READ = ("messages", "input", "optional_params", "model", "user", "response_cost", "exception")
RESPONSES = (
    st.none()
    | JSON
    | st.builds(a_response)
    | st.builds(
        SimpleNamespace,
        id=JSON,
        choices=JSON,
        output=JSON,
        usage=st.dictionaries(
            st.sampled_from(["prompt_tokens", "total_tokens", "prompt_tokens_details"]), JSON
        ),
    )
)
# So many times may a text stand in a span, and so long are the names around it.
TIMES, NAMES_BYTES = 8, 20_000


def assert_readable(kwargs: dict[str, Any], response: object) -> None:
    """Make the span of a call, and read it as strictly as Langfuse does."""
    observation = observation_of(kwargs, response)
    part = part_of(observation, identify(observation.clues), resource_of(None, None, None))
    [span] = _spans_of(request_of([part]), {})

    assert span.name
    assert part.size < TIMES * len(json_text([kwargs, response]).encode()) + NAMES_BYTES


@bounded
@given(CALL_TYPES, st.fixed_dictionaries({}, optional=dict.fromkeys(READ, JSON)), RESPONSES)
def test_any_call(call_type: str, changes: dict[str, Any], response: object) -> None:
    """Arguments and answers of every call type, in any form."""
    assert_readable(a_call({}, call_type=call_type, **changes), response)


@bounded
@given(metadata(OBJECTS))
def test_any_metadata(given_metadata: dict[str, Any]) -> None:
    """Metadata of a program, which may hold any object."""
    assert_readable(a_call(given_metadata), a_response())


@bounded
@given(HEADERS, metadata(JSON), metadata(JSON), metadata(JSON), TEXTS)
def test_any_request(
    headers: dict[str, bytes],
    body: dict[str, Any],
    own: dict[str, Any],
    of_key: dict[str, Any],
    model: str,
) -> None:
    """A request of the proxy's, with anything in each inlet of metadata."""
    params = {
        "metadata": {"requester_metadata": own, "user_api_key_metadata": of_key, "tags": [model]},
        "proxy_server_request": {
            "headers": {name: value.decode("latin-1") for name, value in headers.items()},
            "body": {"litellm_metadata": body},
        },
    }
    assert_readable(a_call(litellm_params=params, model=model), a_response())
