"""Settings: which value wins, and what becomes of it."""

from __future__ import annotations

import base64
import logging
import re

import pytest
from pydantic import ValidationError

from langfuse_otel import __version__
from langfuse_otel._destination import Destination, headers_of, host_url, scores_of
from langfuse_otel._litellm.trace import USER_SOURCES
from langfuse_otel._read_settings import read_settings, warnings_about
from langfuse_otel._records import USER_FROM
from langfuse_otel.settings import (
    MISSING_KEYS,
    Settings,
    environment_name,
    variables,
)

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
TRACES = "/api/public/otel/v1/traces"


@pytest.mark.parametrize(
    ("argument", "environment", "url"),
    [
        (None, {}, "https://us.cloud.langfuse.com"),
        (None, {"LANGFUSE_HOST": "https://c.example"}, "https://c.example"),
        (
            None,
            {"LANGFUSE_HOST": "https://c.example", "LANGFUSE_BASE_URL": "https://b.example"},
            "https://b.example",
        ),
        (
            None,
            {
                "LANGFUSE_HOST": "https://c.example",
                "LANGFUSE_BASE_URL": "https://b.example",
                "LANGFUSE_OTEL_HOST": "https://a.example",
            },
            "https://a.example",
        ),
        ("https://arg.example", {"LANGFUSE_OTEL_HOST": "https://a.example"}, "https://arg.example"),
        (None, {"LANGFUSE_OTEL_HOST": ""}, "https://us.cloud.langfuse.com"),
    ],
    ids=["us-cloud", "host", "base-url", "otel-host", "argument", "empty-is-unset"],
)
def test_host_precedence(
    monkeypatch: pytest.MonkeyPatch, argument: str | None, environment: dict[str, str], url: str
) -> None:
    """An argument wins over LANGFUSE_OTEL_HOST over LANGFUSE_BASE_URL over LANGFUSE_HOST."""
    for name, value in {**KEYS, **environment}.items():
        monkeypatch.setenv(name, value)
    arguments = {} if argument is None else {"host": argument}

    assert Settings(**arguments).destination().traces_url == url + TRACES


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("https://cloud.langfuse.com", "https://cloud.langfuse.com"),
        ("https://cloud.langfuse.com/", "https://cloud.langfuse.com"),
        ("cloud.langfuse.com", "https://cloud.langfuse.com"),
        ("langfuse.example:8443", "https://langfuse.example:8443"),
        ("localhost:3000", "http://localhost:3000"),
        ("langfuse.localhost:3000", "http://langfuse.localhost:3000"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("http://langfuse.example", "http://langfuse.example"),
        ("https://x.example/langfuse", "https://x.example/langfuse"),
        ("https://x.example/langfuse/", "https://x.example/langfuse"),
        ("https://x.example/api/public/otel", "https://x.example"),
        ("https://x.example/api/public/otel/", "https://x.example"),
        ("https://x.example/api/public/otel/v1/traces", "https://x.example"),
        ("https://x.example/langfuse/api/public/otel/v1/traces/", "https://x.example/langfuse"),
        ("https://x.example//api/public/otel", "https://x.example"),
        ("X.example/X/", "https://X.example/X"),
        (' "https://x.example" ', "https://x.example"),
        ("'x.example'", "https://x.example"),
    ],
)
def test_host_forms(host: str, url: str) -> None:
    """Every form in which people write the host means the same address."""
    assert host_url(host) == url


NO_ADDRESS = "it is no http or https address; write https://host"
CREDENTIALS = "credentials do not belong into the address of x.example; leave them out"
QUERY = "the address of x.example ends before the ? or #; leave the rest out"


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("ftp://x.example", NO_ADDRESS),
        ("http:/x.example", NO_ADDRESS),
        ("https:/x.example", NO_ADDRESS),
        ("localhost:port", NO_ADDRESS),
        ("x.example:0", NO_ADDRESS),
        ("htps://pk:pass@x.example", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("user:pass@\u2100.example", NO_ADDRESS),
        ("[::1", NO_ADDRESS),
        ("https://user:pass@x.example", CREDENTIALS),
        ("https://user@x.example", CREDENTIALS),
        ("https://:pass@x.example", CREDENTIALS),
        ("https://x.example?a=1", QUERY),
        ("https://x.example/#a", QUERY),
    ],
)
def test_host_that_is_none(host: str, why: str) -> None:
    """What is no plain http(s) address is refused, without repeating a password."""
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        host_url(host)


@pytest.mark.parametrize(
    "variable",
    [
        "LANGFUSE_OTEL_HOST",
        "LANGFUSE_BASE_URL",
        "LANGFUSE_OTEL_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ],
)
def test_variable_that_is_no_address(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The error about an address names the variable that holds it, and what to write."""
    for name, value in {variable: "htp://x", **({} if variable[0] == "O" else KEYS)}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match=f"^{variable}: {NO_ADDRESS}$"):
        Settings().destination()


def test_argument_that_is_no_address() -> None:
    """An argument is called by its own name."""
    with pytest.raises(ValueError, match=f"^host: {NO_ADDRESS}$"):
        Settings(host="htp://x", public_key="pk-lf-1", secret_key="sk-lf-1").destination()


def test_headers() -> None:
    """The key pair becomes Basic auth, beside the headers that tell Langfuse who sends."""
    destination = Settings(public_key="pk-lf-1", secret_key="sk-lf-1").destination()
    token = base64.b64encode(b"pk-lf-1:sk-lf-1").decode()

    assert dict(destination.headers) == {
        "Authorization": f"Basic {token}",
        "x-langfuse-ingestion-version": "4",
        "x-langfuse-sdk-name": "langfuse-otel",
        "x-langfuse-sdk-version": __version__,
    }


def test_scores() -> None:
    """Scores go to another path of the same project, as JSON."""
    project = Settings(public_key="pk-lf-1", secret_key="sk-lf-1").destination()
    scores = scores_of(project)

    assert scores.traces_url == f"{project.host}/api/public/scores"
    assert (scores.kind, scores.content_type) == ("scores", "application/json")
    assert (scores.headers, scores.public_key) == (project.headers, "pk-lf-1")


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Authorization=Basic abc==", [("authorization", "Basic abc==")]),
        (" a = 1 , B%2DC = x%20y ", [("a", "1"), ("b-c", "x y")]),
        ("a=", [("a", "")]),
        ("a,b=2", [None, ("b", "2")]),
        ("x y=1,=2", [None, None]),
        (" , ,", []),
    ],
    ids=["one", "several", "empty-value", "no-value", "no-name", "nothing"],
)
def test_headers_in_text(text: str, headers: list[tuple[str, str] | None]) -> None:
    """Headers stand in a variable as OpenTelemetry has them; an item that is none is told apart."""
    assert list(headers_of(text)) == headers


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({}, "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
        ({"LANGFUSE_PUBLIC_KEY": "pk-lf-1"}, "LANGFUSE_SECRET_KEY"),
        ({"LANGFUSE_SECRET_KEY": "sk-lf-1"}, "LANGFUSE_PUBLIC_KEY"),
        ({"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "''"}, "LANGFUSE_SECRET_KEY"),
    ],
    ids=["none", "public-only", "secret-only", "blank-secret"],
)
def test_missing_keys(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], missing: str
) -> None:
    """Without a whole key pair the error says which variables to set."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match="must be set") as raised:
        Settings().destination()

    assert str(raised.value) == MISSING_KEYS.format(missing)


@pytest.mark.parametrize(
    ("environment", "url", "authorization"),
    [
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
                "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic abc==",
            },
            "http://c:4318/v1/traces",
            "Basic abc==",
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://ignored:4318",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/custom",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=general",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=traces",
            },
            "http://c:4318/custom",
            "traces",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://cloud.langfuse.com/api/public/otel"},
            "https://cloud.langfuse.com/api/public/otel/v1/traces",
            None,
        ),
        (
            {
                **KEYS,
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=other",
            },
            "https://us.cloud.langfuse.com" + TRACES,
            "Basic " + base64.b64encode(b"pk-lf-1:sk-lf-1").decode(),
        ),
        (
            {
                **KEYS,
                "LANGFUSE_OTEL_ENDPOINT": "http://collector:4318/v1/traces",
                "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a",
            },
            "http://collector:4318/v1/traces",
            None,
        ),
    ],
    ids=["otlp", "otlp-traces", "manual-set-up", "keys-win", "collector-beside-keys"],
)
def test_otlp_variables(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    url: str,
    authorization: str | None,
) -> None:
    """OpenTelemetry's variables count where no keys are set, a Collector's address always."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    destination = Settings().destination()
    headers = {key.lower(): value for key, value in destination.headers}

    assert (destination.traces_url, headers.get("authorization")) == (url, authorization)


def test_collector_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Collector gets the OTLP headers and never the Langfuse keys."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LANGFUSE_OTEL_ENDPOINT", "http://collector:4318/v1/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a,x-b=c%20d")
    headers = dict(Settings().destination().headers)

    assert {k: v for k, v in headers.items() if not k.startswith("x-langfuse")} == {
        "x-tenant": "a",
        "x-b": "c d",
    }


def test_quoted_keys(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Quotes and white space around keys are removed, with a warning that shows no key."""
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", ' "pk-lf-1" ')
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "'sk-lf-1'\n")
    settings = read_settings()

    assert (
        settings.destination() == Settings(public_key="pk-lf-1", secret_key="sk-lf-1").destination()
    )
    assert caplog.messages == [
        "langfuse-otel: removed quotes or white space around LANGFUSE_PUBLIC_KEY",
        "langfuse-otel: removed quotes or white space around LANGFUSE_SECRET_KEY",
    ]


def test_differing_hosts_warn_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two variables that name different hosts are warned of, once, with the winner's name."""
    monkeypatch.setenv("LANGFUSE_BASE_URL", "https://a.example")
    monkeypatch.setenv("LANGFUSE_HOST", "https://b.example")
    read_settings()
    read_settings()

    assert caplog.messages == [
        "langfuse-otel: LANGFUSE_BASE_URL wins over LANGFUSE_HOST, which differ; set only one"
    ]


@pytest.mark.parametrize(
    ("variable", "known"),
    [
        ("LANGFUSE_OTEL_USER_FROM", "metadata, argument, end_user, key_user"),
        ("LANGFUSE_OTEL_SPANS", "guardrails, unauthenticated"),
    ],
)
def test_unknown_names(monkeypatch: pytest.MonkeyPatch, variable: str, known: str) -> None:
    """A name that a list setting does not know is warned of, with those that it does."""
    monkeypatch.setenv(variable, f"{known}, nonsense")

    assert warnings_about(Settings()) == [f"{variable} knows no 'nonsense'; write any of {known}"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LANGFUSE_OTEL_FLUSH_INTERVAL", "LANGFUSE_FLUSH_INTERVAL"),
        ("LANGFUSE_CAPTURE_CONTENT", "LANGFUSE_OTEL_CAPTURE_CONTENT"),
        ("LANGFUSE_OTEL_BASE_URL", "LANGFUSE_BASE_URL"),
        ("LANGFUSE_SECRETKEY", "LANGFUSE_SECRET_KEY"),
        ("LANGFUSE_TRACE_ENVIRONMENT", "LANGFUSE_TRACING_ENVIRONMENT"),
    ],
)
def test_misspelt_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, meant: str
) -> None:
    """A variable that is nearly one of ours is warned of, once, with the name that is read."""
    monkeypatch.setenv(variable, "30")
    read_settings()
    read_settings()

    assert caplog.messages == [f"langfuse-otel: {variable} is not read; did you mean {meant}?"]


def test_variable_beside_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing where the right variable is set: a program may have keys of its own."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(f"{name}_2", value)

    assert warnings_about(Settings()) == []


@pytest.mark.parametrize(
    "variable",
    [
        "LANGFUSE_OTEL_TRACES_EXPORT_PATH",
        "LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT",
        "LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED",
        "LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS",
        "LANGFUSE_OPENAI_SKIP_RAW_RESPONSES",
        "LANGFUSE_MAX_RETRIES",
        "LANGFUSE_PROJECT_ID",
        "LANGFUSE_THREADS",
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY",
        "LANGFUSE_INIT_PROJECT_SECRET_KEY",
        "LANGFUSE_S3_MEDIA_UPLOAD_ENABLED",
        "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT",
        "LANGFUSE_S3_BATCH_EXPORT_ENABLED",
        "LANGFUSE_LOG_LEVEL",
    ],
)
def test_variables_of_others(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """What Langfuse's SDK, its server or LiteLLM reads is not taken for a mistake."""
    monkeypatch.setenv(variable, "1")

    assert warnings_about(Settings()) == []


def test_unknown_name_in_an_argument() -> None:
    """A warning about an argument calls it by its own name."""
    [warning] = warnings_about(Settings(user_from="nobody"))

    assert warning.startswith("user_from knows no 'nobody'")


def test_user_sources() -> None:
    """Every source of the user that may be named is one that is read."""
    assert tuple(USER_SOURCES) == USER_FROM


def test_equal_hosts_do_not_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variables that mean the same host are no problem."""
    monkeypatch.setenv("LANGFUSE_BASE_URL", "https://a.example/")
    monkeypatch.setenv("LANGFUSE_HOST", "a.example")

    assert warnings_about(Settings()) == []


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("environment", "production", "production"),
        ("release", "v1", "v1"),
        ("tracing_enabled", "false", False),
        ("tracing_enabled", "False", False),
        ("tracing_enabled", "0", False),
        ("tracing_enabled", "true", True),
        ("langfuse_enabled", "no", False),
        ("flush_interval", "0.25", 0.25),
        ("flush_at", "17", 17),
        ("timeout", "3", 3.0),
        ("shutdown_timeout", "2.5", 2.5),
        ("compression", "none", "none"),
        ("debug", "true", True),
        ("litellm_log", "DEBUG", "DEBUG"),
        ("sample_rate", "0.5", 0.5),
        ("ignore_context_propagation", "true", True),
        ("service_name", "shop", "shop"),
        ("endpoint", "http://c:4318/v1/traces", "http://c:4318/v1/traces"),
        ("public_key", "pk-lf-1", "pk-lf-1"),
        ("otlp_traces_endpoint", "http://c/v1/traces", "http://c/v1/traces"),
        ("otlp_endpoint", "http://c", "http://c"),
    ],
)
def test_each_variable(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str, expected: object
) -> None:
    """Each variable sets its field, and the settings know that it did."""
    monkeypatch.setenv(variables(field)[0], value)
    settings = Settings()

    assert (getattr(settings, field), settings.source(field)) == (expected, variables(field)[0])


def test_defaults() -> None:
    """Without any variable the defaults are the documented ones."""
    settings = Settings()

    assert settings.enabled
    assert (settings.flush_interval, settings.flush_at, settings.timeout) == (1.0, 512, 10.0)
    assert (settings.compression, settings.sample_rate) == ("gzip", 1.0)
    assert settings.source("host") == "default"


@pytest.mark.parametrize("variable", ["LANGFUSE_TRACING_ENABLED", "LANGFUSE_ENABLED"])
def test_any_false_turns_off(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """One explicit false is enough, whatever the other says."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "true")
    monkeypatch.setenv("LANGFUSE_ENABLED", "true")
    monkeypatch.setenv(variable, "false")

    assert not Settings().enabled


def test_invalid_value_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For the callback an invalid value costs a warning, not the traces."""
    monkeypatch.setenv("LANGFUSE_FLUSH_AT", "many")
    monkeypatch.setenv("LANGFUSE_TIMEOUT", "3")
    settings = read_settings()

    assert (settings.flush_at, settings.timeout) == (512, 3.0)
    [said] = caplog.messages
    assert said.startswith("langfuse-otel: LANGFUSE_FLUSH_AT is invalid (Input should be")
    assert said.endswith("); using its default")


def test_invalid_value_without_a_default(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys that were mixed up are called that; where there is no default, none is promised."""
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "sk-lf-1")

    assert read_settings().public_key is None
    [said] = caplog.messages
    assert said.startswith("langfuse-otel: LANGFUSE_PUBLIC_KEY is invalid (it is a secret key; the")
    assert said.endswith("); it counts as not set")


def test_invalid_argument_raises() -> None:
    """For code that constructs settings itself an invalid value is an error that hides the value."""
    with pytest.raises(ValidationError) as raised:
        Settings(flush_at="secret-in-the-wrong-place")

    assert "secret-in-the-wrong-place" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("production", "production"),
        ("Production", "production"),
        ("eu west.1", "eu-west-1"),
        ("langfuse-prod", "prod"),
        ("langfuse", ""),
        ("x" * 50, "x" * 40),
        ("ü", ""),
    ],
)
def test_environment_name(given: str, stored: str) -> None:
    """An environment is made one that Langfuse does not turn into `default`."""
    assert environment_name(given) == stored


def test_environment_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed environment is said, so that nobody searches for the one that was set."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "Prod EU")
    read_settings()

    assert caplog.messages == [
        "langfuse-otel: Langfuse does not take the environment 'Prod EU'; sending 'prod-eu'"
    ]


def test_secrets_are_not_shown() -> None:
    """Neither the settings nor the destination show the secret in their text."""
    settings = Settings(public_key="pk-lf-1", secret_key="sk-lf-secret")
    destination: Destination = settings.destination()
    token = dict(destination.headers)["Authorization"]

    assert "sk-lf-secret" not in f"{settings!r} {settings} {destination!r}"
    assert token not in repr(destination)


def test_argument_is_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value given in code is said to come from there, also where a variable is set."""
    monkeypatch.setenv("LANGFUSE_OTEL_HOST", "https://a.example")

    assert Settings(host="https://b.example").source("host") == "argument"


def test_no_warning_for_good_settings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A plain, valid set-up is silent."""
    caplog.set_level(logging.DEBUG)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    read_settings()

    assert caplog.messages == []


def test_no_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that happens to be called like a field means nothing to us."""
    for name in ("host", "HOST", "endpoint", "public_key", "release", "timeout"):
        monkeypatch.setenv(name, "https://evil.example")

    assert Settings().model_fields_set == set()


def test_blank_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank variable leaves the next one its turn."""
    monkeypatch.setenv("LANGFUSE_OTEL_HOST", "  ")
    monkeypatch.setenv("LANGFUSE_BASE_URL", "https://b.example")

    assert Settings().host == "https://b.example"


def test_quoted_false(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes that a file left around a value do not change what it says."""
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", '"false"')

    assert not Settings().enabled


def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is no UTF-8 is read as far as it is."""
    for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "OTEL_SERVICE_NAME"):
        monkeypatch.setenv(name, "a\udcff")
    settings = Settings()

    assert (settings.service_name, settings.public_key) == ("a\ufffd", "a\ufffd")
    assert settings.destination().headers


def test_argument_beats_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over each of a field's variables."""
    for variable in variables("host"):
        monkeypatch.setenv(variable, "https://a.example")

    assert Settings(host="https://b.example").host == "https://b.example"
