"""What the page lists is what was sent: filtered, counted, a page at a time, and read from indexes."""

from __future__ import annotations

import json
import sqlite3
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from langfuse_otel.dev import _schema
from langfuse_otel.dev._filters import Filters, filters_of, where
from langfuse_otel.dev._listing import overview, session_rows, trace_rows, values_of
from langfuse_otel.dev._overview import percentile, width_of
from langfuse_otel.dev._store import Store
from received import a_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from langfuse_otel.dev._received import ReceivedSpan

USAGE = {"input": 10, "output": 5}
SPANS = (
    a_span(1, at_s=0, model="small", user="ada", session="s-1", tags=["web"], input="apples",
           usage_details=USAGE, cost_details={"input": 0.25, "output": 0.5}),
    a_span(2, at_s=60, model="large", user="ada", session="s-1", environment="staging",
           output="Fünf Pflaumen_5", seconds=3.0),
    a_span(3, at_s=120, model="small", user="grace", session="s-2", tags=["web", "beta"],
           status_code=2, status_message="out of pears", seconds=2.0),
    a_span(4, at_s=180, model="small"),
    a_span(4, 2, at_s=181, model="large", parent_span_id="span-4-1"),
)  # fmt: skip


@pytest.fixture
def store() -> Iterator[Store]:
    """A store with four traces."""
    opened = Store()
    opened.add(SPANS, "direct")
    yield opened
    opened.close()


def found(store: Store, **filters: Any) -> list[str]:
    """Give the ids of what is listed, without what is the same in all."""
    rows = trace_rows(store, Filters(**filters))["traces"]
    return [row["id"].removeprefix("trace-") for row in rows]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, "4321"),
        ({"user": "ada"}, "21"),
        ({"session": "s-2"}, "3"),
        ({"tag": "web"}, "31"),
        ({"tag": "be"}, ""),
        ({"model": "large"}, "42"),
        ({"level": "ERROR"}, "3"),
        ({"environment": "staging"}, "2"),
        ({"since_ms": 1_000_060_000}, "432"),
        ({"until_ms": 1_000_060_000}, "1"),
        ({"user": "ada", "model": "small"}, "1"),
        ({"text": "apple"}, "1"),
        ({"text": "APPLE"}, "1"),
        ({"text": "out of pears"}, "3"),
        ({"text": "fünf"}, "2"),
        ({"text": "ünf pf"}, "2"),
        ({"text": "n_5"}, "2"),
        ({"text": "n%5"}, ""),
        ({"text": "pp"}, "1"),
        ({"text": "trace-2"}, "2"),
        ({"text": "nowhere"}, ""),
    ],
    ids=str,
)
def test_filters(store: Store, filters: dict[str, Any], ids: str) -> None:
    """A trace is listed if it meets all filters, newest first."""
    assert "".join(found(store, **filters)) == ids


def test_same_texts_without_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """An SQLite without an index for texts finds the same."""
    monkeypatch.setattr(
        _schema, "_INDEXED_TEXTS", "CREATE VIRTUAL TABLE texts USING nothing (text)"
    )
    store = Store()
    store.add(SPANS, "direct")

    assert [found(store, text=text) for text in ("apple", "n_5", "pp")] == [["1"], ["2"], ["1"]]
    store.close()


def test_escaped_text_is_found() -> None:
    """JSON that spells letters as escapes is searched as it reads."""
    store = Store()
    store.add([a_span(1, input=json.dumps({"content": "grün"}))], "direct")

    assert found(store, text="grün") == ["1"]
    store.close()


def test_row(store: Store) -> None:
    """A row has what the list shows."""
    row = trace_rows(store, Filters(user="ada", model="small"))["traces"][0]

    assert row == {
        "id": "trace-1",
        "start_ms": 1_000_000_000.0,
        "name": "call",
        "user_id": "ada",
        "session_id": "s-1",
        "environment": "default",
        "level": "DEFAULT",
        "tags": ["web"],
        "models": ["small"],
        "asked": "apples",
        "answered": "",
        "observations": 1,
        "dropped": 0,
        "latency_ms": 1000.0,
        "first_token_ms": None,
        "input_tokens": 10,
        "output_tokens": 5,
        "cost": 0.75,
    }


def test_pages_follow_one_another() -> None:
    """Page after page gives each trace once, also where many begin at the same time."""
    store = Store()
    store.add([a_span(number, at_s=number // 10) for number in range(95)], "direct")
    seen: list[str] = []
    before = None
    while True:
        page = trace_rows(store, Filters(), before=before, limit=10)
        seen += [row["id"] for row in page["traces"]]
        before = page["next"]
        if before is None:
            break
    store.close()

    assert sorted(seen) == sorted(f"trace-{number}" for number in range(95))


@pytest.mark.parametrize("before", ["x", ".", "1.", "-1.trace", "9" * 30 + ".trace"])
def test_wrong_place_is_refused(store: Store, before: str) -> None:
    """A place in the list that nobody gave is an error."""
    with pytest.raises(ValueError, match="before"):
        trace_rows(store, Filters(), before=before)


def test_later_spans_change_the_row(store: Store) -> None:
    """What arrives later for a trace is in its row; it stays one row."""
    store.add([a_span(1, 2, at_s=5, user="linus", tags=["late"], input="cherries")], "direct")

    assert found(store, user="linus", tag="late", text="cherries") == ["1"]
    assert found(store, tag="web") == ["3"]
    assert len(found(store)) == 4


def test_sessions(store: Store) -> None:
    """A session adds up its traces, the latest first; filters choose the traces."""
    rows = session_rows(store, Filters())["sessions"]
    staging = session_rows(store, Filters(environment="staging"))["sessions"]

    assert [(row["id"], row["traces"], row["errors"]) for row in rows] == [
        ("s-2", 1, 1),
        ("s-1", 2, 0),
    ]
    assert (rows[1]["users"], rows[1]["cost"], rows[1]["input_tokens"]) == ("ada", 0.75, 10)
    assert [(row["id"], row["traces"]) for row in staging] == [("s-1", 1)]


def test_totals(store: Store) -> None:
    """The totals are those of what is shown."""
    everything = overview(store, Filters())
    some = overview(store, Filters(user="ada"))

    assert everything["totals"] == {
        "calls": 5,
        "errors": 1,
        "input_tokens": 10,
        "output_tokens": 5,
        "cost": 0.75,
        "p50_ms": 1000.0,
        "p95_ms": 3000.0,
    }
    assert (everything["traces"], some["traces"], some["totals"]["calls"]) == (4, 2, 2)


def test_totals_of_a_model(store: Store) -> None:
    """Of a trace that is shown for its model, calls to other models are not counted."""
    shown = overview(store, Filters(model="large"))

    assert (shown["traces"], [line["model"] for line in shown["models"]]) == (2, ["large"])


def test_models_and_buckets(store: Store) -> None:
    """Each model has a line, the busiest first; the buckets hold every call, and gaps are there."""
    shown = overview(store, Filters())
    buckets = shown["buckets"]

    assert [(line["model"], line["calls"]) for line in shown["models"]] == [
        ("small", 3),
        ("large", 2),
    ]
    assert sum(bucket["calls"] for bucket in buckets) == 5
    assert {second["start_ms"] - first["start_ms"] for first, second in pairwise(buckets)} == {
        shown["width_ms"]
    }
    assert any(bucket["calls"] == 0 for bucket in buckets)


def test_nothing_has_totals_too() -> None:
    """Without a call all sums are there, and none is a number that nobody measured."""
    store = Store()
    shown = overview(store, Filters())
    store.close()

    assert (shown["traces"], shown["totals"]["p50_ms"], shown["buckets"]) == (0, None, [])


@pytest.mark.parametrize(
    ("last_ms", "width_ms"),
    [
        (0, 1000),
        (50_000, 1000),
        (3_600_000, 120_000),
        (90 * 86_400_000, 2 * 86_400_000),
        (2**53, 152_000_000_000_000),
    ],
)
def test_width(last_ms: int, width_ms: int) -> None:
    """A bucket is as narrow as sixty of them allow."""
    assert width_of(0, last_ms) == pytest.approx(width_ms, rel=0.05)
    assert last_ms // width_of(0, last_ms) < 60


@pytest.mark.parametrize(
    ("numbers", "p50", "p95"),
    [
        ([], None, None),
        ([7.0], 7, 7),
        ([1.0, 2.0], 1, 2),
        ([float(n) for n in range(1, 101)], 50, 95),
    ],
)
def test_percentiles(numbers: list[float], p50: float | None, p95: float | None) -> None:
    """A percentile is a number that was measured."""
    assert (percentile(numbers, 50), percentile(numbers, 95)) == (p50, p95)


def test_values(store: Store) -> None:
    """What can be filtered by is suggested, the most frequent first."""
    assert values_of(store) == {
        "models": ["small", "large"],
        "environments": ["default", "staging"],
        "users": ["ada", "grace"],
        "tags": ["web", "beta"],
    }


def test_query_parameters() -> None:
    """Empty parameters do not filter; a time is a number."""
    given = filters_of({"user": "ada", "model": "", "since_ms": "5", "other": "x"})

    assert given == Filters(user="ada", since_ms=5)
    with pytest.raises(ValueError, match="until_ms"):
        filters_of({"until_ms": "yesterday"})


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "traces_newest"),
        ({"user": "ada"}, "traces_of_user"),
        ({"session": "s"}, "traces_of_session"),
        ({"level": "ERROR"}, "traces_of_level"),
        ({"environment": "x"}, "traces_of_environment"),
        ({"since_ms": 5}, "traces_newest"),
        ({"model": "small"}, "calls_of_model"),
        ({"tag": "web"}, "tags"),
        ({"text": "apples"}, "VIRTUAL TABLE"),
    ],
    ids=str,
)
def test_each_filter_has_its_index(store: Store, filters: dict[str, Any], index: str) -> None:
    """No filter reads what it does not list; where the order is not the index's, it sorts the hits."""
    conditions, values = where(Filters(**filters))
    query = f"SELECT trace_id FROM traces WHERE {conditions} ORDER BY start_ns DESC, trace_id DESC LIMIT 1"
    plan = [row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {query}", values)]

    assert any(index in step for step in plan), plan
    assert not any(step == "SCAN traces" for step in plan), plan


def plan_of(store: Store, ask: Callable[[Any], object]) -> list[str]:
    """Return the steps of the queries that are asked."""
    steps = []

    def explained(query: str, values: Sequence[Any]) -> list[Any]:
        steps.extend(row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {query}", values))
        return store.rows(query, values)

    ask(SimpleNamespace(rows=explained))
    return steps


def test_hits_are_not_sorted(store: Store) -> None:
    """The traces with a frequent word are listed from the newest on, until a page is full."""
    plan = plan_of(store, lambda asked: trace_rows(asked, Filters(text="apples")))

    assert any("traces_newest" in step for step in plan), plan
    assert not any("ORDER BY" in step for step in plan), plan


def test_totals_search_once(store: Store) -> None:
    """For the number of traces and the sums of their calls a text is searched for once."""
    plan = plan_of(store, lambda asked: overview(asked, Filters(text="apples")))

    assert sum("VIRTUAL TABLE" in step for step in plan) == 1, plan


def test_file_of_an_earlier_version(tmp_path: Path) -> None:
    """A file whose list was made otherwise is listed anew from its spans."""
    db = str(tmp_path / "dev.db")
    first = Store(db)
    first.add(SPANS, "direct")
    first.close()
    with sqlite3.connect(db) as connection:
        connection.executescript(
            "DROP TABLE traces; CREATE TABLE traces (trace_id TEXT PRIMARY KEY, start_ns INTEGER);"
            "DROP TABLE calls; PRAGMA user_version = 0;"
        )
    connection.close()
    again = Store(db)

    assert (found(again), overview(again, Filters())["totals"]["calls"]) == (list("4321"), 5)
    again.close()


@pytest.mark.parametrize(
    "span",
    [
        a_span(1, usage_details={"input": 10**19, "total": 10**19}),
        a_span(1, input='["\\ud800"]', output='{"content": "\\udfff"}'),
        a_span(1, tags='["\\ud800", "a"]'),
        a_span(1, tags=["same", "same"]),
        a_span(1, input="x" * 300_000),
        a_span(1, input=json.dumps([[[[{"content": [{"text": "deep"}]}]]]])),
    ],
    ids=["huge-count", "half-pairs", "half-pair-in-tag", "tag-twice", "long", "deep"],
)
def test_odd_spans_are_listed(span: ReceivedSpan) -> None:
    """What was stored is listed, however odd."""
    store = Store()
    store.add([span], "direct")
    rows = trace_rows(store, Filters())["traces"]
    store.close()

    assert len(rows) == 1
    json.dumps(rows).encode("ascii")
