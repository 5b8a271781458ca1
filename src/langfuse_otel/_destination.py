"""Where a batch of spans goes: one URL and the headers that open it. Pure.

Every form in which people write Langfuse's address leads to the same URL.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import unquote, urlsplit

from langfuse_otel._version import __version__

US_CLOUD = "https://us.cloud.langfuse.com"
EU_CLOUD = "https://cloud.langfuse.com"
REGIONS = (
    US_CLOUD,
    EU_CLOUD,
    "https://jp.cloud.langfuse.com",
    "https://hipaa.cloud.langfuse.com",
)
OTEL_PATH = "/api/public/otel"
TRACES_PATH = f"{OTEL_PATH}/v1/traces"
SCORES_PATH = "/api/public/scores"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")

Headers = tuple[tuple[str, str], ...]

SDK_HEADERS = {
    "x-langfuse-ingestion-version": "4",
    "x-langfuse-sdk-name": "langfuse-otel",
    "x-langfuse-sdk-version": __version__,
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request belongs: a URL and the public key of a project, never its secret."""

    traces_url: str
    public_key: str | None


@dataclass(frozen=True, slots=True)
class Destination:
    """One target: its full URL, the headers that open it, and how it was chosen.

    The scores of a project have a destination of their own, of the kind `scores`. `is_public_only`:
    nobody but a request vouches for the name of its host, so nothing is sent there unless it resolves
    to an address of the public internet.
    """

    traces_url: str
    headers: Headers = field(repr=False)
    kind: Literal["langfuse", "endpoint", "otlp", "scores"] = "langfuse"
    public_key: str | None = None
    is_public_only: bool = False

    def __hash__(self) -> int:
        """What tells projects apart, as a rule: it is asked for every call."""
        return hash((self.traces_url, self.public_key))

    @property
    def host(self) -> str:
        """The Langfuse address that the traces URL was made from."""
        return self.traces_url.removesuffix(TRACES_PATH)

    @property
    def content_type(self) -> str:
        """What a request to it carries."""
        return JSON if self.kind == "scores" else PROTOBUF

    @property
    def address(self) -> Address:
        """All but the headers, which hold the secret."""
        return Address(self.traces_url, self.public_key)

    @property
    def label(self) -> str:
        """What a log line calls it: the host, and the public key where there is one."""
        return f"{self.host} ({self.public_key})" if self.public_key else self.host


def langfuse_destination(host: str, public_key: str, secret_key: str) -> Destination:
    """Return the destination of one Langfuse project: Basic auth over its public and secret key."""
    token = base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()
    headers = {**SDK_HEADERS, "Authorization": f"Basic {token}"}
    return Destination(
        host_url(host) + TRACES_PATH, tuple(sorted(headers.items())), public_key=public_key
    )


def scores_of(project: Destination) -> Destination:
    """Return where the scores of a Langfuse project go."""
    return replace(project, traces_url=project.host + SCORES_PATH, kind="scores")


def host_url(host: str) -> str:
    """Return the base address that `host` means: scheme added, OTLP path and slashes removed.

    Raises:
        ValueError: `host` is no http(s) address.
    """
    text = unquoted(host)
    has_scheme = text.startswith(("http:", "https:")) or "://" in text
    url = checked_url(text if has_scheme else f"{_scheme_for(text)}://{text}").rstrip("/")
    for suffix in (TRACES_PATH, OTEL_PATH):
        url = url.removesuffix(suffix)
    return url.rstrip("/")


def _scheme_for(authority: str) -> str:
    try:
        name = urlsplit(f"//{authority}").hostname or ""
    except ValueError:  # it quotes the text, which `checked_url` refuses in words of ours
        return "https"
    return "http" if _is_loopback(name) else "https"


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def checked_url(url: str) -> str:
    """Return `url` if it is a plain http(s) address.

    Raises:
        ValueError: it is none; the text does not repeat it, for it may hold a password.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("it is no http or https address; write https://host")
    if parts.username or parts.password:
        raise ValueError(
            f"credentials do not belong into the address of {parts.hostname}; leave them out"
        )
    if parts.query or parts.fragment:
        raise ValueError(
            f"the address of {parts.hostname} ends before the ? or #; leave the rest out"
        )
    return url


def unquoted(text: str) -> str:
    """Return `text` without surrounding white space and quotes, as shells and `.env` files leave."""
    return text.strip().strip("\"'").strip()


def host_or_text(host: str) -> str:
    """Return the address that `host` means, or the text itself where it means none."""
    try:
        return host_url(host)
    except ValueError:
        return host


def headers_of(text: str) -> tuple[tuple[str, str] | None, ...]:
    """Return the headers in `name=value,name=value`, URL-encoded; None for an item that is none.

    OpenTelemetry's own function logs what it cannot read, which may be a key.
    """
    return tuple(_header_of(item) for item in map(str.strip, text.split(",")) if item)


def _header_of(item: str) -> tuple[str, str] | None:
    name, is_given, value = item.partition("=")
    name = unquote(name).strip().lower()
    is_header = is_given and _HEADER_NAME.fullmatch(name)
    return (name, unquote(value).strip()) if is_header else None
