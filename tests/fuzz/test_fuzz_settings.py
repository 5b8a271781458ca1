"""Whatever stands in the environment, there are settings, or an error that says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from calls import observed
from langfuse_otel._litellm.tenants import NOBODY
from langfuse_otel._pipeline import _encoded
from langfuse_otel._privacy.masking import Masking, mask_of
from langfuse_otel._process import limits_of
from langfuse_otel._read_settings import _warn_once, read_settings
from langfuse_otel._routes import Routes, _warned
from langfuse_otel._spans.otlp import request_of
from langfuse_otel.settings import Settings, variables
from langfuse_otel.testing import _spans_of
from strategies import bounded

if TYPE_CHECKING:
    import pytest

SECRET = "canary-5b1d"
# As bytes stand in Python's environment: what is no UTF-8 is half a character.
VALUES = st.binary(max_size=40).map(lambda value: os.fsdecode(value.replace(b"\0", b""))) | (
    st.sampled_from(
        [
            "9" * 5_000,
            "1e400",
            "nan",
            "-1",
            "0x10",
            "true",
            "a=b\r\nc=%ff,=,\xe9=1",
            "/dev/null/x",
            "~nobody/x",
            "x" * 5_000,
            "\x1b[2J",
        ]
    )
)
ADDRESSES = st.sampled_from(
    [
        f"user:{SECRET}@\u2100",
        f"http://user:{SECRET}@host",
        f"http://{SECRET}@[::1",
        f"[{SECRET}]",
        "http://[",
        "http://x:99999",
        "http://a\x01b",
    ]
)
OF_ADDRESSES = st.sampled_from(
    [name for field in ("host", "endpoint", "otlp_endpoint") for name in variables(field)]
)
NAMES = st.sampled_from([name for field in Settings.model_fields for name in variables(field)])


@bounded
@given(
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.dictionaries(OF_ADDRESSES, VALUES | ADDRESSES, max_size=2),
    st.booleans(),
)
def test_any_environment(
    caplog: pytest.LogCaptureFixture,
    environment: dict[str, str],
    addresses: dict[str, str],
    has_keys: bool,
) -> None:
    """A program starts and its calls are read, and no password in an address is repeated."""
    keys = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"} if has_keys else {}
    caplog.clear()
    _warn_once.cache_clear()
    _warned.clear()
    with patch.dict(os.environ, {**keys, **environment, **addresses}):
        read = read_settings()
        route = Routes(read, lambda _: None).of(NOBODY)
        part = _encoded(observed, read, "marker", Masking(mask_of(read.mask), [].append))

    assert route == "no_destination" or not isinstance(route, str)
    assert limits_of(read).timeout_s > 0
    assert len(_spans_of(request_of([part]), {})) == 1
    assert SECRET not in caplog.text
