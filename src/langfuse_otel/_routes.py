"""Where each call goes: to the project that the settings name, or to the one that it names itself."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from langfuse_otel._destination import host_or_text, host_url, langfuse_destination
from langfuse_otel._hosts import is_allowed, is_written_out
from langfuse_otel._newest import Newest
from langfuse_otel.settings import names_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._destination import Destination
    from langfuse_otel._litellm.tenants import Tenant
    from langfuse_otel.settings import Settings

    Unit = tuple[str, str, str]
    Known = tuple[Unit, bool]

# Why a call goes nowhere.
Astray = Literal["no_destination", "incomplete_credentials", "host_not_allowed"]

log = logging.getLogger("langfuse_otel")

# Refused hosts and halves of key pairs that are named in the log: whoever asks for more of them does
# not fill it.
MAX_NAMED = 100

# What has been said; a process may have several loggers.
_warned: set[str] = set()


class Routes:
    """Finds the destination of each call.

    Args:
        settings: name the one for calls that name none.
        keep: lets the requests for a destination be kept in the spool.
    """

    def __init__(self, settings: Settings, keep: Callable[[Destination], None]) -> None:
        self._settings = settings
        self._keep = keep
        self._operators = host_or_text(settings.host)
        self._allowed = names_of(settings.allowed_hosts)
        self._tenants: Newest[Known, Destination] = Newest()
        self._missing = dict.fromkeys(("calls", "scores"), "the library is turned off")
        self._default = self._found("calls", settings.destination)
        self._scores = self._found("scores", settings.scores_destination)
        if self._default:
            log.debug("langfuse-otel: %s", _chosen(settings, self._default))
        for destination in filter(None, (self._default, self._scores)):
            keep(destination)

    def of(self, tenant: Tenant) -> Destination | Astray:
        """Return where a call goes, or why it goes nowhere."""
        if not tenant.has_project:
            return self._default or self._nowhere("calls")
        if not (tenant.public_key and tenant.secret_key):
            _refuse_half(tenant)
            return "incomplete_credentials"
        host = self._settings.host if tenant.host is None else tenant.host
        if not self._may_name(tenant, host):
            _refuse(host)
            return "host_not_allowed"
        unit = host, tenant.public_key, tenant.secret_key
        return self._of_tenant(unit, self._is_public_only(tenant, host))

    def of_scores(self) -> Destination | Astray:
        """Return where scores go, or why they go nowhere."""
        return self._scores or self._nowhere("scores")

    def _may_name(self, tenant: Tenant, host: str) -> bool:
        if tenant.is_host_foreign:
            return is_allowed(host, self._operators, self._allowed)
        return _is_address(host)

    def _is_public_only(self, tenant: Tenant, host: str) -> bool:
        """Whether the operator knows no more of a host than the end of its name."""
        is_foreign = tenant.is_host_foreign
        return is_foreign and not is_written_out(host, self._operators, self._allowed)

    def _of_tenant(self, unit: Unit, is_public_only: bool) -> Destination:
        known = unit, is_public_only
        found = self._tenants.get(known)
        if found is None:
            found = replace(langfuse_destination(*unit), is_public_only=is_public_only)
            if self._settings.spool_tenants and len(self._tenants) < self._tenants.most:
                self._keep(found)
            self._tenants.put(known, found)
        return found

    def _found(self, what: str, find: Callable[[], Destination]) -> Destination | None:
        if not self._settings.enabled:
            return None
        try:
            return find()
        except ValueError as error:
            self._missing[what] = str(error)
            return None

    def _nowhere(self, what: str) -> Astray:
        _warn(f"no_destination of {what}", f"{what} are not sent: {self._missing[what]}")
        return "no_destination"


def _refuse_half(tenant: Tenant) -> None:
    """A public key is no secret: it tells whose calls they are."""
    if len(_warned) < MAX_NAMED:
        known = (tenant.public_key or "")[:100]
        whose = f"of {known}" if known else "that name a project of their own"
        missing = "langfuse_secret_key" if known else "langfuse_public_key"
        _warn(
            f"half of {known}",
            f"calls {whose} are not sent: they come without a {missing} of any use",
        )


def _refuse(host: str) -> None:
    if len(_warned) < MAX_NAMED:
        shown = f"{host[:100]!a}"
        _warn(
            f"host {shown}",
            f"calls for the host {shown} are not sent; where that is in your interest, name it "
            "in LANGFUSE_OTEL_ALLOWED_HOSTS",
        )


def _warn(about: str, text: str) -> None:
    if about not in _warned:
        _warned.add(about)
        log.warning("langfuse-otel: %s", text)


def _is_address(host: str) -> bool:
    try:
        return bool(host_url(host))
    except ValueError:
        return False


def _chosen(settings: Settings, destination: Destination) -> str:
    if destination.kind != "langfuse":
        return f"spans go to {destination.traces_url}, an OpenTelemetry endpoint"
    return (
        f"spans go to {destination.traces_url} (host from {settings.source('host')}, "
        f"public key {destination.public_key}, authorization header built)"
    )
