"""What holds a secret shows it in no `repr`, and an error that passes it shows it in no traceback."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner

import langfuse_otel
from langfuse_otel import LangfuseOtelLogger, LangfuseSpanExporter, Settings, _rest, asgi
from langfuse_otel._litellm.tenants import Tenant
from langfuse_otel._read_settings import read_settings
from langfuse_otel._routes import Routes
from langfuse_otel.cli import main
from langfuse_otel.dev import LocalReceiver
from langfuse_otel.logger import StayingLogger
from langfuse_otel.testing import Collector

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "canary-Zq7Xw3Lm9Rt5"
BASIC = base64.b64encode(f"pk-lf-1:{SECRET}".encode()).decode()
NAMED = {"public_key": "pk-lf-1", "secret_key": SECRET}
VARIABLES = {
    "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
    "LANGFUSE_SECRET_KEY": SECRET,
    "LANGFUSE_OTEL_ADMIN_KEY": SECRET,
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={SECRET}",
}
MISPLACED = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://me:{SECRET}@collector.example",
    "LANGFUSE_OTEL_UI_URL": f"https://ui.example/?token={SECRET}",
}


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that holds secrets."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def misplaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets where they do not belong."""
    for name, value in MISPLACED.items():
        monkeypatch.setenv(name, value)


def shows(text: str) -> bool:
    """Whether a text holds the secret, plain or as Basic authentication."""
    return SECRET in text or BASIC in text


# --- what is shown of an object

OBJECTS: dict[str, Callable[[], object]] = {
    "logger": lambda: LangfuseOtelLogger(**NAMED),
    "logger's attributes": lambda: vars(LangfuseOtelLogger(**NAMED)),
    "logger by name": lambda: vars(StayingLogger(**NAMED)),
    "exporter": lambda: LangfuseSpanExporter(**NAMED),
    "settings": Settings,
    "settings, given": lambda: Settings(**NAMED, otlp_headers=f"x-api-key={SECRET}"),
    "destination": lambda: Settings().destination(),
    "tenant": lambda: Tenant("pk-lf-1", SECRET),
    "routes": lambda: vars(Routes(Settings(), lambda _: None))["_default"],
    "status": langfuse_otel.status,
    "stats": langfuse_otel.stats,
    "asgi": lambda: asgi.app,
    "span": lambda: langfuse_otel.start_span("one"),
}


@pytest.mark.usefixtures("variables", "misplaced", "fresh_litellm")
@pytest.mark.parametrize("name", OBJECTS)
def test_repr(name: str) -> None:
    """No object shows the secret that it holds or knows of."""
    made = OBJECTS[name]()

    assert not shows(f"{made!r} {made}")


def test_repr_of_servers() -> None:
    """Nor do those that wait for it."""
    with Collector("pk-lf-1", SECRET) as collector, LocalReceiver(secret_key=SECRET) as receiver:
        assert not shows(f"{collector!r} {receiver!r}")


def test_harmless_address() -> None:
    """An address without a password is shown as it is."""
    assert "'https://a.example'" in repr(Settings(host="https://a.example"))


@pytest.mark.usefixtures("fresh_litellm")
def test_loggers_that_differ_in_a_secret() -> None:
    """Though it is not shown, LiteLLM tells two loggers apart by it."""
    one, other, same = (LangfuseOtelLogger(secret_key=key) for key in ("a", "b", "a"))

    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == same.fingerprint


# --- what is shown of the frames that an error passed

RAISING: dict[str, Callable[[], object]] = {
    "settings": lambda: Settings(**NAMED, flush_at="x"),
    "settings, by variable": lambda: Settings(flush_at="x"),
    "settings, by alias": lambda: Settings(LANGFUSE_SECRET_KEY=SECRET, nonsense=1),
    "no address": lambda: Settings(**NAMED, host="ftp://a.example").destination(),
    "no address of scores": lambda: Settings(host="ftp://a.example").scores_destination(),
    "exporter": lambda: LangfuseSpanExporter(**NAMED, flush_at="x"),
    "exporter to no address": lambda: LangfuseSpanExporter(**NAMED, host="ftp://a.example"),
    "read back": lambda: _rest.get("https://a.example", Settings().destination(), 1),
}


def interrupt(*_: object, **__: object) -> None:
    """Stand for a user who has had enough."""
    raise KeyboardInterrupt


@pytest.mark.usefixtures("variables", "fresh_litellm")
@pytest.mark.parametrize("name", RAISING)
def test_traceback(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An error that reaches the program has passed no frame whose variables show a secret."""
    monkeypatch.setattr(httpx, "get", interrupt)
    with pytest.raises((ValueError, TypeError, KeyboardInterrupt)) as caught:
        RAISING[name]()
    error = caught.value
    report = "".join(
        traceback.TracebackException(
            type(error), error, error.__traceback__, capture_locals=True
        ).format()
    )

    assert "langfuse_otel" in report
    assert not shows(report)


# --- what is logged and printed


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("text", [SECRET, f"Bearer {SECRET}", f"x y={SECRET}", f",,={SECRET}"])
def test_headers_that_are_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """What is no header is left out, and said to be without being quoted."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-tenant=a, {text}")
    found = read_settings(endpoint="https://collector.example/v1/traces").destination()

    assert dict(found.headers)["x-tenant"] == "a"
    assert SECRET not in f"{found.headers}"
    assert "OTEL_EXPORTER_OTLP_HEADERS is to be name=value" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.usefixtures("variables", "misplaced")
@pytest.mark.parametrize("arguments", [["check"], ["check", "--json"]], ids=" ".join)
@pytest.mark.parametrize("place", ["ours", "keys mixed up", "endpoint", "host", "HTTP proxy"])
def test_check(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: str,
    arguments: list[str],
) -> None:
    """`check` prints no secret, also where it stands in an address or for a public key."""
    caplog.set_level(logging.DEBUG)
    changes = {
        "ours": {"LANGFUSE_OTEL_HOST": "http://127.0.0.1:9"},
        "keys mixed up": {"LANGFUSE_PUBLIC_KEY": f"sk-lf-{SECRET}"},
        "endpoint": {"LANGFUSE_OTEL_ENDPOINT": f"http://me:{SECRET}@127.0.0.1:9/v1/traces"},
        "host": {"LANGFUSE_OTEL_HOST": f"http://me:{SECRET}@127.0.0.1:9"},
        "HTTP proxy": {
            "LANGFUSE_OTEL_HOST": "http://langfuse.example",
            "http_proxy": f"http://me:{SECRET}@127.0.0.1:9",
        },
    }
    for name, value in changes[place].items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 1
    assert not shows(result.output + caplog.text)


@pytest.mark.usefixtures("langfuse")
def test_keys_mixed_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A secret key in place of the public one is refused, for that one is shown and stored."""
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", f"sk-lf-{SECRET}")

    assert read_settings().public_key is None
    assert "LANGFUSE_PUBLIC_KEY is invalid" in caplog.text
    assert SECRET not in caplog.text
