"""What every test starts from: an empty environment, and nothing remembered from another test."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from langfuse_otel import _pipeline, _read_settings, _routes
from langfuse_otel._hooks import streams
from langfuse_otel._litellm import call_masks, guard, pinned
from langfuse_otel._privacy import masking
from langfuse_otel.testing import Collector, forget

if TYPE_CHECKING:
    from collections.abc import Iterator

# A slow machine makes no test fail, and neither does chance: to find what is new is left to fuzzing.
hypothesis.settings.register_profile(
    "patient",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "fuzz",
    hypothesis.settings.get_profile("patient"),
    derandomize=False,
    max_examples=800,
    print_blob=True,
)
# The same few examples for each mutant, and the first that fails is enough.
hypothesis.settings.register_profile(
    "mutation",
    hypothesis.settings.get_profile("patient"),
    database=None,
    max_examples=15,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("patient")

OURS = ("LANGFUSE_", "OTEL_", "LITELLM_")

# LiteLLM's lists of callbacks.
LISTS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)

# What names of a file tell that it starts programs, or makes every call in every way.
SLOW = frozenset({"a_proxy", "a_cold_proxy", "run_program", "run_cold_program", "Parrot"})

# LiteLLM asks the network for its price list when it is imported, unless this is set.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
# Every new HTTP client reads the authorities that it trusts: one is read sooner than all the world's.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("authority.pem"))


def pytest_report_header() -> str:
    """Name the versions that decide what a failure means."""
    names = ("litellm", "opentelemetry-sdk", "httpx", "pydantic")
    return "  ".join(f"{name} {version(name)}" for name in names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files first that take longest, for no worker shall end with one alone."""
    items.sort(key=lambda item: SLOW.isdisjoint(vars(item.getparent(pytest.Module).obj)))


def pytest_collection_finish() -> None:
    """Collecting garbage need not look at what was imported: LiteLLM alone is 300,000 objects."""
    gc.freeze()


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")


@pytest.fixture(autouse=True)
def no_event_loop_left() -> Iterator[None]:
    """LiteLLM's synchronous calls may open an event loop, and leave it open."""
    yield
    with warnings.catch_warnings(), suppress(RuntimeError):
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.get_event_loop().close()
        asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """No delivery, no warning, no stream and no observation of another test is remembered."""
    yield
    forget()
    for thread in threading.enumerate():  # of a delivery that the test made itself
        if thread.name == "langfuse-otel":
            thread._target.__self__.shutdown(0.0)  # type: ignore[attr-defined]
    _pipeline._remembered.clear()
    pinned._calls.clear()
    _routes._warned.clear()
    guard._said.clear()
    call_masks._functions.clear()
    for known in (streams._open, streams._ended, streams._expected):
        known.clear()
    masking.configure(mask=None)
    _read_settings._warn_once.cache_clear()
    logging.getLogger("langfuse_otel").setLevel(logging.NOTSET)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A Langfuse that listens on loopback."""
    with Collector() as running:
        yield running


@pytest.fixture
def fresh_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM as it is imported: no callback of another test is registered."""
    import litellm
    from litellm.litellm_core_utils import litellm_logging

    for name in LISTS:
        monkeypatch.setattr(litellm, name, [])
    monkeypatch.setattr(litellm, "suppress_debug_info", True)
    litellm_logging._in_memory_loggers.clear()
    # LiteLLM makes it anew: its connections are of an event loop that another test has closed.
    monkeypatch.delitem(vars(litellm), "module_level_aclient", raising=False)


@pytest.fixture
def langfuse(
    fresh_litellm: None, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> Collector:
    """A Langfuse that the environment points to, with the callback registered by name."""
    import litellm

    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)
    litellm.callbacks = ["langfuse_otel"]
    return collector
