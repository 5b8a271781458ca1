"""What is older or more than is to be kept goes, oldest first, with all that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from langfuse_otel.dev._media import MediaUse
from langfuse_otel.dev._retention import Retention, bytes_of, seconds_of
from langfuse_otel.dev._scores import Score
from langfuse_otel.dev._store import Store
from received import a_span

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
TABLES = ("traces", "spans", "calls", "tags", "texts", "scores", "media", "media_uses", "batches")


def ids(store: Store) -> list[str]:
    """Give the ids that are left."""
    return sorted(row[0] for row in store.rows("SELECT trace_id FROM traces"))


def test_old_traces_go() -> None:
    """A trace goes when its last span came longer ago than is kept, whatever its own clock said."""
    now = [0.0]
    store = Store(retention=Retention(seconds=7 * DAY), clock=lambda: now[0])
    store.add([a_span(1), a_span(2)], "direct")
    now[0] = 5 * DAY
    store.add([a_span(2, 2)], "direct")
    now[0] = 8 * DAY
    store.add([a_span(3)], "direct")
    left = ids(store)
    store.close()

    assert left == ["trace-2", "trace-3"]


def test_all_of_a_trace_goes() -> None:
    """With a trace go its spans, calls, tags, texts, scores and media, and no others."""
    now = [0.0]
    store = Store(retention=Retention(seconds=DAY), clock=lambda: now[0])
    for number in (1, 2):
        now[0] = number * DAY
        trace_id = f"trace-{number}"
        use = MediaUse(
            trace_id=trace_id,
            observation_id=None,
            field="input",
            content_type="image/png",
            content_length=1,
            sha256=f"{number}" * 44,
        )
        store.add([a_span(number, model="m", tags=["t"], input="x")], "direct")
        store.add_score(Score(f"{number}", "s", "NUMERIC", 1.0, None, "2026", trace_id=trace_id))
        store.add_media(use)
    now[0] = 2.5 * DAY
    store.prune()
    counts = {table: store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    store.close()

    assert counts == dict.fromkeys(TABLES, 1)


def test_nothing_is_left() -> None:
    """When the last trace goes, so does all that is known of the requests."""
    now = [0.0]
    store = Store(retention=Retention(seconds=DAY), clock=lambda: now[0])
    store.add([a_span(1)], "direct")
    now[0] = 2 * DAY
    store.prune()
    counts = {table: store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    store.close()

    assert counts == dict.fromkeys(TABLES, 0)


def test_file_stays_below_its_size(tmp_path: Path) -> None:
    """With a size, the oldest arrivals go, the newest stay, and the file is not larger."""
    db, most = tmp_path / "dev.db", 1_000_000
    store = Store(str(db), retention=Retention(max_bytes=most))
    for number in range(200):
        store.add([a_span(number, input=f"{number} " * 4000)], "direct")
    left = ids(store)
    store.close()

    assert "trace-199" in left
    assert "trace-0" not in left
    assert len(left) > 5
    assert db.stat().st_size <= most * 1.05


def test_file_shrinks(tmp_path: Path) -> None:
    """The space of what went is given back."""
    db, now = tmp_path / "dev.db", [0.0]
    store = Store(str(db), retention=Retention(seconds=DAY), clock=lambda: now[0])
    store.add([a_span(number, input=f"{number} " * 40_000) for number in range(20)], "direct")
    now[0] = 2 * DAY
    store.prune()
    store.close()

    assert db.stat().st_size < 300_000


def test_retention_holds_on_opening(tmp_path: Path) -> None:
    """What is too old goes when the file is opened, before anything arrives."""
    db = str(tmp_path / "dev.db")
    store = Store(db, clock=lambda: 0.0)
    store.add([a_span(1)], "direct")
    store.close()
    store = Store(db, retention=Retention(seconds=DAY), clock=lambda: 2 * DAY)
    left = ids(store)
    store.close()

    assert left == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800), ("0.5 W", 302_400)],
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number with a unit."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("2g", 2_000_000_000), ("1.5 kb", 1500), ("7", 7)]
)
def test_sizes(text: str, size: int) -> None:
    """A size is a number with a unit of bytes, or without one."""
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0d", "7y", "1e9d", "nan h"])
def test_wrong_durations(text: str) -> None:
    """What is no duration is an error that names it."""
    with pytest.raises(ValueError, match="is no duration"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["", "MB", "-5MB", "0", "5TB", "500 miles"])
def test_wrong_sizes(text: str) -> None:
    """What is no size is an error that names it."""
    with pytest.raises(ValueError, match="is no size"):
        bytes_of(text)
