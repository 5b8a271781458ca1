"""Real LiteLLM calls that name their own Langfuse project."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import langfuse_otel
from calls import ENDED, STARTED, a_call, a_response
from langfuse_otel import LangfuseOtelLogger, _routes
from langfuse_otel._litellm.tenants import NOBODY
from langfuse_otel.logger import StayingLogger
from langfuse_otel.settings import Settings
from langfuse_otel.testing import Answer, Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("fresh_litellm"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CALL = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
# Nobody listens there.
DEAD = "http://127.0.0.1:9"
ALICE = {"langfuse_public_key": "pk-alice", "langfuse_secret_key": "sk-alice"}


class House(Collector):
    """A Langfuse with many projects: it takes every key pair but those that it refuses."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refusing = refused

    def _is_open(self, headers: Mapping[str, str]) -> bool:
        return pair_of(headers)[0] not in self.refusing

    @property
    def delivered(self) -> set[tuple[str, str]]:
        """The name of each span, and the public key that it came with."""
        return {(span.name, pair_of(span.headers)[0]) for span in self.spans}


class Limiting(House):
    """Tells one tenant to wait for an hour, and takes another's keys for wrong."""

    def __init__(self, limited: str, *refused: str) -> None:
        super().__init__(*refused)
        self.limited = limited

    def _verdict(self, path: str, headers: Mapping[str, str]) -> Answer:
        if pair_of(headers)[0] == self.limited:
            return Answer(429, {"Retry-After": "3600"})
        return super()._verdict(path, headers)


def pair_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the key pair of a request."""
    token = headers["authorization"].removeprefix("Basic ")
    public_key, _, secret_key = base64.b64decode(token).decode().partition(":")
    return public_key, secret_key


@pytest.fixture
def house() -> Iterator[House]:
    """A Langfuse with many projects."""
    with House() as running:
        yield running


@pytest.fixture
def alice() -> Iterator[Collector]:
    """The project of a tenant, on a host of its own."""
    with Collector("pk-alice", "sk-alice") as running:
        yield running


def complete(**more: Any) -> Any:
    """Make one call that needs no network."""
    return litellm.completion(**{**CALL, "mock_response": "one two three four", **more})


def plain(**more: Any) -> None:
    """Make a call."""
    complete(**more)


def fails(**more: Any) -> None:
    """Make a call that fails."""
    with pytest.raises(litellm.exceptions.InternalServerError):
        complete(mock_response=Exception("boom"), **more)


def fails_early(**more: Any) -> None:
    """Make a call that LiteLLM itself refuses."""
    with pytest.raises(litellm.exceptions.BadRequestError):
        complete(model="nobody-knows-it", **more)


def streams(**more: Any) -> None:
    """Read a stream to its end."""
    for _ in complete(stream=True, **more):
        pass


def leaves(**more: Any) -> None:
    """Leave a stream in the middle."""
    stream = complete(stream=True, **more)
    next(stream)
    del stream
    gc.collect()


def retries(**more: Any) -> None:
    """Fail twice, and a fallback with it."""
    with pytest.raises(Exception, match="boom"):
        complete(
            mock_response=litellm.InternalServerError("boom", "openai", "gpt-4o-mini"),
            num_retries=1,
            api_key="sk-upstream",
            **more,
        )


def falls_back(**more: Any) -> None:
    """Fail, and let another model answer."""
    other = {"model": "openai/gpt-4o", "mock_response": "hello"}
    complete(mock_response=Exception("boom"), fallbacks=[other], api_key="sk-upstream", **more)


def embeds(**more: Any) -> None:
    """Make an embedding."""
    litellm.embedding(model="openai/text-embedding-3-small", input="x", mock_response=[0.1], **more)


def responds(**more: Any) -> None:
    """Use the Responses API."""
    litellm.responses(model="openai/gpt-4o-mini", input="x", mock_response="x", **more)


def messages(**more: Any) -> None:
    """Use Anthropic's Messages API."""

    async def main() -> None:
        with pytest.raises(litellm.exceptions.InternalServerError):
            await litellm.anthropic_messages(
                **CALL, max_tokens=5, api_key="x", api_base=DEAD, **more
            )
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())


WAYS = (
    plain,
    fails,
    fails_early,
    streams,
    leaves,
    retries,
    falls_back,
    embeds,
    responds,
    messages,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_ways_of_a_call(langfuse: Collector, alice: Collector, way: Any) -> None:
    """Whatever becomes of a call, all of it goes to the project that it names."""
    way(**ALICE, langfuse_host=alice.url)
    assert langfuse_otel.flush(20)

    assert alice.spans
    assert not langfuse.spans
    assert b"sk-alice" not in b"".join(alice.bodies)


def test_two_projects(langfuse: Collector, alice: Collector) -> None:
    """A call that names nothing goes to the project of the environment."""
    complete(**ALICE, langfuse_host=alice.url, metadata={"generation_name": "hers"})
    complete(metadata={"generation_name": "ours"})
    assert langfuse_otel.flush(20)

    assert [span.name for span in alice.spans] == ["hers"]
    assert [span.name for span in langfuse.spans] == ["ours"]


def test_host_of_the_settings(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that names no host goes to that of the settings, with its own keys and no others."""
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    litellm.callbacks = ["langfuse_otel"]
    complete(langfuse_public_key="pk-alice", langfuse_secret="sk-alice")
    assert langfuse_otel.flush(20)

    assert [pair_of(span.headers) for span in house.spans] == [("pk-alice", "sk-alice")]


def test_without_keys_of_its_own(alice: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Without global keys the calls that bring theirs are served; the others are counted."""
    litellm.callbacks = [LangfuseOtelLogger()]
    complete(**ALICE, langfuse_host=alice.url)
    with caplog.at_level(logging.WARNING, "langfuse_otel"):
        complete()
        complete()
    assert langfuse_otel.flush(20)

    assert len(alice.spans) == 1
    assert dict(langfuse_otel.stats().dropped) == {"no_destination": 2}
    assert len([r for r in caplog.records if "LANGFUSE_PUBLIC_KEY" in r.message]) == 1


def test_why_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    """The log says of calls and of scores why each go nowhere, for the reasons may differ."""
    routes = _routes.Routes(Settings(endpoint="ftp://nowhere"), lambda _: None)
    with caplog.at_level(logging.WARNING, "langfuse_otel"):
        assert routes.of(NOBODY) == routes.of_scores() == "no_destination"
    calls, scores = [record.getMessage() for record in caplog.records]

    assert "calls are not sent: endpoint: it is no http or https address" in calls
    assert "scores are not sent: LANGFUSE_PUBLIC_KEY" in scores


HALF = "incomplete_credentials"


@pytest.mark.parametrize(
    ("named", "reason", "said"),
    [
        (
            {"langfuse_public_key": "pk-alice"},
            HALF,
            "of pk-alice are not sent: they come without a langfuse_secret_key",
        ),
        ({"langfuse_secret_key": "sk-alice"}, HALF, "without a langfuse_public_key"),
        (
            {"langfuse_public_key": "sk-lf-alice", "langfuse_secret_key": "sk-alice"},
            HALF,
            "without a langfuse_public_key of any use",
        ),
        ({"langfuse_host": "http://127.0.0.1:1"}, HALF, "without a langfuse_public_key"),
        ({**ALICE, "langfuse_host": "ftp://nowhere"}, "host_not_allowed", "ftp://nowhere"),
    ],
)
def test_incomplete(
    langfuse: Collector,
    caplog: pytest.LogCaptureFixture,
    named: dict[str, str],
    reason: str,
    said: str,
) -> None:
    """A call whose project is named in part is sent nowhere, counted, and the log says once whose."""
    with caplog.at_level(logging.WARNING, "langfuse_otel"):
        complete(**named)
        complete(**named)
    assert langfuse_otel.flush(20)

    assert not langfuse.spans
    assert dict(langfuse_otel.stats().dropped) == {reason: 2}
    [line] = [r.getMessage() for r in caplog.records if r.name == "langfuse_otel"]
    assert said in line
    assert "sk-" not in caplog.text


def test_environment(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call's environment is made valid and wins over that of the settings, for the call alone."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "production")
    complete(langfuse_environment="Team A")
    complete()
    assert langfuse_otel.flush(20)
    found = [
        (span.attributes["langfuse.environment"], span.resource["langfuse.environment"])
        for span in sorted(langfuse.spans, key=lambda span: span.start_ns)
    ]

    assert found == [("team-a", "team-a"), ("production", "production")]


def tenant(number: int, hosts: tuple[Collector, ...]) -> dict[str, Any]:
    """Return the arguments of a call by one of many tenants."""
    return {
        "langfuse_public_key": f"pk-{number}",
        "langfuse_secret_key": f"sk-{number}",
        "langfuse_host": hosts[number % len(hosts)].url,
        "metadata": {"generation_name": f"of pk-{number}"},
    }


def test_many_tenants(house: House) -> None:
    """Fifty tenants on two hosts at once: each span comes to its own host with its own keys."""
    litellm.callbacks = [LangfuseOtelLogger()]

    async def main(hosts: tuple[Collector, ...]) -> None:
        calls = (
            litellm.acompletion(**CALL, mock_response="x", **tenant(number, hosts))
            for number in list(range(50)) * 4
        )
        await asyncio.gather(*calls)
        assert await langfuse_otel.aflush(30)

    with House() as second:
        asyncio.run(main((house, second)))
        by_host = [host.delivered for host in (house, second)]
        counts = [len(host.spans) for host in (house, second)]

    assert counts == [100, 100]
    assert by_host == [{(f"of pk-{n}", f"pk-{n}") for n in range(i, 50, 2)} for i in (0, 1)]


def test_trouble_of_one_tenant() -> None:
    """A tenant whose key is wrong and one whose host is dead delay no other."""
    litellm.callbacks = [LangfuseOtelLogger(flush_interval=0)]
    with House("pk-1") as house:
        complete(**tenant(1, (house,)))
        complete(**{**tenant(2, (house,)), "langfuse_host": DEAD})
        for number in range(3, 8):
            complete(**tenant(number, (house,)))
        house.wait_for(5, timeout_s=20)
        house.wait_for_refusals(1, timeout_s=20)

        assert house.delivered == {(f"of pk-{n}", f"pk-{n}") for n in range(3, 8)}


def test_rate_limit_of_one_tenant() -> None:
    """Of fifty tenants on two hosts, one that is told to wait, one refused, one dead delay no other."""
    litellm.callbacks = [LangfuseOtelLogger(flush_interval=0)]
    with Limiting("pk-0", "pk-1") as house, House() as second:
        hosts = house, second
        complete(**tenant(0, hosts))
        house.wait_for_refusals(1)
        complete(**{**tenant(1, (house,)), "metadata": {}})
        complete(**{**tenant(2, hosts), "langfuse_host": DEAD})
        for number in range(3, 50):
            complete(**tenant(number, hosts))
        for host, count in zip(hosts, (23, 24), strict=True):
            host.wait_for(count)

        assert house.delivered == {(f"of pk-{n}", f"pk-{n}") for n in range(4, 50, 2)}
        assert second.delivered == {(f"of pk-{n}", f"pk-{n}") for n in range(3, 50, 2)}
        assert sorted(house.refused) == [401, 429]


def test_tenants_are_bounded(house: House) -> None:
    """Of many key pairs the oldest are forgotten, and cost nothing but being made anew."""
    logger = LangfuseOtelLogger()
    logger._pipeline()._routes._tenants.most = 3
    litellm.callbacks = [logger]
    for number in (*range(10), 0):
        complete(**tenant(number, (house,)))
    assert langfuse_otel.flush(20)

    assert len(house.delivered) == 10
    assert len(logger._pipeline()._routes._tenants) == 3


@pytest.mark.parametrize("keeps", [True, False])
def test_spool(tmp_path: Path, keeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests for a tenant's project are kept on disk if the settings say so, without the secret."""
    monkeypatch.setenv("LANGFUSE_OTEL_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("LANGFUSE_OTEL_SPOOL_TENANTS", str(keeps).lower())
    litellm.callbacks = [LangfuseOtelLogger()]
    complete(**ALICE, langfuse_host=DEAD)
    assert not langfuse_otel.flush(3)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert langfuse_otel.stats().spooled == int(keeps)
    assert b"sk-alice" not in kept
    assert base64.b64encode(b"pk-alice:sk-alice") not in kept


def a_request(**named: str) -> dict[str, Any]:
    """Return callback arguments of a request to the proxy that names a project."""
    params = {"proxy_server_request": {"url": "http://proxy/v1/chat/completions"}}
    return a_call(litellm_params=params, standard_callback_dynamic_params=named)


@pytest.mark.parametrize("allowed", [True, False])
def test_host_of_a_request(house: House, caplog: pytest.LogCaptureFixture, allowed: bool) -> None:
    """A request's host is honoured if the operator allows it, else counted and logged once."""
    host = house.url.removeprefix("http://")
    logger = LangfuseOtelLogger(allowed_hosts=host if allowed else f"x{host}")
    with caplog.at_level(logging.WARNING, "langfuse_otel"):
        for number in range(2):
            kwargs = {
                **a_request(**ALICE, langfuse_host=house.url),
                "litellm_call_id": f"c{number}",
            }
            logger.log_success_event(kwargs, a_response(), STARTED, ENDED)
    assert langfuse_otel.flush(20)

    assert len(house.spans) == 2 * allowed
    assert dict(langfuse_otel.stats().dropped) == ({} if allowed else {"host_not_allowed": 2})
    assert caplog.text.count("LANGFUSE_OTEL_ALLOWED_HOSTS") == int(not allowed)


@pytest.mark.parametrize("hook", ["async_pre_call_hook", "async_pre_call_deployment_hook"])
def test_host_of_the_operator(house: House, hook: str) -> None:
    """A host that the operator settled is honoured, whichever hook LiteLLM tells it first."""
    named = {**ALICE, "langfuse_host": house.url}
    told = SimpleNamespace(litellm_call_id="call-1", _trusted_callback_vars=tuple(named.items()))
    logger = LangfuseOtelLogger()
    data = {"litellm_logging_obj": told}
    if hook == "async_pre_call_hook":
        asyncio.run(logger.async_pre_call_hook(None, None, data, "completion"))
    else:
        asyncio.run(logger.async_pre_call_deployment_hook(data, None))
    logger.log_success_event(a_request(**named), a_response(), STARTED, ENDED)
    assert langfuse_otel.flush(20)

    assert [pair_of(span.headers) for span in house.spans] == [("pk-alice", "sk-alice")]


def test_log_of_many_hosts(caplog: pytest.LogCaptureFixture) -> None:
    """Requests that name ever new hosts do not fill the log, nor break its lines."""
    logger = LangfuseOtelLogger()
    with caplog.at_level(logging.WARNING, "langfuse_otel"):
        for number in range(2 * _routes.MAX_NAMED):
            kwargs = a_request(**ALICE, langfuse_host=f"https://h{number}\nforged")
            kwargs["litellm_call_id"] = f"call-{number}"
            logger.log_success_event(kwargs, a_response(), STARTED, ENDED)

    assert dict(langfuse_otel.stats().dropped) == {"host_not_allowed": 2 * _routes.MAX_NAMED}
    assert len(caplog.records) == _routes.MAX_NAMED
    assert "\nforged" not in caplog.records[0].getMessage()


@pytest.mark.parametrize("hook", ["async_pre_call_hook", "async_post_call_response_headers_hook"])
@pytest.mark.parametrize("logger", [LangfuseOtelLogger, StayingLogger])
def test_proxys_hooks(logger: type[LangfuseOtelLogger], hook: str) -> None:
    """Each class has the hooks as its own: LiteLLM asks for nothing that is inherited."""
    assert hook in vars(logger)


def test_trace_id(langfuse: Collector, alice: Collector) -> None:
    """A call's trace is told, whichever project it went to."""
    hers = complete(**ALICE, langfuse_host=alice.url)
    ours = complete()
    assert langfuse_otel.flush(20)

    assert langfuse_otel.trace_id(hers) == alice.spans[0].trace_id
    assert langfuse_otel.trace_id(ours) == langfuse.spans[0].trace_id
