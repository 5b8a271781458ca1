"""What is asked in each environment: whole programs with the real LiteLLM, against a collector.

Prints, as JSON, the verdict of each check: `ok`, one that is explained, or what was wrong. It runs in the
environment that it asks about, which has LiteLLM, this library and nothing else.
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langfuse_otel.testing import Collector
from matrix.page import BY_LAUNCHER, CHECKS, NO_PROXY, NOT_OF_STREAMS, OK
from programs import SCRIPTS, run_cold_program
from proxies import a_cold_proxy
from upstream import ANSWER, BUCKETS, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langfuse_otel.testing import ReceivedSpan

NAME = 'import langfuse_otel, litellm\nlitellm.callbacks = ["langfuse_otel"]\n'
NAME_LATE = 'import litellm, langfuse_otel\nlitellm.callbacks = ["langfuse_otel"]\n'
INSTANCE = """
import litellm
from langfuse_otel import LangfuseOtelLogger
litellm.callbacks = [LangfuseOtelLogger()]
"""
# A first import of LiteLLM compiles it, beside the other environments.
PROGRAM_S = 300.0
COST = "langfuse.observation.cost_details"
DOTTED = "langfuse_otel.callback"
# Its parser takes options of the program for its own, but for the dashes.
LAUNCHER = [str(SCRIPTS / "opentelemetry-instrument"), "--"]
# A name for each call, so that its span is found again.
CALLS = """
import litellm
def ask(name, **more):
    given = dict(api_base={url!r}, api_key="sk-upstream", num_retries=0, max_retries=0)
    metadata = dict(generation_name=name, session_id="session-1", trace_user_id="user-1",
                    tags=["a", "b"], own="kept")
    return dict(model="openai/gpt-4o-mini", messages=[dict(role="user", content=more.pop("say", "hi"))],
                metadata=metadata, **given, **more)
"""
PLAIN = 'litellm.completion(**ask("plain"))\n'
ALL = """
litellm.completion(**ask("plain"))
for _ in litellm.completion(**ask("stream", stream=True, stream_options=dict(include_usage=True))):
    pass
try:
    litellm.completion(**ask("failure", say="fail"))
except Exception:
    pass
async def main():
    async for _ in await litellm.acompletion(**ask("async stream", stream=True)):
        pass
    await asyncio.gather(*(litellm.acompletion(**ask("async")) for _ in range(3)))
asyncio.run(main())
"""

# The checks that look at what one program sent.
OF_CALLS = ("name", "stream", "failure", "metadata", "usage", "cost", "asyncio.run, end")


def main() -> None:
    """Ask everything."""
    asked = _calls() | _ways() | _proxy()
    assert asked.keys() == set(CHECKS)
    print(json.dumps({"litellm": version("litellm"), "verdicts": asked}))


def _calls() -> dict[str, str]:
    with Collector() as collector, Upstream() as upstream:
        run = run_cold_program(
            CALLS.format(url=upstream.url) + NAME + ALL, collector, timeout_s=PROGRAM_S
        )
        spans: dict[str, list[ReceivedSpan]] = {}
        for span in collector.spans:
            spans.setdefault(span.name, []).append(span)
    if run.returncode:
        return dict.fromkeys((*OF_CALLS, "no warning"), run.stderr[-500:])
    warnings = [line for line in run.stderr.splitlines() if "langfuse-otel:" in line]
    verdicts = {name: _of_calls(name, spans) for name in OF_CALLS}
    return {**verdicts, "no warning": "; ".join(warnings) or OK}


def _of_calls(check: str, spans: Mapping[str, list[ReceivedSpan]]) -> str:
    try:
        explained = {
            "name": _is_plain,
            "stream": _is_streamed,
            "failure": _has_failed,
            "metadata": _has_metadata,
            "usage": _has_usage,
            "cost": _has_cost,
            "asyncio.run, end": _is_delivered_at_end,
        }[check](spans)
    except (AssertionError, KeyError, ValueError) as error:
        return f"{type(error).__name__}: {error}; spans {[*spans]}"
    return explained or OK


def _equal(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def _is_plain(spans: Mapping[str, list[ReceivedSpan]]) -> None:
    [span] = spans["plain"]
    _equal(span.headers["x-langfuse-sdk-name"], "langfuse-otel")
    _equal(span.attributes["langfuse.observation.type"], "generation")
    _equal(span.json("langfuse.observation.output"), {"role": "assistant", "content": ANSWER})
    _equal(span.attributes["langfuse.observation.model.name"], "gpt-4o-mini")


def _is_streamed(spans: Mapping[str, list[ReceivedSpan]]) -> None:
    for name in ("stream", "async stream"):
        [span] = spans[name]
        _equal(span.json("langfuse.observation.output")["content"], ANSWER)
        began = span.attributes["langfuse.observation.completion_start_time"]
        _equal(bool(began), True)


def _has_failed(spans: Mapping[str, list[ReceivedSpan]]) -> None:
    [span] = spans["failure"]
    _equal(span.attributes["langfuse.observation.level"], "ERROR")
    _equal("overloaded" in span.attributes["langfuse.observation.status_message"], True)
    _equal(span.json(COST), {"total": 0})


def _has_metadata(spans: Mapping[str, list[ReceivedSpan]]) -> None:
    for found in spans.values():
        for span in found:
            _equal(span.attributes["session.id"], "session-1")
            _equal(span.attributes["user.id"], "user-1")
            _equal(list(span.attributes["langfuse.trace.tags"]), ["a", "b"])
            _equal(span.json("langfuse.observation.metadata")["own"], "kept")


def _has_usage(spans: Mapping[str, list[ReceivedSpan]]) -> None:
    for name in ("plain", "stream"):
        [span] = spans[name]
        _equal(span.json("langfuse.observation.usage_details"), BUCKETS)


def _has_cost(spans: Mapping[str, list[ReceivedSpan]]) -> str | None:
    """What LiteLLM names itself; of a stream it may name none."""
    costs = [
        span.json(COST)["total"] if COST in span.attributes else None
        for name in ("plain", "stream")
        for span in spans[name]
    ]
    _equal(isinstance(costs[0], float) and 0 < costs[0] < 1, True)
    _equal(costs[1] in {costs[0], None}, True)
    return NOT_OF_STREAMS if costs[1] is None else None


def _is_delivered_at_end(spans: Mapping[str, list[ReceivedSpan]]) -> None:
    _equal(len(spans["async"]), 3)


def _ways() -> dict[str, str]:
    return {
        "name, late": _way(NAME_LATE, []),
        "instance": _way(INSTANCE, []),
        "launcher": _way("", LAUNCHER),
    }


def _way(register: str, launcher: list[str]) -> str:
    with Collector() as collector, Upstream() as upstream:
        code = CALLS.format(url=upstream.url) + register + PLAIN
        run = run_cold_program(code, collector, launcher, timeout_s=PROGRAM_S)
        names = [span.name for span in collector.spans]
        ours = {span.headers["x-langfuse-sdk-name"] for span in collector.spans}
    is_good = names == ["plain"] and ours == {"langfuse-otel"}
    return OK if is_good else f"{names} {run.stderr[-500:]}"


def _proxy() -> dict[str, str]:
    """The proxy with the callback's dotted name; where it knows none, started by the launcher."""
    if not find_spec("fastapi_sso"):
        return {"proxy": NO_PROXY}
    try:
        try:
            wrong = _proxied([DOTTED], [])
        except RuntimeError as error:
            if "Could not import" not in str(error):
                raise
            wrong = _proxied([], LAUNCHER) or BY_LAUNCHER
    except (OSError, RuntimeError) as error:
        wrong = str(error)[-500:]
    return {"proxy": wrong or OK}


def _proxied(callbacks: Sequence[str], launcher: Sequence[str]) -> str:
    """Return what is wrong with the spans of a call and a stream, asked until the proxy ends."""
    body: dict[str, Any] = {
        "model": "house-model",
        "messages": [{"role": "user", "content": "hi"}],
    }
    with tempfile.TemporaryDirectory() as folder, Collector() as collector, Upstream() as upstream:
        with a_cold_proxy(Path(folder), upstream.url, callbacks, collector, launcher) as client:
            for more in ({}, {"stream": True}):
                client.post("/v1/chat/completions", json=body | more).raise_for_status()
        outputs = [span.json("langfuse.observation.output")["content"] for span in collector.spans]
    return "" if outputs == [ANSWER, ANSWER] else f"{outputs}"


if __name__ == "__main__":
    main()
