"""Media go beside the spans, once each, and what fails is said in the span."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from langfuse_otel._delivery import uploader
from langfuse_otel._delivery.backlog import Queued
from langfuse_otel._delivery.compression import decompressed
from langfuse_otel._delivery.sender import Answer, Rejected, TryLater
from langfuse_otel._delivery.uploads import MAX_IN_FLIGHT, MAX_WINDOW, REFUSED_FOR_S
from langfuse_otel._records import Identity
from langfuse_otel._spans.media import Medium
from langfuse_otel._spans.span import part_of
from langfuse_otel._text import json_text
from test_attributes import FULL
from test_delivery import ONE, SOON_S, TWO, Langfuse, adds_up, delivering, span_ids
from test_inline import PNG, WAV, uri
from test_spans import RESOURCE

if TYPE_CHECKING:
    from langfuse_otel._delivery.delivery import Delivery
    from langfuse_otel._delivery.sender import Request
    from langfuse_otel._destination import Destination
    from langfuse_otel._spans.span import InPlaceOfMedia

IMAGE = Medium("image/png", PNG)
BUCKET = "https://bucket.example/x?signature=abc"
CREATE, PUT, CONFIRM = "POST", "PUT", "PATCH"


class MediaApi(Langfuse):
    """A Langfuse with media, which answers from a script for each method, then as it should."""

    def __init__(self, **script: list[Answer | Rejected | TryLater]) -> None:
        super().__init__()
        self.script = defaultdict(deque, {name: deque(given) for name, given in script.items()})
        self.asked: list[Request] = []
        self.stored: list[bytes] = []
        self.address: str | None = BUCKET
        self.put = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.most_at_once = self.at_once = 0

    async def ask(self, request: Request, timeout_s: float) -> Answer | Rejected | TryLater:
        """Answer one request of the media API; an upload waits until it is `open`."""
        self.asked.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.answer(request)
        finally:
            self.at_once -= 1

    async def answer(self, request: Request) -> Answer | Rejected | TryLater:
        """Answer from the script, or do what is asked."""
        if request.method == PUT:
            self.put.set()
            while not self.open.is_set():  # noqa: ASYNC110 - opened by another thread
                await asyncio.sleep(0.001)
        if self.script[request.method]:
            return self.script[request.method].popleft()
        if request.method == PUT:
            self.stored.append(request.content)
        if request.method != CREATE:
            return Answer(b"")
        sha256 = json.loads(request.content)["sha256Hash"]
        media_id = sha256.replace("+", "-").replace("/", "_")[:22]
        return Answer(json.dumps({"mediaId": media_id, "uploadUrl": self.address}).encode())

    @property
    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [request.method for request in self.asked]

    @property
    def inputs(self) -> dict[int, list[str]]:
        """The inputs that arrived for each span id, the last one last."""
        found: dict[int, list[str]] = defaultdict(list)
        for body in self.bodies:
            for of_resource in ExportTraceServiceRequest.FromString(
                decompressed(body)
            ).resource_spans:
                for span in of_resource.scope_spans[0].spans:
                    [given] = [
                        a.value.string_value
                        for a in span.attributes
                        if a.key == "langfuse.observation.input"
                    ]
                    found[int.from_bytes(span.span_id, "big")].append(given)
        return found


def an_item(
    number: int,
    *contents: bytes,
    destination: Destination = ONE,
    media: InPlaceOfMedia = "reference",
) -> Queued:
    """Return a span with images in its input."""
    text = json_text([uri("image/png", content) for content in contents or [PNG]])
    observation = FULL._replace(input=text)
    encode = partial(part_of, observation, Identity(1, number, None), RESOURCE, media)
    return Queued(destination, observation.size, encode)


def said(*texts: str) -> str:
    """Return the input that these texts in place of media make."""
    return json_text(list(texts))


def delivered(api: MediaApi, *items: Queued, **limits: float) -> Delivery:
    """Return a delivery that has delivered these."""
    delivery = delivering(api, **limits)
    for item in items:
        delivery.submit(item)
    assert delivery.flush(SOON_S)
    return delivery


def until(holds: Any) -> bool:
    """Wait until this holds."""
    deadline = time.monotonic() + SOON_S
    while not holds() and time.monotonic() < deadline:
        threading.Event().wait(0.002)
    return bool(holds())


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once."""
    monkeypatch.setattr(uploader, "backoff_s", lambda _failures: 0.0)


def test_three_steps() -> None:
    """Media are announced to Langfuse, stored at the address that it gives, and confirmed."""
    api = MediaApi()
    stats = delivered(api, an_item(7)).stats()
    create, put, confirm = api.asked
    keys = dict(ONE.headers)["Authorization"]

    assert (create.method, create.url) == (CREATE, f"{ONE.host}/api/public/media")
    assert json.loads(create.content) == {
        "traceId": f"{1:032x}",
        "observationId": f"{7:016x}",
        "contentType": "image/png",
        "contentLength": len(PNG),
        "sha256Hash": IMAGE.sha256,
        "field": "input",
    }
    assert (put.method, put.url, put.content) == (PUT, BUCKET, PNG)
    assert (confirm.method, confirm.url) == (CONFIRM, f"{ONE.host}/api/public/media/{IMAGE.id}")
    assert json.loads(confirm.content)["uploadHttpStatus"] == 200
    assert create.headers["Authorization"] == confirm.headers["Authorization"] == keys
    assert api.inputs == {7: [said(IMAGE.reference)]}
    assert (stats.sent, stats.media.uploaded, stats.media.waiting) == (1, 1, 0)
    assert (stats.media.failed, stats.media.repeated) == ({}, 0)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        (BUCKET, {"x-ms-blob-type": "BlockBlob", "x-amz-checksum-sha256": IMAGE.sha256}),
        ("https://storage.googleapis.com/x", {}),
    ],
    ids=["s3-azure", "google"],
)
def test_address_sees_no_keys(url: str, more: dict[str, str]) -> None:
    """The address gets what its storage needs, never a key, and may not send us elsewhere."""
    api = MediaApi()
    api.address = url
    delivered(api, an_item(1))
    [put] = [request for request in api.asked if request.method == PUT]

    assert put.headers == {"Content-Type": "image/png", **more}
    assert not put.may_redirect


def test_known_to_langfuse() -> None:
    """What Langfuse has already is announced, and not sent."""
    api = MediaApi()
    api.address = None
    stats = delivered(api, an_item(1)).stats()

    assert (api.methods, stats.media.uploaded) == ([CREATE], 1)


@pytest.mark.parametrize("outcome", [TryLater("HTTP 503", status=503), TryLater("no answer")])
@pytest.mark.parametrize(
    ("step", "methods"),
    [
        (CREATE, [CREATE, CREATE, PUT, CONFIRM]),
        (PUT, [CREATE, PUT, CREATE, PUT, CONFIRM]),
        (CONFIRM, [CREATE, PUT, CONFIRM, CONFIRM]),
    ],
)
def test_a_step_nobody_takes(step: str, methods: list[str], outcome: TryLater) -> None:
    """A step that nobody took is tried again; what is stored already is not stored twice."""
    api = MediaApi(**{step: [outcome]})
    stats = delivered(api, an_item(1)).stats()

    assert (api.methods, api.inputs) == (methods, {1: [said(IMAGE.reference)]})
    assert (stats.media.uploaded, stats.media.failed) == (1, {})


def test_retry_after_of_media() -> None:
    """The server's own wait is kept, unless a flush asks for all at once."""
    api = MediaApi(POST=[TryLater("HTTP 429", 3_600.0, 429)])
    delivery = delivering(api, flush_interval_s=0.01)
    uploads = delivery._backlog.uploads
    delivery.submit(an_item(1))

    assert until(lambda: (uploads.next_due() or 0) > time.monotonic() + 3_000)
    assert api.methods == [CREATE]
    assert delivery.flush(SOON_S)
    assert api.methods == [CREATE, CREATE, PUT, CONFIRM]


@pytest.mark.parametrize("step", [CREATE, PUT, CONFIRM])
def test_a_step_that_is_refused(step: str) -> None:
    """Where media are refused the span is sent once more, with a marker in place of them."""
    api = MediaApi(**{step: [Rejected("HTTP 403", 403)]})
    delivery = delivered(api, an_item(1))
    stats = delivery.stats()

    assert api.inputs == {1: [said(IMAGE.reference), said(IMAGE.marker)]}
    assert (stats.media.uploaded, stats.media.failed) == (0, {"rejected": 1})
    assert (stats.created, stats.sent, stats.media.repeated) == (2, 2, 1)
    assert adds_up(delivery)


def test_langfuse_is_told_of_a_refused_upload() -> None:
    """Langfuse learns the status and the error with which the storage refused."""
    api = MediaApi(PUT=[Rejected("HTTP 403 no", 403)])
    delivered(api, an_item(1))
    told = json.loads(api.asked[-1].content)

    assert api.methods == [CREATE, PUT, CONFIRM]
    assert (told["uploadHttpStatus"], told["uploadHttpError"]) == (403, "HTTP 403 no")


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"[" * 100_000, b'{"mediaId": "other", "uploadUrl": "https://x"}'],
    ids=["nothing", "list", "nested", "other"],
)
def test_answer_of_another_kind(answer: bytes) -> None:
    """Bytes go nowhere if Langfuse gives them another id than the reference has."""
    api = MediaApi(POST=[Answer(answer)])
    delivered(api, an_item(1))

    assert api.methods == [CREATE]
    assert api.inputs[1][-1] == said(IMAGE.marker)


@pytest.mark.parametrize(
    ("url", "methods"), [("https://x", [CREATE, PUT, CONFIRM]), ("http://x", [CREATE])]
)
def test_media_of_a_host_that_a_request_named(url: str, methods: list[str]) -> None:
    """Every step stays in the public internet, follows no redirect, and needs https."""
    medium_id = IMAGE.id
    api = MediaApi(POST=[Answer(json.dumps({"mediaId": medium_id, "uploadUrl": url}).encode())])
    delivered(api, an_item(1, destination=replace(ONE, is_public_only=True)))

    assert api.methods == methods
    assert all(request.is_public_only for request in api.asked)
    assert not any(request.may_redirect for request in api.asked)


def test_langfuse_without_storage() -> None:
    """A Langfuse that answers 500 for media again and again is believed."""
    api = MediaApi(POST=[TryLater("HTTP 500", status=500)] * 4)
    stats = delivered(api, an_item(1)).stats()

    assert api.methods == [CREATE] * 4
    assert (api.inputs[1][-1], stats.media.failed) == (said(IMAGE.marker), {"rejected": 1})


def test_refused_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal, spans go with markers at once, until the destination is asked again."""
    api = MediaApi(POST=[Rejected("HTTP 404", 404)])
    delivery = delivered(api, an_item(1))
    now = time.monotonic
    delivery.submit(an_item(2, b"other"))
    assert delivery.flush(SOON_S)
    monkeypatch.setattr(delivery, "_clock", now)
    soon = delivery._backlog.uploads.is_refused(ONE, now() + REFUSED_FOR_S / 2)
    later = delivery._backlog.uploads.is_refused(ONE, now() + REFUSED_FOR_S + 1)

    assert api.methods == [CREATE]
    assert api.inputs[2] == [said(Medium("image/png", b"other").marker)]
    assert (soon, later) == (True, False)


def test_refusal_of_some_media() -> None:
    """A refusal of one kind of media says nothing of the next."""
    api = MediaApi(POST=[Rejected("HTTP 400", 400)])
    delivery = delivered(api, an_item(1))
    delivery.submit(an_item(2, b"other"))
    assert delivery.flush(SOON_S)

    assert api.inputs[1][-1] == said(IMAGE.marker)
    assert api.inputs[2] == [said(Medium("image/png", b"other").reference)]


def test_fifty_calls_with_one_image() -> None:
    """The same media in many calls are uploaded once, also when they come later."""
    api = MediaApi()
    delivery = delivered(api, *(an_item(number) for number in range(1, 26)))
    for number in range(26, 51):
        delivery.submit(an_item(number))
    assert delivery.flush(SOON_S)

    assert api.methods == [CREATE, PUT, CONFIRM]
    assert api.inputs == {number: [said(IMAGE.reference)] for number in range(1, 51)}
    assert delivery.stats().media.uploaded == 1


def test_known_for_an_hour() -> None:
    """Langfuse may have deleted media since, so they are announced again when an hour is over."""
    api = MediaApi()
    delivery = delivered(api, an_item(1))
    delivery._backlog.uploads._done.update(
        dict.fromkeys(delivery._backlog.uploads._done, time.monotonic())
    )
    delivery.submit(an_item(2))
    assert delivery.flush(SOON_S)

    assert api.methods == [CREATE, PUT, CONFIRM] * 2


def test_fifty_calls_whose_image_is_refused() -> None:
    """Each of them gets its marker."""
    api = MediaApi(PUT=[Rejected("HTTP 403", 403)])
    delivery = delivered(api, *(an_item(number) for number in range(1, 51)))

    assert {number: texts[-1] for number, texts in api.inputs.items()} == {
        number: said(IMAGE.marker) for number in range(1, 51)
    }
    assert adds_up(delivery)


def test_one_of_two() -> None:
    """A span is repeated once, when all is known, with a marker for what failed alone."""
    api = MediaApi(POST=[Rejected("HTTP 413", 413)])
    api.open.clear()
    delivery = delivering(api)
    delivery.submit(an_item(1, PNG, WAV))
    assert not delivery.flush(0.0)
    assert until(lambda: delivery.stats().media.failed)
    before = delivery.stats().media
    api.open.set()
    assert delivery.flush(SOON_S)
    first, second = api.inputs[1]

    assert (before.failed, before.repeated) == ({"rejected": 1}, 0)
    assert first == said(IMAGE.reference, Medium("image/png", WAV).reference)
    assert second == said(IMAGE.marker, Medium("image/png", WAV).reference)
    assert delivery.stats().media.repeated == 1


def test_each_project_gets_its_own() -> None:
    """The same media are uploaded once for each project."""
    api = MediaApi()
    delivered(api, an_item(1), an_item(2, destination=TWO))
    hosts = Counter(request.url for request in api.asked if request.method == CREATE)

    assert hosts == {f"{host}/api/public/media": 1 for host in (ONE.host, TWO.host)}


def test_span_does_not_wait() -> None:
    """A span arrives while its upload hangs, and a flush waits for both."""
    api = MediaApi()
    api.open.clear()
    delivery = delivering(api)
    delivery.submit(an_item(1))

    assert not delivery.flush(0.0)
    assert until(lambda: delivery.stats().sent)
    assert (api.arrived, delivery.stats().sent, delivery.stats().media.waiting) == ([1], 1, 1)
    delivery.submit(Queued(ONE, 1, an_item(2, media="media").encode))
    assert not delivery.flush(0.0)
    assert until(lambda: api.arrived == [1, 2])
    api.open.set()
    assert delivery.flush(SOON_S)
    assert delivery.stats().media.uploaded == 1


def test_few_at_once() -> None:
    """Few uploads are under way at once, fewer still to one project."""
    api = MediaApi()
    api.open.clear()
    delivery = delivering(api)
    for number in range(1, 21):
        delivery.submit(an_item(number, b"%d" % number))
    delivery.flush(0.05)
    assert until(lambda: api.at_once == MAX_WINDOW)
    for number in range(21, 101):
        other = replace(ONE, traces_url=f"https://host{number}.example/v1/traces")
        delivery.submit(an_item(number, b"%d" % number, destination=other))
    delivery.flush(0.05)
    assert until(lambda: api.at_once == MAX_IN_FLIGHT)
    api.open.set()

    assert delivery.flush(SOON_S)
    assert (api.most_at_once, len(api.stored)) == (MAX_IN_FLIGHT, 100)


def test_uploads_are_bounded_by_bytes() -> None:
    """Media count as memory: the oldest that wait are given up, and their spans say so."""
    api = MediaApi()
    api.open.clear()
    delivery = delivering(api, queue_bytes=120_000)
    contents = {number: bytes([number]) * 5_000 for number in range(1, 31)}
    for number, content in contents.items():
        delivery.submit(an_item(number, content))
        delivery.flush(0.01)
    held = delivery._backlog.uploads.bytes
    api.open.set()

    assert delivery.flush(SOON_S)
    stats, inputs = delivery.stats(), api.inputs
    given_up = stats.media.failed["queue_full"]
    markers = [
        number
        for number, content in contents.items()
        if inputs[number][-1] == said(Medium("image/png", content).marker)
    ]
    assert held <= 60_000
    assert 0 < given_up < 30
    assert (len(markers), stats.media.uploaded) == (given_up, 30 - given_up)
    assert max(markers) < 30
    assert set(inputs) == set(contents)
    assert delivery._backlog.uploads.bytes == 0
    assert adds_up(delivery)


def test_end_of_the_process() -> None:
    """The end does not wait for media longer than it may, and counts them."""
    api = MediaApi()
    api.open.clear()
    delivery = delivering(api)
    delivery.submit(an_item(1))
    delivery.flush(0.0)
    assert until(lambda: delivery.stats().sent)
    delivery.shutdown(0.2)

    assert api.arrived == [1]
    assert delivery.stats().media.failed == {"shutdown": 1}
    assert adds_up(delivery)


def test_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who flushes where no thread can be started uploads, and goes on where it was broken off."""
    api = MediaApi()
    api.open.clear()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    delivery = delivering(api)
    delivery.submit(an_item(1))
    assert not delivery.flush(0.1)
    api.open.set()
    began = time.monotonic()

    assert delivery.flush(SOON_S)
    assert (api.stored, delivery.stats().media.uploaded) == ([PNG], 1)
    assert time.monotonic() - began < SOON_S


def test_markers_without_uploads() -> None:
    """A span may have markers from the start, or the media themselves."""
    api = MediaApi()
    delivered(api, an_item(1, media="marker"), an_item(2, media="media"))

    assert api.asked == []
    assert api.inputs == {1: [said(IMAGE.marker)], 2: [said(uri("image/png", PNG))]}


def test_span_that_cannot_be_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A span that cannot be encoded again stays as it was sent."""
    monkeypatch.setattr("langfuse_otel._spans.span.with_texts", lambda *_: 1 / 0)
    api = MediaApi(POST=[Rejected("HTTP 404", 404)])
    delivery = delivered(api, an_item(1))

    assert span_ids(api.bodies[0]) == api.arrived == [1]
    assert adds_up(delivery)
