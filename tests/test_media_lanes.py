"""Media that wait: which go next, which destination rests, and which span is settled when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from langfuse_otel._delivery.uploads import KNOWN_FOR_S, MAX_IN_FLIGHT, MAX_WINDOW, Uploads
from langfuse_otel._destination import langfuse_destination
from langfuse_otel._spans.inline import Attachments, Use
from langfuse_otel._spans.media import Medium

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langfuse_otel._spans.otlp import Part

PROJECTS = [langfuse_destination("https://langfuse.example", f"pk-lf-{n}", "sk") for n in range(5)]
SIZE = 100


def medium(content: int) -> Medium:
    """Return media of ten bytes."""
    return Medium("image/png", b"%010d" % content)


def encode(_texts: Mapping[str, str]) -> Part:
    """Stand for what encodes a span once more; no lane does that itself."""
    raise NotImplementedError


def attachments_of(*contents: int, span: str = "1") -> Attachments:
    """Return what a span refers to that has these media in its input."""
    uses = tuple(Use(medium(content), "input") for content in contents)
    return Attachments(f"trace-{span}", f"span-{span}", uses, SIZE, encode)


def uploads_of(*contents: int, project: int = 0) -> Uploads:
    """Return what holds a span for each of these media."""
    uploads = Uploads()
    for number, content in enumerate(contents, 1):
        uploads.add(PROJECTS[project], attachments_of(content), number, 0.0)
    return uploads


def started(uploads: Uploads, now: float = 0.0) -> list[int]:
    """Return which media go now."""
    return [int(upload.medium.content) for upload in uploads.start(now)]


def test_the_first_use_is_told() -> None:
    """Media that several spans refer to go once, for the first of them, and all wait for that."""
    uploads = Uploads()
    waits = [
        uploads.add(PROJECTS[0], attachments_of(7, span=span), int(span), 0.0) for span in "123"
    ]
    [upload] = uploads.start(0.0)

    assert waits == [True, True, True]
    assert (upload.destination, upload.medium) == (PROJECTS[0], medium(7))
    assert (upload.trace_id, upload.observation_id, upload.field_name) == (
        "trace-1",
        "span-1",
        "input",
    )
    assert (len(uploads), uploads.bytes) == (1, 10 + 3 * SIZE)
    uploads.done(upload, 0.0)
    assert [(one.number, one.markers) for one in uploads.take_settled()] == [
        (1, {}),
        (2, {}),
        (3, {}),
    ]
    assert (len(uploads), uploads.bytes, uploads.take_settled()) == (0, 0, [])


def test_a_span_waits_for_all() -> None:
    """A span is settled with the last of its media, and knows what to write for those that failed."""
    uploads = Uploads()
    uploads.add(PROJECTS[0], attachments_of(1, 2, 3), 5, 0.0)
    first, second, third = uploads.start(0.0)
    uploads.failed(second, None)
    uploads.done(first, 0.0)
    assert (uploads.take_settled(), uploads.bytes) == ([], 10 + SIZE)
    uploads.failed(third, None)
    [settled] = uploads.take_settled()

    assert (settled.destination, settled.number) == (PROJECTS[0], 5)
    assert (settled.size, settled.encode_with) == (SIZE, encode)
    assert settled.markers == {one.reference: one.marker for one in (medium(2), medium(3))}
    assert uploads.bytes == 0


def test_known() -> None:
    """What Langfuse has is not sent there again, for an hour; other projects do not have it."""
    uploads = uploads_of(7)
    [upload] = uploads.start(0.0)
    uploads.done(upload, 50.0)
    span = attachments_of(7)

    assert not uploads.add(PROJECTS[0], span, 2, 49.0 + KNOWN_FOR_S)
    assert uploads.add(PROJECTS[1], span, 3, 49.0 + KNOWN_FOR_S)
    assert uploads.add(PROJECTS[0], span, 4, 50.0 + KNOWN_FOR_S)


def test_few_at_once() -> None:
    """So many go at once, in all and to one destination."""
    uploads = Uploads()
    for project in PROJECTS:
        for content in range(MAX_WINDOW + 1):
            uploads.add(project, attachments_of(content), 1, 0.0)
    under_way = [*uploads.start(0.0)]

    assert len(under_way) == MAX_IN_FLIGHT
    assert {upload.destination for upload in under_way} == set(PROJECTS[:4])
    assert uploads.next_due() is None
    uploads.given_back(under_way[0])
    assert uploads.next_due() == 0.0
    assert len([*uploads.start(0.0)]) == 1


def test_turns() -> None:
    """A destination that had its turn stands behind the others."""
    uploads = Uploads()
    for project in PROJECTS:
        for content in range(MAX_WINDOW + 1):
            uploads.add(project, attachments_of(content), 1, 0.0)
    first, second, *_ = uploads.start(0.0)
    uploads.done(first, 0.0)
    uploads.failed(second, None)
    uploads.take_settled()

    assert [upload.destination for upload in uploads.start(0.0)] == [PROJECTS[4]] * 2


def test_rest() -> None:
    """Where nobody took media the destination rests, and they go after the others there."""
    uploads = uploads_of(*range(6))
    first, second, third, fourth = uploads.start(0.0)
    for upload, until in ((first, 5.0), (second, 9.0), (third, 7.0)):
        uploads.postponed(upload, until)
    assert uploads.failures(fourth) == 3
    uploads.done(fourth, 0.0)
    uploads.take_settled()

    assert (started(uploads, 8.9), uploads.next_due()) == ([], 9.0)
    assert started(uploads, 9.0) == [4, 5, 0, 1]


def test_failures_in_a_row() -> None:
    """An upload that arrives ends the row."""
    uploads = uploads_of(1, 2)
    first, second = uploads.start(0.0)
    uploads.postponed(first, 0.0)
    uploads.done(second, 0.0)

    assert uploads.failures(first) == 0


def test_given_back() -> None:
    """An attempt that was broken off is made again, before the others, and was no failure."""
    uploads = uploads_of(*range(6))
    first, *_ = uploads.start(0.0)
    assert uploads.next_due() is None
    uploads.given_back(first)

    assert uploads.failures(first) == 0
    assert started(uploads) == [0]


def test_hurry() -> None:
    """Who is in a hurry waits for no rest."""
    uploads = uploads_of(1)
    [upload] = uploads.start(0.0)
    uploads.postponed(upload, 9.0)
    uploads.hurry()

    assert started(uploads) == [1]


def test_due() -> None:
    """The next to go is what is settled, else the destination whose rest ends first."""
    uploads = uploads_of(1)
    assert (Uploads().next_due(), uploads.next_due()) == (None, 0.0)
    uploads.add(PROJECTS[1], attachments_of(2), 2, 0.0)
    uploads.add(PROJECTS[2], attachments_of(3), 3, 0.0)
    for upload, until in zip([*uploads.start(0.0)], (9.0, 5.0, 7.0), strict=True):
        uploads.postponed(upload, until)
    assert uploads.next_due() == 5.0

    [second] = uploads.start(5.0)
    assert uploads.next_due() == 7.0
    uploads.done(second, 5.0)
    assert uploads.next_due() == 0.0
    uploads.take_settled()
    assert uploads.next_due() == 7.0


@pytest.mark.parametrize(
    ("until", "refused"), [(9.0, [True, False]), (None, [False, False])], ids=["all", "these"]
)
def test_refused(until: float | None, refused: list[bool]) -> None:
    """A destination may refuse all media for a while, or only these."""
    uploads = uploads_of(1)
    [upload] = uploads.start(0.0)
    uploads.failed(upload, until)

    assert [uploads.is_refused(PROJECTS[0], now) for now in (8.9, 9.0)] == refused
    assert not uploads.is_refused(PROJECTS[1], 0.0)


def test_bounded() -> None:
    """So much is remembered of media that are there, and of who refuses them, the newest."""
    there, refused = uploads_of(0, 1, 2), Uploads()
    there._done.most = refused._refused.most = 2
    for upload in there.start(0.0):
        there.done(upload, 0.0)
    for project in PROJECTS[:3]:
        refused.add(project, attachments_of(0), 1, 0.0)
    for upload in refused.start(0.0):
        refused.failed(upload, 9.0)

    assert [there.add(PROJECTS[0], attachments_of(n), 1, 0.0) for n in (2, 1, 0)] == [
        False,
        False,
        True,
    ]
    assert [refused.is_refused(project, 0.0) for project in PROJECTS[:3]] == [False, True, True]


def test_drop_oldest() -> None:
    """What has waited for longest is given up and marked; what is under way never is."""
    uploads = uploads_of(*range(MAX_WINDOW + 2))
    under_way = [*uploads.start(0.0)]
    assert uploads.drop_oldest()
    [settled] = uploads.take_settled()
    assert settled.markers == {medium(4).reference: medium(4).marker}

    assert uploads.drop_oldest()
    assert not uploads.drop_oldest()
    assert len(uploads) == len(under_way)
    uploads.postponed(under_way[2], 9.0)
    assert uploads.drop_oldest()
    assert under_way[2].spans[0].markers == {medium(2).reference: medium(2).marker}


def test_clear() -> None:
    """All are given up, how many is told, and others go as if those had never been."""
    uploads = uploads_of(*range(5))
    under_way = [*uploads.start(0.0)]
    uploads.failed(under_way[0], None)

    assert uploads.clear() == 4
    assert (len(uploads), uploads.bytes, uploads.take_settled()) == (0, 0, [])
    for content in range(MAX_WINDOW * len(PROJECTS)):
        uploads.add(PROJECTS[content % len(PROJECTS)], attachments_of(content), 1, 0.0)
    assert len(started(uploads)) == MAX_IN_FLIGHT


def test_nothing_is_kept() -> None:
    """Of a destination whose media are all there no lane is kept: there may be many."""
    uploads = uploads_of(1, 2)
    first, second = uploads.start(0.0)
    uploads.done(first, 0.0)
    assert set(uploads._lanes) == {PROJECTS[0]}
    uploads.failed(second, None)

    assert uploads._lanes == {}
