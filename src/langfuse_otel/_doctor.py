"""What `langfuse-otel check` finds out: each finding a fact, or a problem with its cause and cure.

The test trace goes out the way that every span goes.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from langfuse_otel._compression import compressed
from langfuse_otel._destination import REGIONS, TRACES_PATH, unquoted
from langfuse_otel._identity import identify
from langfuse_otel._otlp import request_of
from langfuse_otel._records import Clues, Observation
from langfuse_otel._rest import clock_ahead_s, get, projects
from langfuse_otel._sender import Delivered, Outcome, Sender, TryLater
from langfuse_otel._spans import part_of, resource_of
from langfuse_otel.settings import proxy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langfuse_otel._destination import Destination
    from langfuse_otel.settings import Settings

READ_BACK_S = 15.0
POLL_S = 0.25
MAX_CLOCK_S = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `cure` says what to do next where `good` is False."""

    good: bool
    text: str
    cure: str = ""


def examine(settings: Settings, destination: Destination) -> Iterator[Finding]:
    """Ask the server step by step, and stop at the first step that fails.

    Args:
        settings: the timeout and the compression are used.
        destination: where spans go.
    """
    for step in _steps(settings, destination):
        finding = step()
        yield finding
        if not finding.good:
            return


def resolved_lines(settings: Settings, destination: Destination) -> Iterator[tuple[str, str]]:
    """Return what was resolved and where it came from, as label and text; secrets are masked."""
    yield "traces URL", f"{destination.traces_url} ({_chosen_by(settings, destination)})"
    if destination.public_key:
        yield "public key", f"{destination.public_key} ({settings.source('public_key')})"
        yield "secret key", f"{masked(settings)} ({settings.source('secret_key')})"
    for name in type(settings).model_fields:
        value, source = getattr(settings, name), settings.source(name)
        if source != "default" and name not in {"host", "public_key", "secret_key"}:
            shown = "***" if isinstance(value, SecretStr) else value
            yield name.replace("_", " "), f"{shown} ({source})"


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


def _steps(settings: Settings, destination: Destination) -> list[Callable[[], Finding]]:
    trace_id = f"{time.time_ns():032x}"
    proxy = proxy_of(destination.traces_url)
    steps = [
        lambda: _name(proxy or destination.traces_url),
        lambda: _connection(settings, destination, proxy),
    ]
    if destination.kind == "langfuse":
        steps += [
            lambda: _health(settings, destination),
            lambda: _credentials(settings, destination),
            lambda: _test_trace(settings, destination, trace_id),
            lambda: _read_back(settings, destination, trace_id),
            lambda: _clock(settings, destination),
        ]
    else:
        steps.append(lambda: _test_trace(settings, destination, trace_id))
    return steps


def _name(url: str) -> Finding:
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return Finding(
            good=False,
            text=f"{host} has no address: {error.strerror or error}",
            cure="Check the spelling of the host and that this machine's DNS knows it.",
        )
    return Finding(good=True, text=f"{host} is {found[0][4][0]}")


def _connection(settings: Settings, destination: Destination, proxy: str | None) -> Finding:
    """Whether somebody listens: the server, or the HTTP proxy that the environment names."""
    parts = urlsplit(proxy or destination.traces_url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    through = f"the HTTP proxy {host}:{port} answers: the environment names it for this host"
    try:
        with socket.create_connection((host, port), timeout=settings.timeout) as plain:
            if proxy:
                return Finding(good=True, text=through)
            if secure:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as tls:
                    return Finding(good=True, text=f"port {port} answers, {tls.version()}")
    except ssl.SSLError as error:
        cure = (
            "A company's own certificate authority? Point SSL_CERT_FILE to its certificate. "
            "A server without TLS? Write http:// in front of the host."
        )
        reason = getattr(error, "verify_message", "") or error.reason or error
        return Finding(good=False, text=f"TLS with {host}:{port} failed: {reason}", cure=cure)
    except OSError as error:
        cure = (
            "It is the HTTP proxy that the environment names (HTTPS_PROXY); NO_PROXY takes hosts out."
            if proxy
            else "Is the server up, the port right, and no firewall or proxy in between?"
        )
        text = f"cannot connect to {host}:{port}: {error.strerror or error}"
        return Finding(good=False, text=text, cure=cure)
    return Finding(good=True, text=f"port {port} answers, without TLS")


def _health(settings: Settings, destination: Destination) -> Finding:
    url = f"{destination.host}/api/public/health"
    status, answer = get(url, destination, settings.timeout)
    if status == 200 and isinstance(answer, dict) and answer.get("status") == "OK":  # noqa: PLR2004
        return Finding(good=True, text=f"Langfuse{_version(answer.get('version'))} is OK")
    return Finding(
        good=False,
        text=f"{url} answers {_status(status)}, not as Langfuse does",
        cure=_address_cure(settings, destination),
    )


def _address_cure(settings: Settings, destination: Destination) -> str:
    """An address that was copied from the browser leads to a page, one with a prefix lacks it."""
    parts = urlsplit(destination.host)
    root = f"{parts.scheme}://{parts.netloc}"
    status, answer = get(f"{root}/api/public/health", destination, settings.timeout)
    if parts.path and status == 200 and isinstance(answer, dict):  # noqa: PLR2004
        return f"Langfuse is at {root}: leave the path out."
    return (
        "The host should be the address of the Langfuse page, without /api/public/otel; "
        "behind a path prefix, with the prefix."
    )


def _credentials(settings: Settings, destination: Destination) -> Finding:
    status, found = projects(destination, settings.timeout)
    if status == 200:  # noqa: PLR2004
        names = ", ".join(str(project.get("name")) for project in found)
        return Finding(good=True, text=f"the keys open the project {names or 'they belong to'}")
    if status == 401:  # noqa: PLR2004
        return Finding(
            good=False,
            text="the keys are refused (HTTP 401)",
            cure=_keys_cure(settings, destination),
        )
    return Finding(
        good=False,
        text=f"the keys could not be checked ({_status(status)})",
        cure="Use a key pair of a project; keys of an organization cannot send traces.",
    )


def _keys_cure(settings: Settings, destination: Destination) -> str:
    """Keys of the cloud belong to one region; those of a server of one's own are asked nowhere else."""
    others = [region for region in REGIONS if region != destination.host]
    for other in others if destination.host in REGIONS else ():
        status, _ = projects(replace(destination, traces_url=other + TRACES_PATH), settings.timeout)
        if status == 200:  # noqa: PLR2004
            return f"They are of another region: set LANGFUSE_OTEL_HOST={other}."
    return "Copy both keys again from the project's settings; they belong to this host and project."


def _test_trace(settings: Settings, destination: Destination, trace_id: str) -> Finding:
    outcome = _send(settings, destination, _observation(trace_id))
    if isinstance(outcome, Delivered):
        return Finding(good=True, text=f"test trace {trace_id} was accepted")
    cure = (
        "Langfuse may be overloaded; run the check again."
        if isinstance(outcome, TryLater)
        else (
            "The path must end in /api/public/otel/v1/traces for Langfuse, /v1/traces for a Collector."
        )
    )
    return Finding(good=False, text=f"the test trace was not taken: {outcome.reason}", cure=cure)


def _observation(trace_id: str) -> Observation:
    now = time.time_ns()
    clues = Clues(call_id=trace_id, started_ns=now, trace_id=trace_id)
    return Observation("langfuse-otel check", "span", now, now, clues, output='"it works"')


def _send(settings: Settings, destination: Destination, observation: Observation) -> Outcome:
    resource = resource_of(settings.service_name, None, settings.release)
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
        if status == 200:  # noqa: PLR2004
            return Finding(good=True, text="and can be read back")
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    return Finding(
        good=True,
        text=f"reading it back gave {_status(status)}: look for it in Langfuse's page "
        "(version 4 without the older read API cannot be asked)",
    )


def _clock(settings: Settings, destination: Destination) -> Finding:
    """Langfuse shows the times of this machine, so a clock that is wrong hides what just happened."""
    ahead_s = clock_ahead_s(f"{destination.host}/api/public/health", settings.timeout)
    if ahead_s is None or abs(ahead_s) <= MAX_CLOCK_S:
        return Finding(good=True, text="this machine's clock agrees with the server's")
    side = "ahead of" if ahead_s > 0 else "behind"
    return Finding(
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
