"""One piece of media as Langfuse knows it: bytes, their type, and what stands for them. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

# What Langfuse's media API takes; it refuses any other type.
CONTENT_TYPES = frozenset(
    {
        *("image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif", "image/svg+xml"),
        *("image/tiff", "image/bmp", "image/avif", "image/heic"),
        *("audio/mpeg", "audio/mp3", "audio/wav", "audio/ogg", "audio/oga", "audio/aac"),
        *("audio/mp4", "audio/flac", "audio/opus", "audio/webm"),
        *("video/mp4", "video/webm", "video/ogg", "video/mpeg", "video/quicktime"),
        *("video/x-msvideo", "video/x-matroska"),
        *("text/plain", "text/html", "text/css", "text/csv", "text/markdown", "text/x-python"),
        *("text/x-typescript", "application/javascript", "application/x-yaml"),
        *("application/pdf", "application/msword", "application/vnd.ms-excel"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        *("application/zip", "application/gzip", "application/x-tar"),
        *("application/x-7z-compressed", "application/json", "application/xml"),
        *("application/rtf", "application/x-ndjson", "application/vnd.apache.parquet"),
        "application/octet-stream",
    }
)
ANY_TYPE = "application/octet-stream"

# How files begin, for shapes that do not say what they hold.
_BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), "audio/mpeg"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"....ftyp", re.DOTALL), "video/mp4"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)
# Names of formats that are not the second half of their type.
_FORMATS = {
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "txt": "text/plain",
    "md": "text/markdown",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class Medium:
    """Bytes of one type. Langfuse's id for them follows from the bytes alone."""

    content_type: str
    content: bytes = field(repr=False)

    @cached_property
    def _digest(self) -> bytes:
        return sha256(self.content).digest()

    @property
    def sha256(self) -> str:
        """The hash as Langfuse's media API has it: base64."""
        return base64.b64encode(self._digest).decode()

    @property
    def id(self) -> str:
        """Langfuse's id: the first 132 bits of the hash."""
        return base64.urlsafe_b64encode(self._digest).decode()[:22]

    @property
    def reference(self) -> str:
        """The text that Langfuse shows the media for."""
        return f"@@@langfuseMedia:type={self.content_type}|id={self.id}|source=base64_data_uri@@@"

    @property
    def marker(self) -> str:
        """The text that stands for media which Langfuse does not have."""
        size, digest = len(self.content), self._digest.hex()
        return f"[left out by langfuse-otel: {self.content_type}, {size} bytes, sha256 {digest}]"


def medium_of(text: str, content_type: str | None) -> Medium | None:
    """Return the media that `text` holds in base64; None where it is none, or nothing.

    Args:
        text: base64 of either alphabet, with or without padding.
        content_type: what it is said to be; None where nobody says.
    """
    content = _decoded(text)
    if not content:
        return None
    named = (content_type or beginning_of(content)).lower()
    return Medium(named if named in CONTENT_TYPES else ANY_TYPE, content)


def beginning_of(content: bytes) -> str:
    """Return the content type that the first bytes tell."""
    return next((named for start, named in _BEGINNINGS if start.match(content)), ANY_TYPE)


def type_of_format(name: object, *families: str) -> str | None:
    """Return the content type of a format such as `wav`, in the first of `families` that has it."""
    if not isinstance(name, str):
        return None
    named = (f"{family}/{name}" for family in (*families, "application", "text"))
    return _FORMATS.get(name) or next((one for one in named if one in CONTENT_TYPES), None)


def _decoded(text: str) -> bytes | None:
    plain = text if text.isalnum() else text.translate(_URL_SAFE)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
