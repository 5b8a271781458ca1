"""Starlette's requests and responses as an observation shows them. Pure.

Starlette is not imported: where the program has not done so, nothing is one of its objects.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeGuard

# Of headers with such names neither name nor value is shown.
_CREDENTIALS = re.compile(r"auth|cookie|credential|key|secret|session|token", re.IGNORECASE)


def is_response(value: object) -> bool:
    """Whether it is a response of Starlette's, which are FastAPI's as well."""
    return _is_of(value, "starlette.responses", "Response")


def is_stream(value: Any) -> TypeGuard[Any]:
    """Whether it is a response whose body is yet to come; `body_iterator` gives it in chunks."""
    return is_response(value) and hasattr(value, "body_iterator")


def shown(value: Any) -> object:
    """Return what to record of an argument or a result: a request and a response in short.

    A request is a mapping of all that the server knows of it, credentials among that.
    """
    if _is_of(value, "starlette.requests", "HTTPConnection"):
        said = {"method": value.scope.get("method"), "path": value.scope.get("path")}
        return {key: text for key, text in said.items() if text}
    if not is_response(value):
        return value
    try:
        return response_of(value.status_code, value.raw_headers, getattr(value, "body", None))
    except Exception:  # noqa: BLE001 - whatever a class of the program's raises, it gets its response
        return type(value).__name__


def response_of(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: object
) -> dict[str, object]:
    """Return status, body and headers of a response, in the names that Starlette has for them."""
    texts = [[key.decode("latin-1"), value.decode("latin-1")] for key, value in headers]
    return {
        "status_code": status,
        "body": _readable(body),
        "raw_headers": [pair for pair in texts if not _CREDENTIALS.search(pair[0])],
    }


def joined(chunks: list[Any]) -> object:
    """Return the chunks of a stream as one text, where they are texts or bytes; else as a list."""
    if chunks and all(isinstance(chunk, (bytes, bytearray, memoryview)) for chunk in chunks):
        return _readable(b"".join(chunks))
    if chunks and all(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    if any(isinstance(chunk, bytes) for chunk in chunks):
        return [_readable(chunk) for chunk in chunks]
    return chunks


def _readable(body: object) -> object:
    """The value that JSON text holds, other text, or how many bytes there are of what is no text."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        raw = bytes(body)
        try:
            body = raw.decode()
        except UnicodeDecodeError:
            return f"{len(raw)} bytes"
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def _is_of(value: object, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)
