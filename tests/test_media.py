"""Bytes and their type, as Langfuse knows them."""

from __future__ import annotations

import base64

import pytest
from langfuse.api import MediaContentType
from langfuse.media import LangfuseMedia

from langfuse_otel._spans.media import ANY_TYPE, CONTENT_TYPES, Medium, medium_of, type_of_format

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.mark.parametrize("content", [b"x", PNG, bytes(range(256)) * 40], ids=["x", "png", "long"])
def test_as_langfuses_own_client(content: bytes) -> None:
    """Id, hash and reference are those of Langfuse's own SDK."""
    uri = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    theirs, ours = LangfuseMedia(base64_data_uri=uri), Medium("image/png", content)

    assert (ours.id, ours.sha256, ours.reference) == (
        theirs._media_id,
        theirs._content_sha256_hash,
        theirs._reference_string,
    )


def test_content_types_are_those_of_the_api() -> None:
    """The types that are uploaded as such are the ones that Langfuse's API names."""
    assert {kind.value for kind in MediaContentType} == CONTENT_TYPES


def test_marker() -> None:
    """A marker gives type, size and hash."""
    assert Medium("audio/wav", b"abc").marker == (
        "[left out by langfuse-otel: audio/wav, 3 bytes, sha256 "
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad]"
    )


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("AAEC", b"\0\1\2"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("+/+/", b"\xfb\xff\xbf"),
        ("AA", b"\0"),
        ("AA=", b"\0"),
        ("AA==", b"\0"),
        ("AA===", None),
        ("AAECA", None),
        ("not base64", None),
        ("AAEC...", None),
        ("AA==AA==", None),
        ("", None),
        ("====", None),
        ("ÄÖÜß", None),
    ],
)
def test_base64(text: str, content: bytes | None) -> None:
    """Base64 of either alphabet is read, with or without padding, and nothing else is."""
    medium = medium_of(text, "text/plain")

    assert (medium.content if medium else None) == content


@pytest.mark.parametrize(
    ("beginning", "content_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\1\2\3\4WEBP", "image/webp"),
        (b"RIFF\1\2\n\4WAVE", "audio/wav"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"whatever", ANY_TYPE),
    ],
)
def test_beginning_tells_the_type(beginning: bytes, content_type: str) -> None:
    """Where nobody says what it is, the first bytes do."""
    medium = medium_of(base64.b64encode(beginning).decode(), None)

    assert medium == Medium(content_type, beginning)


def test_type_that_langfuse_refuses() -> None:
    """A type that Langfuse's API does not know is uploaded as plain bytes."""
    assert medium_of("AAEC", "image/x-icon") == Medium(ANY_TYPE, b"\0\1\2")


def test_type_in_capitals() -> None:
    """Content types do not depend on case."""
    assert medium_of("AAEC", "Image/PNG") == Medium("image/png", b"\0\1\2")


@pytest.mark.parametrize(
    ("name", "families", "content_type"),
    [
        ("wav", ("audio",), "audio/wav"),
        ("jpg", ("image",), "image/jpeg"),
        ("mp4", ("image", "video"), "video/mp4"),
        ("mp4", ("audio", "video"), "audio/mp4"),
        ("pdf", ("image",), "application/pdf"),
        ("csv", ("image",), "text/csv"),
        (
            "docx",
            ("image",),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("pcm16", ("audio",), None),
        (None, ("audio",), None),
        (["wav"], ("audio",), None),
    ],
)
def test_formats(name: object, families: tuple[str, ...], content_type: str | None) -> None:
    """A format's name leads to a type that Langfuse knows, or to none."""
    assert type_of_format(name, *families) == content_type
