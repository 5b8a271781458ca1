"""What the library can be told.

Names and defaults are declared once, as fields of `Settings`; `docs/settings.md` is held equal to
them by a test. Nothing is read at import.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard, get_args

from pydantic import AfterValidator, AliasChoices, Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from langfuse_otel._destination import (
    SDK_HEADERS,
    US_CLOUD,
    Destination,
    Headers,
    checked_url,
    headers_of,
    host_url,
    langfuse_destination,
    scores_of,
    unquoted,
)
from langfuse_otel._environment import first_set, text_in
from langfuse_otel._records import USER_FROM
from langfuse_otel._text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic.fields import FieldInfo

MISSING_KEYS = (
    "{} must be set. Create a key pair in Langfuse under Project Settings > API Keys, or run "
    "`langfuse-otel dev` for a local receiver and use the keys that it prints."
)
SPANS = ("guardrails", "unauthenticated")
_ADDRESSES = frozenset({"host", "endpoint", "otlp_traces_endpoint", "otlp_endpoint", "ui_url"})


def environment_name(text: str) -> str:
    """Return the environment as Langfuse would store it: the server maps an invalid one to `default`.

    Lower case, no leading `langfuse`, at most 40 characters out of `a-z0-9_-`; a character that
    the server refuses becomes `-`, so that `Prod EU` arrives as `prod-eu` and is not lost.
    """
    name = re.sub(r"[^a-z0-9_-]+", "-", unquoted(text).lower()).strip("-")
    return re.sub(r"^(langfuse[-_]*)+", "", name)[:40]


def _no_secret_key(text: str) -> str:
    """A public key is shown, logged and stored: keys that were mixed up must not be."""
    if text.startswith("sk-lf-"):
        raise ValueError("it is a secret key; the public key of the pair begins with pk-lf-")
    return text


Unquoted = Annotated[str, AfterValidator(unquoted)]
PublicKey = Annotated[Unquoted, AfterValidator(_no_secret_key)]


def names_of(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


class Settings(BaseSettings):
    """What the library can be told, by argument or by environment variable.

    Arguments win over the environment. Where a field has several variables, the first that is set
    wins. Invalid values raise `pydantic.ValidationError`, which never shows the value.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    public_key: PublicKey | None = Field(
        None,
        validation_alias="LANGFUSE_PUBLIC_KEY",
        description="Public key of the Langfuse project.",
        examples=["pk-lf-..."],
    )
    secret_key: SecretStr | None = Field(
        None,
        validation_alias="LANGFUSE_SECRET_KEY",
        description="Secret key of the Langfuse project. Never logged, never stored.",
        examples=["sk-lf-..."],
    )
    host: Unquoted = Field(
        US_CLOUD,
        validation_alias=AliasChoices("LANGFUSE_OTEL_HOST", "LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
        description=(
            "Address of Langfuse. A path prefix is kept, a missing scheme is added, and a value "
            "that already ends in the OTLP path means the same. The first name that is set wins."
        ),
        examples=["https://cloud.langfuse.com"],
    )
    endpoint: Unquoted | None = Field(
        None,
        validation_alias="LANGFUSE_OTEL_ENDPOINT",
        description=(
            "Full traces URL of an OpenTelemetry Collector. Spans go there with "
            "`OTEL_EXPORTER_OTLP_HEADERS` and without the Langfuse keys; everything else goes to "
            "the host."
        ),
        examples=["http://collector:4318/v1/traces"],
    )
    tracing_enabled: bool = Field(
        default=True,
        validation_alias="LANGFUSE_TRACING_ENABLED",
        description="`false` turns the library off.",
        examples=["false"],
    )
    langfuse_enabled: bool = Field(
        default=True,
        validation_alias="LANGFUSE_ENABLED",
        description="`false` turns the library off, too.",
        examples=["false"],
    )
    environment: str | None = Field(
        None,
        validation_alias="LANGFUSE_TRACING_ENVIRONMENT",
        description=(
            "Langfuse environment of every span. Made valid: lower case, at most 40 characters of "
            "`a-z0-9_-`, no leading `langfuse`."
        ),
        examples=["production"],
    )
    release: Unquoted | None = Field(
        None,
        validation_alias="LANGFUSE_RELEASE",
        description="Release of your application, on every trace.",
        examples=["2026.11.1"],
    )
    flush_interval: float = Field(
        1.0,
        ge=0,
        le=3_600,
        validation_alias="LANGFUSE_FLUSH_INTERVAL",
        description="Longest wait of a span before it is sent, in seconds.",
        examples=["0.5"],
    )
    flush_at: int = Field(
        512,
        ge=1,
        validation_alias="LANGFUSE_FLUSH_AT",
        description="Number of waiting spans that are sent at once without waiting further.",
        examples=["100"],
    )
    timeout: float = Field(
        10.0,
        gt=0,
        le=3_600,
        validation_alias="LANGFUSE_TIMEOUT",
        description=(
            "Longest wait for Langfuse in one request, in seconds: to connect, to take the next "
            "part of the request, to answer."
        ),
        examples=["20"],
    )
    shutdown_timeout: float = Field(
        5.0,
        ge=0,
        le=3_600,
        validation_alias="LANGFUSE_OTEL_SHUTDOWN_TIMEOUT",
        description="Longest time that the end of the process waits for delivery, in seconds.",
        examples=["10"],
    )
    handle_signals: bool = Field(
        default=True,
        validation_alias="LANGFUSE_OTEL_HANDLE_SIGNALS",
        description=(
            "Whether a SIGTERM delivers what has ended before it does what it did without us. The "
            "handler that stands is called; one that is set later replaces ours."
        ),
        examples=["false"],
    )
    compression: Literal["gzip", "none"] = Field(
        "gzip",
        validation_alias="LANGFUSE_OTEL_COMPRESSION",
        description="Compression of requests: `gzip` (the only one Langfuse decodes) or `none`.",
        examples=["none"],
    )
    max_batch_bytes: int = Field(
        3_500_000,
        ge=1_000,
        validation_alias="LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES",
        description=(
            "Largest body of one request before compression, in bytes. A larger span has its "
            "longest texts cut, with a marker that gives their size."
        ),
        examples=["1000000"],
    )
    max_queue_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1_000,
        validation_alias="LANGFUSE_OTEL_MAX_QUEUE_SIZE_BYTES",
        description=(
            "Most that waits in memory, in bytes. Beyond it the oldest spans are dropped, counted."
        ),
        examples=["268435456"],
    )
    spool_dir: Unquoted | None = Field(
        None,
        validation_alias="LANGFUSE_OTEL_SPOOL_DIR",
        description=(
            "Folder that keeps requests until they are delivered, over an outage, a restart or a "
            "killed process. Several processes may share it."
        ),
        examples=["/var/spool/langfuse-otel"],
    )
    spool_max_bytes: int = Field(
        512 * 1024 * 1024,
        ge=1_000_000,
        validation_alias="LANGFUSE_OTEL_SPOOL_MAX_BYTES",
        description="Most that the folder holds, in bytes. Beyond it the oldest are dropped, counted.",
        examples=["2147483648"],
    )
    spool_tenants: bool = Field(
        default=False,
        validation_alias="LANGFUSE_OTEL_SPOOL_TENANTS",
        description=(
            "Whether the folder keeps requests for the projects that calls name themselves, too. "
            "Secret keys are never in it."
        ),
        examples=["true"],
    )
    allowed_hosts: Unquoted = Field(
        "",
        validation_alias="LANGFUSE_OTEL_ALLOWED_HOSTS",
        description=(
            "Langfuse hosts that a request to the proxy may name, beside yours and Langfuse's cloud: "
            "`host`, `host:port`, or `*.suffix` for names below it over https."
        ),
        examples=["langfuse.example.com,*.langfuse.example.org"],
    )
    trust_request_metadata: bool = Field(
        default=True,
        validation_alias="LANGFUSE_OTEL_TRUST_REQUEST_METADATA",
        description=(
            "`false`: a request to the proxy names no trace, no user and no session; what you pinned "
            "to its key or team stays."
        ),
        examples=["false"],
    )
    media_upload_enabled: bool = Field(
        default=True,
        validation_alias="LANGFUSE_MEDIA_UPLOAD_ENABLED",
        description=(
            "Upload images, audio and files that stand in calls as base64, and send a reference in "
            "their place. `false`: send a marker with type, size and hash."
        ),
        examples=["false"],
    )
    inline_media: bool = Field(
        default=False,
        validation_alias="LANGFUSE_OTEL_INLINE_MEDIA",
        description="`true`: upload no media and leave them in the span, as base64.",
        examples=["true"],
    )
    capture_content: bool = Field(
        default=True,
        validation_alias="LANGFUSE_OTEL_CAPTURE_CONTENT",
        description=(
            "`false`: send no inputs, outputs, error texts, tool definitions or media; names, times, "
            "models, usage and cost stay."
        ),
        examples=["false"],
    )
    mask: Any = Field(
        None,
        validation_alias="LANGFUSE_OTEL_MASK",
        description=(
            "Function `mask(data, kind)` that returns what is sent in place of `data`: `module:function`, "
            "or as an argument the function itself. Where it fails, or is none, a fixed text is sent."
        ),
        examples=["my_masks:hide_names"],
    )
    debug: bool = Field(
        default=False,
        validation_alias="LANGFUSE_DEBUG",
        description=(
            "Log how the endpoint was resolved and the outcome of each request. LiteLLM's own "
            "`LITELLM_LOG=DEBUG` and `litellm._turn_on_debug()` do the same."
        ),
        examples=["true"],
    )
    litellm_log: str | None = Field(
        None,
        validation_alias="LITELLM_LOG",
        description="LiteLLM's log level; `DEBUG` shows our debug lines, too.",
        examples=["DEBUG"],
    )
    sample_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        validation_alias="LANGFUSE_SAMPLE_RATE",
        description="Share of traces to send, 0 to 1. Decided by trace id: a trace is sent whole.",
        examples=["0.1"],
    )
    ignore_context_propagation: bool = Field(
        default=False,
        validation_alias="OTEL_IGNORE_CONTEXT_PROPAGATION",
        description="`true`: never join the active OpenTelemetry span or an incoming traceparent.",
        examples=["true"],
    )
    service_name: str | None = Field(
        None,
        validation_alias="OTEL_SERVICE_NAME",
        description="OpenTelemetry's `service.name` on the resource.",
        examples=["chat-backend"],
    )
    otlp_traces_endpoint: Unquoted | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        description="OpenTelemetry's own variable, used as it is when no Langfuse keys are set.",
        examples=["http://collector:4318/v1/traces"],
    )
    otlp_endpoint: Unquoted | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="The same, to which `/v1/traces` is appended. Ignored when keys are set.",
        examples=["http://collector:4318"],
    )
    otlp_headers: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices(
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"
        ),
        description="Headers for the OpenTelemetry endpoints above and `LANGFUSE_OTEL_ENDPOINT`.",
        examples=["Authorization=Basic ..."],
    )

    user_from: Unquoted = Field(
        ",".join(USER_FROM),
        validation_alias="LANGFUSE_OTEL_USER_FROM",
        description=(
            "Where the user comes from, the first that names one: `metadata` (`trace_user_id`), "
            "`argument` (`user`), `end_user` (the proxy's), `key_user` (whom the key belongs to)."
        ),
        examples=["metadata,key_user"],
    )
    spans: Unquoted = Field(
        "",
        validation_alias="LANGFUSE_OTEL_SPANS",
        description=(
            "What the proxy exports beside its calls: `guardrails` (an observation for each "
            "guardrail result), `unauthenticated` (requests rejected before it knew who asked)."
        ),
        examples=["guardrails"],
    )
    admin_key: SecretStr | None = Field(
        None,
        validation_alias="LANGFUSE_OTEL_ADMIN_KEY",
        description=(
            "Key that opens `status` and `flush` of `langfuse_otel.asgi`. Without one they are off."
        ),
        examples=["a-long-random-text"],
    )
    openai_instrumentation: bool = Field(
        default=False,
        validation_alias="LANGFUSE_OPENAI_INSTRUMENTATION",
        description=(
            "`true`: calls through the plain OpenAI SDK are traced, too, but for those that LiteLLM "
            "makes. Needs the extra `openai`; read when `openai` is imported."
        ),
        examples=["true"],
    )
    ui_url: Unquoted | None = Field(
        None,
        validation_alias="LANGFUSE_OTEL_UI_URL",
        description="Address of Langfuse's pages, where it differs from the host.",
        examples=["https://langfuse.example.com"],
    )

    _arguments: frozenset[str] = PrivateAttr(frozenset())

    def __init__(self, **arguments: Any) -> None:
        arguments = with_secrets_hidden(arguments)
        super().__init__(**arguments)
        self._arguments = frozenset(arguments)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Return what `repr` shows: neither secrets nor an address with a password in it."""
        return ((name, shown(name or "", value)) for name, value in super().__repr_args__())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it takes more names than ours
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments, then the variables that the fields name and no other."""
        return init_settings, _Variables(settings_cls)

    @property
    def enabled(self) -> bool:
        """False when any variable turns the library off."""
        return self.tracing_enabled and self.langfuse_enabled

    def destination(self) -> Destination:
        """Return where spans go.

        Raises:
            ValueError: there are neither Langfuse keys nor an OTLP endpoint, or a URL is invalid.
        """
        if self.endpoint:
            return Destination(self._url("endpoint"), self._otlp_headers(), "endpoint")
        if _keys(self):
            return project_of(self)
        if self.otlp_traces_endpoint:
            return Destination(self._url("otlp_traces_endpoint"), self._otlp_headers(), "otlp")
        if self.otlp_endpoint:
            url = self._url("otlp_endpoint").rstrip("/") + "/v1/traces"
            return Destination(url, self._otlp_headers(), "otlp")
        raise ValueError(_missing_keys(self))

    def scores_destination(self) -> Destination:
        """Return where scores go: to Langfuse, also where spans go to a Collector.

        Raises:
            ValueError: there are no Langfuse keys, or the host is no address.
        """
        return scores_of(project_of(self))

    def address(self) -> str:
        """Return the address of Langfuse that the host means.

        Raises:
            ValueError: it means none.
        """
        return self._url("host", host_url)

    def _url(self, name: str, read: Callable[[str], str] = checked_url) -> str:
        """Return the address in a field; an error calls it as the user does."""
        try:
            return read(getattr(self, name))
        except ValueError as error:
            raise ValueError(f"{set_by(self, name)}: {error}") from None

    def _otlp_headers(self) -> Headers:
        given = filter(None, headers_of(self.otlp_headers.get_secret_value()))
        return tuple(sorted({**SDK_HEADERS, **dict(given)}.items()))

    def source(self, name: str) -> str:
        """Return where the field `name` was set: `argument`, a variable's name, or `default`."""
        if name in self._arguments:
            return "argument"
        return first_set(variables(name)) or "default"


class _Variables(PydanticBaseSettingsSource):
    """The environment: the first variable of a field that is set, without quotes around it.

    Bytes that are no UTF-8 become U+FFFD: nothing that is sent could hold them.
    """

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the base class's signature
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Return the value of one field, the variable it comes from, and that it is no JSON."""
        variable = first_set(variables(field_name)) or ""
        return unquoted(clean(text_in(variable))), variable, False

    def __call__(self) -> dict[str, Any]:
        """Return the values of the fields that no argument sets, by their variables."""
        fields = self.settings_cls.model_fields.items()
        left = (
            self.get_field_value(f, name) for name, f in fields if name not in self.current_state
        )
        found = {variable: value for value, variable, _ in left if variable}
        return with_secrets_hidden(found)


def project_of(settings: Settings) -> Destination:
    """Return the Langfuse project that the keys open, also where spans go to a Collector.

    The address is read first: no frame of the error about a bad one holds the secret.

    Raises:
        ValueError: there are no Langfuse keys, or the host is no address.
    """
    keys = _keys(settings)
    if keys is None:
        raise ValueError(_missing_keys(settings))
    address, (public_key, secret_key) = settings.address(), keys
    return langfuse_destination(address, public_key, unquoted(secret_key.get_secret_value()))


def _keys(settings: Settings) -> tuple[str, SecretStr] | None:
    secret = settings.secret_key
    if settings.public_key and _is_given(secret):
        return settings.public_key, secret
    return None


def _is_given(secret: SecretStr | None) -> TypeGuard[SecretStr]:
    return secret is not None and bool(unquoted(secret.get_secret_value()))


def _missing_keys(settings: Settings) -> str:
    """What is said where one key or both are missing."""
    public = [] if settings.public_key else ["LANGFUSE_PUBLIC_KEY"]
    secret = [] if _is_given(settings.secret_key) else ["LANGFUSE_SECRET_KEY"]
    return MISSING_KEYS.format(" and ".join([*public, *secret]))


def set_by(settings: Settings, name: str) -> str:
    """Return what the user calls the field `name`: its variable, or as an argument its own name."""
    source = settings.source(name)
    return name if source == "argument" else source


def environment_of(settings: Settings) -> str | None:
    """Return the environment that is sent; None where it is Langfuse's own default."""
    return environment_name(settings.environment or "") or None


def with_secrets_hidden(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of `Settings` with those that are secret in a form that `repr` does not show.

    A report of an error may hold the local variables of each frame that it passed.
    """
    return {
        name: SecretStr(value) if name in _secret_names() and isinstance(value, str) else value
        for name, value in arguments.items()
    }


@cache
def _secret_names() -> frozenset[str]:
    """The names that secrets have as arguments: the fields', and those of their variables."""
    fields = Settings.model_fields
    kinds = {name: info.annotation for name, info in fields.items()}
    secret = [name for name, kind in kinds.items() if SecretStr in {kind, *get_args(kind)}]
    return frozenset((*secret, *(variable for name in secret for variable in variables(name))))


def shown(name: str, value: Any) -> Any:
    """Return the value of a field for people: no secret, and no address that may hold a password."""
    is_odd = name in _ADDRESSES and re.search("[@?#]", value or "")
    return "***" if is_odd or isinstance(value, SecretStr) else value


def variables(name: str) -> tuple[str, ...]:
    """Return the environment variables of the field `name`, the winning one first."""
    alias = Settings.model_fields[name].validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return tuple(str(choice) for choice in choices)
