"""What `langfuse-otel check` finds out, step by step; `_console/report.py` has the records.

The test trace goes out the way that every span goes.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from langfuse_otel._console.connection import connection_finding, name_finding
from langfuse_otel._console.own_side import mask_finding, spool_finding
from langfuse_otel._console.report import Finding, Note, Resolved
from langfuse_otel._delivery.compression import compressed
from langfuse_otel._delivery.sender import Delivered, Outcome, Sender, TryLater
from langfuse_otel._destination import REGIONS, TRACES_PATH, unquoted
from langfuse_otel._environment import proxy_of
from langfuse_otel._litellm.versions import LITELLM, is_supported, standing_of
from langfuse_otel._read_settings import problems_in, warnings_about
from langfuse_otel._records import Clues, Observation
from langfuse_otel._rest import clock_ahead_s, get, projects
from langfuse_otel._spans.identity import identify
from langfuse_otel._spans.otlp import request_of
from langfuse_otel._spans.span import part_of, resource_of
from langfuse_otel._version import __version__
from langfuse_otel.settings import Settings, environment_of, set_by, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langfuse_otel._console.report import Record
    from langfuse_otel._destination import Destination

READ_BACK_S = 15.0
POLL_S = 0.25
MAX_CLOCK_S = 60.0


def diagnosis(show: Callable[[str], None]) -> Iterator[Record]:
    """Yield what was resolved and where it came from, then what the server says to it.

    Args:
        show: is told what is being done, and the empty text when that is over.
    """
    try:
        settings = Settings()
        destination = settings.destination()
    except ValueError as error:
        yield from (Finding("settings", good=False, text=text) for text in problems_in(error))
        return
    yield from _resolved(settings, destination)
    yield from map(Note, [*warnings_about(settings), *_withheld(settings)])
    yield from _examined(settings, destination, show)


def _withheld(settings: Settings) -> Iterator[str]:
    """What the settings keep from being sent: on purpose perhaps, and perhaps forgotten."""
    for name in ("tracing_enabled", "langfuse_enabled"):
        if not getattr(settings, name):
            yield f"{set_by(settings, name)} turns tracing off: no call is sent"
    if settings.sample_rate < 1:
        variable, rate = set_by(settings, "sample_rate"), settings.sample_rate
        yield f"{variable} is {rate:g}: no more of the traces than that is sent"


def litellm_findings(show: Callable[[str], None]) -> Iterator[Finding]:
    """Yield whether LiteLLM is new enough, and its name `langfuse_otel` leads to this library.

    Args:
        show: as above.
    """
    litellm = version("litellm")
    standing = standing_of(litellm) or f"one that langfuse-otel {__version__} is tested with"
    upgrade = f"Upgrade it: pip install 'litellm>={LITELLM[0]}'"
    text = f"LiteLLM {litellm} is {standing}"
    good = is_supported(litellm)
    yield Finding("litellm", good=good, text=text, cure="" if good else upgrade)
    show("importing LiteLLM ...")
    from litellm.integrations.langfuse import langfuse_otel as module

    from langfuse_otel.logger import LangfuseOtelLogger  # noqa: PLC0415 - imports LiteLLM

    show("")
    name = "LiteLLM's callback langfuse_otel"
    if module.LangfuseOtelLogger is LangfuseOtelLogger:
        where = "in a program that imports langfuse_otel or is started by the launcher"
        yield Finding("callback", good=True, text=f"{name} is this library {where}")
        return
    yield Finding(
        "callback",
        good=False,
        text=f"{name} resolves to LiteLLM's own class",
        cure="Import langfuse_otel in the program, or start it with opentelemetry-instrument.",
    )


def _examined(
    settings: Settings, destination: Destination, show: Callable[[str], None]
) -> Iterator[Finding]:
    """Ask the server step by step, and stop at the first step that fails."""
    for doing, step in _steps(settings, destination):
        show(f"{doing} ...")
        finding = step()
        show("")
        yield finding
        if not finding.good:
            return


def _resolved(settings: Settings, destination: Destination) -> Iterator[Resolved]:
    yield Resolved("traces_url", destination.traces_url, _chosen_by(settings, destination))
    if destination.public_key:
        yield Resolved("public_key", destination.public_key, settings.source("public_key"))
        yield Resolved("secret_key", masked(settings), settings.source("secret_key"))
    for name in Settings.model_fields:
        value, source = getattr(settings, name), settings.source(name)
        if source != "default" and name not in {"host", "public_key", "secret_key"}:
            yield Resolved(name, str(shown(name, value)), source)


def masked(settings: Settings) -> str:
    """Return the secret key so that its owner knows it again and nobody else learns it."""
    secret = unquoted(settings.secret_key.get_secret_value()) if settings.secret_key else ""
    prefix = "sk-lf-" if secret.startswith("sk-lf-") else ""
    return f"{prefix}...{len(secret)} characters"


def _chosen_by(settings: Settings, destination: Destination) -> str:
    if destination.kind == "endpoint":
        return "LANGFUSE_OTEL_ENDPOINT"
    if destination.kind == "otlp":
        name = "otlp_traces_endpoint" if settings.otlp_traces_endpoint else "otlp_endpoint"
        return settings.source(name)
    source = settings.source("host")
    return "default: Langfuse US cloud" if source == "default" else f"host from {source}"


def _steps(settings: Settings, destination: Destination) -> list[tuple[str, Callable[[], Finding]]]:
    """Return the steps in their order, each with what it is doing."""
    trace_id = f"{time.time_ns():032x}"
    proxy = proxy_of(destination.traces_url)
    way = [
        *([("importing the mask", lambda: mask_finding(settings))] if settings.mask else []),
        *([("opening the spool", lambda: spool_finding(settings))] if settings.spool_dir else []),
        ("looking up the host", lambda: name_finding(proxy or destination.traces_url)),
        ("connecting", lambda: connection_finding(destination.traces_url, proxy, settings.timeout)),
    ]
    test = ("sending a test trace", lambda: _test_trace(settings, destination, trace_id))
    if destination.kind != "langfuse":
        return [*way, test]
    return [
        *way,
        ("asking whether Langfuse is well", lambda: _health(settings, destination)),
        ("trying the keys", lambda: _credentials(settings, destination)),
        test,
        ("reading the test trace back", lambda: _read_back(settings, destination, trace_id)),
        ("comparing the clocks", lambda: _clock(settings, destination)),
    ]


def _health(settings: Settings, destination: Destination) -> Finding:
    url = f"{destination.host}/api/public/health"
    status, answer = get(url, destination, settings.timeout)
    if status == HTTPStatus.OK and isinstance(answer, dict) and answer.get("status") == "OK":
        return Finding("health", good=True, text=f"Langfuse{_version(answer.get('version'))} is OK")
    return Finding(
        "health",
        good=False,
        text=f"{url} answers {_status(status)}, not as Langfuse does",
        cure=_address_cure(settings, destination),
    )


def _address_cure(settings: Settings, destination: Destination) -> str:
    """An address that was copied from the browser leads to a page, one with a prefix lacks it."""
    parts = urlsplit(destination.host)
    root = f"{parts.scheme}://{parts.netloc}"
    status, answer = get(f"{root}/api/public/health", destination, settings.timeout)
    if parts.path and status == HTTPStatus.OK and isinstance(answer, dict):
        return f"Langfuse is at {root}: leave the path out."
    return (
        "The host should be the address of the Langfuse page, without /api/public/otel; "
        "behind a path prefix, with the prefix."
    )


def _credentials(settings: Settings, destination: Destination) -> Finding:
    status, found = projects(destination, settings.timeout)
    if status == HTTPStatus.OK:
        names = ", ".join(str(project.get("name")) for project in found)
        return Finding(
            "credentials", good=True, text=f"the keys open the project {names or 'they belong to'}"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return Finding(
            "credentials",
            good=False,
            text="the keys are refused (HTTP 401)",
            cure=_keys_cure(settings, destination),
        )
    return Finding(
        "credentials",
        good=False,
        text=f"the keys could not be checked ({_status(status)})",
        cure="Use a key pair of a project; keys of an organization cannot send traces.",
    )


def _keys_cure(settings: Settings, destination: Destination) -> str:
    """Keys of the cloud belong to one region; those of a server of one's own are asked nowhere else."""
    others = [region for region in REGIONS if region != destination.host]
    for other in others if destination.host in REGIONS else ():
        status, _ = projects(replace(destination, traces_url=other + TRACES_PATH), settings.timeout)
        if status == HTTPStatus.OK:
            return f"They are of another region: set LANGFUSE_OTEL_HOST={other}."
    return "Copy both keys again from the project's settings; they belong to this host and project."


def _test_trace(settings: Settings, destination: Destination, trace_id: str) -> Finding:
    outcome = _send(settings, destination, _observation(trace_id))
    if isinstance(outcome, Delivered):
        return Finding("test_trace", good=True, text=f"test trace {trace_id} was accepted")
    cure = (
        "Langfuse may be overloaded; run the check again."
        if isinstance(outcome, TryLater)
        else (
            "The path must end in /api/public/otel/v1/traces for Langfuse, /v1/traces for a Collector."
        )
    )
    return Finding(
        "test_trace", good=False, text=f"the test trace was not taken: {outcome.reason}", cure=cure
    )


def _observation(trace_id: str) -> Observation:
    now = time.time_ns()
    clues = Clues(call_id=trace_id, started_ns=now, trace_id=trace_id)
    return Observation("langfuse-otel check", "span", now, now, clues, output='"it works"')


def _send(settings: Settings, destination: Destination, observation: Observation) -> Outcome:
    resource = resource_of(settings.service_name, environment_of(settings), settings.release)
    part = part_of(observation, identify(observation.clues), resource)
    return asyncio.run(_posted(destination, request_of([part]), settings.timeout))


async def _posted(destination: Destination, body: bytes, timeout_s: float) -> Outcome:
    sender = Sender()
    try:
        return await sender.post(destination, compressed(body), timeout_s)
    finally:
        await sender.aclose()


def _read_back(settings: Settings, destination: Destination, trace_id: str) -> Finding:
    """Langfuse stores in the background: the trace shows up a little later."""
    url = f"{destination.host}/api/public/traces/{trace_id}"
    deadline = time.monotonic() + READ_BACK_S
    while True:
        status, _ = get(url, destination, settings.timeout)
        if status == HTTPStatus.OK:
            return Finding("read_back", good=True, text="and can be read back")
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    return Finding(
        "read_back",
        good=True,
        text=f"reading it back gave {_status(status)}: look for it in Langfuse's page "
        "(version 4 without the older read API cannot be asked)",
    )


def _clock(settings: Settings, destination: Destination) -> Finding:
    """Langfuse shows the times of this machine, so a clock that is wrong hides what just happened."""
    ahead_s = clock_ahead_s(f"{destination.host}/api/public/health", settings.timeout)
    if ahead_s is None or abs(ahead_s) <= MAX_CLOCK_S:
        return Finding("clock", good=True, text="this machine's clock agrees with the server's")
    side = "ahead of" if ahead_s > 0 else "behind"
    return Finding(
        "clock",
        good=False,
        text=f"this machine's clock is {abs(ahead_s):.0f} s {side} the server's",
        cure="Traces will stand at the wrong time. Let the machine keep its clock by NTP.",
    )


def _version(said: object) -> str:
    """A version, and no other word of the server's."""
    found = re.fullmatch(r"v?\d+(\.\d+){1,3}", said) if isinstance(said, str) else None
    return f" {found[0][:20]}" if found else ""


def _status(status: int) -> str:
    return f"HTTP {status}" if status else "nothing"
