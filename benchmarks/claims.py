"""What each callback should do for its user: a program, and whether what arrived is right.

Every program runs as a user would run it, once with LiteLLM's own `langfuse_otel` and once with
this library, against the same receiver; only the first line differs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langfuse_otel.testing import Collector, ReceivedSpan

    Judge = Callable[[Collector], bool]

SECRET = "c4n4ry-in-the-prompt"
TRACE = "0af7651916cd43dd8448eb211c80319c"
MODEL = "openai/gpt-4o-mini"
CALL = f'dict(model="{MODEL}", messages=[{{"role": "user", "content": "{SECRET}"}}], mock_response="hello")'


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the comparison.

    Attributes:
        about: what is right, in the user's words.
        program: makes the calls; `call` has the arguments of one that needs no network.
        is_right: judges what the receiver has at the end.
        answers: statuses with which the receiver answers the first requests.
    """

    about: str
    program: str
    is_right: Judge
    answers: Sequence[int] = ()


def _calls(collector: Collector) -> list[ReceivedSpan]:
    """The spans that show the call to a model, however they are made."""
    return [span for span in collector.spans if _text(span, "input")]


def _text(span: ReceivedSpan, name: str) -> str:
    return str(span.attributes.get(f"langfuse.observation.{name}") or "")


def _arrive(calls: int) -> Judge:
    return lambda collector: len(_calls(collector)) == calls


def _one(is_right: Callable[[ReceivedSpan], bool]) -> Judge:
    """Whether one span shows the call, and that one is right."""
    return lambda collector: [is_right(span) for span in _calls(collector)] == [True]


def _hides_prompt(collector: Collector) -> bool:
    """Whether the call came, without the prompt in any of its bytes."""
    return bool(collector.spans) and not any(SECRET.encode() in body for body in collector.bodies)


def _buckets_add_up(span: ReceivedSpan) -> bool:
    usage = json.loads(_text(span, "usage_details") or "{}")
    return sum(count for name, count in usage.items() if name != "total") == 150 and (  # noqa: PLR2004
        usage.get("input") == 20  # noqa: PLR2004 - 100, of which 80 were cached
    )


def _is_under_parent(collector: Collector) -> bool:
    return [span.trace_id for span in _calls(collector)] == [TRACE]


SYNC = "litellm.completion(**call)\n"
PARENT = f"""
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context, use_span
parent = NonRecordingSpan(SpanContext(0x{TRACE}, 0xb7ad6b7169203331, True, TraceFlags(1)))
with use_span(parent):
    litellm.completion(**call)
"""
CACHED = """
from litellm import ModelResponse, Usage
call["mock_response"] = ModelResponse(
    model="gpt-4o-mini",
    choices=[{"message": {"role": "assistant", "content": "hello"}}],
    usage=Usage(
        prompt_tokens=100,
        completion_tokens=50,
        total_tokens=150,
        prompt_tokens_details={"cached_tokens": 80},
    ),
)
litellm.completion(**call)
"""

CLAIMS = (
    Claim(
        "a call right before `asyncio.run` ends arrives",
        "asyncio.run(litellm.acompletion(**call))\n",
        _arrive(1),
    ),
    Claim(
        "twenty calls at once, then the end of the program: all arrive",
        "async def main():\n    await asyncio.gather(*(litellm.acompletion(**call) for _ in range(20)))\n"
        "asyncio.run(main())\n",
        _arrive(20),
    ),
    Claim("a call before `sys.exit` arrives", SYNC + "sys.exit(1)\n", _arrive(1)),
    Claim("a call before a SIGTERM arrives", SYNC + "os.kill(os.getpid(), 15)\n", _arrive(1)),
    Claim("a call arrives though the first answer is a 500", SYNC, _arrive(1), answers=(500,)),
    Claim("a call is one span, for Langfuse bills each", SYNC, lambda c: len(c.spans) == 1),
    Claim(
        "the trace id that the metadata names is the trace",
        f'litellm.completion(**call, metadata={{"trace_id": "{TRACE}"}})\n',
        _one(lambda span: span.trace_id == TRACE),
    ),
    Claim("a call under an active span is in its trace", PARENT, _is_under_parent),
    Claim(
        "tags are a list, and the session is one",
        'litellm.completion(**call, metadata={"tags": ["a", "b"], "session_id": "s"})\n',
        _one(
            lambda span: (
                span.attributes.get("langfuse.trace.tags") == ["a", "b"]
                and span.attributes.get("session.id") == "s"
            )
        ),
    ),
    Claim("cached tokens are not counted twice", CACHED, _one(_buckets_add_up)),
    Claim(
        "a failed call costs nothing, and says why",
        'call["mock_response"] = Exception("overloaded")\n'
        "try:\n    litellm.completion(**call)\nexcept Exception:\n    pass\n",
        _one(
            lambda span: (
                _text(span, "level") == "ERROR"
                and "overloaded" in _text(span, "status_message")
                and json.loads(_text(span, "cost_details") or "{}").get("total") == 0
            )
        ),
    ),
    Claim(
        "a stream that is left half-way is one generation, marked as such",
        "for _ in litellm.completion(**call, stream=True):\n    break\n",
        _one(lambda span: _text(span, "level") == "WARNING"),
    ),
    Claim(
        "`mask_input` hides the prompt",
        'litellm.completion(**call, metadata={"mask_input": True})\n',
        _hides_prompt,
    ),
    Claim(
        "`turn_off_message_logging` hides the prompt of an error, too",
        'litellm.turn_off_message_logging = True\ncall["mock_response"] = Exception(str(call["messages"]))\n'
        "try:\n    litellm.completion(**call)\nexcept Exception:\n    pass\n",
        _hides_prompt,
    ),
)
