"""Langfuse's media API, in three steps: ask for an address, store the bytes there, say that it is done.

The address is signed for these bytes alone and often belongs to another host: no key goes there.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from langfuse_otel._delivery.sender import Answer, Delivered, Rejected, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._delivery.sender import Outcome, Sender
    from langfuse_otel._delivery.uploads import Upload

MEDIA_PATH = "/api/public/media"
# Langfuse takes any other status for a failed upload, also Azure's 201.
STORED = 200


async def uploaded(upload: Upload, sender: Sender, timeout_s: float) -> Outcome:
    """Upload media, from the step that was not done yet, and say what became of it."""
    if not upload.is_stored:
        created = await sender.ask(_create(upload), timeout_s)
        if not isinstance(created, Answer):
            return created
        url = _address(created, upload.medium.id, upload.destination.is_public_only)
        if not isinstance(url, str):
            return url
        stored = await sender.ask(_put(upload, url), timeout_s)
        if isinstance(stored, Rejected) and stored.status:
            await sender.ask(_confirm(upload, stored.status, stored.reason), timeout_s)
        if not isinstance(stored, Answer):
            return stored
        upload.is_stored = True
    told = await sender.ask(_confirm(upload, STORED), timeout_s)
    return Delivered() if isinstance(told, Answer) else told


def _create(upload: Upload) -> Request:
    body = {
        "traceId": upload.trace_id,
        "observationId": upload.observation_id,
        "contentType": upload.medium.content_type,
        "contentLength": len(upload.medium.content),
        "sha256Hash": upload.medium.sha256,
        "field": upload.field_name,
    }
    return _to_langfuse(upload, "POST", MEDIA_PATH, body)


def _address(created: Answer, media_id: str, is_public_only: bool) -> str | Delivered | Rejected:
    """Where the bytes go; Langfuse gives no address where it has them already."""
    try:
        answer: Any = json.loads(created.content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("mediaId") != media_id:
        return Rejected("the answer names other media", 0)
    url = answer.get("uploadUrl")
    if not isinstance(url, str) or not url:
        return Delivered()
    if is_public_only and not url.startswith("https://"):
        return Rejected("the address for the bytes is not https", 0)
    return url


def _put(upload: Upload, url: str) -> Request:
    """Azure needs the type of blob; S3 checks the hash; Google refuses headers it does not know."""
    headers = {"Content-Type": upload.medium.content_type}
    if "storage.googleapis.com" not in url:
        headers |= {
            "x-ms-blob-type": "BlockBlob",
            "x-amz-checksum-sha256": upload.medium.sha256,
        }
    is_public_only = upload.destination.is_public_only
    return Request("PUT", url, headers, upload.medium.content, is_public_only=is_public_only)


def _confirm(upload: Upload, status: int, error: str | None = None) -> Request:
    body = {
        "uploadedAt": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "uploadHttpStatus": status,
        "uploadHttpError": error,
    }
    return _to_langfuse(upload, "PATCH", f"{MEDIA_PATH}/{upload.medium.id}", body)


def _to_langfuse(upload: Upload, method: str, path: str, body: Mapping[str, Any]) -> Request:
    headers = {**dict(upload.destination.headers), "Content-Type": "application/json"}
    said = {key: value for key, value in body.items() if value is not None}
    url, content = upload.destination.host + path, json.dumps(said).encode()
    is_public_only = upload.destination.is_public_only
    return Request(method, url, headers, content, not is_public_only, is_public_only)
