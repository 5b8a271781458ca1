"""What may come in, for the properties in `tests/fuzz`: odd texts and numbers, and what holds them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from langfuse_otel._litellm.names import FIELDS

# A property is asked of a quarter of the profile's examples; they share the fixtures of its test.
bounded = settings(
    max_examples=settings.default.max_examples // 4, suppress_health_check=list(HealthCheck)
)


class Undecided:
    """Fails at whatever is asked of it, as an array does whose truth nobody can tell."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __repr__(self) -> str:
        raise ValueError("no text either")


def nested(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    [
        "\x00",
        "\x1b]0;title\x07\x1b[2J\r\n",
        "\x9b31m\u202e\u2028",
        "\ud800",
        "x" * 5_000,
        "9" * 5_000,
        "1" + "0" * 400,
        "[" * 2_000,
        '{"a":' * 300 + "1" + "}" * 300,
        '["a", "\\ud800", NaN, 1e999]',
        "true",
        "../../../etc/passwd",
        "os.environ/HOME",
        "0" * 32,
        "0af7651916cd43dd8448eb211c80319c",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data:image/png;base64,iVBORw0KGgo=",
        "2026-11-21T08:00:00Z",
    ]
)
NUMBERS = st.integers() | st.floats() | st.sampled_from([2**53 + 1, 2**63, 2**64 + 1, -1, 10**400])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    SCALARS | st.integers(1, 280).map(nested),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
# What only a program can hand over.
OBJECTS = (
    JSON
    | st.binary(max_size=20)
    | st.builds(Undecided)
    | st.sampled_from([10**5_000, {1: {2}}, (1,), nested(5_000)])
)

NAMES = st.sampled_from([*FIELDS, *(f"langfuse_{name}" for name in FIELDS)])


def metadata(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return metadata with fields that mean something, and others."""
    return st.dictionaries(NAMES | TEXTS, values, max_size=5)


# What RFC 9110 has in no header, so that a client does not send it either.
_NO_HEADER = bytes([*range(9), *range(10, 32), 127])
_LITELLM_HEADERS = ("tags", "trace-id", "session-id", "end-user-id", "timeout", "num-retries")
HEADERS = st.dictionaries(
    NAMES.filter(lambda name: name.startswith("langfuse_"))
    | st.sampled_from(["traceparent", "tracestate", "baggage"])
    | st.sampled_from([f"x-litellm-{name}" for name in _LITELLM_HEADERS]),
    (
        st.binary(max_size=40).map(lambda value: value.translate(None, _NO_HEADER))
        | TEXTS.filter(lambda text: text.isascii() and text.isprintable()).map(str.encode)
    ).map(bytes.strip),
    max_size=4,
)


def wire(value: object) -> bytes:
    """Return JSON as clients write it that check nothing: with NaN, and with half characters."""
    return json.dumps(value).encode()


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw `content` with some of its bytes changed, taken out or put in."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(changed)))
        changed[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(changed)
