"""Which addresses of Langfuse a request to the proxy may name. Pure.

A proxy can reach what its clients cannot. So a request's address is refused unless it is known: the
operator's own, a region of Langfuse's cloud, or one that the operator allows.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from langfuse_otel._destination import REGIONS, host_url

if TYPE_CHECKING:
    from collections.abc import Iterable

CLOUD = frozenset(urlsplit(region).netloc for region in REGIONS)

# Readers of addresses differ in what they make of odd ones; none is odd here.
_PLAIN = re.compile(r"https?://([a-z0-9-]+[.])*[a-z0-9-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_allowed(host: str, operators: str | None, allowed: Iterable[str]) -> bool:
    """Whether a request may name `host`.

    Args:
        host: what the request says.
        operators: the address that the settings mean.
        allowed: the operator's list: `host`, `host:port`, an address, or `*.suffix`.
    """
    try:
        url = host_url(host)
    except ValueError:
        return False
    if not _PLAIN.fullmatch(url) or "/.." in url:
        return False
    parts = urlsplit(url)
    return url == operators or _is_cloud(parts) or any(_is_meant(parts, entry) for entry in allowed)


def is_written_out(host: str, operators: str | None, allowed: Iterable[str]) -> bool:
    """Whether an allowed host is known as it stands: by more than the end of its name."""
    entries = [entry for entry in allowed if not entry.startswith("*.")]
    return is_allowed(host, operators, entries)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and stands for none that is not.

    Those that are not: loopback, private, link-local, shared (RFC 6598), multicast, reserved, and
    IPv6 addresses that hold an IPv4 one (6to4, NAT64); a mapped one is what it maps.
    """
    try:
        given = ip_address(address)
    except ValueError:
        return False
    ip = getattr(given, "ipv4_mapped", None) or given
    is_local = any(getattr(ip, name, None) for name in ("is_site_local", "sixtofour"))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or is_local)


def _is_cloud(parts: SplitResult) -> bool:
    return parts.scheme == "https" and parts.netloc in CLOUD


def _is_meant(parts: SplitResult, entry: str) -> bool:
    """A suffix allows names alone, and no plain http: an address or a port is to be written out."""
    entry = entry.lower().removesuffix("/")
    if not entry.startswith("*."):
        return entry in {parts.netloc, parts.geturl().lower()}
    last = parts.netloc.rpartition(".")[2]
    is_name = parts.scheme == "https" and ":" not in parts.netloc and not _NUMBER.fullmatch(last)
    return is_name and parts.netloc.endswith(entry.removeprefix("*"))
