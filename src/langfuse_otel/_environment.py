"""The environment of the process: no other file reads it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from langfuse_otel._destination import unquoted

if TYPE_CHECKING:
    from collections.abc import Iterable


def text_in(variable: str) -> str:
    """Return what a variable holds, quotes and white space included; "" where it is not set."""
    return os.environ.get(variable, "")


def names_set(prefix: str) -> list[str]:
    """Return the names of the variables that are set and begin with `prefix`."""
    return [name for name in os.environ if name.startswith(prefix)]


def first_set(variables: Iterable[str]) -> str | None:
    """Return the first of the variables that is set; blank ones count as not set."""
    return next((variable for variable in variables if unquoted(text_in(variable))), None)


def proxy_of(url: str) -> str | None:
    """Return the HTTP proxy that the environment names for an address; None where it names none."""
    parts, proxies = urlsplit(url), getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or proxy_bypass(parts.netloc):
        return None
    return named if "://" in named else f"http://{named}"
