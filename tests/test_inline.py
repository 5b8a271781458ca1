"""Media are found in whatever shape a provider has them, and nothing else is changed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.types.utils import ImageObject

from calls import a_call, a_response, observed
from langfuse_otel._spans.inline import SHAPES as SHAPES_KNOWN
from langfuse_otel._spans.inline import Use, replaced, with_texts, without_media
from langfuse_otel._spans.media import ANY_TYPE, Medium
from langfuse_otel._text import json_text
from test_attributes import FULL

PNG = b"\x89PNG\r\n\x1a\nsomething"
WAV = b"RIFF\0\0\0\0WAVEsomething"
PDF = b"%PDF-1.7 something"


def b64(content: bytes) -> str:
    """Return base64 as text."""
    return base64.b64encode(content).decode()


def uri(content_type: str, content: bytes) -> str:
    """Return a data URI."""
    return f"data:{content_type};base64,{b64(content)}"


def shown(medium: Medium) -> str:
    """Stand for media in these tests."""
    return f"<{medium.content_type} {len(medium.content)}>"


SHOWN = {
    PNG: f"<image/png {len(PNG)}>",
    WAV: f"<audio/wav {len(WAV)}>",
    PDF: f"<application/pdf {len(PDF)}>",
}

SHAPES: dict[str, tuple[Any, Any]] = {
    "openai-image": (
        {"type": "image_url", "image_url": {"url": uri("image/png", PNG), "detail": "low"}},
        {"type": "image_url", "image_url": {"url": SHOWN[PNG], "detail": "low"}},
    ),
    "openai-audio": (
        {"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": SHOWN[WAV], "format": "wav"}},
    ),
    "openai-audio-of-unknown-format": (
        {"type": "input_audio", "input_audio": {"data": b64(b"abc"), "format": "pcm16"}},
        {"type": "input_audio", "input_audio": {"data": f"<{ANY_TYPE} 3>", "format": "pcm16"}},
    ),
    "openai-file": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": uri("application/pdf", PDF)}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": SHOWN[PDF]}},
    ),
    "openai-file-without-type": (
        {"type": "file", "file": {"file_data": b64(PDF)}},
        {"type": "file", "file": {"file_data": SHOWN[PDF]}},
    ),
    "openai-generated-image": (
        [{"b64_json": b64(PNG), "revised_prompt": "a dog"}],
        [{"b64_json": SHOWN[PNG], "revised_prompt": "a dog"}],
    ),
    "openai-spoken-answer": (
        {"audio": {"id": "audio_1", "data": b64(WAV), "expires_at": 1, "transcript": "hello"}},
        {"audio": {"id": "audio_1", "data": SHOWN[WAV], "expires_at": 1, "transcript": "hello"}},
    ),
    "openai-realtime": (
        {"type": "input_audio", "audio": b64(WAV)},
        {"type": "input_audio", "audio": SHOWN[WAV]},
    ),
    "responses-image": (
        {"type": "input_image", "image_url": uri("image/png", PNG)},
        {"type": "input_image", "image_url": SHOWN[PNG]},
    ),
    "responses-file": (
        {"type": "input_file", "filename": "a.pdf", "file_data": uri("application/pdf", PDF)},
        {"type": "input_file", "filename": "a.pdf", "file_data": SHOWN[PDF]},
    ),
    "responses-generated-image": (
        {"type": "image_generation_call", "id": "ig_1", "result": b64(PNG)},
        {"type": "image_generation_call", "id": "ig_1", "result": SHOWN[PNG]},
    ),
    "anthropic": (
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)},
        },
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": SHOWN[PNG]},
        },
    ),
    "gemini": (
        {"parts": [{"inline_data": {"mime_type": "image/png", "data": b64(PNG)}}]},
        {"parts": [{"inline_data": {"mime_type": "image/png", "data": SHOWN[PNG]}}]},
    ),
    "gemini-camel": (
        {"inlineData": {"mimeType": "audio/wav", "data": b64(WAV)}},
        {"inlineData": {"mimeType": "audio/wav", "data": SHOWN[WAV]}},
    ),
    "gemini-url-safe": (
        {"inlineData": {"mimeType": "image/png", "data": "-_-_"}},
        {"inlineData": {"mimeType": "image/png", "data": "<image/png 3>"}},
    ),
    "imagen": (
        {"predictions": [{"bytesBase64Encoded": b64(PNG), "mimeType": "image/png"}]},
        {"predictions": [{"bytesBase64Encoded": SHOWN[PNG], "mimeType": "image/png"}]},
    ),
    "vertex": (
        {"type": "media", "mime_type": "video/mp4", "data": b64(b"abc")},
        {"type": "media", "mime_type": "video/mp4", "data": "<video/mp4 3>"},
    ),
    "bedrock": (
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"image": {"format": "png", "source": {"bytes": SHOWN[PNG]}}},
    ),
    "bedrock-document": (
        {"document": {"format": "csv", "name": "a", "source": {"bytes": b64(b"abc")}}},
        {"document": {"format": "csv", "name": "a", "source": {"bytes": "<text/csv 3>"}}},
    ),
    "mcp": (
        {"type": "image", "data": b64(PNG), "mimeType": "image/png"},
        {"type": "image", "data": SHOWN[PNG], "mimeType": "image/png"},
    ),
    "mcp-resource": (
        {"resource": {"uri": "file:///a", "mimeType": "application/pdf", "blob": b64(PDF)}},
        {"resource": {"uri": "file:///a", "mimeType": "application/pdf", "blob": SHOWN[PDF]}},
    ),
    "langchain": (
        {"type": "image", "base64": b64(PNG), "mime_type": "image/png"},
        {"type": "image", "base64": SHOWN[PNG], "mime_type": "image/png"},
    ),
    "opentelemetry": (
        {"type": "blob", "mime_type": "image/png", "content": b64(PNG)},
        {"type": "blob", "mime_type": "image/png", "content": SHOWN[PNG]},
    ),
    "ai-sdk": (
        {"type": "file", "mediaType": "application/pdf", "data": b64(PDF)},
        {"type": "file", "mediaType": "application/pdf", "data": SHOWN[PDF]},
    ),
    "several-in-one-text": (
        f'![a]({uri("image/png", PNG)}) and\n{uri("audio/wav", WAV)}, "{uri("image/png", PNG)}".',
        f'![a]({SHOWN[PNG]}) and\n{SHOWN[WAV]}, "{SHOWN[PNG]}".',
    ),
    "with-parameters": (
        f"data:audio/wav;rate=16000;base64,{b64(WAV)}",
        SHOWN[WAV],
    ),
    "type-of-the-uri": (f"See {uri('text/csv', b'abc')} there", "See <text/csv 3> there"),
    "broken-beside-whole": (
        f"data:image/png;base64,AAAAA and {uri('image/png', PNG)}",
        f"data:image/png;base64,AAAAA and {SHOWN[PNG]}",
    ),
    "json-in-text": (
        json.dumps({"url": uri("image/png", PNG)}),
        json.dumps({"url": SHOWN[PNG]}),
    ),
    "at-the-end-of-a-sentence": (f"See {uri('image/png', PNG)}. So", f"See {SHOWN[PNG]}. So"),
    "wrapped-lines": (
        {"type": "base64", "media_type": "text/plain", "data": "AAEC\nAwQF\r\n"},
        {"type": "base64", "media_type": "text/plain", "data": "<text/plain 6>"},
    ),
}


@pytest.mark.parametrize(("value", "expected"), SHAPES.values(), ids=SHAPES)
def test_shapes(value: Any, expected: Any) -> None:
    """Each provider's shape keeps its form, with a text in place of the bytes."""
    text = json_text([{"role": "user", "content": [value]}])
    seen, uses = without_media(FULL._replace(input=text), shown)

    assert json.loads(seen.input or "") == [{"role": "user", "content": [expected]}]
    assert {use.field for use in uses} == {"input"}


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        ({"input_audio": {"data": "AAEC", "format": "webm"}}, "audio/webm"),
        ({"image": {"format": "avif", "source": {"bytes": "AAEC"}}}, "image/avif"),
        ({"video": {"format": "webm", "source": {"bytes": "AAEC"}}}, "video/webm"),
        ({"audio": {"format": "opus", "source": {"bytes": "AAEC"}}}, "audio/opus"),
        (
            {"type": "image_generation_call", "output_format": "webp", "result": "AAEC"},
            "image/webp",
        ),
    ],
    ids=["openai-audio", "image", "video", "audio", "generated-image"],
)
def test_format_names_the_type(value: Any, content_type: str) -> None:
    """Where bytes do not tell their type, the format beside or above them does."""
    _, media = replaced(json_text(value), shown)

    assert media == [Medium(content_type, b"\0\1\2")]


def test_letters_of_what_is_no_media() -> None:
    """JSON that was written in another way than ours keeps its spaces."""
    text = '{ "url": "data:image/png;base64,AAAAA" }'

    assert replaced(text, shown) == (text, [])


@pytest.mark.parametrize(
    "value",
    [
        {"url": "data:image/png;base64,iVBORw0KGgo..."},
        {"url": "data:image/png;base64,iVBORw0KGgo[truncated]%"},
        {"url": "data:image/png;base64,"},
        {"url": "data:image/png;base64,AAAAA"},
        {"url": "data:;base64,AAAA"},
        {"url": "https://example.com/a.png"},
        {"input_audio": {"data": "no base64!", "format": "wav"}},
        {"input_audio": {"data": 1, "format": "wav"}},
        {"input_audio": {"data": None}},
        {"b64_json": None, "url": "https://example.com"},
        {
            "type": "base64",
            "media_type": "image/png",
            "data": "@@@langfuseMedia:type=a|id=b|source=c@@@",
        },
        {"type": "base64", "media_type": "no type", "data": "AAAA"},
        {"data": "AAAA"},
        {"data": [{"b64_json": ""}]},
        {"content": "AAAA", "role": "user"},
        {"result": "AAAA"},
        {"bytes": "AAAA"},
        {"audio": {"voice": "alloy", "format": "wav"}},
        {"mime_type": "text/plain", "data": "AAAA"},
        {"type": ["image"], "mime_type": "image/png", "data": "AAAA"},
        {"type": {"image": 1}, "mime_type": "image/png", "data": "AAAA"},
        "the text ;base64, alone",
    ],
    ids=str,
)
def test_what_is_no_media(value: Any) -> None:
    """Broken base64, and what only looks like media, stays to the letter."""
    text = json_text({"messages": value, "numbers": [1.0, 1e300, 2**53, None]})

    assert replaced(text, shown) == (text, [])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "name"]), inner)
    ),
)


@given(JSON)
def test_other_json_is_unchanged(value: Any) -> None:
    """What holds no media is not changed by a letter."""
    observation = FULL._replace(input=json_text(value), metadata=json_text({"a": value}))

    assert without_media(observation, shown) == (observation, ())


KEYS = [shape.key for shape in SHAPES_KNOWN]
NEARLY = st.recursive(
    st.integers(-99, 99) | st.none() | st.text().map(lambda text: f"{text}!"),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from([*KEYS, "type", "format", "source", "media_type", "input_audio"]), inner
        ).map(lambda given: {"type": "base64", **given})
    ),
)


@given(NEARLY)
def test_what_is_nearly_media_is_unchanged(value: Any) -> None:
    """Whatever stands under the keys that media have, nothing fails and nothing is changed."""
    text = json_text({"data": "!", "value": value})

    assert replaced(text, shown) == (text, [])


@given(JSON)
def test_what_stands_beside_media_is_unchanged(value: Any) -> None:
    """Media are replaced, and nothing around them."""
    text = json_text({"a": value, "url": uri("image/png", PNG), "z": value})
    seen, media = replaced(text, shown)

    assert json.loads(seen) == json.loads(text.replace(uri("image/png", PNG), SHOWN[PNG]))
    assert media == [Medium("image/png", PNG)]


def test_deep_nesting() -> None:
    """JSON that is nested too deeply to be looked through goes as it is."""
    text = '{"data":"AAAA","x":' + "[" * 100_000 + "]" * 100_000 + "}"

    assert replaced(text, shown) == (text, [])


def test_all_fields() -> None:
    """Media are found in input, output and metadata, of the observation and of its trace."""
    texts = {name: json_text(uri("image/png", PNG + name.encode())) for name in "abcdef"}
    trace = FULL.trace._replace(input=texts["d"], output=texts["e"], metadata=texts["f"])
    observation = FULL._replace(
        input=texts["a"], output=texts["b"], metadata=texts["c"], trace=trace
    )
    seen, uses = without_media(observation, shown)
    size = f'"<image/png {len(PNG) + 1}>"'

    assert (seen.input, seen.output, seen.metadata) == (size, size, size)
    assert (seen.trace.input, seen.trace.output, seen.trace.metadata) == (size, size, size)
    assert {(use.medium.content[-1:], use.field) for use in uses} == {
        (b"a", "input"),
        (b"b", "output"),
        (b"c", "metadata"),
        (b"d", "input"),
        (b"e", "output"),
        (b"f", "metadata"),
    }


def test_the_same_media_twice() -> None:
    """What an observation holds twice is one use."""
    text = json_text([uri("image/png", PNG)] * 2)
    _, uses = without_media(FULL._replace(input=text, output=text), shown)

    assert uses == (Use(Medium("image/png", PNG), "input"),)


def test_other_texts_later() -> None:
    """A text that stands for media can be exchanged for another."""
    observation = FULL._replace(input=json_text(["a", uri("image/png", PNG)]))
    seen, _ = without_media(observation, shown)

    assert with_texts(seen, {SHOWN[PNG]: "gone"}).input == '["a","gone"]'


def test_callers_objects_stay() -> None:
    """The caller's own messages are not changed."""
    messages = [{"role": "user", "content": [SHAPES["openai-image"][0]]}]
    before = json.dumps(messages)
    without_media(observed(a_call(messages=messages)), shown)

    assert json.dumps(messages) == before


def test_litellms_objects() -> None:
    """Media in LiteLLM's own response objects are found as well."""
    response = a_response(
        "hello",
        images=[{"type": "image_url", "index": 0, "image_url": {"url": uri("image/png", PNG)}}],
    )
    seen, _ = without_media(observed(response=response), shown)
    generated = a_call(call_type="image_generation", messages="a dog")
    image = observed(generated, {"data": [ImageObject(b64_json=b64(PNG))]})
    seen_image, _ = without_media(image, shown)

    assert SHOWN[PNG] in (seen.output or "")
    assert SHOWN[PNG] in (seen_image.output or "")


def test_masked_input_has_no_media() -> None:
    """Nothing is uploaded of an input or output that is masked."""
    messages = [{"role": "user", "content": [SHAPES["openai-image"][0]]}]
    call = a_call({"mask_input": True, "mask_output": True}, messages=messages)
    _, uses = without_media(observed(call, a_response(uri("image/png", PNG))), shown)

    assert uses == ()
