"""Request headers to the write path that the server would choose for the batch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._decode import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._views import WritePath

_NEWEST: Final = 4
_DIRECT_SDKS: Final = {"python": 4, "javascript": 5}


def write_path_of(headers: Mapping[str, str]) -> WritePath:
    """
    Take the request headers in lower case, give the write path they qualify for.

    Raises:
        RefusedError: The ingestion version is not a number or from the future.

    """
    if _ingestion_version(headers) >= _NEWEST or _is_direct_sdk(headers):
        return "direct"
    return "legacy"


def _ingestion_version(headers: Mapping[str, str]) -> int:
    given = _header(headers, "x-langfuse-ingestion-version")
    if given is None:
        return 0
    version = _leading_integer(given)
    if version is None or version > _NEWEST:
        raise RefusedError(400, f"Ingestion versions up to {_NEWEST} are supported.")
    return version


def _is_direct_sdk(headers: Mapping[str, str]) -> bool:
    needed = _DIRECT_SDKS.get(_header(headers, "x-langfuse-sdk-name") or "")
    major = _leading_integer(_header(headers, "x-langfuse-sdk-version") or "")
    return needed is not None and major is not None and major >= needed


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return headers.get(name, headers.get(name.replace("-", "_")))


def _leading_integer(text: str) -> int | None:
    # JavaScript's parseInt: "4abc" is 4.
    found = re.match(r"\s*([+-]?[0-9]{1,9})", text)
    return int(found[1]) if found else None
