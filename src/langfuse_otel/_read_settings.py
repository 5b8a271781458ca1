"""The settings for a caller that must not fail, and what a user should know about them.

What is invalid is warned of and left out; what is odd is warned of and taken.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from pydantic import ValidationError

from langfuse_otel._destination import headers_of, host_or_text, unquoted
from langfuse_otel._environment import names_set, text_in
from langfuse_otel._records import USER_FROM
from langfuse_otel.settings import (
    SPANS,
    Settings,
    environment_of,
    names_of,
    set_by,
    variables,
)

log = logging.getLogger("langfuse_otel")

# What Langfuse's server reads, whose variables may stand in the same file.
_SERVERS = ("LANGFUSE_S3_", "LANGFUSE_INIT_")
# How much of two names has to be the same, at least, to take one for the other.
_NEAR = 0.8


def read_settings(**arguments: Any) -> Settings:
    """Read the settings for a caller that must not fail: what is invalid is warned of and left out.

    Arguments that are None count as not given.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        settings = _without_invalid(error, given)
    for text in warnings_about(settings):
        _warn_once(text)
    return settings


@cache
def _warn_once(text: str) -> None:
    log.warning("langfuse-otel: %s", text)


def _without_invalid(error: ValidationError, given: dict[str, Any]) -> Settings:
    defaults = {name: info.default for name, info in Settings.model_fields.items()}
    for location, text in _problems(error):
        name = _field_of(location)
        instead = "it counts as not set" if defaults[name] is None else "using its default"
        _warn_once(f"{location} is invalid ({text}); {instead}")
        given = {**given, name: defaults[name]}
    return Settings(**given)


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    """Where something is wrong, and what, in words of ours where we have some."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [(str(each["loc"][0]), each["msg"].removeprefix("Value error, ")) for each in found]


def _field_of(location: str) -> str:
    by_variable = {v: name for name in Settings.model_fields for v in variables(name)}
    return by_variable.get(location, location)


def problems_in(error: ValueError) -> list[str]:
    """Return what is wrong with settings, without a value: a secret may stand in the wrong place."""
    if not isinstance(error, ValidationError):
        return [str(error)]
    return [f"{location}: {text}" for location, text in _problems(error)]


def warnings_about(settings: Settings) -> list[str]:
    """Return what a user should know about the settings: each a sentence with its cure, no secrets."""
    return [
        *_host_warnings(settings),
        *_quote_warnings(settings),
        *_environment_warnings(settings),
        *_name_warnings(settings),
        *_header_warnings(settings),
        *_spelling_warnings(settings),
    ]


def _host_warnings(settings: Settings) -> list[str]:
    found = {v: text for v in variables("host") if (text := unquoted(text_in(v)))}
    different = {host_or_text(value) for value in found.values()}
    if len(different) < 2 or settings.source("host") == "argument":  # noqa: PLR2004
        return []
    used, *ignored = found
    return [f"{used} wins over {', '.join(ignored)}, which differ; set only one"]


def _quote_warnings(settings: Settings) -> list[str]:
    return [
        f"removed quotes or white space around {variable}"
        for name in ("public_key", "secret_key", "host")
        if settings.source(name) != "argument"
        for variable in variables(name)
        if (value := text_in(variable)) and unquoted(value) != value
    ]


def _environment_warnings(settings: Settings) -> list[str]:
    given, sent = settings.environment, environment_of(settings)
    if not given or given == sent:
        return []
    return [f"Langfuse does not take the environment {given!r}; sending {sent or 'default'!r}"]


def _name_warnings(settings: Settings) -> list[str]:
    return [
        f"{set_by(settings, field)} knows no {name!r}; write any of {', '.join(known)}"
        for field, known in (("user_from", USER_FROM), ("spans", SPANS))
        for name in names_of(getattr(settings, field))
        if name not in known
    ]


def _header_warnings(settings: Settings) -> list[str]:
    if None not in headers_of(settings.otlp_headers.get_secret_value()):
        return []
    source = set_by(settings, "otlp_headers")
    return [f"{source} is to be name=value,name=value; what is none of these is left out"]


def _spelling_warnings(settings: Settings) -> list[str]:
    """Of a name that is nearly one of ours: only where that one is not set, for others have many."""
    ours = {variable: name for name in Settings.model_fields for variable in variables(name)}
    unknown = [
        name
        for name in names_set("LANGFUSE_")
        if name not in ours and not name.startswith(_SERVERS)
    ]
    if not unknown:
        return []
    from difflib import get_close_matches  # noqa: PLC0415 - only who may have misspelt one pays

    unset = {_stem(v): v for v, name in ours.items() if settings.source(name) == "default"}
    return [
        f"{name} is not read; did you mean {unset[near[0]]}?"
        for name in unknown
        if (near := get_close_matches(_stem(name), unset, 1, _NEAR))
    ]


def _stem(variable: str) -> str:
    """What tells variables apart: which of them have `OTEL` in their names is hard to remember."""
    return variable.removeprefix("LANGFUSE_").removeprefix("OTEL_")
