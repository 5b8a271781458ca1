"""Asynchronous callbacks of LiteLLM's that do not come to their end: what they would tell arrives."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from langfuse_otel._hooks.pending import remember_callbacks
from programs import run_program
from routes import ANSWER, Provider

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

# A callback before ours that waits.
BEHIND = """
import asyncio, langfuse_otel, litellm
from litellm.integrations.custom_logger import CustomLogger
waiting = []
class Slow(CustomLogger):
    async def async_log_success_event(self, **told):
        waiting.append(told)
        await asyncio.sleep(3600)
litellm.callbacks = [Slow(), "langfuse_otel"]
"""

# One call, and the end of the loop as soon as a callback waits.
UNTIL_ONE_WAITS = """
async def main():
    await litellm.acompletion(**call())
    while not waiting:
        await asyncio.sleep(0.01)
asyncio.run(main())
assert langfuse_otel.flush()
"""

STREAM = """stream = await litellm.anthropic.messages.acreate(
        model="anthropic/claude-sonnet-4-5", max_tokens=9, stream=True,
        messages=[{"role": "user", "content": "hi"}], api_base=os.environ["UPSTREAM"], api_key="k",
    )"""


def run_alone(code: str, collector: Collector) -> None:
    """Run a program that has no callback but ours, and a provider."""
    alone = BEHIND.replace("Slow(), ", "")
    with Provider() as upstream:
        result = run_program(alone + code, collector, UPSTREAM=upstream.root)

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "run",
    [
        "asyncio.run(main())",
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()",
    ],
    ids=["cancelled", "closed"],
)
def test_end_of_the_loop(collector: Collector, run: str) -> None:
    """What another callback waits for at the end of an event loop does not lose a call."""
    code = f"""
async def main():
    await asyncio.gather(*[litellm.acompletion(**call()) for _ in range(5)])
    while len(waiting) < 5:
        await asyncio.sleep(0.01)
{run}
"""
    result = run_program(BEHIND + code, collector)

    assert result.returncode == 0, result.stderr
    assert len(collector.spans) == 5


def test_hook_that_hides(collector: Collector) -> None:
    """What a hook was yet to hide is not sent, and the call is counted."""
    code = """
class Hiding(CustomLogger):
    async def async_logging_hook(self, kwargs, result, call_type):
        waiting.append(kwargs)
        await asyncio.sleep(3600)
litellm.callbacks = [Hiding(), "langfuse_otel"]
"""
    told = "print(dict(langfuse_otel.stats().dropped))"
    result = run_program(BEHIND + code + UNTIL_ONE_WAITS + told, collector)

    assert result.stdout == "{'unreadable': 1}\n", result.stderr
    assert not collector.spans


@pytest.mark.parametrize("ours", ['"langfuse_otel"', "Off()"])
def test_told_before(collector: Collector, ours: str) -> None:
    """A callback of ours that has been called is not called to another observation."""
    code = f"""
def Off():
    return langfuse_otel.LangfuseOtelLogger(turn_off_message_logging=True)
litellm.callbacks = [{ours}, Slow()]
"""
    told = "print(langfuse_otel.stats().created)"
    result = run_program(BEHIND + code + UNTIL_ONE_WAITS + told, collector)

    assert result.returncode == 0, result.stderr
    assert len(collector.spans) == 1
    assert result.stdout == "1\n"


@pytest.mark.parametrize("then", ["pass", "break"], ids=["read", "left"])
def test_messages_stream(collector: Collector, then: str) -> None:
    """A Messages stream arrives, though the loop ends while LiteLLM puts it together."""
    code = f"""
async def main():
    {STREAM}
    async for _ in stream:
        {then}
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(main())
"""
    run_alone(code, collector)

    [span] = collector.spans
    assert ANSWER in span.attributes["langfuse.observation.output"]


def test_loop_that_goes_on(collector: Collector) -> None:
    """Of a Messages stream that LiteLLM takes too long to put together a loop sees to the rest."""
    code = f"""
from langfuse_otel._hooks import pending
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
pending.LATER_S = 0.01
async def main():
    await litellm.acompletion(**call())
    GLOBAL_LOGGING_WORKER.timeout = 1e-9
    {STREAM}
    async for _ in stream:
        pass
    while langfuse_otel.stats().created < 2:
        await asyncio.sleep(0.01)
asyncio.run(main())
"""
    run_alone(code, collector)

    assert len(collector.spans) == 2


def test_another_worker(caplog: pytest.LogCaptureFixture) -> None:
    """Where LiteLLM's worker is none that we know, that is said, for calls may be lost."""
    remember_callbacks(ModuleType("logging_worker"))

    [line] = caplog.messages
    assert "LoggingWorker.enqueue" in line
    assert "aflush()" in line
