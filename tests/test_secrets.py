"""The credentials of a call, out of the texts that quote them."""

from __future__ import annotations

from typing import Any

import pytest

from calls import Growing
from langfuse_otel._privacy.secrets import IN_PLACE, without_secrets

KEY = "sk-abcdefgh"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"api_key": KEY},
        {"apikey": KEY},
        {"aws_secret_access_key": KEY},
        {"aws_access_key_id": KEY},
        {"azure_ad_token": KEY},
        {"azure_password": KEY},
        {"vertex_credentials": KEY},
        {"AUTHORIZATION": KEY},
        {"litellm_params": {"api_key": KEY}},
        {"optional_params": {"api_key": KEY}},
        {"standard_callback_dynamic_params": {"langfuse_secret_key": KEY}},
        {"additional_args": {"api_key": KEY}},
        {"additional_args": {"complete_input_dict": {"api_key": KEY}}},
        *(
            {place: {name: {"x-mine": KEY}}}
            for place in ("litellm_params", "optional_params", "additional_args")
            for name in ("extra_headers", "headers", "default_headers")
        ),
        {"extra_headers": {"authorization": f"Bearer {KEY}"}},
        {"additional_args": {"complete_input_dict": {"extra_headers": {"x-mine": KEY}}}},
    ],
    ids=str,
)
def test_places(kwargs: dict[str, Any]) -> None:
    """A credential is known by the name of its argument, in a header by standing there."""
    assert without_secrets(f"bad key {KEY}!", kwargs) == f"bad key {IN_PLACE}!"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"model": KEY},
        {"max_tokens": KEY},
        {"api_key": None},
        {"api_key": 12345678},
        {"api_key": KEY[:7]},
        {"api_key": "", "headers": None},
        {"litellm_params": None, "additional_args": "x"},
    ],
    ids=str,
)
def test_no_credentials(kwargs: dict[str, Any]) -> None:
    """What has another name, is no text or too short to be a secret is left in its place."""
    assert without_secrets(f"{KEY} 12345678", kwargs) == f"{KEY} 12345678"


def test_shortest() -> None:
    """Eight characters may be a secret."""
    assert without_secrets("so: 12345678", {"api_key": "12345678"}) == f"so: {IN_PLACE}"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("Bearer secret-1234", "secret-1234"),
        ("Bearer secret-1234", "Bearer secret-1234"),
        ("Basic of two words-1234", "words-1234"),
        ('a"secret\n1234', r"a\"secret\n1234"),
        (98765432, "98765432"),
    ],
    ids=["scheme", "whole", "words", "json", "number"],
)
def test_forms(value: object, quoted: str) -> None:
    """A header's value is found without its scheme, and as JSON writes it."""
    assert without_secrets(f"[{quoted}]", {"headers": {"x": value}}) == f"[{IN_PLACE}]"


def test_one_within_another() -> None:
    """Of two credentials that begin alike none leaves its end behind."""
    kwargs = {"api_key": KEY, "litellm_params": {"api_key": f"{KEY}-and-more"}}

    assert without_secrets(f"{KEY} {KEY}-and-more", kwargs) == f"{IN_PLACE} {IN_PLACE}"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"litellm_params": Growing(api_key="sk-1234567890")},
        {"optional_params": {"extra_headers": Growing({"X-Key": "sk-1234567890"})}},
    ],
    ids=["argument", "header"],
)
def test_arguments_that_grow(kwargs: dict[str, Any]) -> None:
    """LiteLLM's own threads may add to its dictionaries while they are read."""
    assert without_secrets("no sk-1234567890", kwargs) == f"no {IN_PLACE}"
