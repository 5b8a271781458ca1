"""The command `langfuse-otel`: look at the set-up, run it locally, see it work."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from langfuse_otel._read_settings import warnings_about
from langfuse_otel._text import printable
from langfuse_otel._version import __version__
from langfuse_otel._versions import LITELLM, is_supported, standing_of
from langfuse_otel.settings import Settings

if TYPE_CHECKING:
    from typing import BinaryIO

    from langfuse_otel._destination import Destination
    from langfuse_otel.dev import Retention

LABEL_WIDTH = 14
_EFFECTS = {"dropped": "red", "ignored": "yellow", "changed": "cyan"}
NEEDS_DEV = "The local receiver is not installed. Run: pip install 'langfuse-otel[dev]'"
NEXT_STEPS = """\
All {number} calls arrived as they were sent. To see your own:

  1. langfuse-otel dev        in another terminal; keep it open
  2. copy the export lines that it prints into the shell of your program
  3. import langfuse_otel, litellm; litellm.callbacks = ["langfuse_otel"]
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="langfuse-otel")
def main() -> None:
    """See LiteLLM calls in Langfuse."""


@main.command()
@click.option("--litellm", "with_litellm", is_flag=True, help="Also ask about LiteLLM.")
def check(*, with_litellm: bool) -> None:
    """Show where spans go, ask the server, and send one test trace.

    Exits with 0 if all is well, 1 if not.
    """
    from langfuse_otel._doctor import examine, resolved_lines  # noqa: PLC0415 - httpx only here

    settings, destination = _configured()
    for label, text in resolved_lines(settings, destination):
        click.echo(f"{label:<{LABEL_WIDTH}}  {printable(text)}")
    for text in warnings_about(settings):
        click.secho(f"{'note':<{LABEL_WIDTH}}  {text}", fg="yellow")
    good = True
    for finding in examine(settings, destination):
        _report(good=finding.good, text=finding.text, cure=finding.cure)
        good = finding.good
    if with_litellm:
        good = _check_litellm() and good
    if not settings.enabled:
        click.secho(f"{'note':<{LABEL_WIDTH}}  tracing is turned off", fg="yellow")
    raise SystemExit(0 if good else 1)


def _configured() -> tuple[Settings, Destination]:
    try:
        settings = Settings()
        return settings, settings.destination()
    except (ValidationError, ValueError) as error:
        raise click.ClickException(_error_text(error)) from None


def _error_text(error: ValueError) -> str:
    """Never the value: a secret may stand where it does not belong."""
    if not isinstance(error, ValidationError):
        return f"ValueError: {error}"
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return "\n".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in problems)


def _report(*, good: bool, text: str, cure: str) -> None:
    mark = click.style("ok", fg="green") if good else click.style("PROBLEM", fg="red")
    click.echo(f"{mark}{' ' * (LABEL_WIDTH - (2 if good else 7))}  {printable(text)}")
    if cure and not good:
        click.echo(f"{'':<{LABEL_WIDTH}}  {printable(cure)}")


def _check_litellm() -> bool:
    """Whether LiteLLM is none too old, and its name `langfuse_otel` resolves to this library."""
    litellm = version("litellm")
    standing = standing_of(litellm) or f"one that langfuse-otel {__version__} is tested with"
    supported = is_supported(litellm)
    cure = f"Upgrade it: pip install 'litellm>={LITELLM[0]}'"
    _report(good=supported, text=f"LiteLLM {litellm} is {standing}", cure=cure)
    return _check_name() and supported


def _check_name() -> bool:
    from litellm.integrations.langfuse import langfuse_otel as module

    from langfuse_otel.logger import LangfuseOtelLogger  # noqa: PLC0415 - as above

    good = module.LangfuseOtelLogger is LangfuseOtelLogger
    text = "resolves to this library" if good else "resolves to LiteLLM's own class"
    cure = "Import langfuse_otel in the program, or start it with opentelemetry-instrument."
    _report(good=good, text=f"LiteLLM's callback langfuse_otel {text}", cure=cure)
    return good


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--timeout", default=60.0, show_default=True, help="Longest time, in seconds.")
def drain(folder: Path, timeout: float) -> None:
    """Deliver what ended processes left in a spool, with the keys of the environment.

    What belongs to another public key or host stays there, and so does what the server refuses.
    Exits with 0 if nothing is left that these keys could deliver, 1 if something is.
    """
    from langfuse_otel._drain import drained  # noqa: PLC0415 - httpx only here

    settings, destination = _configured()
    try:
        with click.progressbar(length=1, label=f"Sending to {destination.label}") as bar:

            def show(done: int, total: int) -> None:
                bar.length = max(1, total)
                bar.update(done - bar.pos)

            result = drained(folder.absolute(), settings, destination, timeout, show)
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror or error}") from None
    for line in result.lines():
        click.echo(printable(line))
    raise SystemExit(0 if result.is_all else 1)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3030, show_default=True, help="Port to listen on.")
@click.option("--db", default=":memory:", show_default=True, help="SQLite file to keep traces in.")
@click.option("--keep", default=None, metavar="TIME", help="Delete traces after, say, 12h or 7d.")
@click.option(
    "--max-size", default=None, metavar="SIZE", help="Delete the oldest traces beyond, say, 500MB."
)
@click.option("--public-key", default="pk-lf-local", show_default=True)
@click.option("--secret-key", default="sk-lf-local", show_default=True)
def dev(*, keep: str | None, max_size: str | None, **listening: Any) -> None:
    """Run a local, Langfuse-shaped receiver with a web page, and print each trace as a tree.

    On an address that other machines can reach, the page asks for the keys: the public one as user,
    the secret one as password.
    """
    try:
        from langfuse_otel.dev import serve  # noqa: PLC0415 - an extra
    except ImportError:
        raise click.ClickException(NEEDS_DEV) from None
    try:
        serve(
            **listening,
            echo=click.echo,
            allow_remote=True,
            retention=_retention(keep, max_size),
        )
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _retention(keep: str | None, max_size: str | None) -> Retention:
    from langfuse_otel.dev._retention import Retention, bytes_of, seconds_of  # noqa: PLC0415

    try:
        return Retention(
            None if keep is None else seconds_of(keep),
            None if max_size is None else bytes_of(max_size),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@main.command()
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def lint(file: BinaryIO, *, as_json: bool) -> None:
    """Say what Langfuse would drop, ignore or change of the spans in FILE, whoever made it.

    FILE holds an OTLP request, protobuf or JSON, gzip or not; - is the standard input. Exits with 0
    if all is kept as it was sent, 1 if something is not, 2 if the whole file is refused or lost.
    """
    from langfuse_otel._lint import json_of, lint_bytes  # noqa: PLC0415 - protobuf only here
    from langfuse_otel.dev._tree import escaped  # noqa: PLC0415 - as above

    try:
        warnings = lint_bytes(file.read())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json_of(warnings))
    for warning in () if as_json else warnings:
        effect = click.style(f"{warning.effect:<8}", fg=_EFFECTS[warning.effect])
        click.echo(f"{effect}  {escaped(str(warning))}")
    if not warnings and not as_json:
        click.echo("Langfuse keeps everything as it was sent.")
    raise SystemExit(1 if warnings else 0)


@main.command()
def demo() -> None:
    """Make LiteLLM calls that need no key and no network, and show their traces.

    Exits with 0 only if what arrived is what was sent.
    """
    try:
        from langfuse_otel.dev import LocalReceiver, colored, tree_text  # noqa: PLC0415 - an extra
    except ImportError:
        raise click.ClickException(NEEDS_DEV) from None
    # LiteLLM would ask the network for its price list.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # noqa: TID251 - set, not read
    with LocalReceiver() as receiver:
        click.echo(f"A local receiver listens at {receiver.url}. Making calls with LiteLLM ...\n")
        from langfuse_otel import _demo  # noqa: PLC0415 - imports LiteLLM, which takes seconds

        made = _demo.calls()
        _demo.make(made, receiver.url, receiver.public_key, receiver.secret_key)
        traces = receiver.traces()[::-1]
    for trace in traces:
        click.echo(tree_text(trace, style=colored) + "\n")
    missing = _demo.missing(made, traces)
    if missing:
        raise click.ClickException("did not arrive as sent: " + ", ".join(missing))
    click.echo(NEXT_STEPS.format(number=len(made)))
