"""What an operator asks of a running process: does it live, and where do its calls go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langfuse_otel._process import stats
from langfuse_otel._read_settings import read_settings
from langfuse_otel.settings import environment_of

if TYPE_CHECKING:
    from langfuse_otel._delivery.counts import Stats
    from langfuse_otel.settings import Settings


@dataclass(frozen=True, slots=True)
class Health:
    """That the process answers; no detail, for anyone may ask."""

    status: str = "healthy"


@dataclass(frozen=True, slots=True)
class Status:
    """Where calls go, without a secret, and what became of them.

    `enabled`: nothing turns the library off. `initialized`: it is enabled and knows where calls go.
    `host` is None where the settings name none that is valid; `environment` is as Langfuse will
    show it.
    """

    enabled: bool
    initialized: bool
    host: str | None
    public_key_configured: bool
    secret_key_configured: bool
    environment: str
    stats: Stats


def health() -> Health:
    """Return that the process is alive, which it is if it can."""
    return Health()


def status() -> Status:
    """Return where the calls of this process go by its environment, and the counts of `stats()`."""
    settings = read_settings()
    return Status(
        enabled=settings.enabled,
        initialized=settings.enabled and _has_destination(settings),
        host=_address(settings),
        public_key_configured=bool(settings.public_key),
        secret_key_configured=bool(settings.secret_key),
        environment=environment_of(settings) or "default",
        stats=stats(),
    )


def _address(settings: Settings) -> str | None:
    try:
        return settings.address()
    except ValueError:  # its text may hold a password
        return None


def _has_destination(settings: Settings) -> bool:
    try:
        settings.destination()
    except ValueError:
        return False
    return True
