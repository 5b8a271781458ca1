"""No credential of a call, in whichever place it stands, is in anything that leaves or stays here."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import langfuse_otel
from calls import a_call, a_response, observation_of
from langfuse_otel import LangfuseOtelLogger
from langfuse_otel._delivery.compression import decompressed
from langfuse_otel._delivery.request_file import body_of
from langfuse_otel.testing import Collector
from loopback import Loopback, QuietHandler
from routes import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.usefixtures("fresh_litellm"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

HI = [{"role": "user", "content": "hi"}]


def canary(name: str) -> str:
    """Return a secret that is found again wherever it stands."""
    return f"sk-canary-{name}-Zq7Xw3Lm9Rt5"


SECRETS = {
    name: canary(name)
    for name in (
        "api_key",
        "header",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "azure_ad_token",
        "client_secret",
        "vertex_credentials",
        "password",
    )
}
KEYS = {"langfuse_public_key": "pk-own", "langfuse_secret_key": canary("langfuse")}
ARGUMENTS = {
    "api_key": SECRETS["api_key"],
    "extra_headers": {"X-Own": SECRETS["header"], "Authorization": f"Bearer {canary('bearer')}"},
}
AWS = {name: SECRETS[name] for name in SECRETS if name.startswith("aws_")}


class Echo(Loopback):
    """A provider that fails and quotes all that it was sent but the body: a worst case."""

    def __init__(self) -> None:
        super().__init__(_Handler)


class _Handler(QuietHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        quoted = " ".join(f"{name}={value}" for name, value in self.headers.items())
        error = {"error": {"message": f"Incorrect API key provided: {quoted}", "code": 401}}
        body = json.dumps(error).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Echo", quoted[:500])
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider that answers."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """A provider that quotes keys."""
    with Echo() as running:
        yield running


@pytest.fixture
def house() -> Iterator[Collector]:
    """The tenant's Langfuse."""
    with Collector("pk-own", KEYS["langfuse_secret_key"]) as running:
        yield running


def chat(base: str, **more: Any) -> Any:
    """Make a chat completion."""
    return litellm.completion("openai/gpt-4o-mini", HI, api_base=f"{base}/v1", **ARGUMENTS, **more)


def stream(base: str, **more: Any) -> None:
    """Read a stream."""
    for _ in chat(base, stream=True, **more):
        pass


def achat(base: str, **more: Any) -> None:
    """Make one asynchronously: LiteLLM keeps the headers elsewhere."""

    async def main() -> None:
        await litellm.acompletion(
            "openai/gpt-4o-mini", HI, api_base=f"{base}/v1", **ARGUMENTS, **more
        )

    asyncio.run(main())


def embed(base: str, **more: Any) -> None:
    """Make an embedding."""
    litellm.embedding(
        "openai/text-embedding-3-small", ["x"], api_base=f"{base}/v1", **ARGUMENTS, **more
    )


def respond(base: str, **more: Any) -> None:
    """Use the Responses API."""
    litellm.responses(
        input="x", model="openai/gpt-4o-mini", api_base=f"{base}/v1", **ARGUMENTS, **more
    )


def message(base: str, **more: Any) -> None:
    """Use Anthropic's Messages API."""

    async def main() -> None:
        await litellm.anthropic_messages(
            model="anthropic/claude-sonnet-4-5",
            messages=HI,
            max_tokens=9,
            api_base=base,
            api_key=SECRETS["api_key"],
            **more,
        )

    asyncio.run(main())


def azure(base: str, **more: Any) -> None:
    """Use Azure with a token."""
    litellm.completion(
        "azure/gpt-4o",
        HI,
        api_base=base,
        api_version="2024-10-21",
        azure_ad_token=SECRETS["azure_ad_token"],
        client_secret=SECRETS["client_secret"],
        **more,
    )


def bedrock(base: str, **more: Any) -> None:
    """Use Bedrock."""
    litellm.completion(
        "bedrock/anthropic.claude-3-haiku-20240307-v1:0",
        HI,
        aws_region_name="us-east-1",
        aws_bedrock_runtime_endpoint=base,
        **AWS,
        **more,
    )


def vertex(base: str, **more: Any) -> None:
    """Use Vertex with credentials that cannot be read."""
    litellm.completion(
        "vertex_ai/gemini-2.0-flash",
        HI,
        api_base=base,
        vertex_credentials=json.dumps({"private_key": SECRETS["vertex_credentials"]}),
        **more,
    )


def routed(base: str, **more: Any) -> None:
    """Use a router with retries and a fallback that fails, too."""
    deployment = {"model": "openai/gpt-4o-mini", "api_base": f"{base}/v1", **ARGUMENTS}
    other = {**deployment, "api_key": canary("fallback")}
    router = litellm.Router(
        [
            {"model_name": "a", "litellm_params": deployment},
            {"model_name": "b", "litellm_params": other},
        ],
        fallbacks=[{"a": ["b"]}],
        num_retries=1,
        retry_after=0,
    )
    router.completion("a", HI, **more)


WAYS = (chat, stream, achat, embed, respond, message, azure, bedrock, vertex, routed)


def found_in(*texts: object) -> str:
    """Return the surroundings of the first secret, plain or as Basic authentication; "" if none."""
    basic = base64.b64encode(f"pk-own:{KEYS['langfuse_secret_key']}".encode()).decode()
    everything = "\n".join(map(str, texts))
    at = max(everything.find("canary-"), everything.find(basic))
    return everything[max(0, at - 90) : at + 60] if at >= 0 else ""


def is_half_delivered() -> bool:
    """Whether one host has taken its spans, and those for the other stay on disk."""
    stats = langfuse_otel.stats()
    return stats.sent > 0 and stats.spooled > 0 and bool(stats.last_error)


@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_credential(  # noqa: PLR0917
    way: Any,
    fails: bool,
    provider: Provider,
    echo: Echo,
    house: Collector,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """No secret of a call's is in its spans, on disk, in logs, counts or what objects show."""
    monkeypatch.setenv("LANGFUSE_OTEL_SPOOL_DIR", str(tmp_path))
    monkeypatch.setenv("LANGFUSE_OTEL_SPOOL_TENANTS", "true")
    litellm.callbacks = [LangfuseOtelLogger()]
    with caplog.at_level(logging.DEBUG, "langfuse_otel"):
        for host in (house.url, "http://127.0.0.1:9"):
            try:
                way(
                    echo.root if fails else provider.root,
                    **KEYS,
                    langfuse_host=host,
                    password=SECRETS["password"],
                    metadata={"langfuse_secret_key": KEYS["langfuse_secret_key"]},
                )
            except Exception:
                if not fails and way not in {azure, bedrock, vertex, message}:
                    raise
        langfuse_otel.flush(0.0)
        house.wait_for(1)
        deadline = time.monotonic() + 20
        while not is_half_delivered() and time.monotonic() < deadline:
            langfuse_otel.flush(0.05)
    kept = [body_of(file) or b"" for file in tmp_path.rglob("*.request")]
    said = [record.getMessage() for record in caplog.records if record.name == "langfuse_otel"]

    assert kept
    assert not found_in(*house.bodies)
    assert not found_in(*map(decompressed, kept))
    assert not found_in(*(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()))
    assert not found_in(*said, langfuse_otel.stats(), *map(repr, litellm.callbacks))


def test_a_traceback_that_quotes() -> None:
    """What a failure tells is kept, but for the credentials in it."""
    secret = canary("quoted")
    kwargs = a_call(
        litellm_params={"api_key": secret, "metadata": {"mine": f"a note with {secret}"}},
        additional_args={"headers": {"Authorization": f"Basic {canary('basic')}"}},
        exception=ValueError(f"no such key: {secret}"),
        traceback_exception=f"ValueError: no such key: {secret} {canary('basic')}",
        standard_logging_object={"status": "failure", "error_information": {}, "metadata": {}},
    )
    observation = observation_of(kwargs, None)

    assert observation.status_message == "no such key: [credential]"
    assert "no such key: [credential] [credential]" in str(observation.metadata)
    assert not found_in(observation)


def test_parameters() -> None:
    """Of what a call is made with, only known parameters of the model are kept."""
    given = {**ARGUMENTS, **SECRETS, "temperature": 0.5}
    observation = observation_of(a_call(optional_params=given), a_response())

    assert observation.model_parameters == '{"temperature":0.5}'
    assert not found_in(observation)
