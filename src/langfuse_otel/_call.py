"""One callback of LiteLLM's, made safe to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from langfuse_otel._limits import short_text
from langfuse_otel._metadata import CallMetadata, call_metadata
from langfuse_otel._text import clean, digits


class Call(NamedTuple):
    """One callback's arguments, with what is looked up often made safe to read."""

    kwargs: Mapping[str, Any]
    response: object
    payload: Mapping[str, Any]
    params: Mapping[str, Any]
    metadata: CallMetadata
    failed: bool

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return the fields of the caller's metadata."""
        return self.metadata.fields

    def text(self, name: str) -> str | None:
        """Return a field of the metadata as text."""
        value = self.metadata.fields.get(name)
        return None if value is None else text_of(value)


def read_call(kwargs: Mapping[str, Any], response: object) -> Call:
    """Return the call that LiteLLM's dictionary and response are about; None: it failed."""
    payload = mapping_of(kwargs.get("standard_logging_object"))
    params = mapping_of(kwargs.get("litellm_params"))
    failed = response is None or payload.get("status") == "failure"
    return Call(kwargs, response, payload, params, call_metadata(params), failed)


def call_id_of(kwargs: Mapping[str, Any]) -> str | None:
    """Return LiteLLM's id of the call that these callback arguments are about, made short."""
    found = text_of(kwargs.get("litellm_call_id"))
    return short_text(found) if found else None


def is_true(value: object) -> bool:
    """Whether a flag is set; in doubt it is, for a mask that fails open leaks."""
    if isinstance(value, str):
        return value.strip().lower() not in {"", "false", "0", "no", "off", "none", "null"}
    return bool(value)


def texts_of(values: object) -> tuple[str, ...]:
    """Return the scalars of a list as texts, a single one as a list of it, else nothing."""
    given = [values] if isinstance(values, str) else values
    if not isinstance(given, (list, tuple, set, frozenset)):
        return ()
    return tuple(text for value in given if (text := text_of(value)))


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return a mapping, an empty one for anything else."""
    return value if isinstance(value, (dict, Mapping)) else {}


def text_of(value: object) -> str | None:
    """Return a scalar as text; None for nothing, for empty text and for what is no scalar."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, int) and not isinstance(value, bool):
        return digits(value)
    return str(value) if isinstance(value, (float, UUID)) else None
