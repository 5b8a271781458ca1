"""The calls of `langfuse-otel demo`: real LiteLLM, no network, no key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import litellm

import langfuse_otel
from langfuse_otel.logger import LangfuseOtelLogger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langfuse_otel.dev import ObservationView, TraceView

ARRIVAL_S = 20.0

TRACE = {
    "trace_id": "demo-conversation",
    "trace_name": "demo conversation",
    "session_id": "demo-session",
    "trace_user_id": "ada",
    "tags": ["demo"],
}
CONVERSATION = ("demo-session", "ada", 2)
WEATHER_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
}


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One call, and what must arrive of it: the observation's name, level and answer.

    `group` is the session, the user and the number of observations of its trace.
    """

    name: str
    make: Callable[[], object]
    level: str = "DEFAULT"
    answer: str | None = None
    group: tuple[str | None, str | None, int] = (None, None, 1)


def calls() -> list[DemoCall]:
    """Return the calls to make, in their order."""
    return [
        DemoCall("chat gpt-4o-mini", _chat, answer="Hello! How can I help?"),
        DemoCall("streamed answer", _stream, answer="One, two, three."),
        DemoCall("tool call", _tool_call, answer='"name":"weather"'),
        DemoCall("failing call", _failure, level="ERROR"),
        DemoCall("question", _question, answer="Paris.", group=CONVERSATION),
        DemoCall("follow-up", _follow_up, answer="About two million people.", group=CONVERSATION),
    ]


def _chat() -> object:
    return _complete("Hello!", mock_response="Hello! How can I help?", temperature=0)


def _stream() -> object:
    chunks = _complete(
        "Count to three.",
        mock_response="One, two, three.",
        stream=True,
        metadata={"generation_name": "streamed answer"},
    )
    return [*chunks]


def _tool_call() -> object:
    """Without `tools`, for which LiteLLM (1.106) wants a package that it does not install."""
    return _complete(
        "What is the weather in Paris?",
        mock_tool_calls=[WEATHER_CALL],
        metadata={"generation_name": "tool call"},
    )


def _failure() -> object:
    try:
        return _complete(
            "Hello?",
            mock_response=Exception("the provider is overloaded"),
            metadata={"generation_name": "failing call"},
        )
    except litellm.exceptions.InternalServerError as error:
        return error


def _question() -> object:
    return _complete(
        "What is the capital of France?",
        mock_response="Paris.",
        metadata={**TRACE, "generation_name": "question"},
    )


def _follow_up() -> object:
    return _complete(
        "How many people live there?",
        mock_response="About two million people.",
        metadata={**TRACE, "generation_name": "follow-up"},
    )


def _complete(text: str, **arguments: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    return litellm.completion(model="openai/gpt-4o-mini", messages=messages, **arguments)


def make(made: list[DemoCall], host: str, public_key: str, secret_key: str) -> bool:
    """Make the calls and deliver them to `host`; False if they could not be delivered in time.

    Whatever the shell sets for other programs: the calls are to arrive as they are made.
    """
    litellm.suppress_debug_info = True
    logger = LangfuseOtelLogger(
        host=host,
        public_key=public_key,
        secret_key=secret_key,
        endpoint="",
        sample_rate=1.0,
        tracing_enabled=True,
        langfuse_enabled=True,
        capture_content=True,
        mask=lambda data, _: data,
        user_from="metadata",
    )
    litellm.callbacks = [logger]
    for call in made:
        call.make()
    return langfuse_otel.flush(ARRIVAL_S)


def missing_in(made: list[DemoCall], traces: Sequence[TraceView]) -> list[str]:
    """Return the names of calls that did not arrive once and as they were made, or unasked."""
    arrived = [(trace, o) for trace in traces for o in trace.observations]
    names = Counter(o.name for _, o in arrived)
    expected = {call.name: call for call in made}
    wrong = [
        name
        for name, call in expected.items()
        if names[name] != 1 or not all(_is_as_made(call, *pair) for pair in arrived)
    ]
    return wrong + [name for name in names if name not in expected]


def _is_as_made(call: DemoCall, trace: TraceView, observation: ObservationView) -> bool:
    if observation.name != call.name:
        return True
    answered = (call.answer or "") in (observation.output or "")
    grouped = (trace.session_id, trace.user_id, len(trace.observations)) == call.group
    return observation.level == call.level and answered and grouped
