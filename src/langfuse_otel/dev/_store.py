"""
Spans, scores and media in SQLite: what arrived is kept raw, so that the mapping can be read again.

A span sent twice is one row. On the legacy path the later one is laid over the earlier, as
Langfuse merges them; on the direct path it replaces it.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

from ._media import Media
from ._received import json_of_span, span_of_json
from ._scores import Score
from ._trace import trace_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._media import Confirmation, MediaUse
    from ._received import ReceivedSpan
    from ._views import TraceView, WritePath

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY, path TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spans (
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    batch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    path TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);
CREATE TABLE IF NOT EXISTS traces (trace_id TEXT PRIMARY KEY, start_ns INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS traces_newest ON traces (start_ns DESC, trace_id);
CREATE TABLE IF NOT EXISTS scores (
    id TEXT PRIMARY KEY,
    trace_id TEXT,
    name TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS scores_newest ON scores (timestamp DESC, id);
CREATE INDEX IF NOT EXISTS scores_of_trace ON scores (trace_id, timestamp DESC);
CREATE TABLE IF NOT EXISTS media (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content_length INTEGER NOT NULL,
    content BLOB,
    upload_status INTEGER,
    uploaded_at TEXT
);
CREATE TABLE IF NOT EXISTS media_uses (
    trace_id TEXT NOT NULL,
    observation_id TEXT,
    media_id TEXT NOT NULL,
    field TEXT NOT NULL,
    PRIMARY KEY (trace_id, observation_id, media_id, field)
);
"""

_PUT_SPAN: Final = """
INSERT INTO spans (trace_id, span_id, batch, position, path, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (trace_id, span_id) DO UPDATE SET
    batch = excluded.batch, position = excluded.position,
    path = excluded.path, body = excluded.body
"""
_PUT_TRACE: Final = """
INSERT INTO traces (trace_id, start_ns) VALUES (?, ?)
ON CONFLICT (trace_id) DO UPDATE SET start_ns = min(start_ns, excluded.start_ns)
"""
_PUT_SCORE: Final = """
INSERT INTO scores (id, trace_id, name, timestamp, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    trace_id = excluded.trace_id, name = excluded.name,
    timestamp = excluded.timestamp, body = excluded.body
"""
_PUT_MEDIA: Final = """
INSERT INTO media (id, sha256, content_type, content_length) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    content_type = excluded.content_type, content_length = excluded.content_length
"""


class Store:
    """Keeps what arrived in one SQLite file, or in memory; every method may be called anywhere."""

    def __init__(self, db: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(db, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; the store is not usable afterwards."""
        with self._lock:
            self._connection.close()

    def add(self, spans: Sequence[ReceivedSpan], path: WritePath) -> int:
        """Take the spans of one request and their write path, give the number of the batch."""
        with self._lock, self._connection:
            done = self._connection.execute("INSERT INTO batches (path) VALUES (?)", (path,))
            number = int(done.lastrowid or 0)
            for position, span in enumerate(spans):
                self._put(dataclasses.replace(span, batch=number), position, path)
        return number

    def span_count(self) -> int:
        """Give the number of different spans."""
        return int(self._one("SELECT count(*) FROM spans"))

    def trace_count(self) -> int:
        """Give the number of traces."""
        return int(self._one("SELECT count(*) FROM traces"))

    def traces(self, *, limit: int = 50, page: int = 1) -> list[TraceView]:
        """Take a page number from 1 and its size, give the traces on it, newest first."""
        rows = self._all(
            "SELECT trace_id FROM traces ORDER BY start_ns DESC, trace_id LIMIT ? OFFSET ?",
            (limit, (page - 1) * limit),
        )
        found = (self.trace(trace_id) for (trace_id,) in rows)
        return [trace for trace in found if trace is not None]

    def trace(self, trace_id: str) -> TraceView | None:
        """Take a trace id, give the trace with its observations, or None."""
        rows = self._all(
            "SELECT path, body FROM spans WHERE trace_id = ? ORDER BY batch, position", (trace_id,)
        )
        if not rows:
            return None
        # A server in transition writes every batch on the legacy path and only some directly, so
        # a mixed trace is complete on the legacy path alone.
        path: WritePath = "direct" if all(row[0] == "direct" for row in rows) else "legacy"
        return trace_view([span_of_json(body) for _, body in rows], path)

    def add_score(self, score: Score) -> None:
        """Take a score and keep it; the same id again replaces it."""
        body = json.dumps(dataclasses.asdict(score))
        row = (score.id, score.trace_id, score.name, score.timestamp, body)
        with self._lock, self._connection:
            self._connection.execute(_PUT_SCORE, row)

    def score_count(self, trace_id: str | None = None) -> int:
        """Give the number of scores, of one trace where an id is given."""
        where, values = _of_trace(trace_id)
        return int(self._one(f"SELECT count(*) FROM scores {where}", values))  # noqa: S608

    def scores(self, trace_id: str | None = None, *, limit: int = 50, page: int = 1) -> list[Score]:
        """Take a trace id or None and a page, give the scores on it, newest first."""
        where, values = _of_trace(trace_id)
        rows = self._all(
            f"SELECT body FROM scores {where} ORDER BY timestamp DESC, id LIMIT ? OFFSET ?",  # noqa: S608
            (*values, limit, (page - 1) * limit),
        )
        return [Score(**json.loads(body)) for (body,) in rows]

    def add_media(self, use: MediaUse) -> Media:
        """Take what is to be uploaded and where it belongs, give the record, made if it is new."""
        found = self.media(use.media_id)
        with self._lock, self._connection:
            if found is None or not found.is_there or found.content_type != use.content_type:
                row = (use.media_id, use.sha256, use.content_type, use.content_length)
                self._connection.execute(_PUT_MEDIA, row)
                self._connection.execute(
                    "UPDATE media SET upload_status = NULL WHERE id = ?", (use.media_id,)
                )
            self._connection.execute(
                "INSERT OR IGNORE INTO media_uses VALUES (?, ?, ?, ?)",
                (use.trace_id, use.observation_id, use.media_id, use.field),
            )
        return self.media(use.media_id) or Media(
            id=use.media_id,
            sha256=use.sha256,
            content_type=use.content_type,
            content_length=use.content_length,
        )

    def media(self, media_id: str) -> Media | None:
        """Take an id, give the record with its bytes, or None."""
        names = [name.name for name in dataclasses.fields(Media)]
        rows = self._all(f"SELECT {', '.join(names)} FROM media WHERE id = ?", (media_id,))  # noqa: S608
        return Media(**dict(zip(names, rows[0], strict=True))) if rows else None

    def media_of(self, trace_id: str) -> list[tuple[str | None, str, str]]:
        """Take a trace id, give observation id, field and media id of each use in it."""
        return self._all(
            "SELECT observation_id, field, media_id FROM media_uses WHERE trace_id = ?"
            " ORDER BY field, media_id",
            (trace_id,),
        )

    def put_content(self, media_id: str, content: bytes) -> None:
        """Take the bytes of media and keep them."""
        with self._lock, self._connection:
            self._connection.execute(
                "UPDATE media SET content = ? WHERE id = ?", (content, media_id)
            )

    def confirm_media(self, media_id: str, said: Confirmation) -> None:
        """Take what the client says of its upload and keep that."""
        row = (said.upload_status, said.uploaded_at, media_id)
        with self._lock, self._connection:
            self._connection.execute(
                "UPDATE media SET upload_status = ?, uploaded_at = ? WHERE id = ?", row
            )

    def _put(self, span: ReceivedSpan, position: int, path: WritePath) -> None:
        if path == "legacy":
            span = self._laid_over(span)
        key = (span.trace_id, span.span_id)
        row = (*key, span.batch, position, path, json_of_span(span))
        self._connection.execute(_PUT_SPAN, row)
        self._connection.execute(_PUT_TRACE, (span.trace_id, span.start_ns))

    def _laid_over(self, span: ReceivedSpan) -> ReceivedSpan:
        rows = self._all(
            "SELECT body FROM spans WHERE trace_id = ? AND span_id = ?",
            (span.trace_id, span.span_id),
        )
        if not rows:
            return span
        old = span_of_json(rows[0][0])
        return dataclasses.replace(
            span,
            parent_span_id=span.parent_span_id or old.parent_span_id,
            attributes={**old.attributes, **span.attributes},
        )

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        return self._all(query, values)[0][0]

    def _all(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _of_trace(trace_id: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if trace_id is None else ("WHERE trace_id = ?", (trace_id,))
