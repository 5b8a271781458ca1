"""Media inside an observation's JSON → texts in their place, and the media that were found. Pure.

Works on the JSON text and not on the caller's objects: it is a snapshot already, and who encodes
the span pays for base64 and hash, not who makes the call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import SchemaValidator, core_schema, from_json

from langfuse_otel._spans.media import medium_of, type_of_format
from langfuse_otel._text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langfuse_otel._records import Json, Observation
    from langfuse_otel._spans.media import Medium
    from langfuse_otel._spans.otlp import Part

    Shown = Callable[[Medium], str]
    Object = Mapping[str, Any]

Field = Literal["input", "output", "metadata"]

ANY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Use:
    """Media, and the field of the observation that they were in."""

    medium: Medium
    field: Field


@dataclass(frozen=True, slots=True)
class Attachments:
    """The media that an encoded span refers to.

    `size`: about how many bytes `encode_with` holds; it encodes the span with other texts in place
    of its references.
    """

    trace_id: str
    observation_id: str
    uses: tuple[Use, ...]
    size: int
    encode_with: Callable[[Mapping[str, str]], Part]

    @property
    def markers(self) -> dict[str, str]:
        """What to write in place of each reference where no media are uploaded."""
        return {use.medium.reference: use.medium.marker for use in self.uses}


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that holds base64, as some provider has it.

    Attributes:
        key: where it holds it.
        under: the keys that the object itself may stand under.
        types: what its `type` may be.
        is_named: it has a content type beside the base64.
    """

    key: str
    under: frozenset[str] = ANY
    types: frozenset[str] = ANY
    is_named: bool = False

    def fits(self, given: Object, name: str) -> bool:
        """Whether the object `given`, which stands under `name`, has this shape."""
        return (
            isinstance(given.get(self.key), str)
            and (not self.under or name in self.under)
            and (not self.types or str(given.get("type")) in self.types)
            and (not self.is_named or _named_type(given) is not None)
        )


_KINDS = frozenset({"base64", "media", "file", "image", "audio", "video", "document"})
SHAPES = (
    Shape("b64_json"),  # image generation
    Shape("file_data"),  # OpenAI's files, where it is no data URI
    Shape("data", under=frozenset({"input_audio", "audio"})),  # OpenAI's audio
    Shape("audio", types=frozenset({"input_audio", "output_audio"})),  # ... in realtime
    Shape("result", types=frozenset({"image_generation_call"})),  # ... as a tool of responses
    Shape("data", under=frozenset({"inline_data", "inlineData"}), is_named=True),  # Gemini
    Shape("bytesBase64Encoded", is_named=True),  # Imagen
    Shape("data", types=_KINDS, is_named=True),  # Anthropic, MCP, LangChain
    Shape("base64", types=_KINDS, is_named=True),  # LangChain
    Shape("content", types=frozenset({"blob"}), is_named=True),  # OpenTelemetry's messages
    Shape("blob", is_named=True),  # MCP's resources
    Shape("bytes", under=frozenset({"source"})),  # Bedrock
)
# `content` is a key of every message: it is looked for by what makes it one of these.
_HINTS = [f'"{shape.key}":"' for shape in SHAPES if shape.key != "content"]
# Rust's expressions look for all of these at once, in a tenth of the time that Python takes for one.
_MAY_HOLD_MEDIA = SchemaValidator(
    core_schema.str_schema(pattern="|".join([";base64,", '"type":"blob"', *_HINTS]))
).isinstance_python

_TYPE_NAMES = ("media_type", "mime_type", "mimeType", "mediaType")
_HEAD = r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+=-]+)*"
_WHOLE_HEAD = re.compile(_HEAD)
# What is cut short, and says so with dots, is no media.
_DATA_URI = re.compile(_HEAD + r";base64,([A-Za-z0-9+/_-]+=*)(?=$|[\s\"'`)\]}<>,;|\\]|\.(?:\s|$))")
_LINE_BREAKS = str.maketrans("", "", "\r\n")


def without_media(observation: Observation, shown: Shown) -> tuple[Observation, tuple[Use, ...]]:
    """Return `observation` with what `shown` makes of its media in their place, and the media."""
    o, uses = observation, dict[str, Use]()

    def seen(text: Json | None, name: Field) -> Json | None:
        if text is None or not _MAY_HOLD_MEDIA(text):
            return text
        changed, media = replaced(text, shown)
        for medium in media:
            uses.setdefault(medium.reference, Use(medium, name))
        return changed

    texts = (o.input, o.output, o.metadata, o.trace.input, o.trace.output, o.trace.metadata)
    if not any(map(_MAY_HOLD_MEDIA, filter(None, texts))):
        return observation, ()
    return _with_content(observation, seen), tuple(uses.values())


def with_texts(observation: Observation, changes: Mapping[str, str]) -> Observation:
    """Return `observation` with other texts in place of those that `without_media` put there."""

    def seen(text: Json | None, _: Field) -> Json | None:
        for old, new in changes.items():
            text = text and text.replace(old, new)
        return text

    return _with_content(observation, seen)


def _with_content(o: Observation, seen: Callable[[Json | None, Field], Json | None]) -> Observation:
    trace = o.trace._replace(
        input=seen(o.trace.input, "input"),
        output=seen(o.trace.output, "output"),
        metadata=seen(o.trace.metadata, "metadata"),
    )
    return o._replace(
        input=seen(o.input, "input"),
        output=seen(o.output, "output"),
        metadata=seen(o.metadata, "metadata"),
        trace=trace,
    )


def replaced(text: Json, shown: Shown) -> tuple[Json, list[Medium]]:
    """Return JSON text with what `shown` makes of media in their place, and the media.

    What is no valid base64 stays as it is; so does text without media, to the letter.
    """
    media: list[Medium] = []

    def keep(medium: Medium) -> str:
        media.append(medium)
        return shown(medium)

    try:
        changed = _seen(from_json(text), keep)
    except (ValueError, RecursionError):  # nested too deeply: it goes as it is
        return text, []
    return (json_text(changed), media) if media else (text, [])


def _seen(value: Any, keep: Shown, name: str = "", above: Object | None = None) -> Any:
    """`name` is the key that the value stands under, `above` the object with that key."""
    if isinstance(value, str):
        return _seen_text(value, keep)
    if isinstance(value, list):
        return [_seen(item, keep) for item in value]
    if isinstance(value, dict):
        return _seen_object(value, keep, name, above or {})
    return value


def _seen_object(given: Object, keep: Shown, name: str, above: Object) -> dict[str, Any]:
    holding = next((shape.key for shape in SHAPES if shape.fits(given, name)), None)
    seen = {key: _seen(value, keep, key, given) for key, value in given.items() if key != holding}
    if holding is None:
        return seen
    text = given[holding]
    medium = medium_of(text.translate(_LINE_BREAKS), _content_type(given, name, above))
    held = keep(medium) if medium else _seen_text(text, keep)
    return {key: held if key == holding else seen[key] for key in given}


def _seen_text(text: str, keep: Shown) -> str:
    """Data URIs, of which a text may have several."""
    head, found, rest = text.partition(";base64,")
    if not found:
        return text
    start = _WHOLE_HEAD.fullmatch(head)
    medium = medium_of(rest, start[1]) if start else None
    return keep(medium) if medium else _DATA_URI.sub(lambda uri: _seen_uri(uri, keep), text)


def _seen_uri(uri: re.Match[str], keep: Shown) -> str:
    medium = medium_of(uri[2], uri[1])
    return keep(medium) if medium else uri[0]


def _content_type(given: Object, name: str, above: Object) -> str | None:
    """What the object says of its bytes, or the one above it; None where only the bytes tell."""
    format_name = given.get("format") or above.get("format") or given.get("output_format")
    families = ("audio",) if "audio" in name else ("image", "video", "audio")
    return _named_type(given) or type_of_format(format_name, *families)


def _named_type(given: Object) -> str | None:
    named = (given.get(name) for name in _TYPE_NAMES)
    return next((one for one in named if isinstance(one, str) and "/" in one), None)
