"""Media as the public API takes and gives them: created, stored at a signed address, confirmed."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from ._decode import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

STORED: Final = 200
"""The status of an upload that succeeded; the server shows media of no other."""

FIELDS: Final = ("input", "output", "metadata")
TYPES: Final = frozenset(
    [
        "image/png",
        "image/jpeg",
        "image/jpg",
        "image/webp",
        "image/gif",
        "image/svg+xml",
        "image/tiff",
        "image/bmp",
        "image/avif",
        "image/heic",
        "audio/mpeg",
        "audio/mp3",
        "audio/wav",
        "audio/ogg",
        "audio/oga",
        "audio/aac",
        "audio/mp4",
        "audio/flac",
        "audio/opus",
        "audio/webm",
        "video/mp4",
        "video/webm",
        "video/ogg",
        "video/mpeg",
        "video/quicktime",
        "video/x-msvideo",
        "video/x-matroska",
        "text/plain",
        "text/html",
        "text/css",
        "text/csv",
        "text/markdown",
        "text/x-python",
        "text/x-typescript",
        "application/javascript",
        "application/x-yaml",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/zip",
        "application/json",
        "application/xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/rtf",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/gzip",
        "application/x-tar",
        "application/x-7z-compressed",
        "application/octet-stream",
    ]
)
# The largest integer that SQLite holds.
_LARGEST: Final = 2**63 - 1
_HASH: Final = re.compile(r"[A-Za-z0-9+/=]{44}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaUse:
    """What a client says before it uploads: of which type and size, and where it belongs."""

    trace_id: str
    observation_id: str | None
    field: str
    content_type: str
    content_length: int
    sha256: str

    @property
    def media_id(self) -> str:
        """The id that the server gives: the first 132 bits of the hash."""
        return self.sha256.replace("+", "-").replace("/", "_")[:22]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One record; `upload_status` is None until the client has confirmed the upload."""

    id: str
    sha256: str
    content_type: str
    content_length: int
    content: bytes | None = None
    upload_status: int | None = None
    uploaded_at: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether it can be shown."""
        return self.content is not None and self.upload_status == STORED


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a client says after its upload."""

    upload_status: int
    uploaded_at: str


def media_use_of(body: Any) -> MediaUse:
    """
    Take the JSON body of a request to upload, give what it says.

    Raises:
        RefusedError: The body is not valid; the message names the field.

    """
    given = _object(body)
    kind, length, sha256 = (
        given.get("contentType"),
        given.get("contentLength"),
        given.get("sha256Hash"),
    )
    _demand(isinstance(given.get("traceId"), str) and given["traceId"], "traceId must be a string")
    _demand(isinstance(given.get("observationId"), (str, type(None))), "observationId is no string")
    _demand(isinstance(kind, str) and kind in TYPES, "contentType is not supported")
    _demand(_is_count(length), "contentLength must be a positive integer")
    _demand(isinstance(sha256, str) and _HASH.fullmatch(sha256), "sha256Hash must be in base64")
    _demand(given.get("field") in FIELDS, f"field must be one of {', '.join(FIELDS)}")
    return MediaUse(
        trace_id=given["traceId"],
        observation_id=given.get("observationId"),
        field=given["field"],
        content_type=given["contentType"],
        content_length=given["contentLength"],
        sha256=given["sha256Hash"],
    )


def confirmation_of(body: Any) -> Confirmation:
    """
    Take the JSON body of a confirmation, give what it says.

    Raises:
        RefusedError: The body is not valid; the message names the field.

    """
    given = _object(body)
    status, at, error = (
        given.get(key) for key in ("uploadHttpStatus", "uploadedAt", "uploadHttpError")
    )
    _demand(_is_count(status), "uploadHttpStatus must be a positive integer")
    _demand(_is_instant(at), "uploadedAt must be a date")
    _demand(isinstance(error, (str, type(None))), "uploadHttpError must be a string")
    return Confirmation(given["uploadHttpStatus"], given["uploadedAt"])


def check_content(media: Media, content: bytes, headers: Mapping[str, str]) -> None:
    """
    Take the record and what is to be stored for it, as a bucket does that was told both.

    Raises:
        RefusedError: They differ, or the request carries credentials beside its signature.

    """
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    _demand("authorization" not in headers, "only one way to authorize is allowed")
    _demand(headers.get("content-type") == media.content_type, "another content type was signed")
    _demand(len(content) == media.content_length, "another content length was signed")
    _demand(headers.get("x-amz-checksum-sha256", sha256) == sha256, "the checksum does not match")
    _demand(sha256 == media.sha256, "another hash was signed")


def json_of_media(media: Media, url: str, url_expiry: str) -> dict[str, Any]:
    """Take a record and where its bytes are, give it in the field names of the public API."""
    return {
        "mediaId": media.id,
        "contentType": media.content_type,
        "contentLength": media.content_length,
        "uploadedAt": media.uploaded_at,
        "url": url,
        "urlExpiry": url_expiry,
    }


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RefusedError(400, "The body must be a JSON object.")
    return body


def _demand(is_met: object, otherwise: str) -> None:
    if not is_met:
        raise RefusedError(400, f"{otherwise[0].upper()}{otherwise[1:]}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST


def _is_instant(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return False
    return isinstance(value, str)
