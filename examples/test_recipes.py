"""The recipes, run as programs: what each prints, and what Langfuse shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel.dev import LocalReceiver


@pytest.mark.parametrize("recipe", ["with_langchain", "with_openai_agents", "with_smolagents"])
def test_frameworks(run: Callable[..., str], receiver: LocalReceiver, recipe: str) -> None:
    """One generation for the one call to a model carries usage; user and session are the trace's."""
    said = run(f"recipes/{recipe}.py")
    [trace] = receiver.traces()
    used = [seen for seen in trace.observations if seen.usage_details]

    assert said.splitlines()[-1] == "Paris."
    assert [seen.type for seen in used] == ["GENERATION"]
    assert (trace.name, trace.user_id, trace.session_id) == ("geography", "ada", "lesson-1")


def test_beside_langfuse_sdk(run: Callable[..., str], receiver: LocalReceiver) -> None:
    """The SDK's span and LiteLLM's generation are in one trace, each once."""
    run("recipes/beside_langfuse_sdk.py", LANGFUSE_HOST=receiver.url)
    [trace] = receiver.traces()
    found = {observation.name: observation for observation in trace.observations}
    lesson, generation = found["lesson"], found["chat gpt-4o-mini"]

    assert receiver.store.span_count() == 2
    assert trace.name == "lesson"
    assert (generation.parent_id, generation.type) == (lesson.id, "GENERATION")
    assert not lesson.usage_details


def test_spans_of_an_application(run: Callable[..., str], receiver: LocalReceiver) -> None:
    """The shop's span comes with the call under it, the framework's does not."""
    run("recipes/spans_of_an_application.py")
    [trace] = receiver.traces()
    found = {observation.name: observation for observation in trace.observations}

    assert set(found) == {"answer a question", "chat gpt-4o-mini"}
    assert found["chat gpt-4o-mini"].parent_id == found["answer a question"].id
