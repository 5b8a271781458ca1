"""The web page and what it asks for; everything it needs is in the folder `page`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ._api import TRACE_PAGES
from ._decode import RefusedError
from ._details import json_of_details, json_of_tree
from ._filters import filters_of
from ._listing import overview, session_rows, trace_rows, values_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ._announcements import Announcements
    from ._filters import Filters
    from ._keys import Keys
    from ._store import Store

    Routes = list[Route | Mount]

FOLDER: Final = Path(__file__).parent / "page"

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " media-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_SHOWN: Final = ("image/", "audio/", "video/")


def page_routes(store: Store, announcements: Announcements, keys: Keys | None) -> Routes:
    """
    Give the page at `/`, what it loads below `/page`, and what leads to a trace in it.

    Args:
        store: What arrived.
        announcements: Where the page hears of more.
        keys: What a browser has to ask its user for; None where the page is open.

    """
    page = _Page(store, announcements)
    below = [
        Route("/api/traces", page.traces),
        Route("/api/sessions", page.sessions),
        Route("/api/overview", page.overview),
        Route("/api/values", page.values),
        Route("/api/trace", page.trace),
        Route("/api/observation", page.observation),
        Route("/api/events", page.events),
        Route("/media/{media_id}", page.media),
        Mount("/", StaticFiles(directory=FOLDER)),
    ]
    frame = [Middleware(_Frame, keys=keys)]
    return [
        Route("/", _index, middleware=frame),
        Route(f"{TRACE_PAGES}{{trace_id:path}}", _to_trace, middleware=frame),
        Mount("/page", routes=below, middleware=frame),
    ]


class _Frame:
    """What every answer of the page has in common: its headers, and who may read it."""

    def __init__(self, app: ASGIApp, keys: Keys | None) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._app
        if self._keys is not None and not self._keys.open(MutableHeaders(scope=scope)):
            app = _asking_for_keys
        await app(scope, receive, send_framed)


_asking_for_keys: Final = Response(
    "The user is the public key, the password the secret key.",
    401,
    headers={"www-authenticate": 'Basic realm="langfuse-otel dev"'},
)


class _Page:
    """The endpoints of the page."""

    def __init__(self, store: Store, announcements: Announcements) -> None:
        self._store = store
        self._announcements = announcements

    async def traces(self, request: Request) -> Response:
        before = request.query_params.get("before")
        try:
            found = trace_rows(self._store, _filters_in(request), before=before)
        except ValueError as error:
            raise RefusedError(400, str(error)) from None
        return _json(found)

    async def sessions(self, request: Request) -> Response:
        offset = request.query_params.get("before") or "0"
        if not (offset.isascii() and offset.isdigit() and len(offset) < 10):  # noqa: PLR2004
            raise RefusedError(400, "before must be what was given as next.")
        return _json(session_rows(self._store, _filters_in(request), offset=int(offset)))

    async def overview(self, request: Request) -> Response:
        return _json(overview(self._store, _filters_in(request)))

    async def values(self, request: Request) -> Response:  # noqa: ARG002
        return _json(values_of(self._store))

    async def trace(self, request: Request) -> Response:
        trace_id = request.query_params.get("id", "")
        trace = self._store.trace(trace_id)
        if trace is None:
            raise RefusedError(404, "There is no such trace.")
        return _json(json_of_tree(trace, self._store.scores(trace_id)))

    async def observation(self, request: Request) -> Response:
        trace_id, span_id = (request.query_params.get(key, "") for key in ("trace", "id"))
        trace = self._store.trace(trace_id)
        spans = {span.span_id: span for span in self._store.spans(trace_id)}
        if trace is None or span_id not in spans:
            raise RefusedError(404, "There is no such observation.")
        return _json(json_of_details(trace, spans[span_id]))

    async def events(self, request: Request) -> Response:  # noqa: ARG002
        return StreamingResponse(self._announcements.stream(), media_type="text/event-stream")

    async def media(self, request: Request) -> Response:
        media = self._store.media(request.path_params["media_id"])
        if media is None or not media.is_there:
            raise RefusedError(404, "The media are not uploaded.")
        headers = {"content-security-policy": "sandbox; default-src 'none'"}
        if not media.content_type.startswith(_SHOWN):
            headers["content-disposition"] = "attachment"
        return Response(media.content, headers=headers, media_type=media.content_type)


async def _index(request: Request) -> Response:  # noqa: ARG001
    return FileResponse(FOLDER / "index.html")


async def _to_trace(request: Request) -> Response:
    return RedirectResponse(f"/#{urlencode({'trace': request.path_params['trace_id']})}")


def _filters_in(request: Request) -> Filters:
    try:
        return filters_of(request.query_params)
    except ValueError as error:
        raise RefusedError(400, str(error)) from None


def _json(data: Any) -> Response:
    # ASCII: stored text may hold escapes that name half of a surrogate pair.
    return Response(json.dumps(data).encode("ascii"), media_type="application/json")
