"""Asynchronous callbacks of LiteLLM's that do not come to their end: what they would tell arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


def test_told_before(collector: Collector) -> None:
    """A callback of ours that has been called is not called to another observation."""
    code = """
litellm.callbacks = ["langfuse_otel", Slow()]
async def main():
    await litellm.acompletion(**call())
    while not waiting:
        await asyncio.sleep(0.01)
asyncio.run(main())
"""
    result = run_program(BEHIND + code, collector)

    assert result.returncode == 0, result.stderr
    assert len(collector.spans) == 1


@pytest.mark.parametrize("then", ["pass", "break"], ids=["read", "left"])
def test_messages_stream(collector: Collector, then: str) -> None:
    """A Messages stream arrives, though the loop ends while LiteLLM puts it together."""
    code = f"""
async def main():
    stream = await litellm.anthropic.messages.acreate(
        model="anthropic/claude-sonnet-4-5", max_tokens=9, stream=True,
        messages=[{{"role": "user", "content": "hi"}}], api_base=os.environ["UPSTREAM"], api_key="k",
    )
    async for _ in stream:
        {then}
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(main())
"""
    alone = BEHIND.replace("Slow(), ", "")
    with Provider() as upstream:
        result = run_program(alone + code, collector, UPSTREAM=upstream.root)

    assert result.returncode == 0, result.stderr
    [span] = collector.spans
    assert ANSWER in span.attributes["langfuse.observation.output"]
