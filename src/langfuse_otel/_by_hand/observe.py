"""`observe()`: an observation for each call of a function, also one that streams."""

from __future__ import annotations

import inspect
import logging
import time
from asyncio import CancelledError
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import wrapt
from opentelemetry import trace

from langfuse_otel._by_hand.drafts import begun
from langfuse_otel._by_hand.fields import changed, type_from
from langfuse_otel._by_hand.open_observation import OpenObservation
from langfuse_otel._by_hand.responses import is_stream, joined, response_of, shown
from langfuse_otel._by_hand.steps import asteps, generated, steps
from langfuse_otel._litellm.observation import UNREAD
from langfuse_otel._values import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from langfuse_otel._records import Observation, ObservationType

    Transform = Callable[[Any], str]

log = logging.getLogger("langfuse_otel")

# About how many bytes of a stream are kept; more than one request to Langfuse can carry.
MAX_KEPT = 4_000_000
ITEM_SIZE = 1_000

Function = TypeVar("Function", bound="Callable[..., Any]")


@overload
def observe(function: Function) -> Function: ...


@overload
def observe(
    *,
    name: str | None = None,
    as_type: ObservationType = "span",
    capture_input: bool = True,
    capture_output: bool = True,
    transform_to_string: Transform | None = None,
) -> Callable[[Function], Function]: ...


def observe(
    function: Any = None,
    *,
    name: str | None = None,
    as_type: ObservationType = "span",
    capture_input: bool = True,
    capture_output: bool = True,
    transform_to_string: Transform | None = None,
) -> Any:
    """Make an observation of each call of a function; use it as `@observe` or `@observe(...)`.

    The function may be synchronous or not, return or be a generator of either kind, or return a
    response of Starlette's or FastAPI's. It is OpenTelemetry's active span while the function runs;
    that of a stream ends with the stream, and a stream that is not read to its end is a `WARNING`.

    Args:
        function: what is decorated.
        name: of the observation; the function's by default.
        as_type: one of Langfuse's observation types; a span for what is none.
        capture_input: whether the arguments are recorded, as `{"args": [...], "kwargs": {...}}`.
        capture_output: whether the result is, or what was streamed.
        transform_to_string: makes text of each chunk of a stream. One that wants all of them in a
            list, as the Langfuse SDK's does, is given that when it fails to take a single one.

    Raises:
        TypeError: a text is given where the function belongs.
    """
    if isinstance(function, str):
        raise TypeError("a name is given by its name: observe(name=...)")
    how = _How(name, type_from(as_type), capture_input, capture_output, transform_to_string)
    if function is None:
        return partial(_decorated, how)
    return _decorated(how, function)


@dataclass(frozen=True, slots=True)
class _How:
    """The arguments of the decorator."""

    name: str | None
    as_type: ObservationType
    capture_input: bool
    capture_output: bool
    transform: Transform | None


def _decorated(how: _How, function: Any) -> Any:
    def call(wrapped: Any, _instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        observed = _Call(how, wrapped, args, kwargs)
        with observed.active():
            result = wrapped(*args, **kwargs)
            return observed.taken(result)

    return wrapt.FunctionWrapper(function, call)


class _Call:
    """One call of a decorated function."""

    def __init__(
        self, how: _How, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._how = how
        self._heard = _Heard(how)
        draft = begun(
            trace.get_current_span(),
            how.as_type,
            finish=self._heard.finish,
            name=text_of(how.name)
            or getattr(function, "__name__", None)
            or type(function).__name__,
            input=_arguments(args, kwargs) if how.capture_input else None,
        )
        self._opened = OpenObservation(draft)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Run a part of the function; what it raises is noted and goes on."""
        try:
            with self._opened.active():
                yield
        except BaseException as error:
            self._opened.set_error(error)
            self._opened.end()
            raise

    def taken(self, result: Any) -> Any:
        """Take what the function returned, and return what to give to the caller in its place."""
        if inspect.iscoroutine(result):
            return self._awaited(result)
        if inspect.isgenerator(result):
            self._listen()
            return steps(result, copy_context(), self._heard.hear, self._ending())
        if inspect.isasyncgen(result):
            self._listen()
            return asteps(result, copy_context(), self._heard.hear, self._ending())
        if is_stream(result):
            self._listen(partial(response_of, result.status_code, result.raw_headers))
            body = generated(result.body_iterator)
            result.body_iterator = asteps(body, copy_context(), self._heard.hear, self._ending())
            return result
        if self._how.capture_output:
            self._opened.update(output=shown(result))
        self._opened.end()
        return result

    async def _awaited(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        with self.active():
            return self.taken(await coroutine)

    def _listen(self, show: Callable[[object], object] | None = None) -> None:
        """From here on it is a stream, which may be left at any time."""
        self._opened.update(level="WARNING", status_message=UNREAD)
        self._heard.show = show or _itself

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """End with the stream: read to its end, left, or failed."""
        try:
            yield
        except (GeneratorExit, CancelledError):
            self._opened.abandon()
            raise
        except BaseException as error:
            self._opened.set_error(error)
            self._opened.end()
            raise
        self._opened.end(level="DEFAULT", status_message="")


class _Heard:
    """What a stream has said, as far as it is kept; nothing where `show` is None, for it is none.

    It holds neither the observation, which ends when nobody does, nor a response, which holds that.
    """

    def __init__(self, how: _How) -> None:
        self.show: Callable[[object], object] | None = None
        self._how = how
        self._first_ns: int | None = None
        self._chunks: list[Any] = []
        self._size = 0

    def hear(self, chunk: Any) -> None:
        """Keep a chunk, unless there are enough."""
        if self._first_ns is None:
            self._first_ns = time.time_ns()
        if self._how.capture_output and self._size < MAX_KEPT:
            self._chunks.append(chunk)
            self._size += len(chunk) if isinstance(chunk, (str, bytes)) else ITEM_SIZE

    def finish(self, observation: Observation) -> Observation:
        """Say what was streamed, and when that began, however it ended."""
        if self.show is not None and self._how.capture_output:
            observation = changed(observation, {"output": self.show(self._said())})
        if self._first_ns is None:
            return observation
        waited_s = round((self._first_ns - observation.started_ns) / 1e9, 6)
        told = changed(observation, {"metadata": {"time_to_first_chunk_s": waited_s}})
        return told._replace(completion_started_ns=self._first_ns)

    def _said(self) -> object:
        """One text where that is possible, else a list."""
        transform = self._how.transform
        if transform is None:
            return joined(self._chunks)
        try:
            return "".join([transform(chunk) for chunk in self._chunks])
        except Exception as error:  # noqa: BLE001 - it is the program's, and may want all of them
            log.debug("langfuse-otel: transform_to_string raises %s", type(error).__name__)
        try:
            return transform(self._chunks)
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("langfuse-otel: transform_to_string raises %s", type(error).__name__)
            return joined(self._chunks)


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {
        "args": [shown(value) for value in args],
        "kwargs": {name: shown(value) for name, value in kwargs.items()},
    }


def _itself(value: object) -> object:
    return value
