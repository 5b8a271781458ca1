"""What the sink has accepted, and how strict it is about it."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL = re.compile(rb"CALL(\d+)X")
KEYS = re.compile(r"pk-lf-(\w+):sk-lf-(\w+)")
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


class MalformedError(Exception):
    """A request that no strict receiver takes; says the status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Received:
    """Counts of what came; an id is that of the trace and the span in it.

    Attributes:
        ids: how often each observation came.
        calls: numbers of the calls that were found in accepted requests.
        projects: spans by the project whose keys opened the door.
        unanswered: ids that were taken, but whose sender could not know.
        refused: requests that were not taken, by status or kind of fault.
        malformed: why requests broke the protocol; a faultless sender leaves this empty.
    """

    requests: int = 0
    wire_bytes: int = 0
    spans: int = 0
    ids: Counter[bytes] = field(default_factory=Counter)
    calls: set[int] = field(default_factory=set)
    projects: Counter[str] = field(default_factory=Counter)
    unanswered: set[bytes] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    malformed: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Observations that came again although their sender knew that they had arrived."""
        return sum(n > 1 and i not in self.unanswered for i, n in self.ids.items())

    def take(self, request: Request, *, answered: bool) -> None:
        """Count one accepted request."""
        self.requests += 1
        self.wire_bytes += request.wire_bytes
        self.spans += len(request.ids)
        self.ids.update(request.ids)
        self.calls |= request.calls
        self.projects[request.project] += len(request.ids)
        if not answered:
            self.unanswered.update(request.ids)


@dataclass(frozen=True, slots=True)
class Request:
    """One request that is in order."""

    project: str
    wire_bytes: int
    ids: tuple[bytes, ...]
    calls: frozenset[int]


def request_of(headers: Mapping[str, str], body: bytes) -> Request:
    """Read a request as strictly as OTLP and Langfuse's authentication have it.

    Raises:
        MalformedError: it is not in order.
    """
    project = _project(headers.get("authorization", ""))
    if headers.get("content-type", "").split(";")[0] != "application/x-protobuf":
        raise MalformedError(415, f"content type {headers.get('content-type')}")
    raw = _decompressed(headers.get("content-encoding", "identity"), body)
    calls = frozenset(int(number) for number in CALL.findall(raw))
    return Request(project, len(body), _ids(raw), calls)


def _project(authorization: str) -> str:
    """Keys belong together when they end alike."""
    scheme, _, token = authorization.partition(" ")
    try:
        found = KEYS.fullmatch(base64.b64decode(token, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        found = None
    if scheme != "Basic" or not found or found[1] != found[2]:
        raise MalformedError(401, "no key pair of a project")
    return found[1]


def _decompressed(encoding: str, body: bytes) -> bytes:
    try:
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "identity":
            return body
    except (OSError, EOFError, zlib.error) as error:
        raise MalformedError(400, f"gzip: {error}") from error
    raise MalformedError(415, f"content encoding {encoding}")


def _ids(raw: bytes) -> tuple[bytes, ...]:
    try:
        message = ExportTraceServiceRequest.FromString(raw)
    except DecodeError as error:
        raise MalformedError(400, f"protobuf: {error}") from error
    ids = tuple(
        _checked(span.trace_id, TRACE_ID_BYTES) + _checked(span.span_id, SPAN_ID_BYTES)
        for of_resource in message.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    )
    if not ids:
        raise MalformedError(400, "no span in it")
    return ids


def _checked(value: bytes, size: int) -> bytes:
    if len(value) != size or not any(value):
        raise MalformedError(400, f"an id of {len(value)} bytes, {size} are due, not all zero")
    return value
