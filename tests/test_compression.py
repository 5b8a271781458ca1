"""gzip, which is the only encoding that Langfuse decodes."""

from __future__ import annotations

import gzip

from langfuse_otel._delivery.compression import compressed, decompressed, is_compressed

BODY = b"\x0a" + b"a span, and another; " * 1_000


def test_compressed() -> None:
    """A body is gzip that anybody can read, much smaller and the same each time."""
    found = compressed(BODY)

    assert gzip.decompress(found) == BODY
    assert len(found) < len(BODY) / 10
    assert found == compressed(BODY)
    assert found[4:8] == bytes(4)


def test_decompressed() -> None:
    """What is compressed is told from what is not, and both can be read."""
    assert is_compressed(compressed(BODY))
    assert not is_compressed(BODY)
    assert decompressed(compressed(BODY)) == decompressed(BODY) == BODY
