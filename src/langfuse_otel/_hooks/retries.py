"""Sees the attempts of a call that LiteLLM repeats for `num_retries`, without its router.

LiteLLM (1.106) calls back for few of them. Of a synchronous call it leaves out the first failure
and all but one of the later; of an asynchronous call everything after the first failure, also the
answer. Its functions that repeat a call are wrapped: none of them runs while calls succeed at once.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import wrapt

from langfuse_otel._hooks.loggers import loggers_of
from langfuse_otel._litellm.limits import short_text
from langfuse_otel._newest import Newest
from langfuse_otel._records import ONLY_ATTEMPT, Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType


log = logging.getLogger("langfuse_otel")

REPEATING = ("completion_with_retries", "responses_with_retries")

# The attempt that a repeated call is at, by the call's id.
_attempts: Newest[str, Attempt] = Newest()

# LiteLLM has one logging object for all attempts at a call: here it is the call. How many failed.
_failures: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Unreported:
    """An attempt of which LiteLLM tells nobody.

    `details` is LiteLLM's dictionary about the call, `changes` what it lacks about this attempt,
    `response` None where the attempt failed.
    """

    details: Mapping[str, Any]
    changes: Mapping[str, Any]
    response: object
    started: datetime | None
    ended: datetime


def watch(litellm: ModuleType) -> None:
    """Wrap LiteLLM's functions that repeat a call; it has just been imported."""
    for name in REPEATING:
        for called, wrapper in ((name, _repeat), (f"a{name}", _arepeat)):
            if hasattr(litellm, called):
                wrapt.wrap_function_wrapper(litellm, called, wrapper)


def attempt_of(call_id: str) -> Attempt:
    """Return the attempt that a call is at."""
    if (attempt := _attempts.get(call_id)) is not None:
        return attempt
    repeats = getattr(sys.modules.get("litellm"), "num_retries", None)
    return Attempt(is_repeated=True) if repeats else ONLY_ATTEMPT


def _repeat(
    repeat: Callable[..., Any], _: object, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    call = _repeated_call(named, "failure_callback")
    if call is None:
        return repeat(*arguments, **named)
    once = _function(repeat, named)

    def observed(*arguments: Any, **named: Any) -> Any:
        with _attempt(call, "failure_callback"):
            return once(*arguments, **named)

    return repeat(*arguments, **{**named, "original_function": observed})


async def _arepeat(
    repeat: Callable[..., Any], _: object, arguments: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    call = _repeated_call(named, "_async_failure_callback")
    if call is None:
        return await repeat(*arguments, **named)
    once = _function(repeat, named)

    async def observed(*arguments: Any, **named: Any) -> Any:
        with _attempt(call, "_async_failure_callback"):
            response = await once(*arguments, **named)
        if not hasattr(response, "__aiter__"):  # for a stream LiteLLM calls back
            _report(call, "_async_success_callback", _answered, response)
        return response

    return await repeat(*arguments, **{**named, "original_function": observed})


def _function(repeat: Callable[..., Any], named: Mapping[str, Any]) -> Callable[..., Any]:
    """Return what LiteLLM repeats; where it does not say, it is the function of that name."""
    given = named.get("original_function")
    name = repeat.__name__.removesuffix("_with_retries")
    found: Callable[..., Any] = given or getattr(sys.modules["litellm"], name)
    return found


def _repeated_call(named: Mapping[str, Any], callbacks: str) -> Any:
    """Report the attempt that has just failed first, and return its call; None to leave it."""
    call, error = named.get("litellm_logging_obj"), sys.exc_info()[1]
    if call is None or error is None or "langfuse_otel.logger" not in sys.modules or _is_internal():
        return None
    try:
        if call not in _failures:  # else an outer function repeats what an inner one did
            _begin(call, call.start_time)
            _fail(call, callbacks, error)
    except (AttributeError, TypeError):  # an object that is not LiteLLM's
        return None
    return call


@contextmanager
def _attempt(call: Any, callbacks: str) -> Iterator[None]:
    _begin(call, _now())
    try:
        yield
    except Exception as error:
        _fail(call, callbacks, error)
        raise


def _begin(call: Any, started: datetime) -> None:
    attempt = Attempt(_failures.setdefault(call, 0), started, is_repeated=True)
    _attempts.put(short_text(call.litellm_call_id), attempt)


def _fail(call: Any, callbacks: str, error: BaseException) -> None:
    """Report the attempt; LiteLLM keeps the error of one that it called back for.

    What follows with the same id may be a fallback, which is no repetition.
    """
    if call.model_call_details.get("exception") is not error:
        _report(call, callbacks, _failed, error)
    _attempts.pop(short_text(call.litellm_call_id), None)
    _failures[call] += 1


def _report(
    call: Any, callbacks: str, changes: Callable[[Any, Any], dict[str, Any]], outcome: object
) -> None:
    """Hand the attempt to those of our loggers that LiteLLM would have called back."""
    try:
        unreported = Unreported(
            call.model_call_details,
            changes(call, outcome),
            None if isinstance(outcome, BaseException) else outcome,
            _attempts[short_text(call.litellm_call_id)].started,
            _now(),
        )
        for logger in loggers_of(call, callbacks):
            logger.log_attempt(unreported)
    except Exception as problem:  # noqa: BLE001 - nothing of ours may reach the caller
        log.warning("langfuse-otel: an attempt could not be exported: %s", type(problem).__name__)


def _failed(call: Any, error: object) -> dict[str, Any]:
    payload = call.model_call_details.get("standard_logging_object") or {}
    return {
        "exception": error,
        "traceback_exception": None,
        "response_cost": 0,
        "standard_logging_object": {**payload, "error_information": None},
    }


def _answered(call: Any, response: object) -> dict[str, Any]:
    payload, cost = call.model_call_details.get("standard_logging_object"), _cost(call, response)
    breakdown = getattr(call, "cost_breakdown", None)  # which the calculation of the cost sets
    succeeded = {"status": "success", "cost_breakdown": breakdown}
    return {
        "response_cost": cost,
        "standard_logging_object": {**(payload or {}), **succeeded},
    }


def _cost(call: Any, response: object) -> object:
    try:
        return call.response_cost_calculator(result=response)
    except Exception:  # noqa: BLE001 - also an older LiteLLM, which has no such name
        return None


def _is_internal() -> bool:
    """Whether LiteLLM makes the call for itself: of those it tells nobody."""
    flag = getattr(sys.modules.get("litellm.utils"), "is_internal_call", None)
    return bool(flag and flag.get())


def _now() -> datetime:
    return datetime.now()  # noqa: DTZ005 - naive and local, as LiteLLM's times are
