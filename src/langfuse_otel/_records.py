"""The types that cross the library: what LiteLLM said about a call, in our words.

Content is JSON text already, so a record is a snapshot: nothing in it changes when the caller
changes an object that it came from. What is made for each call is a named tuple: it is made in a
third of the time that a frozen dataclass takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ObservationType = Literal[
    "span",
    "generation",
    "event",
    "embedding",
    "agent",
    "tool",
    "chain",
    "retriever",
    "guardrail",
    "evaluator",
]
Level = Literal["DEBUG", "DEFAULT", "WARNING", "ERROR"]
Json = str

# Where a user may be looked for, in the order in which one is.
USER_FROM = ("metadata", "argument", "end_user", "key_user")

# What a mask is shown, by its kind; and what it returns is sent.
Content = Literal["input", "output", "metadata", "status_message", "comment"]
Mask = Callable[[Any, Content], Any]


class Parent(NamedTuple):
    """An OpenTelemetry span that the call was made under, as integers.

    `in_langfuse`: it is known to be exported to Langfuse, as the Langfuse SDK's spans are. `trace`
    and `prompt` are what it passes on, if it is an observation of ours.
    """

    trace_id: int
    span_id: int
    in_langfuse: bool = False
    trace: TraceFields | None = None
    prompt: Prompt | None = None

    @property
    def bare(self) -> Parent:
        """Return it without what it passes on."""
        return Parent(self.trace_id, self.span_id, self.in_langfuse)


class Clues(NamedTuple):
    """All that may decide in which trace and under which parent an observation belongs.

    Texts are as the caller gave them; `call_id`, `attempt` and `started_ns` make the observation's
    own id. `ambient` was the active span when the call started, `remote` the one in a request's
    `traceparent` header. `is_superseded`: the attempt failed and another may follow.
    """

    call_id: str
    started_ns: int
    attempt: int = 0
    trace_id: str | None = None
    existing_trace_id: str | None = None
    parent_observation_id: str | None = None
    generation_id: str | None = None
    is_superseded: bool = False
    litellm_trace_id: str | None = None
    remote: Parent | None = None
    ambient: Parent | None = None


class Attempt(NamedTuple):
    """One of the attempts at a call: its number, from 0, and when it began, where that is known.

    `is_repeated`: LiteLLM makes another should it fail, or it is another already.
    """

    number: int = 0
    started: datetime | None = None
    is_repeated: bool = False


ONLY_ATTEMPT = Attempt()


class TraceFields(NamedTuple):
    """What Langfuse shows on the trace. Stands on every span, since Langfuse inherits nothing.

    `input` and `output` only where the trace's own are to be replaced. `is_continued`: the trace
    was begun elsewhere, and what is not given here stays as it is.
    """

    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Json | None = None
    release: str | None = None
    public: bool | None = None
    input: Json | None = None
    output: Json | None = None
    is_continued: bool = False


class Prompt(NamedTuple):
    """A prompt of Langfuse's prompt management; Langfuse links name and version or neither."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the settings say of every observation.

    `user_from`: where a user is looked for, the first source that names one wins.
    `trusts_requests`: a request to the proxy may name trace, user and session.
    """

    user_from: tuple[str, ...] = USER_FROM
    environment: str | None = None
    release: str | None = None
    ignores_context: bool = False
    trusts_requests: bool = True


class Observation(NamedTuple):
    """One finished call. Times are nanoseconds since the epoch, cost is in US dollars.

    `usage` counts tokens in buckets that do not overlap. `documented` holds the attribute names
    that LiteLLM's documentation promises, with the caller's own values. `mask` is the caller's own,
    and applied before it is sent.
    """

    name: str
    type: ObservationType
    started_ns: int
    ended_ns: int
    clues: Clues
    completion_started_ns: int | None = None
    model: str | None = None
    model_parameters: Json | None = None
    input: Json | None = None
    output: Json | None = None
    usage: Mapping[str, int] | None = None
    cost: Mapping[str, float] | None = None
    level: Level = "DEFAULT"
    status_message: str | None = None
    version: str | None = None
    environment: str | None = None
    metadata: Json | None = None
    prompt: Prompt | None = None
    trace: TraceFields = TraceFields()
    documented: Mapping[str, str | bool | tuple[str, ...]] = MappingProxyType({})
    mask: Mask | None = None

    @property
    def size(self) -> int:
        """About how many bytes it holds: the content, and a constant for the rest."""
        texts = (self.input, self.output, self.metadata, self.trace.metadata, self.status_message)
        return 1_000 + sum(len(text) for text in texts if text)


class Finished(NamedTuple):
    """What is to be exported: `observe` reads it, and the rest is known before that.

    `call_id`, `level` and the times tell it from others; `size` is about the bytes that it holds.
    """

    call_id: str
    level: Level
    started_ns: int
    ended_ns: int
    size: int
    observe: Callable[[], Observation]


def finished_of(observation: Observation) -> Finished:
    """Return an observation that was read already."""
    o = observation
    times = o.started_ns, o.ended_ns
    return Finished(o.clues.call_id, o.level, *times, o.size, lambda: observation)


class Identity(NamedTuple):
    """Where an observation stands: ids as OpenTelemetry has them.

    `is_orphan`: its parent may never come to Langfuse.
    """

    trace_id: int
    span_id: int
    parent_id: int | None
    is_orphan: bool = False
