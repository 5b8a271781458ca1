"""The command `langfuse-otel`: look at the set-up, run it locally, see it work."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from langfuse_otel._console.terminal import echo, progress
from langfuse_otel._read_settings import problems_in
from langfuse_otel._text import printable
from langfuse_otel._version import __version__
from langfuse_otel.settings import Settings

if TYPE_CHECKING:
    from typing import BinaryIO

    from langfuse_otel.dev import Retention

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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
@AS_JSON
def check(*, with_litellm: bool, as_json: bool) -> None:
    """Show where spans go, ask the server, and send one test trace.

    Exits with 0 if all is well, 1 if not.
    """
    from langfuse_otel._console import report  # noqa: PLC0415 - as below
    from langfuse_otel._console.doctor import diagnosis, litellm_findings  # noqa: PLC0415 - httpx only here

    records = []
    with progress() as show:
        for record in chain(diagnosis(show), litellm_findings(show) if with_litellm else ()):
            records.append(record)
            if not as_json:
                echo(report.text_of(record))
    if as_json:
        echo(report.json_of(records))
    raise SystemExit(0 if report.is_well(records) else 1)


@main.command(short_help="Deliver what ended processes left in a spool.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--timeout", default=60.0, show_default=True, help="Longest time, in seconds.")
@AS_JSON
def drain(folder: Path, timeout: float, *, as_json: bool) -> None:
    """Deliver what ended processes left in a spool, with the keys of the environment.

    What belongs to another public key or host stays there, and so does what the server refuses.
    Exits with 0 if nothing is left that these keys could deliver, 1 if something is.
    """
    from langfuse_otel._console.drain import drained  # noqa: PLC0415 - httpx only here

    try:
        settings = Settings()
        destination = settings.destination()
    except ValueError as error:
        raise click.ClickException("\n".join(problems_in(error))) from None
    if not as_json:
        echo(f"Sending to {printable(destination.label)}")
    try:
        with progress() as show:
            result = drained(folder.absolute(), settings, destination, timeout, show)
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror or error}") from None
    echo(result.json(destination) if as_json else result.text())
    raise SystemExit(0 if result.is_all else 1)


@main.command(short_help="Run a local, Langfuse-shaped receiver with a web page.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=3030,
    type=click.IntRange(0, 65535),
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--db", default=":memory:", show_default=True, help="SQLite file to keep traces in.")
@click.option("--keep", default=None, metavar="TIME", help="Delete traces after, say, 12h or 7d.")
@click.option(
    "--max-size", default=None, metavar="SIZE", help="Delete the oldest traces beyond, say, 500MB."
)
@click.option(
    "--public-key", default="pk-lf-local", show_default=True, help="Key that senders have to use."
)
@click.option(
    "--secret-key", default="sk-lf-local", show_default=True, help="Its secret half, likewise."
)
def dev(*, keep: str | None, max_size: str | None, **listening: Any) -> None:
    """Run a local, Langfuse-shaped receiver with a web page, and print each trace as a tree.

    On an address that other machines can reach, the page asks for the keys: the public one as user,
    the secret one as password. Exits with 0 when it is ended, 1 if it cannot listen.
    """
    try:
        from langfuse_otel.dev import serve  # noqa: PLC0415 - an extra
    except ImportError:
        raise click.ClickException(NEEDS_DEV) from None
    try:
        serve(
            **listening,
            echo=echo,
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


@main.command(short_help="Say what Langfuse would drop, ignore or change of spans.")
@click.argument("file", type=click.File("rb"))
@AS_JSON
def lint(file: BinaryIO, *, as_json: bool) -> None:
    """Say what Langfuse would drop, ignore or change of the spans in FILE, whoever made it.

    FILE holds an OTLP request, protobuf or JSON, gzip or not; - is the standard input. Exits with 0
    if all is kept as it was sent, 1 if something is not, 2 if the whole file is refused or lost, or
    holds no span.
    """
    from langfuse_otel._console.lint import json_of, lint_bytes, spans_in, text_of  # noqa: PLC0415 - protobuf only here

    content = file.read()
    try:
        if not spans_in(content):
            raise click.UsageError("There is no span in it: an OTLP request for traces has some.")
        warnings = lint_bytes(content)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    echo(json_of(warnings) if as_json else text_of(warnings))
    raise SystemExit(1 if warnings else 0)


@main.command(short_help="Make LiteLLM calls without key or network, and show them.")
@AS_JSON
def demo(*, as_json: bool) -> None:
    """Make LiteLLM calls that need no key and no network, and show their traces.

    Exits with 0 if what arrived is what was sent, 1 if not.
    """
    try:
        from langfuse_otel.dev import LocalReceiver, colored, tree_text  # noqa: PLC0415 - an extra
    except ImportError:
        raise click.ClickException(NEEDS_DEV) from None
    # LiteLLM would ask the network for its price list.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # noqa: TID251 - set, not read
    with LocalReceiver() as receiver, progress() as show:
        show(f"A local receiver listens at {receiver.url}. Making calls with LiteLLM ...")
        from langfuse_otel._console.demo import calls, make, missing_in  # noqa: PLC0415 - imports LiteLLM

        made = calls()
        make(made, receiver.url, receiver.public_key, receiver.secret_key)
        traces = receiver.traces()[::-1]
    missing = missing_in(made, traces)
    if as_json:
        names = [call.name for call in made]
        echo(json.dumps({"ok": not missing, "calls": names, "missing": missing}, indent=2))
        raise SystemExit(1 if missing else 0)
    for trace in traces:
        echo(tree_text(trace, style=colored) + "\n")
    if missing:
        raise click.ClickException("did not arrive as sent: " + ", ".join(missing))
    echo(NEXT_STEPS.format(number=len(made)))
