"""The one key pair that opens the receiver."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Keys:
    """Compares what a request carries with the pair."""

    def __init__(self, public_key: str, secret_key: str) -> None:
        self._expected = f"{public_key}:{secret_key}".encode()

    def open(self, headers: Mapping[str, str]) -> bool:
        """Take the headers in lower case, tell whether they carry the pair."""
        given = _credentials_in(headers)
        return given is not None and hmac.compare_digest(given, self._expected)


def _credentials_in(headers: Mapping[str, str]) -> bytes | None:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
