"""What masks make of an observation before it is sent: its content, or a fixed text where one fails.

Masks are the user's own functions `mask(data, kind)`. They run where spans are encoded, in a thread
that no caller waits for, before anybody looks for media and before anything reaches the disk.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic_core import from_json, to_jsonable_python

from langfuse_otel._privacy.parameters import QUOTING, without_quoting
from langfuse_otel._text import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langfuse_otel._records import Content, Json, Mask, Observation, TraceFields

log = logging.getLogger("langfuse_otel")

# What Langfuse's own SDK sends where a mask function fails.
FAILED = "<fully masked due to failed mask function>"

_configured: Mask | None = None


def configure(*, mask: Mask | None) -> None:
    """Set the mask function of this process; it takes effect at once.

    It masks what any of our loggers and exporters sends from now on, also what waits already, in
    addition to masks that they have themselves.

    Args:
        mask: called as `mask(data, kind)`, where `data` is what would be sent, as a value of JSON,
            and `kind` is `"input"`, `"output"`, `"metadata"`, `"status_message"` or `"comment"`.
            Returns what is sent in its place: anything that JSON can hold. None for no mask.

    Raises:
        TypeError: `mask` is no function.
    """
    global _configured  # noqa: PLW0603 - the one mask of the process
    if mask is not None and not callable(mask):
        raise TypeError("a mask is a function: mask(data, kind) -> data")
    _configured = mask


def mask_of(given: object) -> Mask | None:
    """Return the mask function that the setting `given` means: itself, or `module:function`.

    Where it means none, that is logged, and the mask returned fails whatever it is shown.
    """
    if given is None or callable(given):
        return given
    try:
        return named_mask(str(given))
    except ValueError as error:
        return _unusable(str(error))


def named_mask(given: str) -> Mask:
    """Return the function that `module:function` names.

    Raises:
        ValueError: it names none; the text says why.
    """
    module, _, name = given.partition(":")
    try:
        found = attrgetter(name)(import_module(module))
    except Exception as error:  # noqa: BLE001 - whatever a module raises as it is imported
        raise ValueError(type(error).__name__) from None
    if not callable(found):
        raise ValueError("it is no function")  # noqa: TRY004 - the text is at fault, not its type
    return found  # type: ignore[no-any-return]  # what is callable may be one


def mask_of_texts(function: object) -> Mask:
    """Return a mask that shows `function` each text by itself, whatever the content's shape.

    So LiteLLM (1.106) calls its `langfuse_masking_function`. A number is shown as text.
    """

    def each_text(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: each_text(value) for key, value in data.items()}
        if isinstance(data, list):
            return [each_text(item) for item in data]
        if data is None or isinstance(data, bool):
            return data
        text = str(data)
        masked = function(text)  # type: ignore[operator]  # else it fails, as it should
        return data if masked == text else masked

    return lambda data, _: each_text(data)


@dataclass(frozen=True, slots=True)
class Masking:
    """The masks that hold where something is sent; `failed` is told why one did not work."""

    own: Mask | None
    failed: Callable[[str], None]

    def masks(self, of_call: Mask | None = None) -> tuple[Mask, ...]:
        """Return the masks in the order in which they run: the call's, the own, the process's."""
        return tuple(mask for mask in (of_call, self.own, _configured) if mask is not None)

    def value(self, data: Any, kind: Content, masks: tuple[Mask, ...]) -> Any:
        """Return what the masks make of a value: one of JSON's, the fixed text if one fails."""
        try:
            for mask in masks:
                data = to_jsonable_python(mask(data, kind))
        except BaseException as error:  # noqa: BLE001 - a mask may raise anything; its text may quote
            self.failed(type(error).__name__)
            return FAILED
        return data

    def text(self, text: Json | None, kind: Content, masks: tuple[Mask, ...]) -> Json | None:
        """Return what the masks make of JSON text; None for nothing."""
        if text is None:
            return None
        masked = self.value(_parsed(text), kind, masks)
        return None if masked is None else json_text(masked)

    def object(self, text: Json | None, kind: Content, masks: tuple[Mask, ...]) -> Json | None:
        """Return what the masks make of a JSON object, which Langfuse has to find there again."""
        masked = self.text(text, kind, masks)
        return masked if masked is None or masked[:1] == "{" else f'{{"masked":{masked}}}'

    def words(self, text: str | None, kind: Content, masks: tuple[Mask, ...]) -> str | None:
        """Return what the masks make of a text that Langfuse takes as plain text."""
        masked = self.value(text, kind, masks) if text else text
        return masked if masked is None or isinstance(masked, str) else json_text(masked)


def masked(o: Observation, masking: Masking) -> Observation:
    """Return an observation with its content masked: input, output, metadata, error text."""
    masks = masking.masks(o.mask)
    if not masks:
        return o
    return o._replace(
        input=masking.text(o.input, "input", masks),
        output=masking.text(o.output, "output", masks),
        metadata=masking.object(o.metadata, "metadata", masks),
        status_message=masking.words(o.status_message, "status_message", masks),
        model_parameters=_parameters(o.model_parameters, masking, masks),
        trace=_trace(o.trace, masking, masks),
    )


def masked_score(body: Json, masking: Masking) -> Json:
    """Return the request of a score with its comment and metadata masked."""
    masks = masking.masks()
    if not masks:
        return body
    said = json.loads(body)
    if comment := said.get("comment"):
        said["comment"] = masking.words(comment, "comment", masks)
    if metadata := said.get("metadata"):
        value = masking.value(metadata, "metadata", masks)
        said["metadata"] = value if value is None or isinstance(value, dict) else {"masked": value}
    return json_text(said)


def without_content(o: Observation) -> Observation:
    """Return an observation without input, output and error text."""
    return o._replace(
        input=None,
        output=None,
        status_message=None,
        model_parameters=without_quoting(o.model_parameters),
        trace=o.trace._replace(input=None, output=None),
    )


def _trace(fields: TraceFields, masking: Masking, masks: tuple[Mask, ...]) -> TraceFields:
    return fields._replace(
        input=masking.text(fields.input, "input", masks),
        output=masking.text(fields.output, "output", masks),
        metadata=masking.object(fields.metadata, "metadata", masks),
    )


def _parameters(text: Json | None, masking: Masking, masks: tuple[Mask, ...]) -> Json | None:
    """Those that hold what the caller wrote are part of the input."""
    given = _object(text)
    if not QUOTING & given.keys():
        return text
    return json_text(
        {k: masking.value(v, "input", masks) if k in QUOTING else v for k, v in given.items()}
    )


def _object(text: Json | None) -> Mapping[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def _parsed(text: Json) -> Any:
    """Content as a value; what is nested too deeply for that, as the text that it is."""
    try:
        return from_json(text)
    except (ValueError, RecursionError):
        return text


def _unusable(why: str) -> Mask:
    log.warning(
        "langfuse-otel: LANGFUSE_OTEL_MASK must name a function as `module:function` (%s); "
        "content is replaced until it does",
        why,
    )

    def fail(*_: object) -> NoReturn:
        raise LookupError

    return fail
