"""The ways in: whole programs with the real LiteLLM, started as users start them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from programs import LITELLM, SCRIPTS, run_cold_program, run_program

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from langfuse_otel.testing import Collector

LAUNCHER = [str(SCRIPTS / "opentelemetry-instrument")]
# LiteLLM is imported once, and what begins after that is each in a process of its own, for none
# must find what another has left.
IMPORTED = f"import {', '.join(LITELLM)}\n"
EACH = """
for beginning in {beginnings}:
    if not os.fork():
        exec(beginning + {calls!r})
        sys.exit()
    assert os.wait()[1] == 0, beginning
"""
BOTH = """
litellm.completion(**call())
try:
    litellm.completion(**call(mock_response=Exception("boom")))
except Exception:
    pass
async def main():
    await litellm.acompletion(**call())
    async for _ in await litellm.acompletion(**call(stream=True)):
        pass
asyncio.run(main())
"""
BY_NAME = 'litellm.callbacks = ["langfuse_otel"]\n'
BY_EVENT = """
litellm.success_callback = ["langfuse_otel"]
litellm.failure_callback = ["langfuse_otel"]
"""
PER_CALL = """
litellm.completion(**call(callbacks=["langfuse_otel"]))
try:
    litellm.completion(**call(callbacks=["langfuse_otel"], mock_response=Exception("boom")))
except Exception:
    pass
async def main():
    await litellm.acompletion(**call(callbacks=["langfuse_otel"]))
    async for _ in await litellm.acompletion(**call(callbacks=["langfuse_otel"], stream=True)):
        pass
asyncio.run(main())
"""
INSTANCE = """
from langfuse_otel import LangfuseOtelLogger
import litellm
litellm.callbacks = [LangfuseOtelLogger()]
"""
LOADED_BEFORE = """
import litellm.integrations.langfuse.langfuse_otel
import langfuse_otel, litellm
"""


def test_sdk(collector: Collector) -> None:
    """Every way to register gives each call, of each kind, once and through us."""
    ways = [BY_NAME, INSTANCE]
    code = "import langfuse_otel\n" + IMPORTED + EACH.format(beginnings=ways, calls=BOTH)
    assert_each_once(collector, run_cold_program(code, collector), times=len(ways))


@pytest.mark.parametrize(
    "code",
    [
        "import litellm, langfuse_otel\n" + BY_NAME + BOTH,
        LOADED_BEFORE + BY_NAME + BOTH,
        "import litellm, langfuse_otel\n" + BY_EVENT + BOTH,
        "import litellm, langfuse_otel\n" + PER_CALL,
    ],
    ids=["name", "builtin-loaded-first", "success-and-failure", "per-call"],
)
def test_sdk_after_litellm(collector: Collector, code: str) -> None:
    """So it is where LiteLLM was imported before us."""
    assert_each_once(collector, run_program(code, collector))


def assert_each_once(collector: Collector, run: CompletedProcess[str], times: int = 1) -> None:
    """Check that the calls of `BOTH`, made so many times, have arrived, and how."""
    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 4 * times, run.stderr
    assert {span.headers["x-langfuse-sdk-name"] for span in collector.spans} == {"langfuse-otel"}
    levels = [span.attributes["langfuse.observation.level"] for span in collector.spans]
    assert levels.count("ERROR") == times


def test_sdk_with_litellms_otel_v2(collector: Collector) -> None:
    """LiteLLM's second OpenTelemetry integration leaves the name to us, too."""
    code = "import langfuse_otel, litellm\n" + BY_NAME + BOTH
    run = run_program(code, collector, LITELLM_OTEL_V2="true")

    assert len(collector.spans) == 4, run.stderr
    assert {span.headers["x-langfuse-sdk-name"] for span in collector.spans} == {"langfuse-otel"}


def test_environment_only(collector: Collector) -> None:
    """A program that knows nothing of us is traced when it is started by the launcher.

    It stays so when the program assigns LiteLLM's callback lists itself, whichever.
    """
    assignments = [
        "",
        "litellm.callbacks = []",
        "litellm.success_callback = []; litellm.failure_callback = []",
        "litellm._async_success_callback = []; litellm.success_callback = []",
    ]
    code = IMPORTED + EACH.format(beginnings=assignments, calls=BOTH)
    run = run_cold_program(code, collector, LAUNCHER)
    assert_each_once(collector, run, times=len(assignments))


def test_launcher_without_keys(collector: Collector) -> None:
    """Without keys the launcher adds no callback, and the program works as before."""
    code = "import litellm\n" + BOTH + "print(litellm.success_callback)"
    run = run_cold_program(code, None, LAUNCHER)

    assert (run.returncode, run.stdout.splitlines()[-1]) == (0, "[]")


@pytest.mark.parametrize(
    "end", ["sys.exit(3)", "raise RuntimeError('unhandled')"], ids=["sys-exit", "exception"]
)
def test_exit(collector: Collector, end: str) -> None:
    """A program that ends right after its calls, in whichever way, loses none of them."""
    run = run_program("import litellm, langfuse_otel\n" + BY_NAME + BOTH + end, collector)

    assert len(collector.spans) == 4, run.stderr


@pytest.mark.parametrize("number", [1, 3, 100])
def test_asyncio_run(collector: Collector, number: int) -> None:
    """`asyncio.run` of concurrent calls that returns at once delivers exactly all of them."""
    code = f"""
import litellm, langfuse_otel
litellm.callbacks = ["langfuse_otel"]
async def main():
    await asyncio.gather(*(litellm.acompletion(**call()) for _ in range({number})))
asyncio.run(main())
"""
    run = run_program(code, collector)

    assert len({span.span_id for span in collector.spans}) == number, run.stderr
    assert len(collector.spans) == number


def test_dead_host_at_exit() -> None:
    """With a dead host the program ends by itself, in its time, and says what was lost."""
    code = "import langfuse_otel, litellm\n" + BY_NAME + "litellm.completion(**call())"
    run = run_program(
        code,
        None,
        LANGFUSE_OTEL_HOST="http://127.0.0.1:9",
        LANGFUSE_PUBLIC_KEY="pk-lf-1",
        LANGFUSE_SECRET_KEY="sk-lf-1",
        LANGFUSE_OTEL_SHUTDOWN_TIMEOUT="0.5",
    )

    assert run.returncode == 0
    assert "the process ended before Langfuse took them: 1 span is lost" in run.stderr
    assert "sk-lf-1" not in run.stderr


def test_litellm_debug(collector: Collector) -> None:
    """LiteLLM's own debug switch shows our endpoint and submissions, without the secret."""
    code = "import langfuse_otel, litellm\n" + BY_NAME + "litellm.completion(**call())"
    run = run_program("import litellm; litellm._turn_on_debug()\n" + code, collector)

    assert f"spans go to {collector.url}/api/public/otel/v1/traces" in run.stderr
    assert ": delivered" in run.stderr
    assert collector.secret_key not in run.stderr


def test_the_old_callback_is_left_alone(collector: Collector) -> None:
    """LiteLLM's other name, `langfuse`, does not lead to us."""
    code = """
import langfuse_otel, litellm
litellm.success_callback = ["langfuse"]
try:
    litellm.completion(**call())
except Exception:
    pass  # LiteLLM's callback needs a release of the Langfuse SDK that may not be installed
print("langfuse_otel.logger" in sys.modules)
"""
    run = run_program(code, collector)

    assert run.stdout.splitlines()[-1] == "False", run.stderr
    assert [span for span in collector.spans if span.scope == "langfuse_otel"] == []
