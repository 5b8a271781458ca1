"""Questions to Langfuse's REST API."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from langfuse_otel._destination import Destination


def get(url: str, destination: Destination, timeout_s: float) -> tuple[int, Any]:
    """Return status and JSON of a GET with the destination's keys.

    The status is 0 where nothing answered, and then the second is the name of the error; the
    second is None where the answer is no JSON.
    """
    # httpx's own class, for it does not show the keys to whoever prints a traceback's variables.
    headers = httpx.Headers({"Authorization": dict(destination.headers).get("Authorization", "")})
    try:
        response = httpx.get(url, headers=headers, timeout=timeout_s)
    except Exception as error:  # noqa: BLE001 - also what a wrong proxy variable raises
        return 0, type(error).__name__
    try:
        return response.status_code, response.json()
    except (ValueError, RecursionError):
        return response.status_code, None


def clock_ahead_s(url: str, timeout_s: float) -> float | None:
    """Return by how many seconds this machine's clock is ahead of the server's `Date`; None if unknown."""
    try:
        date = httpx.get(url, timeout=timeout_s).headers["Date"]
        return time.time() - parsedate_to_datetime(date).timestamp()
    except (httpx.HTTPError, KeyError, ValueError):
        return None


def projects(destination: Destination, timeout_s: float) -> tuple[int, list[dict[str, Any]]]:
    """Return the status of the question for the keys' projects, and the projects."""
    status, answer = get(f"{destination.host}/api/public/projects", destination, timeout_s)
    found = answer.get("data") if isinstance(answer, dict) else None
    return status, [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []


def project_id(destination: Destination, timeout_s: float) -> str | None:
    """Return the id of the project that the keys open; None where Langfuse does not tell."""
    _, found = projects(destination, timeout_s)
    return str(found[0]["id"]) if found and found[0].get("id") else None
