"""The HTTP side: the part of Langfuse's public API that an exporter and a curious reader need."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from . import _api as api
from ._announcements import Announcements
from ._attributes import BatchLostError
from ._decode import MAX_BODY_BYTES, RefusedError, decode, too_deep, too_large
from ._headers import write_path_of
from ._keys import Keys
from ._media import STORED, check_content, confirmation_of, json_of_media, media_use_of
from ._origin import OriginGuard
from ._page import page_routes
from ._scores import json_of_score, score_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from ._media import Media
    from ._received import ReceivedSpan
    from ._store import Store

    Endpoint = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger("langfuse_otel")

BEHAVES_AS: Final = "4.16.0"
"""The release of Langfuse whose behavior is followed."""

_BUCKET: Final = "/bucket/"
_ADDRESS_LASTS: Final = timedelta(hours=1)
_DEFAULT_LIMIT: Final = 50
_MAX_LIMIT: Final = 100


def create_app(
    store: Store,
    *,
    public_key: str,
    secret_key: str,
    on_spans: Callable[[Sequence[ReceivedSpan]], None] | None = None,
    announcements: Announcements | None = None,
    hosts: Collection[str] | None = None,
    is_page_open: bool = True,
) -> Starlette:
    """
    Give the application that receives for one project.

    Args:
        store: Where spans and scores are kept.
        public_key: The public key that requests must carry.
        secret_key: The secret key that requests must carry.
        on_spans: Called with the spans of each stored batch.
        announcements: What tells open pages of them; to be closed before the application ends.
        hosts: The names under which it answers; None for any.
        is_page_open: Whether the page is shown without asking for the keys.

    """
    announcements = announcements or Announcements()
    project = _Project(store, on_spans, announcements)
    keys = Keys(public_key, secret_key)
    guard = _guard(keys)
    routes: list[BaseRoute] = [Route("/api/public/health", _health)]
    for path, endpoint, methods in (
        ("/api/public/otel/v1/traces", project.receive, ["POST"]),
        ("/api/public/projects", _projects, ["GET"]),
        ("/api/public/traces", project.list_traces, ["GET"]),
        ("/api/public/traces/{trace_id:path}", project.show_trace, ["GET"]),
        ("/api/public/scores", project.add_score, ["POST"]),
        ("/api/public/scores", project.list_scores, ["GET"]),
        ("/api/public/media", project.create_media, ["POST"]),
        ("/api/public/media/{media_id}", project.show_media, ["GET"]),
        ("/api/public/media/{media_id}", project.confirm_media, ["PATCH"]),
    ):
        routes.append(Route(path, guard(endpoint), methods=methods))
    # As in a bucket: the address itself is what opens it.
    routes.append(Route(f"{_BUCKET}{{media_id}}", project.put_content, methods=["PUT"]))
    routes.append(Route(f"{_BUCKET}{{media_id}}", project.give_content, methods=["GET"]))
    routes += page_routes(store, announcements, None if is_page_open else keys)
    handlers: dict[Any, Any] = {
        RefusedError: _refused,
        HTTPException: _http_error,
        ClientDisconnect: _left,
    }
    guards = [Middleware(OriginGuard, hosts=hosts)]
    return Starlette(routes=routes, middleware=guards, exception_handlers=handlers)


class _Project:
    """The endpoints that touch the store."""

    def __init__(
        self,
        store: Store,
        on_spans: Callable[[Sequence[ReceivedSpan]], None] | None,
        announcements: Announcements,
    ) -> None:
        self._store = store
        self._on_spans = on_spans
        self._announcements = announcements
        self._signing_key = secrets.token_bytes()

    async def receive(self, request: Request) -> Response:
        path = write_path_of(request.headers)
        body = await _body_of(request)
        kind, encoding = (request.headers.get(f"content-{key}") for key in ("type", "encoding"))
        try:
            spans = decode(body, kind, encoding)
        except BatchLostError as error:
            # The server finds out only after it has answered 200.
            _log.warning("A batch was lost: %s.", error)
            return _json({})
        if not spans:
            return _json({})
        try:
            number = self._store.add(spans, path)
        except RecursionError:
            raise too_deep() from None
        self._announce(spans)
        return _json({"id": str(number), "data": {"projectId": api.PROJECT_ID}})

    def _announce(self, spans: Sequence[ReceivedSpan]) -> None:
        self._announcements.announce()
        if self._on_spans is None:
            return
        try:
            self._on_spans(spans)
        except Exception:  # noqa: BLE001 (showing must not cost the sender its 200)
            _log.exception("The spans are stored, but could not be shown.")

    async def list_traces(self, request: Request) -> Response:
        limit, page = _page_in(request)
        found = self._store.traces(limit=limit, page=page)
        data = [api.json_of_trace(trace, self._store.scores(trace.id)) for trace in found]
        total = self._store.trace_count()
        return _json(api.page_of(data, page=page, limit=limit, total=total))

    async def show_trace(self, request: Request) -> Response:
        trace_id = request.path_params["trace_id"]
        trace = self._store.trace(trace_id)
        if trace is None:
            raise RefusedError(404, f"Trace {trace_id} not found.")
        return _json(api.json_of_full_trace(trace, self._store.scores(trace_id)))

    async def add_score(self, request: Request) -> Response:
        score = score_of(await _json_in(request), api.iso_of(datetime.now(timezone.utc)) or "")
        self._store.add_score(score)
        return _json({"id": score.id})

    async def list_scores(self, request: Request) -> Response:
        limit, page = _page_in(request)
        trace_id = request.query_params.get("traceId")
        found = self._store.scores(trace_id, limit=limit, page=page)
        total = self._store.score_count(trace_id)
        data = [json_of_score(score) for score in found]
        return _json(api.page_of(data, page=page, limit=limit, total=total))

    async def create_media(self, request: Request) -> Response:
        media = self._store.add_media(media_use_of(await _json_in(request)))
        url = None if media.is_there else self._address(request, "PUT", media.id)
        return _json({"mediaId": media.id, "uploadUrl": url}, 201)

    async def show_media(self, request: Request) -> Response:
        media = self._media_in(request)
        if not media.is_there:
            raise RefusedError(404, "The media are not uploaded.")
        expiry = api.iso_of(datetime.now(timezone.utc) + _ADDRESS_LASTS) or ""
        return _json(json_of_media(media, self._address(request, "GET", media.id), expiry))

    async def confirm_media(self, request: Request) -> Response:
        said = confirmation_of(await _json_in(request))
        self._store.confirm_media(self._media_in(request).id, said)
        return _json({})

    async def put_content(self, request: Request) -> Response:
        media = self._signed_media_in(request)
        content = await _body_of(request)
        check_content(media, content, request.headers)
        self._store.put_content(media.id, content)
        return Response(status_code=STORED)

    async def give_content(self, request: Request) -> Response:
        media = self._signed_media_in(request)
        alone = {"content-security-policy": "sandbox"}  # a bucket has an origin of its own
        return Response(media.content, headers=alone, media_type=media.content_type)

    def _media_in(self, request: Request) -> Media:
        media = self._store.media(request.path_params["media_id"])
        if media is None:
            raise RefusedError(404, "There are no such media.")
        return media

    def _signed_media_in(self, request: Request) -> Media:
        signature = self._signature(request.method, request.path_params["media_id"])
        given = request.query_params.get("signature", "")
        if not hmac.compare_digest(given.encode(), signature.encode()):
            raise RefusedError(403, "The signature does not match.")
        return self._media_in(request)

    def _address(self, request: Request, method: str, media_id: str) -> str:
        signature = self._signature(method, media_id)
        return f"{str(request.base_url).rstrip('/')}{_BUCKET}{media_id}?signature={signature}"

    def _signature(self, method: str, media_id: str) -> str:
        return hmac.new(self._signing_key, f"{method} {media_id}".encode(), "sha256").hexdigest()


async def _health(request: Request) -> Response:  # noqa: ARG001 (Starlette passes it)
    return _json({"status": "OK", "version": BEHAVES_AS})


async def _projects(request: Request) -> Response:  # noqa: ARG001 (Starlette passes it)
    return _json({"data": [{"id": api.PROJECT_ID, "name": "langfuse-otel dev"}]})


def _guard(keys: Keys) -> Callable[[Endpoint], Endpoint]:
    def guarded(endpoint: Endpoint) -> Endpoint:
        async def checked(request: Request) -> Response:
            if not keys.open(request.headers):
                raise RefusedError(401, "Invalid credentials: check the public and secret key.")
            return await endpoint(request)

        return checked

    return guarded


async def _body_of(request: Request) -> bytes:
    if int(request.headers.get("content-length", 0)) > MAX_BODY_BYTES:
        raise too_large(MAX_BODY_BYTES)
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
    return bytes(chunks)


async def _json_in(request: Request) -> Any:
    try:
        # Refuses half a character, and what is nested too deeply to be kept.
        return from_json(await _body_of(request), allow_inf_nan=False)
    except ValueError:
        raise RefusedError(400, "The body is not JSON.") from None


def _page_in(request: Request) -> tuple[int, int]:
    limit = _count_in(request, "limit", _DEFAULT_LIMIT)
    page = _count_in(request, "page", 1)
    if limit > _MAX_LIMIT:
        raise RefusedError(400, f"limit must be at most {_MAX_LIMIT}.")
    return limit, page


def _count_in(request: Request, key: str, default: int) -> int:
    given = request.query_params.get(key)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and 0 < len(given) < 10 and int(given) > 0):  # noqa: PLR2004 (keeps the offset within SQLite's integers)
        raise RefusedError(400, f"{key} must be a positive integer.")
    return int(given)


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    if not isinstance(error, RefusedError):
        raise error
    return _json({"message": error.message}, error.status)


async def _left(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Nobody is there to read it."""
    return Response(status_code=400)


async def _http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    if not isinstance(error, HTTPException):
        raise error
    return _json({"message": error.detail}, error.status_code, error.headers)


def _json(data: Any, status: int = 200, headers: Any = None) -> Response:
    # ASCII: stored text may hold escapes that name half of a surrogate pair.
    body = json.dumps(data).encode("ascii")
    return Response(body, status, headers=headers, media_type="application/json")
