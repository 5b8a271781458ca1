"""Real LiteLLM calls with media, over HTTP, to a receiver that is as strict as Langfuse."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import pytest

import langfuse_otel
from langfuse_otel._spans.media import Medium
from langfuse_otel.dev import LocalReceiver
from langfuse_otel.testing import Collector
from providers import Answer, Provider
from received import media_of
from test_inline import PDF, PNG, WAV, b64, uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langfuse_otel.dev import ObservationView

pytestmark = pytest.mark.usefixtures("fresh_litellm")

IMAGE, SOUND, PAPER = (
    Medium("image/png", PNG),
    Medium("audio/wav", WAV),
    Medium("application/pdf", PDF),
)
CONTENT = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": uri("image/png", PNG)}},
    {"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": uri("application/pdf", PDF)}},
]
SECONDS = 20.0


@pytest.fixture
def receiver(fresh_litellm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalReceiver]:
    """A local receiver that the environment points to, with the callback registered by name."""
    with LocalReceiver() as running:
        monkeypatch.setenv("LANGFUSE_OTEL_HOST", running.url)
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", running.public_key)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", running.secret_key)
        litellm.callbacks = ["langfuse_otel"]
        yield running


def complete(**changes: Any) -> Any:
    """Make one call with media that needs no network."""
    messages = [{"role": "user", "content": CONTENT}]
    arguments = {"model": "openai/gpt-4o-mini", "messages": messages, "mock_response": "hello"}
    return litellm.completion(**{**arguments, **changes})


def observations(receiver: LocalReceiver) -> list[ObservationView]:
    """Return what has arrived when all is sent."""
    assert langfuse_otel.flush(SECONDS)
    return [seen for trace in receiver.traces(limit=100) for seen in trace.observations]


def shown(receiver: LocalReceiver, medium: Medium) -> tuple[str, bytes]:
    """Return type and bytes that a reader of Langfuse gets for a reference."""
    keys = (receiver.public_key, receiver.secret_key)
    answer = httpx.get(f"{receiver.url}/api/public/media/{medium.id}", auth=keys).json()
    return answer["contentType"], httpx.get(answer["url"]).content


def test_media_of_a_call(receiver: LocalReceiver) -> None:
    """Image, sound and file of a call can be seen in Langfuse, by the references in its input."""
    complete()
    [seen] = observations(receiver)

    assert json.loads(seen.input or "")[0]["content"] == [
        CONTENT[0],
        {"type": "image_url", "image_url": {"url": IMAGE.reference}},
        {"type": "input_audio", "input_audio": {"data": SOUND.reference, "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PAPER.reference}},
    ]
    assert shown(receiver, IMAGE) == ("image/png", PNG)
    assert shown(receiver, SOUND) == ("audio/wav", WAV)
    assert shown(receiver, PAPER) == ("application/pdf", PDF)
    assert {use[:2] for use in media_of(receiver.store, seen.trace_id)} == {(seen.id, "input")}


def test_generated_image(receiver: LocalReceiver) -> None:
    """An image that was made can be seen in Langfuse, by the reference in the output."""
    made = {"created": 1_700_000_000, "data": [{"b64_json": b64(PNG), "revised_prompt": "dog"}]}
    with Provider(Answer(made, b"")) as provider:
        litellm.image_generation(
            model="openai/gpt-image-1", prompt="a dog", api_base=provider.root, api_key="sk-1"
        )
    [seen] = observations(receiver)

    assert IMAGE.reference in (seen.output or "")
    assert shown(receiver, IMAGE) == ("image/png", PNG)
    assert media_of(receiver.store, seen.trace_id) == [(seen.id, "output", IMAGE.id)]


def test_spoken_answer(receiver: LocalReceiver) -> None:
    """What a model said aloud can be heard in Langfuse, by the reference in the output."""
    said = {"id": "audio_1", "data": b64(WAV), "expires_at": 2_000_000_000, "transcript": "hello"}
    message = {"role": "assistant", "content": None, "audio": said}
    whole = {
        "id": "chatcmpl-1",
        "created": 1_700_000_000,
        "model": "gpt-4o-audio-preview",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }
    with Provider(Answer(whole, b"")) as provider:
        litellm.completion(
            model="openai/gpt-4o-audio-preview",
            messages=[{"role": "user", "content": "hi"}],
            modalities=["text", "audio"],
            audio={"voice": "alloy", "format": "wav"},
            api_base=provider.root,
            api_key="sk-1",
        )
    [seen] = observations(receiver)

    assert json.loads(seen.output or "")["audio"] == {**said, "data": SOUND.reference}
    assert shown(receiver, SOUND) == ("audio/wav", WAV)


def test_many_calls_with_one_image(receiver: LocalReceiver) -> None:
    """An image in fifty calls is uploaded once."""
    content = [{"type": "image_url", "image_url": {"url": uri("image/png", PNG)}}]
    for _ in range(50):
        complete(messages=[{"role": "user", "content": content}])

    assert len(observations(receiver)) == 50
    assert langfuse_otel.stats().media.uploaded == 1


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("LANGFUSE_MEDIA_UPLOAD_ENABLED", "false", IMAGE.marker),
        ("LANGFUSE_OTEL_INLINE_MEDIA", "true", uri("image/png", PNG)),
    ],
)
def test_settings(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    """Without uploads a span has a marker, or, where that is asked for, the bytes."""
    monkeypatch.setenv(name, value)
    complete()
    [seen] = observations(receiver)

    assert json.loads(seen.input or "")[0]["content"][1]["image_url"]["url"] == text
    assert receiver.store.media(IMAGE.id) is None


@pytest.mark.parametrize("inline", ["false", "true"])
def test_without_content(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch, inline: str
) -> None:
    """Where no content is captured, media in the metadata neither are uploaded nor stay there."""
    monkeypatch.setenv("LANGFUSE_OTEL_CAPTURE_CONTENT", "false")
    monkeypatch.setenv("LANGFUSE_OTEL_INLINE_MEDIA", inline)
    complete(metadata={"seen": uri("image/png", PNG)})
    langfuse_otel.start_span("by hand").end(metadata={"seen": uri("image/png", PNG)})
    seen = observations(receiver)

    assert [one.metadata["seen"] for one in seen] == [IMAGE.marker] * 2
    assert receiver.store.media(IMAGE.id) is None


def test_other_destinations_have_no_media_api(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To an OpenTelemetry endpoint go markers."""
    monkeypatch.setenv("LANGFUSE_OTEL_ENDPOINT", f"{collector.url}/api/public/otel/v1/traces")
    monkeypatch.setenv(
        "OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic cGstbGYtdGVzdDpzay1sZi10ZXN0"
    )
    litellm.callbacks = ["langfuse_otel"]
    complete()
    assert langfuse_otel.flush(SECONDS)
    [span] = collector.spans

    assert IMAGE.marker in span.attributes["langfuse.observation.input"]
    assert collector.media == {}


@pytest.mark.parametrize("mask", [{"mask_input": True, "mask_output": True}, None])
def test_nothing_masked_is_uploaded(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch, mask: dict[str, bool] | None
) -> None:
    """What is masked, or redacted by LiteLLM, is not uploaded."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", mask is None)
    complete(metadata=mask, mock_response=uri("audio/wav", WAV))
    [seen] = observations(receiver)

    assert media_of(receiver.store, seen.trace_id) == []
    assert "redacted-by-litellm" in (seen.input or "")


class Hanging(Collector):
    """A Langfuse whose address for uploads hangs until it is `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()

    def _take_media(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str | None]]:
        if method == "PUT":
            self.open.wait(SECONDS)
        return super()._take_media(method, path, headers, body)


def test_span_arrives_while_the_upload_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The span is there before its media."""
    with Hanging() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        litellm.callbacks = ["langfuse_otel"]
        complete()
        [span] = collector.wait_for(1)
        was_there = dict(collector.media)
        collector.open.set()

        assert langfuse_otel.flush(SECONDS)
        assert IMAGE.reference in span.attributes["langfuse.observation.input"]
        assert was_there == {}
        assert collector.media == {IMAGE.id: PNG, SOUND.id: WAV, PAPER.id: PDF}
        assert len(collector.spans) == 1


def test_refused_uploads_are_marked(
    receiver: LocalReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the storage refuses, the observation that Langfuse keeps has markers."""

    def refuse(*_: object) -> None:
        raise RefusedError(403, "No.")

    from langfuse_otel.dev import _app
    from langfuse_otel.dev._decode import RefusedError

    monkeypatch.setattr(_app, "check_content", refuse)
    complete()
    [seen] = observations(receiver)

    assert IMAGE.marker in (seen.input or "")
    assert "@@@langfuseMedia" not in (seen.input or "")
    assert langfuse_otel.stats().media.repeated == 1
    record = receiver.store.media(IMAGE.id)
    assert record is None or record.upload_status == 403
