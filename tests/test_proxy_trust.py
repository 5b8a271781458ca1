"""The real proxy: what a request says of trace, user and session, and what the operator pinned."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from langfuse_otel._spans.identity import trace_id_of
from langfuse_otel.testing import Collector
from programs import SCRIPTS
from proxies import a_cold_proxy, a_proxy
from routes import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import httpx

    from langfuse_otel.testing import ReceivedSpan

AUTH = """
from litellm.proxy._types import UserAPIKeyAuth

PINNED = {
    "trace_user_id": "pinned-user",
    "session_id": "pinned-session",
    "trace_name": "pinned-name",
    "version": "pinned-version",
    "tags": ["pinned-tag"],
}
TEAM = {"trace_name": "of the team", "trace_release": "pinned-release", "tags": ["team-tag"]}
WHO = {
    "sk-plain": {"user_id": "owner", "key_alias": "alias"},
    "sk-other": {},
    "sk-pinned": {"metadata": PINNED, "team_id": "t", "team_metadata": TEAM},
}

async def authenticate(request, api_key):
    return UserAPIKeyAuth(api_key=api_key, **WHO[api_key])
"""

TRACE = "f" * 32
FORGED = {
    "trace_id": "forged-trace",
    "existing_trace_id": "forged-existing",
    "parent_observation_id": "forged-parent",
    "generation_id": "forged-generation",
    "session_id": "forged-session",
    "trace_user_id": "forged-user",
    "trace_name": "forged-name",
    "trace_version": "forged-version",
    "trace_release": "forged-release",
    "trace_public": True,
    "trace_metadata": {"user_api_key_alias": "forged-alias", "user_api_key_team_id": "forged"},
    "update_trace_keys": ["trace_name", "input"],
}
NAMED = ["forged-trace", "forged-existing", "forged-session", "forged-header", "forged-root"]
HEADERS = {f"langfuse_{key}": json.dumps(value).strip('"') for key, value in FORGED.items()}
CONTINUED = {"existing_trace_id": "forged-existing"}

INLETS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "metadata": ({"metadata": FORGED}, {}),
    "continued": ({"metadata": CONTINUED}, {}),
    "trace_metadata": ({"metadata": {"trace_metadata": FORGED["trace_metadata"]}}, {}),
    "litellm_metadata": ({"litellm_metadata": FORGED}, {}),
    "identity": ({"metadata": {"user_api_key_metadata": FORGED, "user_api_key_hash": "x"}}, {}),
    "user": ({"user": "forged-user"}, {}),
    "root": ({"litellm_trace_id": "forged-root", "litellm_session_id": "forged-root"}, {}),
    "headers": ({}, HEADERS),
    "traceparent": ({}, {"traceparent": f"00-{TRACE}-{'e' * 16}-01"}),
    "baggage": ({}, {"baggage": "session.id=forged-header"}),
    "litellm's trace": ({}, {"x-litellm-trace-id": "forged-header"}),
    "litellm's session": ({}, {"x-litellm-session-id": "forged-header"}),
    "any session": ({}, {"x-claude-code-session-id": "forged-header"}),
    "call": ({}, {"x-litellm-call-id": "forged-header"}),
}
ROUTES = ("/v1/chat/completions", "/v1/messages", "/v1/responses")


class House:
    """A proxy with keys of several kinds, and its Langfuse."""

    def __init__(self, client: httpx.Client, langfuse: Collector, log: Path) -> None:
        self.client = client
        self.langfuse = langfuse
        self.log = log

    def ask(
        self,
        key: str,
        route: str = ROUTES[0],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        model: str = "house-model",
        spans: int = 1,
    ) -> list[ReceivedSpan]:
        """Make one request and return its spans."""
        before = len(self.langfuse.spans)
        said = {"input": "hi"} if route.endswith("responses") else {"messages": HI, "max_tokens": 9}
        answer = self.client.post(
            route,
            json={"model": model, **said, **(body or {})},
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
        )
        assert answer.status_code == 200, answer.text
        return self.langfuse.wait_for(before + spans)[before:]


HI = [{"role": "user", "content": "hi"}]


@contextmanager
def a_house(folder: Path, trusts: str) -> Iterator[House]:
    """Run a proxy that trusts its requests, or does not."""
    (folder / "house_auth.py").write_text(AUTH)
    with Provider() as provider, Collector() as langfuse:
        down = {"model": "openai/gpt-4o", "api_base": provider.down, "api_key": "sk-upstream"}
        more = {
            "model_list": [{"model_name": "down-model", "litellm_params": down}],
            "general_settings": {"custom_auth": "house_auth.authenticate"},
            "router_settings": {"fallbacks": [{"down-model": ["house-model"]}], "num_retries": 0},
        }
        with a_proxy(
            folder,
            provider.url,
            ["langfuse_otel.callback"],
            langfuse,
            more=more,
            LANGFUSE_OTEL_TRUST_REQUEST_METADATA=trusts,
            LANGFUSE_FLUSH_INTERVAL="0.05",
        ) as client:
            yield House(client, langfuse, folder / "proxy.log")


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A proxy whose operator trusts what requests say: the default."""
    with a_house(tmp_path_factory.mktemp("trusting"), "true") as house:
        yield house


@pytest.fixture(scope="module")
def distrusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A proxy whose operator does not."""
    with a_house(tmp_path_factory.mktemp("distrusting"), "false") as house:
        yield house


@pytest.fixture(params=["trusting", "distrusting"])
def house(request: pytest.FixtureRequest) -> House:
    """Either of them."""
    found: House = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("inlet", INLETS)
def test_what_a_request_says(distrusting: House, inlet: str, route: str) -> None:
    """A request that is not trusted names no trace, no user and no session, wherever it says so."""
    body, headers = INLETS[inlet]
    [span] = distrusting.ask("sk-plain", route, body, headers)
    said = {key: str(value) for key, value in span.attributes.items() if "forged" in str(value)}

    assert span.trace_id not in {TRACE, *(f"{trace_id_of(name):032x}" for name in NAMED)}
    assert span.parent_id is None
    assert span.attributes["user.id"] == "owner"
    assert said.keys() <= ({"langfuse.observation.metadata"} if inlet == "call" else set())


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("inlet", ["trace_metadata", "identity"])
def test_who_called(trusting: House, inlet: str, route: str) -> None:
    """A request that is trusted cannot pass itself off as another key's."""
    body, headers = INLETS[inlet]
    [span] = trusting.ask("sk-plain", route, body, headers)

    assert "forged-alias" not in str(span.attributes)
    assert '"user_api_key_alias":"alias"' in span.attributes["langfuse.observation.metadata"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("inlet", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize("tags", ["ab", {"a": 1}], ids=["text", "object"])
def test_nobody_is_anonymous(house: House, inlet: str, route: str, tags: object) -> None:
    """A request whose tags LiteLLM makes nothing of is its key's and user's all the same."""
    [span] = house.ask("sk-plain", route, {inlet: {"tags": tags, "user_api_key_alias": "forged"}})
    found = span.json("langfuse.observation.metadata")

    assert span.attributes["user.id"] == "owner"
    assert (found["user_api_key_alias"], found["model_group"]) == ("alias", "house-model")
    assert "Please report" not in house.log.read_text()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("inlet", INLETS)
def test_what_is_pinned(house: House, inlet: str, route: str) -> None:
    """What the operator pinned to a key or team stands, whatever the request says."""
    body, headers = INLETS[inlet]
    [span] = house.ask("sk-pinned", route, body, headers)
    found = span.attributes

    assert found["user.id"] == "pinned-user"
    assert found["session.id"] == "pinned-session"
    assert found["langfuse.trace.name"] == "pinned-name"
    assert found["langfuse.version"] == "pinned-version"
    assert found["langfuse.release"] == "pinned-release"
    assert {"pinned-tag", "team-tag"} <= set(found["langfuse.trace.tags"])


@pytest.mark.parametrize("route", ROUTES)
def test_tags(house: House, route: str) -> None:
    """A request adds tags to those of its key and takes none away."""
    inlets = ({"metadata": {"tags": ["own"]}}, {"litellm_metadata": {"tags": ["own"]}})
    found = [house.ask("sk-pinned", route, body)[0].attributes for body in inlets]

    assert [set(attributes["langfuse.trace.tags"]) for attributes in found] == [
        {"pinned-tag", "team-tag", "own"}
    ] * 2


@pytest.mark.parametrize("route", ROUTES)
def test_own_metadata(trusting: House, route: str) -> None:
    """What a request says of itself arrives under any name but those that say who called."""
    asked = {"agent_id": "a", "endpoint": "e", "langfuse_own": "l", "user_api_key_alias": "forged"}
    [span] = trusting.ask("sk-plain", route, {"metadata": {**asked, "headers": {"x": "canary"}}})
    found = span.json("langfuse.observation.metadata")

    assert (found["agent_id"], found["endpoint"], found["langfuse_own"]) == ("a", "e", "l")
    assert found["user_api_key_alias"] == "alias"
    assert "headers" not in found


@pytest.mark.parametrize("route", ROUTES)
def test_litellm_metadata(trusting: House, route: str) -> None:
    """The fields in a request's `litellm_metadata` hold as well."""
    asked = {"session_id": "own", "trace_name": "named"}
    [span] = trusting.ask("sk-plain", route, {"litellm_metadata": asked})

    assert span.attributes["session.id"] == "own"
    assert span.attributes["langfuse.trace.name"] == "named"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("inlet", ["metadata", "litellm_metadata"])
@pytest.mark.parametrize("name", ["masking_function", "langfuse_masking_function"])
def test_mask(house: House, inlet: str, route: str, name: str) -> None:
    """What a request calls a mask masks nothing, and no mask has failed."""
    [span] = house.ask("sk-plain", route, {inlet: {name: "word"}})

    assert "hi" in span.attributes["langfuse.observation.input"]
    assert "a mask function failed" not in house.log.read_text()


CLAUDE = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("inlet", ["user_id", "header"])
def test_what_is_derived(trusting: House, inlet: str, route: str) -> None:
    """A session of our header's stands before the one that LiteLLM takes from Claude Code."""
    body, headers = {
        "user_id": ({"metadata": {"user_id": f"user_a_account__session_{CLAUDE}"}}, {}),
        "header": ({}, {"x-claude-code-session-id": CLAUDE}),
    }[inlet]
    [derived] = trusting.ask("sk-plain", route, body, headers)
    [explicit] = trusting.ask("sk-plain", route, body, {**headers, "langfuse-session-id": "own"})

    assert derived.attributes["session.id"] == CLAUDE
    assert explicit.attributes["session.id"] == "own"


def test_ids_of_other_keys(distrusting: House) -> None:
    """A request that is not trusted cannot enter the trace of another key's by its id."""
    headers = {"x-litellm-call-id": "the-call", "x-litellm-trace-id": "the-trace"}
    one, other = (distrusting.ask(key, headers=headers)[0] for key in ("sk-plain", "sk-other"))

    assert one.trace_id != other.trace_id


def test_an_instrumented_server(tmp_path: Path) -> None:
    """Nor can it choose its trace where the server's own span is in the trace of its client."""
    launcher = [str(SCRIPTS / "opentelemetry-instrument"), "--"]
    with (
        Provider() as provider,
        Collector() as langfuse,
        a_cold_proxy(
            tmp_path,
            provider.url,
            ["langfuse_otel"],
            langfuse,
            launcher,
            LANGFUSE_OTEL_TRUST_REQUEST_METADATA="false",
            LANGFUSE_FLUSH_INTERVAL="0.05",
        ) as client,
    ):
        headers = INLETS["traceparent"][1]
        body = {"model": "house-model", "messages": HI}
        answers = [client.post(ROUTES[0], json=body, headers=h) for h in ({}, headers)]
        own, other = langfuse.wait_for(2)

    assert own.parent_id is not None
    assert (other.trace_id == TRACE, other.parent_id) == (False, None)
    assert {answer.headers["x-langfuse-trace-id"] for answer in answers} == {
        own.trace_id,
        other.trace_id,
    }


def test_a_fallback_shares_the_trace(house: House) -> None:
    """All attempts at a request are in one trace, and the proxy's header tells which."""
    first, second = house.ask("sk-plain", model="down-model", spans=2)

    assert first.trace_id == second.trace_id


def test_the_header_tells_the_trace(house: House) -> None:
    """The client learns the trace that its request came to."""
    before = len(house.langfuse.spans)
    headers = {"Authorization": "Bearer sk-plain", "x-litellm-trace-id": "the-trace"}
    body = {"model": "house-model", "messages": HI, "metadata": {"trace_id": "mine"}}
    answer = house.client.post(ROUTES[0], json=body, headers=headers)
    [span] = house.langfuse.wait_for(before + 1)[before:]

    assert answer.headers["x-langfuse-trace-id"] == span.trace_id
