"""The caller's metadata: four inlets, one table of fields. Pure.

What an operator pinned to a key or team wins over the metadata of the request's body, that over
`litellm_metadata`, and that over `langfuse_*` headers. LiteLLM's proxy (1.106) writes what it knows
of key and team, `user_api_key_*`, into one of its two dictionaries, and takes such names out of what
a request brings. A request's `litellm_metadata` it adds to that one, and its guardrails write there
what they find: of it the fields are read, and nothing else.

An inlet is one of the dictionaries that metadata come in. Of a request to the proxy, `known` is the
one that says what the proxy knows of key and team, `asked` what the body said, `derived` the ids that
LiteLLM made of something else. Fields that the operator wrote into key or team are pinned; what holds
after that is settled. A foreign name is none of the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from langfuse_otel._litellm.held import Held, is_object, opened
from langfuse_otel._litellm.limits import MAX_METADATA, short_list, short_text, small_metadata
from langfuse_otel._litellm.names import (
    IDENTITY,
    KEY,
    KNOWN,
    MASKS,
    NAMES,
    OF_A_REQUEST,
    PREFIX,
    REQUESTERS,
    Litellms,
    is_foreign,
    litellms_in,
)
from langfuse_otel._text import MAX_EXACT_INTEGER, digits, json_text
from langfuse_otel._values import UNCHANGEABLE, mapping_of

# Fields that say one thing in several ways: where the operator pinned one, the caller's do not count.
_TOGETHER = (
    frozenset({"prompt", "prompt_name", "prompt_version"}),
    frozenset({"version", "trace_version"}),
    frozenset({"trace_id", "existing_trace_id"}),
)

# What decides where a call belongs.
_DECIDING = (
    "trace_id",
    "existing_trace_id",
    "parent_observation_id",
    "generation_id",
    "ignore_context_propagation",
)
REQUESTS_OWN = frozenset({*_DECIDING, *(PREFIX + name for name in _DECIDING)})
# And what the operator settled about that, for key and team.
_DECISIVE = REQUESTS_OWN | KNOWN | {"inherited_tags"}


# A dictionary of metadata, and which of its names are LiteLLM's.
Inlet = tuple[Mapping[str, Any], Litellms]


class CallMetadata(NamedTuple):
    """`fields` by their names in `FIELDS`; `rest` is everything else that the caller gave.

    `pinned`: the fields that the proxy's operator settled; `key`: the hash of the proxy's key.
    """

    fields: Mapping[str, Any]
    rest: Mapping[str, Any]
    pinned: frozenset[str] = frozenset()
    key: str | None = None


def call_metadata(params: Mapping[str, Any]) -> CallMetadata:
    """Return what the caller said in the metadata of a call, as much of it as is held.

    Args:
        params: LiteLLM's `litellm_params` of the call, or what was held of them.
    """
    request = mapping_of(params.get("proxy_server_request"))
    known = known_of(params)
    inlets = _proxy_inlets(params, request, known) if request else _sdk_inlets(params)
    fields: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for given, litellms in inlets:
        inlet = dict(given)
        fields |= _fields(inlet)
        rest |= {
            key: opened(value)
            for key, value in inlet.items()
            if value is not None and key not in NAMES and not is_foreign(key, litellms)
        }
    pinned = _pinned(known) if known else {}
    settled = _settled(fields, pinned, known)
    return CallMetadata(
        {name: v if is_object(name, v) else _short(v) for name, v in settled.items()},
        _small(rest) if rest else rest,
        frozenset(pinned),
        known.get(KEY),
    )


def _short(value: Any) -> Any:
    """A value as large as it may be; what is no JSON is there as it will be shown."""
    if isinstance(value, str):
        return short_text(value)
    if isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        return short_text(digits(value))
    if isinstance(value, UNCHANGEABLE):
        return value
    text = value.text if isinstance(value, Held) else json_text(value)
    shown = orjson.loads(text)
    if isinstance(shown, dict):
        return small_metadata(shown, len(text))
    kept = short_list(shown) if isinstance(shown, list) else shown
    return short_text(kept) if isinstance(kept, str) else kept


def _small(rest: Mapping[str, Any]) -> Mapping[str, Any]:
    text = json_text(rest)
    return rest if len(text) <= MAX_METADATA else small_metadata(orjson.loads(text), len(text))


def decisive(metadata: object, names: frozenset[str] = _DECISIVE) -> dict[str, Any]:
    """Return as much of one dictionary of metadata as decides about trace, parent and id.

    Args:
        metadata: the dictionary.
        names: what may decide in there; in what a request says itself, `REQUESTS_OWN`.
    """
    given = mapping_of(metadata)
    if names.isdisjoint(given):
        return {}
    return {name: _weight(name, given[name]) for name in names & given.keys()}


def _weight(name: str, value: Any) -> Any:
    """A list or an object is no id: all that matters is whether there is anything in it.

    What the operator settled is the exception.
    """
    if isinstance(value, str):
        return short_text(value)
    return bool(value) if isinstance(value, (dict, list)) and name not in KNOWN else value


def _sdk_inlets(params: Mapping[str, Any]) -> Iterator[Inlet]:
    """The weakest first."""
    for name in ("litellm_metadata", "metadata"):
        if inlet := mapping_of(params.get(name)):
            yield inlet, litellms_in(inlet)


def _proxy_inlets(
    params: Mapping[str, Any], request: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[Inlet]:
    """Those of a request; a mask in there is a function, which a hook may have put there."""
    return map(_without_false_masks, _inlets_of_a_request(params, request, known))


def _inlets_of_a_request(
    params: Mapping[str, Any], request: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[Inlet]:
    """The weakest first.

    LiteLLM keeps the body's metadata as `requester_metadata` and adds its own to the dictionary
    beside it, which is named `metadata` on some routes and `litellm_metadata` on others.
    """
    merged = {**mapping_of(params.get("litellm_metadata")), **mapping_of(params.get("metadata"))}
    body = mapping_of(request.get("body"))
    asked = mapping_of(opened(merged.get(REQUESTERS)))
    tags = _tags(opened((known or merged).get("tags")), known.get("inherited_tags"))
    derived = _derived(body, (known, asked))
    yield derived, OF_A_REQUEST
    yield from_headers(mapping_of(request.get("headers"))), OF_A_REQUEST
    for inlet in (mapping_of(body.get("litellm_metadata")), known):
        yield _without(derived, inlet), litellms_in(inlet)
    yield _without(derived, {**asked, **({"tags": tags} if tags else {})}), OF_A_REQUEST


def _derived(body: Mapping[str, Any], inlets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The ids that LiteLLM made of other headers, or of Anthropic's `user_id`.

    It writes them among the request's metadata, and into the body by another name.
    """
    made = {name: body.get(f"litellm_{name}") for name in ("session_id", "trace_id")}
    return {
        name: made_of
        for name, made_of in made.items()
        if made_of and any(inlet.get(name) == made_of for inlet in inlets)
    }


def _without(derived: Mapping[str, Any], inlet: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a request says itself."""
    if not derived:
        return inlet
    said = dict(inlet).items()
    return {key: value for key, value in said if key not in derived or value != derived[key]}


def _without_false_masks(inlet: Inlet) -> Inlet:
    """JSON holds no function: a request's word for one must not stand before that of a hook."""
    given, litellms = inlet
    if MASKS.isdisjoint(given):
        return inlet
    said = dict(given).items()
    return {key: value for key, value in said if key not in MASKS or callable(value)}, litellms


def _tags(put_together: Any, inherited: Any) -> Any:
    """LiteLLM's tags, those of key and team first: of too many the last are left out."""
    if not inherited or not isinstance(put_together, list):
        return put_together
    return [*inherited, *(tag for tag in put_together if tag not in inherited)]


def known_of(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the dictionary in which the proxy says what it knows of key and team; empty if none."""
    for name in ("litellm_metadata", "metadata"):
        inlet = mapping_of(params.get(name))
        if inlet and not KNOWN.isdisjoint(inlet):
            return inlet
    return {}


def _pinned(known: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the metadata of team and key; the key's is the narrower one and wins.

    Of a request that is passed through LiteLLM (1.106) gives the key's alone, by another name.
    """
    team = _fields(dict(mapping_of(known.get("user_api_key_team_metadata"))))
    of_key = known.get("user_api_key_metadata") or known.get("user_api_key_auth_metadata")
    key = _fields(dict(mapping_of(of_key)))
    return {name: value for name, value in {**team, **key}.items() if name != "tags"}


def _settled(
    fields: dict[str, Any], pinned: dict[str, Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    """What holds of the caller's fields beside the operator's.

    A continued trace keeps most of what it has. Where the operator pinned anything, a request that
    continues a trace must not keep that away from it: it then names the trace, no more.
    """
    if not known:
        return fields
    taken = {name for names in _TOGETHER if not names.isdisjoint(pinned) for name in names}
    settled = {**{name: value for name, value in fields.items() if name not in taken}, **pinned}
    if "existing_trace_id" not in pinned and (pinned or known.get("inherited_tags")):
        continued = settled.pop("existing_trace_id", None)
        settled |= {"trace_id": continued} if continued and "trace_id" not in settled else {}
    if isinstance(given := opened(settled.get("trace_metadata")), Mapping):
        settled["trace_metadata"] = {k: v for k, v in given.items() if not _is_identity(k)}
    return settled


def _is_identity(key: object) -> bool:
    """Langfuse lays the metadata of the trace over that of the observation, which says who called."""
    return str(key).startswith(IDENTITY)


def from_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata in `langfuse_*` headers; JSON values are parsed.

    Hyphens count as underscores, for some proxies drop headers with underscores.
    """
    named = {str(key).lower().replace("-", "_"): value for key, value in dict(headers).items()}
    return {
        key: _header_value(key, value)
        for key, value in named.items()
        if key in NAMES and key.startswith(PREFIX)
    }


def _header_value(key: str, value: object) -> object:
    """An id stays text, also one of digits; objects, lists and booleans are JSON."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] in {"{", "["} or text in {"true", "false"}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return value
    return [tag.strip() for tag in text.split(",")] if key == "langfuse_tags" else value


def _fields(inlet: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one inlet by their own names; the plain spelling wins over the prefixed."""
    given = {key: value for key, value in inlet.items() if value is not None and key in NAMES}
    return {NAMES[key]: given.get(NAMES[key], value) for key, value in given.items()}
