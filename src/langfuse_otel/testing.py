"""A stand-in for Langfuse in tests: a strict OTLP receiver on loopback that keeps what it accepts.

Each begins anew, so that every test of a process has its own:

with Collector() as collector:
    monkeypatch.setattr("os.environ", {**os.environ, **collector.environment})
    ...
    [span] = collector.wait_for(1)
    assert span.attributes["langfuse.observation.model.name"] == "gpt-4o"
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import socket
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from langfuse_otel import _links, _pipeline, _process
from langfuse_otel._console.lint import lint_bytes as lint
from langfuse_otel.dev import LintWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from typing_extensions import Self

__all__ = ["Answer", "Collector", "LintWarning", "ReceivedSpan", "forget", "lint"]

TRACES_PATH = "/api/public/otel/v1/traces"
MEDIA_PATH = "/api/public/media"
SCORES_PATH = "/api/public/scores"
BUCKET_PATH = "/bucket/"

_CONTENT_TYPES = {TRACES_PATH: "application/x-protobuf", SCORES_PATH: "application/json"}


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """One span as it came over the wire; ids are lower-case hex, `parent_id` is None at a root."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    status: str
    scope: str
    resource: Mapping[str, Any]
    headers: Mapping[str, str]

    def json(self, attribute: str) -> Any:
        """Return the value of an attribute that holds JSON text."""
        return json.loads(self.attributes[attribute])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the collector answers instead of accepting: a status, and headers such as Retry-After."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


def forget() -> None:
    """Begin anew: with the next call the settings are read again, and counted from 0.

    What still waits is lost: `flush` before. A `Collector` does it by itself, when it is entered and
    when it is left. A `LangfuseSpanExporter` keeps what it was made with; make another.
    """
    _process.forget()
    _pipeline.of_environment.cache_clear()
    _links._settings.cache_clear()  # noqa: SLF001
    if logger := sys.modules.get("langfuse_otel.logger"):
        logger.forget()
    if openai := sys.modules.get("langfuse_otel._by_hand.openai"):
        openai._exporter.cache_clear()  # noqa: SLF001


class Collector:
    """Accepts spans as Langfuse does, and refuses what Langfuse refuses.

    Where it is entered and where it is left, the library begins anew, as after `forget`.

    Args:
        public_key: the key pair's public half; requests must carry the pair.
        secret_key: the other half.

    Attributes:
        spans: what was accepted, in the order of arrival.
        bodies: the accepted requests, as OTLP protobuf without compression.
        scores: the scores that were accepted, by their ids: a repeated one replaces the earlier.
        refused: the statuses of the requests with spans or scores that were not accepted.
        media: what was uploaded, by Langfuse's id for it.
    """

    def __init__(self, public_key: str = "pk-lf-test", secret_key: str = "sk-lf-test") -> None:  # noqa: S107
        self.public_key = public_key
        self.secret_key = secret_key
        self.spans: list[ReceivedSpan] = []
        self.bodies: list[bytes] = []
        self.scores: dict[str, dict[str, Any]] = {}
        self.refused: list[int] = []
        self.media: dict[str, bytes] = {}
        self._answers: deque[Answer] = deque()
        self._changed = threading.Condition()
        self._server = _Server(self)

    def __enter__(self) -> Self:
        forget()
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        forget()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address of this Langfuse."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def warnings(self) -> list[LintWarning]:
        """What Langfuse would drop, ignore or change of what was accepted, as `lint` says it."""
        return [warning for body in list(self.bodies) for warning in lint(body)]

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point the library here."""
        return {
            "LANGFUSE_OTEL_HOST": self.url,
            "LANGFUSE_PUBLIC_KEY": self.public_key,
            "LANGFUSE_SECRET_KEY": self.secret_key,
        }

    def answer_next(self, *answers: Answer) -> None:
        """Give these answers to the next requests with spans or scores, one each."""
        self._answers.extend(answers)

    def wait_for(self, spans: int, timeout_s: float = 20.0) -> list[ReceivedSpan]:
        """Return all spans once there are at least `spans`.

        Raises:
            TimeoutError: they did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.spans) >= spans, timeout_s):
                raise TimeoutError(f"{len(self.spans)} of {spans} spans after {timeout_s:g} s")
            return list(self.spans)

    def wait_for_refusals(self, requests: int, timeout_s: float = 20.0) -> list[int]:
        """Return the statuses of all refused requests once there are at least `requests`.

        Raises:
            TimeoutError: they did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.refused) >= requests, timeout_s):
                raise TimeoutError(f"{len(self.refused)} of {requests} refusals")
            return list(self.refused)

    def _take(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Decide about one request and keep what it brings, or the status it is refused with."""
        with self._changed:
            answer = self._answers.popleft() if self._answers else self._verdict(path, headers)
            if answer.status == HTTPStatus.OK:
                try:
                    self._keep(path, headers, _decompressed(body, headers))
                except (DecodeError, OSError, EOFError, ValueError):
                    answer = Answer(400)
            if answer.status != HTTPStatus.OK:
                self.refused.append(answer.status)
            self._changed.notify_all()
            return answer

    def _keep(self, path: str, headers: Mapping[str, str], raw: bytes) -> None:
        if path == SCORES_PATH:
            score = json.loads(raw)
            self.scores[score["id"]] = score
        else:
            self.spans += _spans_of(raw, headers)
            self.bodies.append(raw)

    def _take_media(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str | None]]:
        """Do one step of an upload and return status and answer."""
        media_id = path.rpartition("/")[2]
        if method == "PUT":
            is_itself = _media_id(hashlib.sha256(body).digest()) == media_id
            if not is_itself or "authorization" in headers:
                return 400, {"message": "refused"}
            self.media[media_id] = body
            return 200, {}
        if not self._is_open(headers):
            return 401, {"message": "refused"}
        if method == "PATCH":
            return 200, {}
        media_id = _media_id(base64.b64decode(json.loads(body)["sha256Hash"]))
        url = None if media_id in self.media else f"{self.url}{BUCKET_PATH}{media_id}"
        return 201, {"mediaId": media_id, "uploadUrl": url}

    def _is_open(self, headers: Mapping[str, str]) -> bool:
        token = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        return headers.get("authorization") == f"Basic {token}"

    def _verdict(self, path: str, headers: Mapping[str, str]) -> Answer:
        if path not in _CONTENT_TYPES:
            return Answer(404)
        if not self._is_open(headers):
            return Answer(401)
        return Answer(200 if _CONTENT_TYPES[path] in headers.get("content-type", "") else 400)


def _decompressed(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Langfuse decodes gzip and nothing else."""
    encoding = headers.get("content-encoding", "identity")
    if encoding not in {"gzip", "identity"}:
        raise ValueError(f"cannot decode {encoding}")
    return gzip.decompress(body) if encoding == "gzip" else body


def _media_id(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode()[:22]


def _spans_of(raw: bytes, headers: Mapping[str, str]) -> list[ReceivedSpan]:
    request = ExportTraceServiceRequest.FromString(raw)
    return [
        ReceivedSpan(
            name=span.name,
            trace_id=_id(span.trace_id, 16),
            span_id=_id(span.span_id, 8),
            parent_id=span.parent_span_id.hex() or None,
            start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano,
            attributes=_pairs(span.attributes),
            status=span.status.message,
            scope=of_scope.scope.name,
            resource=_pairs(of_resource.resource.attributes),
            headers=headers,
        )
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def _id(value: bytes, size: int) -> str:
    if len(value) != size or not any(value):
        raise ValueError(f"an id must have {size} bytes, not all zero")
    return value.hex()


def _pairs(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind is None or kind in {"kvlist_value", "bytes_value"}:
        raise ValueError(f"Langfuse cannot read an attribute of kind {kind}")
    return getattr(value, kind)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, collector: Collector) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.collector = collector
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection, which may stay open after its request."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Listen no more, and end the connections that are open."""
        super().server_close()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {key.lower(): value for key, value in self.headers.items()}
        if self.path.startswith((MEDIA_PATH, BUCKET_PATH)):
            given = self.command, self.path, headers, body
            self._respond(*self.server.collector._take_media(*given), {})  # noqa: SLF001
            return
        answer = self.server.collector._take(self.path, headers, body)  # noqa: SLF001
        said = {} if answer.status == HTTPStatus.OK else {"message": "refused"}
        self._respond(answer.status, said, answer.headers)

    def do_PUT(self) -> None:
        self.do_POST()

    def do_PATCH(self) -> None:
        self.do_POST()

    def _respond(self, status: int, said: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        text = json.dumps(said).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: a test's output is its own."""
