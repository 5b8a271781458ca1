"""`LangfuseOtelLogger`: what LiteLLM calls when a call starts, succeeds or fails."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from functools import cache
from hashlib import sha256
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.redact_messages import should_redact_message_logging
from pydantic import SecretStr

from langfuse_otel import _links, _process
from langfuse_otel._ended import Announced, Ended, export
from langfuse_otel._forks import open_in_child
from langfuse_otel._hooks import streams
from langfuse_otel._hooks.broken import broken
from langfuse_otel._litellm import call_masks, pinned
from langfuse_otel._litellm.call import call_id_of
from langfuse_otel._litellm.guard import warn_of_missing
from langfuse_otel._litellm.held import held_metadata
from langfuse_otel._litellm.observation import is_cut_short, unread_observation_of
from langfuse_otel._litellm.redaction import ALL_REDACTED, NOT_CAPTURED, SHOWN, Hidden, is_redacted
from langfuse_otel._litellm.tenants import tenant_of
from langfuse_otel._litellm.trust import is_proxied, is_unauthenticated
from langfuse_otel._newest import Newest
from langfuse_otel._pipeline import Pipeline
from langfuse_otel._read_settings import read_settings
from langfuse_otel._spans.ambient import parent_of_call
from langfuse_otel._values import is_true
from langfuse_otel.settings import Settings, with_secrets_hidden

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._hooks.broken import Broken
    from langfuse_otel._hooks.retries import Unreported
    from langfuse_otel._hooks.streams import Stream
    from langfuse_otel._records import Observation

log = logging.getLogger("langfuse_otel")

# Where another callback may change what LiteLLM knows of a call.
_CHANGING = ("log_pre_api_call", "logging_hook", "async_logging_hook")

TRACE_HEADER = "x-langfuse-trace-id"

_opening = open_in_child(threading.RLock())
_loggers: WeakSet[LangfuseOtelLogger] = WeakSet()


class LangfuseOtelLogger(CustomLogger):  # type: ignore[misc]
    """LiteLLM's callback `langfuse_otel`.

    Use it as `litellm.callbacks = [LangfuseOtelLogger()]`; or import `langfuse_otel` and use the
    name: `litellm.callbacks = ["langfuse_otel"]`. Several of them send a call once, unless they
    name different projects.

    Args:
        config: ignored; LiteLLM passes one for its own class of this name.
        callback_name: the name that LiteLLM looks the callback up by.
        settings: fields of `langfuse_otel.Settings`, such as `host`, `public_key`, `secret_key`,
            `environment`; what is not given comes from the environment at the first call. Others,
            which LiteLLM gives to callbacks of its own, are handed on to `CustomLogger`; its
            `turn_off_message_logging` and `message_logging` redact what this logger sends.
    """

    def __init__(
        self, config: object = None, callback_name: str = "langfuse_otel", **settings: Any
    ) -> None:
        named = [name for name in settings if name in Settings.model_fields]
        own = with_secrets_hidden({name: settings.pop(name) for name in named})
        # For `message_logging=False` LiteLLM (1.106) would redact what other callbacks get, too.
        is_shown = is_true(settings.pop("message_logging", True))
        is_off = is_true(settings.pop("turn_off_message_logging", False)) or not is_shown
        super().__init__(**settings)
        self.turn_off_message_logging = is_off
        self.callback_name = callback_name
        # LiteLLM takes two loggers for one unless a plain attribute tells them apart.
        self.fingerprint = _fingerprint(own)
        self._arguments = own
        self._opened: Pipeline | None = None
        _process.handle_signals(read_settings(**own))
        # Calls between their start and their end, some of which have none.
        self._open: Newest[str, Announced] = Newest()
        _loggers.add(self)

    @staticmethod
    def get_langfuse_otel_config() -> SimpleNamespace:
        """Return what LiteLLM (1.75 to 1.80) wants to know before it constructs the logger."""
        return SimpleNamespace(protocol="console", otlp_auth_headers=None)

    @staticmethod
    def _get_langfuse_otel_host() -> str:
        """Return the Langfuse address; LiteLLM's OpenTelemetry v2 asks for it by this name."""
        return read_settings().host

    def log_pre_api_call(self, model: str, messages: object, kwargs: Mapping[str, Any]) -> None:
        """Take what may have changed when the call has ended: the active span, and the metadata."""
        try:
            call_masks.note(kwargs)
            active, call_id = parent_of_call(), call_id_of(kwargs)
            if not call_id:
                return
            # On the proxy nobody but LiteLLM has the metadata; what callbacks change is known later.
            is_early = not is_proxied(kwargs) and not _has_changing()
            self._open.put(call_id, Announced(active, held_metadata(kwargs) if is_early else None))
            _links.announce(call_id, kwargs, active)
            if kwargs.get("stream"):
                streams.expect(call_id, self._left)
        except Exception as error:  # noqa: BLE001 - nothing of ours may reach the caller
            log.warning("langfuse-otel: a call could not be announced: %s", type(error).__name__)

    def log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """Export a synchronous call that succeeded."""
        self._succeeded(kwargs, response_obj, start_time, end_time)

    def log_failure_event(
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """Export a synchronous call that failed."""
        self._failed(kwargs, start_time, end_time)

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """Export an asynchronous call that succeeded."""
        self._succeeded(kwargs, response_obj, start_time, end_time)

    async def async_log_failure_event(
        self, kwargs: Mapping[str, Any], response_obj: object, start_time: object, end_time: object
    ) -> None:
        """Export an asynchronous call that failed."""
        self._failed(kwargs, start_time, end_time)

    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: Mapping[str, Any], call_type: str
    ) -> None:
        """Note what the proxy's operator has settled for the key or team of a request."""
        _note_pinned(data)

    async def async_pre_call_deployment_hook(
        self, kwargs: Mapping[str, Any], call_type: object
    ) -> None:
        """As above: on some routes the proxy asks for the former before LiteLLM has its object."""
        _note_pinned(kwargs)

    async def async_post_call_response_headers_hook(
        self,
        data: Mapping[str, Any],
        user_api_key_dict: object,
        response: object,
        request_headers: object = None,
    ) -> dict[str, str] | None:
        """Return the header by which the proxy's client finds the trace of its request."""
        try:
            found = _links.trace_of_call(data.get("litellm_call_id"), self._pipeline().defaults)
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("langfuse-otel: a call's trace could not be told: %s", type(error).__name__)
            return None
        return {TRACE_HEADER: found} if found else None

    def log_attempt(self, attempt: Unreported) -> None:
        """Export an attempt of a repeated call that LiteLLM calls nobody back for."""
        streams.finished(call_id_of(attempt.details), self._left)
        kwargs = {**attempt.details, **attempt.changes}
        times = attempt.started, attempt.ended
        self._export(Ended(kwargs, attempt.response, *times, source=attempt.details))

    def _succeeded(
        self, kwargs: Mapping[str, Any], response: object, started: object, ended: object
    ) -> None:
        """LiteLLM (1.106) reports some streams that were left, or said that they failed, as a success."""
        call_id = call_id_of(kwargs) if kwargs.get("stream") else None
        stream = streams.finished(call_id, self._left)
        if failure := broken(call_id, response):
            self._export(_broken_off(Ended(kwargs, None, started, ended, source=kwargs), failure))
            return
        is_unread = stream is not None and not stream.is_complete
        was_left = is_cut_short(kwargs) or (is_unread and is_proxied(kwargs))
        finish = unread_observation_of if was_left else None
        answer = stream.told_apart(response) if stream else response
        self._export(Ended(kwargs, answer, started, ended, finish))

    def _failed(self, kwargs: Mapping[str, Any], started: object, ended: object) -> None:
        stream = streams.finished(call_id_of(kwargs), self._left)
        said = stream.answer() if stream else None
        self._export(Ended(kwargs, None, started, ended, said=said))

    def _left(self, stream: Stream) -> None:
        """Export a stream that LiteLLM calls nobody back for."""

        def finish(observation: Observation) -> Observation:
            return observation if stream.is_complete else unread_observation_of(observation)

        kwargs = dict(stream.kwargs)
        times = kwargs.get("start_time"), stream.ended
        call = Ended(kwargs, stream.answer(), *times, finish, source=stream.kwargs)
        failure = broken(call.call_id)
        self._export(_broken_off(call, failure) if failure else call)

    def _export(self, call: Ended) -> None:
        """Hand one call over. Nothing that goes wrong here may reach the caller."""
        try:
            kwargs, call_id, pipeline = call.kwargs, call.call_id, self._pipeline()
            announced = self._open.pop(call_id, None)
            if not pipeline.settings.enabled or _is_unwanted(kwargs, pipeline.spans):
                return
            if call.source is None:
                warn_of_missing(kwargs, call.response, call.started, call.ended)
            trusted = pinned.of_call(call_id)
            tenant, switched = tenant_of(kwargs, trusted), self._switched(kwargs, trusted, pipeline)
            export(call, announced, tenant, switched, pipeline)
        except Exception as error:  # noqa: BLE001 - see above; the text might quote the call
            self.lose(type(error).__name__)

    def lose(self, why: str) -> None:
        """Count a call that could not be handed over, and say why."""
        with suppress(Exception):
            _process.delivery(self._pipeline().settings).lose("unreadable")
        log.warning("langfuse-otel: a call could not be exported: %s", why)

    def _switched(
        self, kwargs: Mapping[str, Any], trusted: Mapping[str, str], pipeline: Pipeline
    ) -> Hidden:
        """What settings and switches hide of a call; in doubt all of it."""
        if not pipeline.settings.capture_content:
            return NOT_CAPTURED
        if self.turn_off_message_logging or is_redacted(kwargs, trusted):
            return ALL_REDACTED
        try:
            return ALL_REDACTED if should_redact_message_logging(kwargs) else SHOWN
        except Exception:  # noqa: BLE001 - data that LiteLLM does not expect itself
            return ALL_REDACTED

    def _pipeline(self) -> Pipeline:
        """Settings are read at the first call, so that a program may set them after the import."""
        if self._opened is not None:
            return self._opened
        with _opening:
            if self._opened is None:
                self._opened = Pipeline(read_settings(**self._arguments))
            return self._opened


def forget() -> None:
    """Let each logger read the settings anew, at its next call."""
    for logger in tuple(_loggers):
        logger._opened = None  # noqa: SLF001


def _has_changing() -> bool:
    """Whether another callback may change what LiteLLM knows of a call."""
    lists = litellm.input_callback, litellm.success_callback, litellm._async_success_callback  # noqa: SLF001
    return any(_is_changing(callback.__class__) for callbacks in lists for callback in callbacks)


@cache
def _is_changing(kind: type) -> bool:
    if not issubclass(kind, CustomLogger) or issubclass(kind, LangfuseOtelLogger):
        return False
    return any(getattr(kind, n) is not getattr(CustomLogger, n, None) for n in _CHANGING)


def _broken_off(call: Ended, failure: Broken) -> Ended:
    """A call within whose stream the provider said that it failed."""
    kwargs = {**call.kwargs, "exception": failure.error}
    return call._replace(kwargs=kwargs, response=None, finish=None, said=failure.said)


def _fingerprint(own: Mapping[str, Any]) -> str:
    given = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in own.items()}
    return sha256(repr(sorted(given.items())).encode()).hexdigest()


def _note_pinned(request: Mapping[str, Any]) -> None:
    try:
        pinned.note(request.get("litellm_logging_obj"))
    except Exception as error:  # noqa: BLE001 - nothing of ours may reach the caller
        log.warning("langfuse-otel: a key's settings could not be read: %s", type(error).__name__)


def _is_unwanted(kwargs: Mapping[str, Any], spans: tuple[str, ...]) -> bool:
    return "unauthenticated" not in spans and is_unauthenticated(kwargs)


class StayingLogger(LangfuseOtelLogger):
    """A logger that stays registered when the program assigns LiteLLM's callback lists itself."""

    def register(self) -> None:
        """Stand in every list that LiteLLM takes callbacks from."""
        manager = litellm.logging_callback_manager
        manager.add_litellm_callback(self)
        manager.add_litellm_input_callback(self)
        manager.add_litellm_success_callback(self)
        manager.add_litellm_failure_callback(self)
        manager.add_litellm_async_success_callback(self)
        manager.add_litellm_async_failure_callback(self)

    # LiteLLM asks a class for these hooks, not what it inherits from.
    async_pre_call_hook = LangfuseOtelLogger.async_pre_call_hook
    async_post_call_response_headers_hook = LangfuseOtelLogger.async_post_call_response_headers_hook

    def log_pre_api_call(self, model: str, messages: object, kwargs: Mapping[str, Any]) -> None:
        """As the base class, and come back to a list that was replaced."""
        super().log_pre_api_call(model, messages, kwargs)
        if self not in litellm.success_callback or self not in litellm.failure_callback:
            self.register()
