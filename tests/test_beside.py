"""Nothing here needs the libraries that it works beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from programs import run_program

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

WITHOUT_SDK = """
sys.modules["langfuse"] = None  # as if it were not installed
import langfuse_otel, litellm
litellm.callbacks = ["langfuse_otel"]
with langfuse_otel.trace("lesson", user_id="ada") as trace:
    litellm.completion(**call())
    trace.score(name="good", value=1)

@langfuse_otel.observe()
def asked():
    return litellm.completion(**call()).choices[0].message.content
asked()
assert langfuse_otel.flush(20)
"""


def test_without_the_langfuse_sdk(collector: Collector) -> None:
    """Nothing here needs the Langfuse SDK."""
    run = run_program(WITHOUT_SDK, collector)

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 4
    assert len(collector.scores) == 1
