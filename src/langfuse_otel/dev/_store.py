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
import time
from typing import TYPE_CHECKING, Any, Final

from ._media import Media
from ._received import json_of_span, span_of_json
from ._retention import KEEP_ALL, prune
from ._schema import prepare
from ._scores import Score
from ._summaries import put_summary
from ._trace import trace_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._media import Confirmation, MediaUse
    from ._received import ReceivedSpan
    from ._retention import Retention
    from ._views import TraceView, WritePath

_PUT_SPAN: Final = """
INSERT INTO spans (trace_id, span_id, batch, position, path, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (trace_id, span_id) DO UPDATE SET
    batch = excluded.batch, position = excluded.position,
    path = excluded.path, body = excluded.body
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

    def __init__(
        self,
        db: str = ":memory:",
        *,
        retention: Retention = KEEP_ALL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lock = threading.RLock()
        self._retention = retention
        self._clock = clock
        self._connection = sqlite3.connect(db, check_same_thread=False)
        try:
            if prepare(self._connection):
                self._summarize_all()
            self.prune()
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
            arrived_ms = int(self._clock() * 1000)
            for trace_id in dict.fromkeys(span.trace_id for span in spans):
                self._summarize(trace_id, arrived_ms)
        self.prune()
        return number

    def prune(self) -> None:
        """Delete what the retention does not keep."""
        with self._lock:
            prune(self._connection, self._retention, self._clock())

    def span_count(self) -> int:
        """Give the number of different spans."""
        return int(self._one("SELECT count(*) FROM spans"))

    def trace_count(self) -> int:
        """Give the number of traces."""
        return int(self._one("SELECT count(*) FROM traces"))

    def traces(self, *, limit: int = 50, page: int = 1) -> list[TraceView]:
        """Take a page number from 1 and its size, give the traces on it, newest first."""
        rows = self.rows(
            "SELECT trace_id FROM traces ORDER BY start_ns DESC, trace_id DESC LIMIT ? OFFSET ?",
            (limit, (page - 1) * limit),
        )
        found = (self.trace(trace_id) for (trace_id,) in rows)
        return [trace for trace in found if trace is not None]

    def trace(self, trace_id: str) -> TraceView | None:
        """Take a trace id, give the trace with its observations, or None."""
        spans, path = self._spans(trace_id)
        return trace_view(spans, path) if spans else None

    def spans(self, trace_id: str) -> list[ReceivedSpan]:
        """Take a trace id, give its spans as they came, in the order of their arrival."""
        return self._spans(trace_id)[0]

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
        rows = self.rows(
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
        rows = self.rows(f"SELECT {', '.join(names)} FROM media WHERE id = ?", (media_id,))  # noqa: S608
        return Media(**dict(zip(names, rows[0], strict=True))) if rows else None

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

    def _spans(self, trace_id: str) -> tuple[list[ReceivedSpan], WritePath]:
        rows = self.rows(
            "SELECT path, body FROM spans WHERE trace_id = ? ORDER BY batch, position", (trace_id,)
        )
        # A server in transition writes every batch on the legacy path and only some directly, so
        # a mixed trace is complete on the legacy path alone.
        path: WritePath = "direct" if all(row[0] == "direct" for row in rows) else "legacy"
        return [span_of_json(body) for _, body in rows], path

    def _summarize(self, trace_id: str, arrived_ms: int) -> None:
        spans, path = self._spans(trace_id)
        start_ns = min(span.start_ns for span in spans)
        put_summary(self._connection, trace_view(spans, path), start_ns, arrived_ms)

    def _summarize_all(self) -> None:
        """Fill the tables for the page from the spans of a file that another version wrote."""
        now_ms = int(self._clock() * 1000)
        with self._connection:
            for (trace_id,) in self.rows("SELECT DISTINCT trace_id FROM spans"):
                self._summarize(trace_id, now_ms)

    def _laid_over(self, span: ReceivedSpan) -> ReceivedSpan:
        rows = self.rows(
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

    def rows(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        """Take a query and its values, give all rows."""
        with self._lock:
            return self._connection.execute(query, tuple(values)).fetchall()

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        return self.rows(query, values)[0][0]


def _of_trace(trace_id: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if trace_id is None else ("WHERE trace_id = ?", (trace_id,))
