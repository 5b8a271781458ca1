"""How a request is compressed: gzip at its fastest level, the only encoding that Langfuse decodes.

ISA-L compresses text four times as fast as zlib, to the same size; where it has no wheel, zlib does.
"""

from __future__ import annotations

import gzip
import zlib

try:
    from isal.isal_zlib import compressobj
except ImportError:
    from zlib import compressobj  # type: ignore[assignment]

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_FORMAT = 31


def compressed(*pieces: bytes) -> bytes:
    """Return the pieces of a body as gzip, level 1, with no time in it: equal bodies stay equal."""
    compressor = compressobj(1, zlib.DEFLATED, _GZIP_FORMAT)
    return b"".join([*map(compressor.compress, pieces), compressor.flush()])


def decompressed(body: bytes) -> bytes:
    """Return what was compressed; a body that was not stays as it is."""
    return gzip.decompress(body) if is_compressed(body) else body


def is_compressed(body: bytes) -> bool:
    """Whether `body` is gzip; an OTLP request, whose first field has the tag 0x0a, never looks so."""
    return body.startswith(_GZIP_MAGIC)
