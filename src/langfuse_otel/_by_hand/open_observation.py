"""An observation by hand that has begun: what is said of it, and its `with` block."""

from __future__ import annotations

import weakref
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from langfuse_otel._by_hand.drafts import begun
from langfuse_otel._by_hand.fields import Fields, changed, failed, type_from
from langfuse_otel._by_hand.scores import score
from langfuse_otel._spans.ambient import enter, leave
from langfuse_otel._values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from opentelemetry.trace import Span
    from typing_extensions import Self, Unpack

    from langfuse_otel._by_hand.drafts import Draft
    from langfuse_otel._records import ObservationType


class OpenObservation:
    """An observation that has begun; made by `generation`, `span` and `trace`.

    As a context manager, also an asynchronous one, it is OpenTelemetry's active span within the
    block, and ends with it; an exception is noted and goes on. Without a block `end` ends it. One
    that nobody ends is exported as of its last change when the program lets go of it.

    Attributes:
        trace_id: of its trace in Langfuse, 32 hex digits.
        observation_id: its own, 16 hex digits.
    """

    def __init__(self, draft: Draft) -> None:
        own = draft.span.get_span_context()
        self.trace_id = f"{own.trace_id:032x}"
        self.observation_id = f"{own.span_id:016x}"
        self._draft = draft
        self._blocks = ExitStack()
        # The end of the process is `end_all`'s, which comes before the delivery's own.
        weakref.finalize(self, draft.abandon).atexit = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make it OpenTelemetry's active span within a block, and do not end it there."""
        token = enter(self._draft.span) if self._draft.pipeline.settings.enabled else None
        try:
            yield
        finally:
            if token is not None:
                leave(token)

    def update(self, **fields: Unpack[Fields]) -> Self:
        """Say something of it, and return it; what is given later wins, tags and metadata add up.

        Args:
            fields: `name`, `input`, `output`, `metadata`, `model`, `model_parameters`, `usage`
                (a provider's, or Langfuse's buckets), `cost` (US dollars, or a mapping of them),
                `prompt` (Langfuse's object, or a mapping of `name` and `version`), `level`,
                `status_message`, `version`, `completion_start_time`; of the trace `user_id`,
                `session_id`, `tags`, `public`.

        Raises:
            TypeError: a name is none of these.
        """
        self._draft.change(lambda record: changed(record, fields))
        return self

    def set_input(self, value: object) -> None:
        """Say what went in."""
        self.update(input=value)

    def set_output(self, value: object) -> None:
        """Say what came out."""
        self.update(output=value)

    def set_token_usage(
        self,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        total_tokens: int | None = None,
        cached_tokens: int = 0,
        cache_creation_tokens: int = 0,
        reasoning_tokens: int = 0,
    ) -> None:
        """Say how many tokens were used.

        Args:
            input_tokens: all that went in.
            output_tokens: all that came out.
            total_tokens: the sum of both where it is not given.
            cached_tokens: how many of the input were read from a cache.
            cache_creation_tokens: how many of the input were written to a cache.
            reasoning_tokens: how many of the output nobody sees.
        """
        read = {"cached_tokens": cached_tokens, "cache_creation_tokens": cache_creation_tokens}
        self.update(
            usage={
                "prompt_tokens": input_tokens,
                "completion_tokens": output_tokens,
                "total_tokens": total_tokens,
                "prompt_tokens_details": read,
                "completion_tokens_details": {"reasoning_tokens": reasoning_tokens},
            }
        )

    def set_cost(self, cost: float) -> None:
        """Say what it cost, in US dollars. Without it Langfuse takes the price that it knows."""
        self.update(cost=cost)

    def set_error(self, error: BaseException | str) -> None:
        """Say that it failed."""
        is_quoting = self._draft.pipeline.settings.capture_content
        self._draft.change(lambda record: failed(record, error, is_quoting=is_quoting))

    def score(
        self,
        *,
        name: str,
        value: float | str,
        comment: str | None = None,
        data_type: str | None = None,
    ) -> str:
        """Judge it, or the whole trace where it was made by `trace`; see `langfuse_otel.score`."""
        return score(
            trace_id=self.trace_id,
            observation_id=None if self._draft.is_trace else self.observation_id,
            name=name,
            value=value,
            comment=comment,
            data_type=data_type,
        )

    def generation(
        self, provider: str | None = None, model: str | None = None, **fields: Any
    ) -> OpenObservation:
        """Begin a generation within it; as `langfuse_otel.generation`."""
        return generation_under(self._draft.span, provider, model, fields)

    def span(
        self, name: str = "span", *, as_type: ObservationType = "span", **fields: Any
    ) -> OpenObservation:
        """Begin a span within it; as `langfuse_otel.span`."""
        return OpenObservation(begun(self._draft.span, type_from(as_type), name=name, **fields))

    def end(self, **fields: Unpack[Fields]) -> None:
        """Say the rest, as by `update`, and export it; once it has ended nothing happens."""
        self.update(**fields)
        self._draft.end()

    def abandon(self) -> None:
        """End it as it is; for a place from where nothing may be sent, such as a finalizer."""
        self._draft.abandon()

    def __enter__(self) -> Self:
        self._blocks.enter_context(self.active())
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._blocks.close()
        if error is not None:
            self.set_error(error)
        if isinstance(error, GeneratorExit):
            self.abandon()
        else:
            self.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(type_, error, traceback)


def generation_under(
    under: Span, provider: str | None, model: str | None, fields: dict[str, Any]
) -> OpenObservation:
    """Begin a generation within a span, as `langfuse_otel.generation` says."""
    given = {"name": model, "model": model, **fields}
    named = text_of(provider)
    first: Fields = {"tags": [named], "metadata": {"provider": named}} if named else {}
    return OpenObservation(begun(under, "generation", first, **given))
