"""What decides about the trace of a call: read when it ends, and kept from its start if anyone asks.

None of LiteLLM's dictionaries is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langfuse_otel._litellm.call import Call, id_of, read_call
from langfuse_otel._litellm.limits import short_text, short_text_of
from langfuse_otel._litellm.metadata import REQUESTS_OWN, decisive
from langfuse_otel._litellm.names import PREFIX, REQUESTERS
from langfuse_otel._litellm.trust import distrusted
from langfuse_otel._records import Clues, Defaults, Parent
from langfuse_otel._spans.identity import parent_of, without_context
from langfuse_otel._values import is_true, mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADERS = {name for name in REQUESTS_OWN if name.startswith(PREFIX)} | {"traceparent"}


def clues_of(kwargs: Mapping[str, Any], ambient: Parent | None, defaults: Defaults) -> Clues:
    """Return what decides about the trace of a call; enough of it is known when a call starts."""
    call, active = believed(read_call(kwargs, None), ambient, defaults)
    return clues_from(call, 0, active, ignores_context=defaults.ignores_context)


def believed(call: Call, ambient: Parent | None, defaults: Defaults) -> tuple[Call, Parent | None]:
    """Return a call and the active span; where no request is trusted, without what it chose.

    An instrumented server's own span is in the trace of the request's `traceparent`.
    """
    if defaults.trusts_requests:
        return call, ambient
    remote = _remote(call)
    is_chosen = remote and ambient and remote.trace_id == ambient.trace_id
    return distrusted(call), None if is_chosen else ambient


def what_decides(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return as much of LiteLLM's dictionary as `clues_of` reads, but for the call's id.

    It keeps no prompt in memory.
    """
    params = mapping_of(kwargs.get("litellm_params"))
    deciding = {
        name: part
        for name, read in _PARTS.items()
        if (given := params.get(name)) is not None and (part := read(given))
    }
    # Of most calls an id is all: garbage collection looks at no dictionary of texts.
    trace_id = short_text_of(kwargs.get("litellm_trace_id"))
    if not deciding:
        return {"litellm_trace_id": trace_id}
    return {"litellm_trace_id": trace_id, "litellm_params": deciding}


def _request(request: object) -> dict[str, Any]:
    given = mapping_of(request)
    if not given:
        return {}
    body = mapping_of(given.get("body"))
    return {
        "headers": _short_headers(given.get("headers")),
        "body": {
            "litellm_metadata": decisive(body.get("litellm_metadata"), REQUESTS_OWN),
            "litellm_trace_id": short_text_of(body.get("litellm_trace_id")),
        },
    }


def _decisive(metadata: object) -> dict[str, Any]:
    """LiteLLM's dictionary on the proxy holds the request's own besides."""
    given = mapping_of(metadata)
    asked = given.get(REQUESTERS)
    own = {REQUESTERS: decisive(asked, REQUESTS_OWN)} if asked else {}
    return {**decisive(given), **own}


_PARTS = {
    "metadata": _decisive,
    "litellm_metadata": _decisive,
    "proxy_server_request": _request,
}


def _short_headers(headers: object) -> dict[str, Any]:
    """Those that may decide."""
    return {
        name: short_text(str(value))
        for name, value in dict(mapping_of(headers)).items()
        if str(name).lower().replace("-", "_") in _HEADERS
    }


def _trace_of_litellm(call: Call) -> str | None:
    """The payload's is a text in any case, made of whatever the caller gave."""
    given = call.kwargs.get("litellm_trace_id")
    return short_text_of(call.payload.get("trace_id") if given is None else given)


def clues_from(
    call: Call,
    started_ns: int,
    ambient: Parent | None,
    attempt: int = 0,
    *,
    ignores_context: bool,
    is_superseded: bool = False,
) -> Clues:
    """Return what a call says of its trace; see `Clues`. `ignores_context`: no span is joined."""
    clues = Clues(
        call_id=id_of(call.kwargs),
        started_ns=started_ns,
        trace_id=call.text("trace_id"),
        existing_trace_id=call.text("existing_trace_id"),
        parent_observation_id=call.text("parent_observation_id"),
        generation_id=call.text("generation_id"),
        litellm_trace_id=_trace_of_litellm(call),
        attempt=attempt,
        is_superseded=is_superseded,
        remote=_remote(call),
        ambient=ambient,
    )
    is_alone = ignores_context or is_true(call.fields.get("ignore_context_propagation"))
    return without_context(clues) if is_alone else clues


def _remote(call: Call) -> Parent | None:
    """The span that the proxy's client names in its `traceparent` header."""
    request = call.params.get("proxy_server_request")
    headers = mapping_of(mapping_of(request).get("headers")) if request else {}
    return next(
        (parent_of(v) for k, v in dict(headers).items() if str(k).lower() == "traceparent"), None
    )
