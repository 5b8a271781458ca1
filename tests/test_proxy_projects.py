"""The real proxy with keys, teams and requests that name Langfuse projects of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from langfuse_otel.testing import Collector
from proxies import a_proxy
from test_projects import House, pair_of
from upstream import ANSWER, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

# What a database would know of keys and teams.
AUTH = """
import os
from litellm.proxy._types import UserAPIKeyAuth

def logging(name, **more):
    names = {{"langfuse_public_key": "pk-" + name, "langfuse_secret_key": "sk-" + name, **more}}
    return [{{
        "callback_name": "langfuse_otel",
        "callback_type": "success_and_failure",
        "callback_vars": names,
    }}]

THERE = {{"langfuse_host": {house!r}}}
WHO = {{
    "sk-plain": {{}},
    "sk-key": {{"metadata": {{"logging": logging("key", **THERE)}}}},
    "sk-key-without-host": {{"metadata": {{"logging": logging("lf-test")}}}},
    "sk-team": {{"team_id": "t", "team_metadata": {{"logging": logging("team", **THERE)}}}},
    "sk-old-team": {{
        "team_id": "o",
        "team_metadata": {{
            "callback_settings": {{
                "success_callback": ["langfuse_otel"],
                "failure_callback": ["langfuse_otel"],
                "callback_vars": logging("old-team", **THERE)[0]["callback_vars"],
            }}
        }},
    }},
    "sk-configured-team": {{"team_id": "configured"}},
    "sk-environment": {{
        "metadata": {{
            "logging": [{{
                "callback_name": "langfuse_otel",
                "callback_type": "success_and_failure",
                "callback_vars": {{"langfuse_environment": "pinned"}},
            }}]
        }}
    }},
}}

async def authenticate(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, **WHO[api_key])
"""

MINE = {"langfuse_public_key": "pk-mine", "langfuse_secret_key": "sk-mine"}


class Far:
    """The proxy's client, the operator's Langfuse, the tenants' and one that nobody allowed."""

    def __init__(
        self, client: httpx.Client, ours: Collector, house: House, foreign: House, log: Path
    ) -> None:
        self.client = client
        self.ours = ours
        self.house = house
        self.foreign = foreign
        self.log = log

    def ask(self, key: str, content: str = "hi", **more: Any) -> httpx.Response:
        """Make one request with the proxy's key `key`."""
        body = {"model": "house-model", "messages": [{"role": "user", "content": content}], **more}
        headers = {"Authorization": f"Bearer {key}"}
        return self.client.post("/v1/chat/completions", json=body, headers=headers)

    def settle(self) -> None:
        """Wait for a later request to arrive; what was to come has come by then."""
        before = len(self.ours.spans)
        self.ask("sk-plain", metadata={"generation_name": "later"})
        assert self.ours.wait_for(before + 1)[-1].name == "later"


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """A proxy that lets requests name credentials, with a Langfuse of each kind."""
    folder = tmp_path_factory.mktemp("projects")
    with Upstream() as upstream, Collector() as ours, House() as house, House() as foreign:
        (folder / "house_auth.py").write_text(AUTH.format(house=house.url))
        team = {
            "team_id": "configured",
            "success_callback": ["langfuse_otel"],
            "failure_callback": ["langfuse_otel"],
            "langfuse_public_key": "pk-configured",
            "langfuse_secret": "os.environ/TEAM_SECRET",
            "langfuse_host": house.url,
        }
        more = {
            "general_settings": {
                "custom_auth": "house_auth.authenticate",
                "allow_client_side_credentials": True,
            },
            "litellm_settings": {"default_team_settings": [team]},
        }
        with a_proxy(
            folder,
            upstream.url,
            ["langfuse_otel.callback"],
            ours,
            more=more,
            TEAM_SECRET="sk-configured",
            LANGFUSE_FLUSH_INTERVAL="0.05",
        ) as client:
            yield Far(client, ours, house, foreign, folder / "proxy.log")


@pytest.mark.parametrize("name", ["key", "team", "old-team", "configured-team"])
@pytest.mark.parametrize("how", [{}, {"stream": True}, {"content": "fail"}], ids=str)
def test_operators_project(far: Far, name: str, how: dict[str, Any]) -> None:
    """What a key, a team or the configuration names is honoured with its host, whatever becomes."""
    before, ours = len(far.house.spans), len(far.ours.spans)
    far.ask(f"sk-{name}", **how)
    span = far.house.wait_for(before + 1)[before]
    who = name.removesuffix("-team") if name == "configured-team" else name

    assert pair_of(span.headers) == (f"pk-{who}", f"sk-{who}")
    far.settle()
    assert len(far.house.spans) == before + 1
    assert len(far.ours.spans) == ours + 1


@pytest.mark.parametrize("inlet", ["body", "metadata", "litellm_metadata"])
@pytest.mark.parametrize("keys", [MINE, {}], ids=["with keys", "without keys"])
def test_foreign_host(far: Far, inlet: str, keys: dict[str, str]) -> None:
    """A request that names a foreign host is answered, its span sent nowhere, the host logged once."""
    named = {**keys, "langfuse_host": far.foreign.url}
    before = len(far.ours.spans)
    for _ in range(2):
        answer = far.ask("sk-plain", **(named if inlet == "body" else {inlet: named}))
        assert answer.json()["choices"][0]["message"]["content"] == ANSWER
    far.settle()
    said = far.log.read_text()

    assert not far.foreign.spans
    assert not far.foreign.refused
    assert len(far.ours.spans) == before + 1
    assert not keys or said.count(f"calls for the host '{far.foreign.url}' are not sent") == 1


def test_foreign_host_beside_an_operators_key(far: Far) -> None:
    """A key's pair without a host stays at the operator's, whatever host the request names."""
    before = len(far.ours.spans)
    far.ask("sk-key-without-host", langfuse_host=far.foreign.url)
    far.ask("sk-key-without-host", metadata={**MINE, "langfuse_host": far.foreign.url})
    spans = far.ours.wait_for(before + 2)[before:]

    assert not far.foreign.spans
    assert not far.foreign.refused
    assert {pair_of(span.headers) for span in spans} == {("pk-lf-test", "sk-lf-test")}


def test_own_keys_at_the_operators_host(far: Far) -> None:
    """A request's own pair is sent to the operator's host, which decides about it."""
    refused = len(far.ours.refused)
    far.ask("sk-plain", **MINE)

    assert far.ours.wait_for_refusals(refused + 1)[-1] == 401


def test_trusted_variables_of_a_request(far: Far) -> None:
    """A request cannot pass its variables off as the operator's."""
    named = {**MINE, "langfuse_host": far.foreign.url}
    far.ask("sk-plain", **named, litellm_trusted_callback_vars=named)
    far.ask("sk-plain", **named, litellm_logging_obj={"_trusted_callback_vars": named})
    far.settle()

    assert not far.foreign.spans


def test_environment_reference(far: Far) -> None:
    """A reference to the proxy's environment is not resolved for a request."""
    far.ask(
        "sk-plain",
        langfuse_public_key="os.environ/LANGFUSE_PUBLIC_KEY",
        langfuse_secret_key="os.environ/TEAM_SECRET",
        langfuse_host=far.foreign.url,
    )
    far.settle()

    assert not far.foreign.spans
    assert not far.foreign.refused


def test_unauthenticated(far: Far) -> None:
    """A request that nobody knows chooses no project."""
    answer = far.ask("sk-unknown", **MINE, langfuse_host=far.foreign.url)
    far.settle()

    assert answer.status_code >= 400
    assert not far.foreign.spans


def test_pinned_environment(far: Far) -> None:
    """A key's environment wins over that of the request."""
    before = len(far.ours.spans)
    far.ask("sk-environment", metadata={"langfuse_environment": "asked"})
    span = far.ours.wait_for(before + 1)[before]

    assert span.attributes["langfuse.environment"] == "pinned"
