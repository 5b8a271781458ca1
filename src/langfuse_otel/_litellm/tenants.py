"""Which Langfuse project a call asks for: its own key pair, host and environment. Pure.

LiteLLM gathers the `langfuse_*` arguments of a call in `standard_callback_dynamic_params`. On its
proxy (1.106) what a request's body says and what the operator's settings for a key, a team or
`default_team_settings` say lie in there side by side: a request's host may stand beside a key's
secret. Neither the body that callbacks see (`proxy_server_request`) nor the metadata of key and team
tells which is which, for LiteLLM takes the credentials out of both. What does is its own list of the
operator's variables, which `pinned` notes. Whatever is not in that list counts as the request's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langfuse_otel._destination import unquoted
from langfuse_otel._litellm.trust import came_by_proxy, is_unauthenticated
from langfuse_otel._values import mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_KEY = "langfuse_public_key"
SECRET_KEY = "langfuse_secret_key"  # noqa: S105 - the name of an argument
SECRET = "langfuse_secret"  # noqa: S105 - its other name
HOST = "langfuse_host"
ENVIRONMENT = "langfuse_environment"

_KEYS = (PUBLIC_KEY, SECRET_KEY, SECRET)
_NAMES = (*_KEYS, HOST, ENVIRONMENT)
_REFERENCE = "os.environ/"
_MAX_LENGTH = 500

# Printable ASCII; a public key ends where Basic authentication has its first colon. It is shown,
# so it is none that is secret.
_KEY = re.compile(r"[!-9;-~]+")
_PUBLIC_KEY = re.compile(rf"(?!sk-lf-){_KEY.pattern}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """What a call says of its project: None is not said, an empty text is said but no use.

    `is_host_foreign`: a request to the proxy names the host.
    """

    public_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    host: str | None = None
    environment: str | None = None
    is_host_foreign: bool = False

    @property
    def has_project(self) -> bool:
        """Whether the call names a project, be it in part."""
        return (self.public_key, self.secret_key, self.host) != (None, None, None)


NOBODY = Tenant()


def tenant_of(kwargs: Mapping[str, Any], pinned: Mapping[str, str] | None = None) -> Tenant:
    """Return the project that a call asks for; a request without authentication chooses nothing.

    A key pair that the operator pinned comes with the operator's host alone.

    Args:
        kwargs: the dictionary that LiteLLM hands to every callback.
        pinned: the operator's variables for the request's key or team.
    """
    given = mapping_of(kwargs.get("standard_callback_dynamic_params"))
    if not (given or pinned) or is_unauthenticated(kwargs):
        return NOBODY
    asked = _texts(given)
    operators = _in_effect(_texts(pinned or {}), asked)
    has_keys = any(name in operators for name in _KEYS)
    unit = operators if has_keys else asked
    return Tenant(
        public_key=_matching(_PUBLIC_KEY, unit.get(PUBLIC_KEY)),
        secret_key=_matching(_KEY, unit.get(SECRET_KEY, unit.get(SECRET))),
        host=unit.get(HOST),
        environment=asked.get(ENVIRONMENT),
        is_host_foreign=HOST in unit and HOST not in operators and came_by_proxy(kwargs),
    )


def _in_effect(operators: dict[str, str], asked: dict[str, str]) -> dict[str, str]:
    """LiteLLM lays the operator's variables over the request's: others belong to another call.

    Calls are known by an id that the proxy's client may choose.
    """
    is_of_the_call = all(asked.get(name) == value for name, value in operators.items())
    return operators if is_of_the_call else {}


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    """The values that are given; one that is no use stays, as an empty text."""
    return {name: _text(given[name]) for name in _NAMES if given.get(name)}


def _text(value: object) -> str:
    """A reference to the proxy's environment is never resolved."""
    if not isinstance(value, str) or _REFERENCE in value or len(value) > _MAX_LENGTH:
        return ""
    return unquoted(value)


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text is None or pattern.fullmatch(text) else ""
