"""Which content of a call is not to be seen, and by which of its masks."""

from __future__ import annotations

from typing import Any

import pytest

from calls import a_call, a_response, observation_of
from langfuse_otel._litellm import call_masks
from langfuse_otel._litellm.call import read_call
from langfuse_otel._litellm.call_masks import mask_of_call
from langfuse_otel._litellm.redaction import (
    ALL_REDACTED,
    NOT_CAPTURED,
    REDACTED,
    SHOWN,
    SWITCH,
    Hidden,
    hidden_of,
    is_redacted,
)

ON, OFF = {SWITCH: True}, {SWITCH: False}


def asked(value: object, **params: Any) -> dict[str, Any]:
    """Return the arguments of a call that sets LiteLLM's switch to this."""
    return {"standard_callback_dynamic_params": {SWITCH: value}, "litellm_params": params}


def passed(headers: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
    """Return the arguments of a request to the proxy."""
    request = {"url": "http://proxy", "headers": headers}
    return {"litellm_params": {"proxy_server_request": request, **params}}


@pytest.mark.parametrize(
    ("kwargs", "pinned", "expected"),
    [
        ({}, {}, False),
        ({}, ON, True),
        ({}, OFF, False),
        (asked(False), ON, True),
        (asked(True), {}, False),
        (asked("true"), {}, False),
        (asked("True"), {}, False),
        (asked("yes"), {}, True),
        (asked(1), {}, True),
        (asked(False), {}, False),
        (asked("no"), {}, False),
        (asked(False, proxy_server_request={"url": "x"}, **ON), {}, True),
        ({"litellm_params": ON}, {}, False),
        ({"litellm_params": {"metadata": ON}}, {}, False),
        (passed(), {}, False),
        (passed(**ON), {}, True),
        (passed(**OFF), {}, False),
        (passed(metadata=ON), {}, True),
        (passed({"x-litellm-enable-message-redaction": "true"}), {}, True),
        (passed({"litellm-enable-message-redaction": "true"}), {}, True),
        (passed({"litellm-enable-message-redaction": ""}), {}, False),
        (passed({"litellm-disable-message-redaction": "true"}), {}, False),
        (
            passed(
                {
                    "litellm-enable-message-redaction": "true",
                    "litellm-disable-message-redaction": "true",
                }
            ),
            {},
            False,
        ),
    ],
    ids=str,
)
def test_redacted(kwargs: dict[str, Any], pinned: dict[str, Any], expected: bool) -> None:
    """A switch counts that LiteLLM does not read itself: in doubt the content is hidden."""
    assert is_redacted(kwargs, pinned) is expected


@pytest.mark.parametrize(
    ("metadata", "switched", "hidden"),
    [
        ({}, SHOWN, SHOWN),
        ({}, NOT_CAPTURED, NOT_CAPTURED),
        ({"mask_input": True}, ALL_REDACTED, ALL_REDACTED),
        ({"mask_input": True}, SHOWN, Hidden(input=True, output=False, instead=REDACTED)),
        ({"mask_output": "yes"}, SHOWN, Hidden(input=False, output=True, instead=REDACTED)),
        ({"mask_input": "no", "mask_output": 0}, SHOWN, SHOWN),
    ],
    ids=["nothing", "not-captured", "switched", "input", "output", "not-masked"],
)
def test_hidden(metadata: dict[str, Any], switched: Hidden, hidden: Hidden) -> None:
    """What was switched holds, else what the metadata mask."""
    assert hidden_of(read_call(a_call(metadata), "answer"), switched) == hidden
    assert bool(hidden) is (hidden.input or hidden.output)


def with_mask(function: object, trace_id: object = "t") -> dict[str, Any]:
    """Return the arguments of a call with LiteLLM's masking function."""
    params = {"_langfuse_masking_function": function, "metadata": {}}
    return a_call(litellm_params=params, litellm_trace_id=trace_id)


def shout(text: str) -> str:
    """A mask."""
    return text.upper()


def test_mask_of_a_call() -> None:
    """A call's own mask is found where LiteLLM put it."""
    mask = mask_of_call(read_call(with_mask(shout), "answer"))

    assert mask is not None
    assert mask(["a", {"k": "b"}], "input") == ["A", {"k": "B"}]


def test_mask_that_litellm_leaves() -> None:
    """So is one that LiteLLM leaves in the metadata: under the plain name, or in `litellm_metadata`."""
    for inlet, name in (
        ("metadata", "masking_function"),
        ("litellm_metadata", "langfuse_masking_function"),
    ):
        kwargs = a_call(litellm_params={inlet: {name: shout}})
        mask = observation_of(kwargs, a_response()).mask

        assert mask is not None
        assert mask("a", "input") == "A"


def test_mask_that_is_no_function() -> None:
    """Where metadata name a mask that is none, the mask fails: the content is not shown."""
    mask = mask_of_call(read_call(a_call({"masking_function": "shout"}), "answer"))

    assert mask is not None
    with pytest.raises(TypeError):
        mask("a", "input")


def test_mask_of_a_later_attempt() -> None:
    """What LiteLLM has lost is remembered for the calls of the same trace, and for no other."""
    call_masks.note(with_mask(shout))
    call_masks.note(with_mask(None))
    call_masks.note(with_mask(shout, None))
    remembered = call_masks.noted(a_call(litellm_trace_id="t"))
    own = mask_of_call(read_call(with_mask(str.lower), "answer"), remembered)

    assert remembered is shout
    assert mask_of_call(read_call(a_call(), "answer"), remembered)("a", "input") == "A"  # type: ignore[misc]
    assert own("A", "input") == "a"  # type: ignore[misc]
    assert call_masks.noted(a_call(litellm_trace_id="other")) is None
    assert call_masks.noted(a_call(litellm_trace_id=None)) is None


def test_masks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those are forgotten that were not noted for longest."""
    monkeypatch.setattr(call_masks._functions, "most", 2)
    for trace_id in "abac":
        call_masks.note(with_mask(shout, trace_id))
    found = [call_masks.noted(a_call(litellm_trace_id=trace_id)) for trace_id in "abc"]

    assert found == [shout, None, shout]
