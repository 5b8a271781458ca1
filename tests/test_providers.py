"""Usage and cost of every provider: raw answers through LiteLLM's own transformations."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from google.oauth2.credentials import Credentials

import langfuse_otel
import providers
from providers import Answer, Provider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langfuse_otel.testing import Collector, ReceivedSpan

AWS = {
    "aws_access_key_id": "AKIAMADEUP",
    "aws_secret_access_key": "made-up",
    "aws_region_name": "us-east-1",
}
VERTEX = {"vertex_project": "made-up", "vertex_location": "us-central1"}


@dataclass(frozen=True, slots=True)
class Case:
    """What a provider answers to a model's request, and the buckets this must come to.

    `address` names the argument that leads LiteLLM to the provider, `path` what it must add.
    """

    model: str
    answer: Answer
    buckets: dict[str, int]
    path: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    address: str = "api_base"

    def call(self, provider: Provider) -> dict[str, Any]:
        """Return the arguments of a completion."""
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": "hi"}],
            "max_retries": 0,
            "api_key": "made-up",
            self.address: provider.root + self.path,
            **self.arguments,
        }


CASES = {
    # `prompt_tokens` includes cached and audio tokens, `completion_tokens` includes reasoning,
    # audio and prediction tokens.
    "openai": Case(
        "openai/gpt-5",
        providers.openai(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 20,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 4,
                    "rejected_prediction_tokens": 3,
                },
            }
        ),
        {
            "input": 70,
            "input_cached_tokens": 30,
            "output": 30,
            "output_reasoning_tokens": 20,
            "total": 150,
        },
        path="/v1",
    ),
    "openai audio": Case(
        "openai/gpt-4o-audio-preview-2025-06-03",
        providers.openai(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 25},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 40},
            }
        ),
        {
            "input": 45,
            "input_cached_tokens": 30,
            "input_audio_tokens": 25,
            "output": 10,
            "output_audio_tokens": 40,
            "total": 150,
        },
        path="/v1",
    ),
    "azure": Case(
        "azure/o3-mini",
        providers.openai(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
            }
        ),
        {
            "input": 70,
            "input_cached_tokens": 30,
            "output": 30,
            "output_reasoning_tokens": 20,
            "total": 150,
        },
        arguments={"api_version": "2024-10-21"},
    ),
    # `input_tokens` excludes what was read from the cache and written to it. There is no total:
    # it is the sum of the four.
    "anthropic": Case(
        "anthropic/claude-sonnet-4-5",
        providers.anthropic(
            {
                "input_tokens": 50,
                "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 300,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 100,
                    "ephemeral_1h_input_tokens": 200,
                },
                "output_tokens": 40,
                "service_tier": "standard",
            }
        ),
        {
            "input": 50,
            "input_cached_tokens": 2000,
            "input_cache_creation_5m": 100,
            "input_cache_creation_1h": 200,
            "output": 40,
            "total": 2390,
        },
    ),
    "anthropic without lifetimes": Case(
        "anthropic/claude-sonnet-4-5",
        providers.anthropic(
            {
                "input_tokens": 50,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 300,
                "output_tokens": 40,
            }
        ),
        {"input": 50, "input_cache_creation": 300, "output": 40, "total": 390},
    ),
    "anthropic thinking": Case(
        "anthropic/claude-sonnet-4-5",
        providers.anthropic(
            {
                "input_tokens": 50,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "output_tokens": 40,
                "output_tokens_details": {"thinking_tokens": 25},
            }
        ),
        {"input": 50, "output": 15, "output_reasoning_tokens": 25, "total": 90},
    ),
    "anthropic searches": Case(
        "anthropic/claude-sonnet-4-5",
        providers.anthropic(
            {
                "input_tokens": 50,
                "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 0,
                "output_tokens": 40,
                "server_tool_use": {"web_search_requests": 2},
            }
        ),
        {"input": 50, "input_cached_tokens": 2000, "output": 40, "total": 2090},
    ),
    # `promptTokenCount` includes the cached content, `promptTokensDetails` and
    # `cacheTokensDetails` divide them by modality; thoughts are counted beside the candidates.
    "gemini": Case(
        "gemini/gemini-2.5-flash",
        providers.gemini(
            {
                "promptTokenCount": 1000,
                "cachedContentTokenCount": 300,
                "candidatesTokenCount": 40,
                "thoughtsTokenCount": 60,
                "totalTokenCount": 1100,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 500},
                    {"modality": "AUDIO", "tokenCount": 240},
                    {"modality": "IMAGE", "tokenCount": 260},
                ],
                "cacheTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 260},
                    {"modality": "AUDIO", "tokenCount": 40},
                ],
            }
        ),
        {
            "input": 240,
            "input_cached_tokens": 300,
            "input_audio_tokens": 200,
            "input_image_tokens": 260,
            "output": 40,
            "output_reasoning_tokens": 60,
            "total": 1100,
        },
        path="/v1beta",
    ),
    # Gemini may cache by itself and then not say which modality: 280 of 310 tokens were cached,
    # so at most 30 of the image are not, though LiteLLM hands over 260 (and -230 of text).
    "gemini implicit cache": Case(
        "gemini/gemini-2.5-flash",
        providers.gemini(
            {
                "promptTokenCount": 310,
                "cachedContentTokenCount": 280,
                "candidatesTokenCount": 40,
                "totalTokenCount": 350,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 50},
                    {"modality": "IMAGE", "tokenCount": 260},
                ],
            }
        ),
        {
            "input": 0,
            "input_cached_tokens": 280,
            "input_image_tokens": 30,
            "output": 40,
            "total": 350,
        },
        path="/v1beta",
    ),
    "gemini draws": Case(
        "gemini/gemini-2.5-flash-image",
        providers.gemini(
            {
                "promptTokenCount": 270,
                "candidatesTokenCount": 1300,
                "totalTokenCount": 1570,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 12},
                    {"modality": "IMAGE", "tokenCount": 258},
                ],
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
            }
        ),
        {
            "input": 12,
            "input_image_tokens": 258,
            "output": 10,
            "output_image_tokens": 1290,
            "total": 1570,
        },
        path="/v1beta",
    ),
    # What a tool such as code execution put into the prompt is counted beside the prompt, and
    # priced as input.
    "gemini tool": Case(
        "gemini/gemini-2.5-flash",
        providers.gemini(
            {
                "promptTokenCount": 100,
                "toolUsePromptTokenCount": 70,
                "candidatesTokenCount": 40,
                "thoughtsTokenCount": 60,
                "totalTokenCount": 270,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
            }
        ),
        {"input": 170, "output": 40, "output_reasoning_tokens": 60, "total": 270},
        path="/v1beta",
    ),
    "vertex": Case(
        "vertex_ai/gemini-2.5-pro",
        providers.gemini(
            {
                "promptTokenCount": 1000,
                "cachedContentTokenCount": 300,
                "candidatesTokenCount": 40,
                "thoughtsTokenCount": 60,
                "totalTokenCount": 1100,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 760},
                    {"modality": "AUDIO", "tokenCount": 240},
                ],
                "trafficType": "ON_DEMAND",
            }
        ),
        {
            "input": 460,
            "input_cached_tokens": 300,
            "input_audio_tokens": 240,
            "output": 40,
            "output_reasoning_tokens": 60,
            "total": 1100,
        },
        path="/v1",
        arguments=VERTEX,
    ),
    # `inputTokens` excludes what was read from the cache and written to it; the total includes it.
    "bedrock": Case(
        "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        providers.converse(
            {
                "inputTokens": 50,
                "cacheReadInputTokens": 2000,
                "cacheWriteInputTokens": 300,
                "cacheDetails": [
                    {"ttl": "1h", "inputTokens": 200},
                    {"ttl": "5m", "inputTokens": 100},
                ],
                "outputTokens": 40,
                "totalTokens": 2390,
            }
        ),
        {
            "input": 50,
            "input_cached_tokens": 2000,
            "input_cache_creation_5m": 100,
            "input_cache_creation_1h": 200,
            "output": 40,
            "total": 2390,
        },
        arguments={**AWS, "api_key": None},
        address="aws_bedrock_runtime_endpoint",
    ),
    "bedrock without lifetimes": Case(
        "bedrock/converse/amazon.nova-lite-v1:0",
        providers.converse(
            {
                "inputTokens": 50,
                "cacheReadInputTokens": 2000,
                "cacheWriteInputTokens": 300,
                "outputTokens": 40,
                "totalTokens": 2390,
            }
        ),
        {
            "input": 50,
            "input_cached_tokens": 2000,
            "input_cache_creation": 300,
            "output": 40,
            "total": 2390,
        },
        arguments={**AWS, "api_key": None},
        address="aws_bedrock_runtime_endpoint",
    ),
    # Hits and misses add up to `prompt_tokens`.
    "deepseek": Case(
        "deepseek/deepseek-reasoner",
        providers.openai(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
                "completion_tokens_details": {"reasoning_tokens": 20},
            }
        ),
        {
            "input": 36,
            "input_cached_tokens": 64,
            "output": 30,
            "output_reasoning_tokens": 20,
            "total": 150,
        },
        path="/v1",
    ),
    "mistral": Case(
        "mistral/mistral-large-latest",
        providers.openai(
            {
                "prompt_tokens": 1013,
                "completion_tokens": 30,
                "total_tokens": 1043,
                "prompt_tokens_details": {"cached_tokens": 960},
            }
        ),
        {"input": 53, "input_cached_tokens": 960, "output": 30, "total": 1043},
        path="/v1",
    ),
}
# What a search puts into the prompt is counted beside the prompt too, and in the total, but Google
# does not bill it as input. LiteLLM leaves it out of `prompt_tokens`, so it needs a bucket that
# Langfuse does not price as input.
GEMINI_SEARCHES = Case(
    "gemini/gemini-2.5-flash",
    providers.gemini(
        {
            "promptTokenCount": 100,
            "toolUsePromptTokenCount": 70,
            "candidatesTokenCount": 40,
            "thoughtsTokenCount": 60,
            "totalTokenCount": 270,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
        },
        queries=["who won"],
    ),
    {
        "input": 100,
        "input_tool_use_tokens": 70,
        "output": 40,
        "output_reasoning_tokens": 60,
        "total": 270,
    },
    path="/v1beta",
)
# `tokens` is what the model processed, `billed_units` what of it is billed, `cached_tokens` a part
# of the input. LiteLLM (1.106) reads `tokens` alone.
COHERE = Case(
    "cohere_chat/command-a-03-2025",
    providers.cohere(
        {
            "billed_units": {"input_tokens": 5, "output_tokens": 40},
            "tokens": {"input_tokens": 100, "output_tokens": 42},
            "cached_tokens": 16,
        }
    ),
    {"input": 100, "output": 42, "total": 142},
    path="/v2/chat",
)
UNPRICED = Case(
    "openai/a-model-of-nobody",
    providers.openai({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}),
    {"input": 100, "output": 50, "total": 150},
    path="/v1",
)
WHOLE = {**CASES, "gemini searches": GEMINI_SEARCHES, "cohere": COHERE}


@pytest.fixture(autouse=True)
def google(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's credentials are known."""
    remembered = litellm.main.vertex_chat_completion._credentials_project_mapping
    monkeypatch.setitem(remembered, (None, "made-up"), (Credentials(token="made-up"), "made-up"))


@pytest.fixture(autouse=True)
def event_loop() -> Iterator[None]:
    """LiteLLM's synchronous calls find an event loop, which they would else open and not close."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


def complete(case: Case, provider: Provider) -> Any:
    """Ask for a whole answer."""
    return litellm.completion(**case.call(provider))


def stream(case: Case, provider: Provider) -> None:
    """Read a stream to its end."""
    for _ in litellm.completion(**case.call(provider), stream=True):
        pass


def acomplete(case: Case, provider: Provider) -> Any:
    """Ask for a whole answer, asynchronously."""

    async def main() -> Any:
        response = await litellm.acompletion(**case.call(provider))
        assert await langfuse_otel.aflush(20)
        return response

    return asyncio.run(main())


def astream(case: Case, provider: Provider) -> None:
    """Read an asynchronous stream to its end."""

    async def main() -> None:
        async for _ in await litellm.acompletion(**case.call(provider), stream=True):
            pass
        assert await langfuse_otel.aflush(20)

    asyncio.run(main())


def usage_of(span: ReceivedSpan) -> dict[str, int]:
    """Return a span's buckets, which must be counts that add up to the total."""
    usage: dict[str, int] = span.json("langfuse.observation.usage_details")
    assert all(type(count) is int and count >= 0 for count in usage.values())
    assert sum(usage.values()) - usage["total"] == usage["total"]
    return usage


def cost_of(span: ReceivedSpan) -> float:
    """Return a span's cost, which Langfuse must be able to store, and its parts must add up to."""
    cost: dict[str, float] = span.json("langfuse.observation.cost_details")
    parts = [part for name, part in cost.items() if name != "total"]
    assert all(math.isfinite(part) and 0 <= part < 1e6 for part in cost.values())
    assert not parts or sum(parts) == pytest.approx(cost["total"], abs=1e-9)
    return cost["total"]


@pytest.mark.parametrize("way", ["", "converse/", "us-east-1/", "invoke/us-east-1/"])
def test_model_of_bedrock(langfuse: Collector, way: str) -> None:
    """A model of Bedrock's has one name, by which Langfuse knows its price, however it is asked."""
    model, case = "anthropic.claude-3-haiku-20240307-v1:0", CASES["bedrock"]
    answer = CASES["anthropic"].answer if way.startswith("invoke") else case.answer
    with Provider(answer) as provider:
        litellm.completion(**{**case.call(provider), "model": f"bedrock/{way}{model}"})
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert span.attributes["langfuse.observation.model.name"] == model
    assert span.name == f"chat {model}"


@pytest.mark.parametrize("make", [complete, acomplete])
@pytest.mark.parametrize("case", WHOLE.values(), ids=WHOLE)
def test_whole(langfuse: Collector, make: Any, case: Case) -> None:
    """An answer has the provider's tokens, each in one bucket, and LiteLLM's cost."""
    with Provider(case.answer) as provider:
        response = make(case, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert usage_of(span) == case.buckets
    assert cost_of(span) == pytest.approx(response._hidden_params["response_cost"], abs=1e-9)
    assert cost_of(span) > 0


@pytest.mark.parametrize("make", [stream, astream])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_stream(langfuse: Collector, make: Any, case: Case) -> None:
    """A stream comes to the same buckets and the same cost as the whole answer."""
    with Provider(case.answer) as provider:
        response = complete(case, provider)
        assert langfuse_otel.flush(20)
        make(case, provider)
    assert langfuse_otel.flush(20)
    _whole, span = langfuse.spans

    assert usage_of(span) == case.buckets
    assert cost_of(span) == pytest.approx(response._hidden_params["response_cost"], abs=1e-9)


@pytest.mark.parametrize("make", [stream, astream])
def test_gemini_searches_stream(langfuse: Collector, make: Any) -> None:
    """A stream's total is without what searches brought: LiteLLM adds it up from the other counts."""
    with Provider(GEMINI_SEARCHES.answer) as provider:
        make(GEMINI_SEARCHES, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert usage_of(span) == {
        "input": 100,
        "output": 40,
        "output_reasoning_tokens": 60,
        "total": 200,
    }


@pytest.mark.parametrize("make", [stream, astream])
def test_cohere_stream(langfuse: Collector, make: Any) -> None:
    """Cohere's streams have the tokens that LiteLLM counts, for it does not read Cohere's."""
    with Provider(COHERE.answer) as provider:
        make(COHERE, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans
    usage = usage_of(span)

    assert set(usage) == {"input", "output", "total"}
    assert usage["input"] > 0
    assert usage["output"] > 0
    assert cost_of(span) > 0


def a_new_model() -> Case:
    """Return a case of a model that is on no price list, though its family is known."""
    case, model = CASES["anthropic"], "claude-opus-9"
    streamed = case.answer.stream.replace(b"upstream", model.encode())
    answer = Answer({**case.answer.whole, "model": model}, streamed)
    return replace(case, model=f"anthropic/{model}", answer=answer)


@pytest.mark.parametrize(
    ("case", "make"),
    [(UNPRICED, complete), *((a_new_model(), m) for m in (complete, acomplete, stream, astream))],
)
def test_no_price(langfuse: Collector, case: Case, make: Any) -> None:
    """Where LiteLLM knows no price there is usage and no cost: Langfuse may have one.

    Of a model that it knows by its family alone LiteLLM says that it is free.
    """
    with Provider(case.answer) as provider:
        make(case, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert usage_of(span) == case.buckets
    assert "langfuse.observation.cost_details" not in span.attributes


def test_free_model(langfuse: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is free by LiteLLM's list costs nothing, whatever Langfuse would say."""
    case = a_new_model()
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0, "litellm_provider": "anthropic"}
    monkeypatch.setitem(litellm.model_cost, "claude-opus-9", free)
    with Provider(case.answer) as provider:
        complete(case, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert span.json("langfuse.observation.cost_details") == {"total": 0}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a router puts on LiteLLM's price list is on it no longer afterwards."""
    monkeypatch.setattr(litellm, "model_cost", dict(litellm.model_cost))


def route(case: Case, provider: Provider, **prices: float) -> None:
    """Ask LiteLLM's router, where the same model is registered twice, as after a change."""
    call = case.call(provider)
    del call["messages"]
    for _ in range(2):
        router = litellm.Router([{"model_name": "m", "litellm_params": {**call, **prices}}])
    router.completion(model="m", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize("case", [a_new_model(), UNPRICED], ids=["new", "unknown"])
@pytest.mark.usefixtures("listed")
def test_no_price_of_a_router(langfuse: Collector, case: Case) -> None:
    """A model of a router or proxy without a price is not free, though LiteLLM then lists it."""
    with Provider(case.answer) as provider:
        route(case, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert usage_of(span) == case.buckets
    assert "langfuse.observation.cost_details" not in span.attributes


@pytest.mark.usefixtures("listed")
def test_free_model_of_a_router(langfuse: Collector) -> None:
    """A model of which a router's configuration says that it is free costs nothing."""
    with Provider(UNPRICED.answer) as provider:
        route(UNPRICED, provider, input_cost_per_token=0, output_cost_per_token=0)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert span.json("langfuse.observation.cost_details") == {"total": 0}


def test_model_at_home(langfuse: Collector) -> None:
    """What Ollama runs costs nothing."""
    answer = {"model": "mine", "response": "Hi", "done": True, "eval_count": 5, "model_info": {}}
    case = Case("ollama/mine", Answer({**answer, "template": ""}, b""), {})
    with Provider(case.answer) as provider:
        complete(case, provider)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert span.json("langfuse.observation.cost_details") == {"total": 0}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_response_that_is_cut(langfuse: Collector, is_streamed: bool) -> None:
    """Why an answer of the Responses API ended early is told, as it is of the other ones."""
    usage = {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}
    with Provider(providers.response(usage, "max_output_tokens")) as provider:
        answer = litellm.responses(
            model="openai/gpt-5",
            input="hi",
            api_base=f"{provider.root}/v1",
            api_key="made-up",
            max_retries=0,
            stream=is_streamed,
        )
        if is_streamed:
            assert list(answer)
    assert langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert span.json("langfuse.observation.metadata")["finish_reasons"] == ["max_output_tokens"]


def fail(message: str, key: str = "made-up") -> None:
    """Ask for a response that says that it failed."""
    answer = providers.response({}, "")
    error = {"code": "server_error", "message": message}
    failed = {"status": "failed", "error": error, "usage": None, "output": []}
    with Provider(replace(answer, whole={**answer.whole, **failed})) as provider:
        litellm.responses(
            model="openai/gpt-4.1", input="hi", api_key=key, api_base=f"{provider.root}/v1"
        )


@pytest.mark.parametrize(
    ("is_hidden", "message"), [(False, "The model broke."), (True, "server_error")]
)
def test_a_response_that_failed(
    langfuse: Collector, monkeypatch: pytest.MonkeyPatch, is_hidden: bool, message: str
) -> None:
    """A response that says that it failed is an error, though LiteLLM calls it a success."""
    monkeypatch.setattr(litellm, "turn_off_message_logging", is_hidden)
    fail("The model broke.")
    langfuse_otel.flush(20)
    [span] = langfuse.spans

    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert span.attributes["langfuse.observation.status_message"] == message
    assert span.json("langfuse.observation.metadata")["error_code"] == "server_error"
    assert span.json("langfuse.observation.cost_details") == {"total": 0}


def test_a_failed_response_that_quotes(langfuse: Collector) -> None:
    """The message of a failed response does not show the key of the call."""
    fail("No tool answers to sk-made-up-key.", key="sk-made-up-key")
    langfuse_otel.flush(20)
    [span] = langfuse.spans
    message = span.attributes["langfuse.observation.status_message"]

    assert message == "No tool answers to [credential]."


def test_paths() -> None:
    """LiteLLM asks each provider where the provider listens: its own transformation ran."""
    asked = {}
    for name, case in WHOLE.items():
        with Provider(case.answer) as provider:
            complete(case, provider)
        [asked[name]] = provider.paths

    assert asked == {
        "openai": "/v1/chat/completions",
        "openai audio": "/v1/chat/completions",
        "azure": "/openai/deployments/o3-mini/chat/completions",
        "anthropic": "/v1/messages",
        "anthropic without lifetimes": "/v1/messages",
        "anthropic thinking": "/v1/messages",
        "anthropic searches": "/v1/messages",
        "gemini": "/v1beta/models/gemini-2.5-flash:generateContent",
        "gemini implicit cache": "/v1beta/models/gemini-2.5-flash:generateContent",
        "gemini draws": "/v1beta/models/gemini-2.5-flash-image:generateContent",
        "gemini tool": "/v1beta/models/gemini-2.5-flash:generateContent",
        "vertex": "/v1/projects/made-up/locations/us-central1/publishers/google"
        "/models/gemini-2.5-pro:generateContent",
        "bedrock": "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        "bedrock without lifetimes": "/model/amazon.nova-lite-v1%3A0/converse",
        "deepseek": "/v1/chat/completions",
        "mistral": "/v1/chat/completions",
        "gemini searches": "/v1beta/models/gemini-2.5-flash:generateContent",
        "cohere": "/v2/chat",
    }
