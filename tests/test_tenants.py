"""Which project a call asks for, and which hosts a request may name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from langfuse_otel._hosts import is_allowed, is_written_out
from langfuse_otel._litellm import pinned
from langfuse_otel._litellm.tenants import NOBODY, Tenant, tenant_of

PAIR = {"langfuse_public_key": "pk-a", "langfuse_secret_key": "sk-a"}
KEYS = {"langfuse_public_key": "pk-key", "langfuse_secret_key": "sk-key"}
HOST = {"langfuse_host": "https://a.example"}
EVIL = {"langfuse_host": "https://evil.example"}
PROXIED = {"proxy_server_request": {"url": "http://proxy/v1/chat/completions"}}


def call(
    asked: dict[str, Any], params: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return callback arguments of a call with these dynamic parameters."""
    return {"standard_callback_dynamic_params": asked, "litellm_params": params or {}, **more}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, NOBODY),
        ({"langfuse_public_key": None, "langfuse_host": ""}, NOBODY),
        (PAIR, Tenant("pk-a", "sk-a")),
        ({"langfuse_public_key": "pk-a", "langfuse_secret": "sk-a"}, Tenant("pk-a", "sk-a")),
        ({**PAIR, "langfuse_secret": "other"}, Tenant("pk-a", "sk-a")),
        ({**PAIR, **HOST}, Tenant("pk-a", "sk-a", "https://a.example")),
        ({"langfuse_public_key": ' "pk-a" '}, Tenant("pk-a")),
        ({"langfuse_environment": "Prod EU"}, Tenant(environment="Prod EU")),
        ({"langfuse_public_key": "pk a"}, Tenant("")),
        ({"langfuse_public_key": "pk:a"}, Tenant("")),
        ({"langfuse_public_key": "pk\na"}, Tenant("")),
        ({"langfuse_public_key": 7}, Tenant("")),
        ({"langfuse_public_key": "sk-lf-a"}, Tenant("")),
        ({"langfuse_public_key": "p" * 500}, Tenant("p" * 500)),
        ({"langfuse_public_key": "p" * 501}, Tenant("")),
        ({"langfuse_secret": "os.environ/LANGFUSE_SECRET_KEY"}, Tenant(None, "")),
        ({"langfuse_host": "os.environ/HOME"}, Tenant(host="")),
    ],
)
def test_tenant_of_a_call(asked: dict[str, Any], expected: Tenant) -> None:
    """What a call says of its project is read from LiteLLM's dynamic parameters, and made safe."""
    assert tenant_of(call(asked)) == expected


@pytest.mark.parametrize(
    ("asked", "trusted", "expected"),
    [
        (PAIR, {}, Tenant("pk-a", "sk-a")),
        ({**PAIR, **EVIL}, {}, Tenant("pk-a", "sk-a", EVIL["langfuse_host"], is_host_foreign=True)),
        ({**KEYS, **HOST}, {**KEYS, **HOST}, Tenant("pk-key", "sk-key", HOST["langfuse_host"])),
        ({**KEYS, **EVIL}, KEYS, Tenant("pk-key", "sk-key")),
        (
            {**KEYS, **EVIL, "langfuse_secret": "theirs"},
            {"langfuse_public_key": "pk-key", "langfuse_secret_key": "sk-key"},
            Tenant("pk-key", "sk-key"),
        ),
        (PAIR, KEYS, Tenant("pk-a", "sk-a")),
        (
            {**PAIR, **HOST},
            {**KEYS, **HOST},
            Tenant("pk-a", "sk-a", HOST["langfuse_host"], is_host_foreign=True),
        ),
        ({**PAIR, **HOST}, HOST, Tenant("pk-a", "sk-a", HOST["langfuse_host"])),
        (PAIR, {"langfuse_public_key": "pk-a"}, Tenant("pk-a")),
        (EVIL, {}, Tenant(host=EVIL["langfuse_host"], is_host_foreign=True)),
        (
            {**PAIR, "langfuse_environment": "ours"},
            {"langfuse_environment": "ours"},
            Tenant("pk-a", "sk-a", environment="ours"),
        ),
    ],
)
def test_tenant_of_a_request(
    asked: dict[str, Any], trusted: dict[str, str], expected: Tenant
) -> None:
    """A pair that the operator pinned never meets a request's host, and a request's is marked."""
    assert tenant_of(call(asked, PROXIED), trusted) == expected


def test_unauthenticated_request() -> None:
    """A request that failed authentication chooses nothing."""
    rejected = call({**PAIR, **EVIL}, {"metadata": {"user_api_key_hash": "?"}})

    assert tenant_of({**rejected, "litellm_no_upstream_llm_call": True}) == NOBODY


def test_secret_is_not_shown() -> None:
    """A tenant's text does not quote its secret key."""
    assert "sk-a" not in repr(tenant_of(call(PAIR)))


OPERATORS = "https://langfuse.corp/prefix"
ALLOWED = (
    "other.example",
    "*.tenants.example",
    "127.0.0.1:3000",
    "http://plain.example/x",
    "HTTPS://Slash.example/",
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("https://langfuse.corp/prefix", True),
        ("https://langfuse.corp/prefix/", True),
        ("https://langfuse.corp/elsewhere", False),
        ("http://langfuse.corp/prefix", False),
        ("https://cloud.langfuse.com", True),
        ("us.cloud.langfuse.com", True),
        ("https://hipaa.cloud.langfuse.com/api/public/otel", True),
        ("http://cloud.langfuse.com", False),
        ("https://cloud.langfuse.com:8443", False),
        ("https://cloud.langfuse.com.evil.example", False),
        ("https://evil.example/cloud.langfuse.com", False),
        ("https://cloud.langfuse.com@evil.example", False),
        ("https://evil.example\\@cloud.langfuse.com", False),
        ("https://evil.example#cloud.langfuse.com", False),
        ("https://evil.example", False),
        ("https://other.example", True),
        ("https://other.example/../x", False),
        ("https://other.example:444", False),
        ("https://a.tenants.example", True),
        ("https://tenants.example", False),
        ("https://eviltenants.example", False),
        ("http://a.tenants.example", False),
        ("https://a.tenants.example:22", False),
        ("http://127.0.0.1:3000", True),
        ("http://127.0.0.1:3001", False),
        ("http://127.0.0.1", False),
        ("http://localhost:3000", False),
        ("http://[::1]:3000", False),
        ("http://169.254.169.254", False),
        ("https://10.0.0.1", False),
        ("https://2130706433", False),
        ("http://plain.example/x", True),
        ("http://plain.example", False),
        ("https://slash.example", True),
        ("ftp://other.example", False),
        ("", False),
    ],
)
def test_hosts_that_a_request_may_name(host: str, expected: bool) -> None:
    """A request may name the operator's host, Langfuse's cloud and what is allowed, nothing else."""
    assert is_allowed(host, OPERATORS, ALLOWED) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("https://langfuse.corp/prefix", True),
        ("https://cloud.langfuse.com", True),
        ("https://other.example", True),
        ("https://a.tenants.example", False),
        ("https://evil.example", False),
    ],
)
def test_hosts_that_are_written_out(host: str, expected: bool) -> None:
    """A host that is allowed by the end of its name alone may be anything that bears that name."""
    assert is_written_out(host, OPERATORS, ALLOWED) is expected


@pytest.mark.parametrize("entry", ["*.", "*.1", "*.0.0.1", "*.0.0.1:3000", "*", "*.com"])
def test_suffix_allows_names_alone(entry: str) -> None:
    """A suffix, however short, allows no address by number and none without a name before it."""
    refused = (
        "http://127.0.0.1",
        "https://127.0.0.1",
        "https://127.0.0.1:3000",
        "https://com",
        "https://a.com.",
    )

    assert not any(is_allowed(host, None, [entry]) for host in refused)


def logged(call_id: object, variables: object) -> SimpleNamespace:
    """Return as much of LiteLLM's logging object as is read."""
    return SimpleNamespace(litellm_call_id=call_id, _trusted_callback_vars=variables)


def test_pinned() -> None:
    """The operator's variables are known by the id of the call, however often they are told."""
    pinned.note(logged("one", (("langfuse_host", "https://a.example"),)))
    pinned.note(logged("one", ()))

    assert pinned.of_call("one") == HOST


@pytest.mark.parametrize(
    "value",
    [None, {"litellm_call_id": "one", "_trusted_callback_vars": HOST}, logged("one", HOST)],
)
def test_pinned_by_nobody(value: object) -> None:
    """Nothing that a request's body could hold counts as the operator's."""
    pinned.note(value)

    assert pinned.of_call("one") == {}


def test_pinned_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest calls are forgotten."""
    monkeypatch.setattr(pinned._calls, "most", 2)
    for call_id in "abc":
        pinned.note(logged(call_id, (("langfuse_host", call_id),)))

    assert [bool(pinned.of_call(call_id)) for call_id in "abc"] == [False, True, True]
