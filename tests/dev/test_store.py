"""What is stored stays, across reopening too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from langfuse_otel.dev._received import ReceivedSpan
from langfuse_otel.dev._scores import Score
from langfuse_otel.dev._store import Store

if TYPE_CHECKING:
    from pathlib import Path

SPAN = ReceivedSpan("trace", "span", None, "name", 10**9, 2 * 10**9, attributes={"user.id": "ü"})
SCORE = Score("id", "name", "NUMERIC", 1.0, None, "2026-01-01T00:00:00.000Z", trace_id="trace")


def test_file_is_read_again(tmp_path: Path) -> None:
    """Spans and scores are there after the file was closed and opened."""
    db = str(tmp_path / "dev.db")
    first = Store(db)
    first.add([SPAN], "direct")
    first.add_score(SCORE)
    before = first.trace("trace")
    first.close()
    second = Store(db)

    assert (second.trace("trace"), second.scores()) == (before, [SCORE])
    second.close()


def test_path_of_the_batch_is_kept() -> None:
    """A trace is direct if all its spans are; one legacy batch makes it a legacy trace."""
    store = Store()
    other = dataclasses.replace(SPAN, span_id="other")
    paths = []
    for span, path in ((SPAN, "direct"), (other, "legacy")):
        store.add([span], path)  # type: ignore[arg-type]
        trace = store.trace("trace")
        paths.append(trace and trace.path)
    store.close()

    assert paths == ["direct", "legacy"]


def test_batches_are_read_in_order_of_arrival() -> None:
    """The row written last decides, also when an older span is sent again."""
    store = Store()
    renamed = {"langfuse.trace.name": "old"}, {"langfuse.trace.name": "new"}
    old, new = (
        dataclasses.replace(SPAN, span_id=f"{at}", attributes=attributes)
        for at, attributes in enumerate(renamed)
    )
    names = []
    for span in (old, new, old):
        store.add([span], "direct")
        trace = store.trace("trace")
        names.append(trace and trace.name)
    store.close()

    assert names == ["old", "new", "old"]


def test_batch_beats_position_in_the_batch() -> None:
    """The first span of a later batch was written after the last one of an earlier batch."""
    store = Store()
    names = ("first", "second", "third")
    spans = [
        dataclasses.replace(SPAN, span_id=name, attributes={"langfuse.trace.name": name})
        for name in names
    ]
    store.add(spans[:2], "direct")
    store.add(spans[2:], "direct")
    trace = store.trace("trace")
    store.close()

    assert trace is not None
    assert trace.name == "third"


def test_unknown_trace_is_none() -> None:
    """A trace that never came is None."""
    store = Store()

    assert (store.trace("nope"), store.traces()) == (None, [])
    store.close()


def test_listing_uses_the_index() -> None:
    """The newest traces are read from the index, without sorting all of them."""
    store = Store()
    plan = store.rows(
        "EXPLAIN QUERY PLAN SELECT trace_id FROM traces"
        " ORDER BY start_ns DESC, trace_id DESC LIMIT 1 OFFSET 1"
    )
    store.close()

    assert [row[3] for row in plan] == ["SCAN traces USING COVERING INDEX traces_newest"]
