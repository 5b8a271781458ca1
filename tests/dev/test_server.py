"""The receiver runs in the background and in the foreground, and ends cleanly."""

from __future__ import annotations

import base64
import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import langfuse_otel.dev
from langfuse_otel.dev import LocalReceiver, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langfuse_otel.dev._received import ReceivedSpan

SOURCE = str(Path(langfuse_otel.dev.__file__).parents[2])


def a_body(*span_ids: int) -> bytes:
    """Build the gzip bytes of a protobuf request."""
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    for span_id in span_ids:
        scoped.spans.add(
            trace_id=bytes(15) + b"\1",
            span_id=span_id.to_bytes(8, "big"),
            name=f"span {span_id}",
            start_time_unix_nano=span_id * 10**9,
            end_time_unix_nano=(span_id + 1) * 10**9,
        )
    return gzip.compress(request.SerializeToString())


def post(url: str, body: bytes) -> int:
    """Send a body as an exporter does and give the status."""
    headers = {
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
        "x-langfuse-ingestion-version": "4",
    }
    auth = ("pk-lf-local", "sk-lf-local")
    target = f"{url}/api/public/otel/v1/traces"
    return httpx.post(target, content=body, headers=headers, auth=auth, trust_env=False).status_code


def raw(url: str, *lines: str) -> socket.socket:
    """Send the head of a request as it is, and give the connection."""
    address = httpx.URL(url)
    connection = socket.create_connection((address.host, address.port or 0), timeout=10)
    token = base64.b64encode(b"pk-lf-local:sk-lf-local").decode()
    head = ("POST /api/public/otel/v1/traces HTTP/1.1", f"Authorization: Basic {token}", *lines)
    connection.sendall("\r\n".join((*head, "", "")).encode())
    return connection


def test_declared_length_is_believed() -> None:
    """A body that says it is too large is refused before any of it has come."""
    with (
        LocalReceiver() as receiver,
        raw(receiver.url, "Host: localhost", f"Content-Length: {2**40}") as connection,
    ):
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_sender_that_goes_away(caplog: pytest.LogCaptureFixture) -> None:
    """A sender that goes away within its body leaves nothing behind, in the log neither."""
    with LocalReceiver() as receiver:
        raw(receiver.url, "Host: localhost", "Content-Length: 10").close()
        status = post(receiver.url, a_body(1))

    assert (status, caplog.messages) == (200, [])


def test_sent_spans_are_there() -> None:
    """Spans posted over a real socket are seen as a trace."""
    with LocalReceiver() as receiver:
        status = post(receiver.url, a_body(1, 2))
        arrived = receiver.wait_for(2, 10)
        names = [[seen.name for seen in trace.observations] for trace in receiver.traces()]
        trace = receiver.trace(f"{1:032x}")

    assert (status, arrived, names, trace and trace.path) == (
        200,
        True,
        [["span 1", "span 2"]],
        "direct",
    )


def test_wait_wakes_up_when_spans_arrive() -> None:
    """A waiting caller is told by the arrival itself."""
    with LocalReceiver() as receiver:
        sender = threading.Thread(target=post, args=(receiver.url, a_body(1)))
        sender.start()
        arrived = receiver.wait_for(1, 10)
        sender.join()

    assert arrived


def test_wait_gives_up() -> None:
    """Waiting for spans that never come ends with False."""
    with LocalReceiver() as receiver:
        assert not receiver.wait_for(1, 0.01)


def test_batches_are_passed_on() -> None:
    """The callback sees each batch."""
    seen: list[Sequence[ReceivedSpan]] = []
    with LocalReceiver(on_spans=seen.append) as receiver:
        post(receiver.url, a_body(1, 2))

    assert [[span.name for span in batch] for batch in seen] == [["span 1", "span 2"]]


def test_port_is_free_again_afterwards() -> None:
    """The same port can be used by the next receiver at once, and the file is kept."""
    with LocalReceiver() as receiver:
        url = receiver.url
        post(url, a_body(1))
    port = int(url.rsplit(":", 1)[1])
    with LocalReceiver(port=port) as receiver:
        assert (receiver.url, post(receiver.url, a_body(1))) == (url, 200)


def test_file_is_kept(tmp_path: Path) -> None:
    """With a file, the next receiver knows what the last one got."""
    db = str(tmp_path / "dev.db")
    with LocalReceiver(db=db) as receiver:
        post(receiver.url, a_body(1))
    with LocalReceiver(db=db) as receiver:
        assert [trace.name for trace in receiver.traces()] == ["span 1"]


def test_port_in_use_is_a_clear_error() -> None:
    """A taken port is named in one line."""
    with LocalReceiver() as receiver:
        port = int(receiver.url.rsplit(":", 1)[1])
        with (
            pytest.raises(
                OSError, match=f"^Cannot listen on 127.0.0.1 port {port}: Address already in use.$"
            ),
            LocalReceiver(port=port),
        ):
            pass


@pytest.mark.parametrize("content", [None, b"no database " * 100], ids=["folder", "text"])
def test_unusable_file_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    """A file that is no database is named in one line."""
    db = tmp_path / "dev.db"
    if content is None:
        db.mkdir()
    else:
        db.write_bytes(content)
    with (
        pytest.raises(OSError, match=r"^Cannot use .*dev\.db as database"),
        LocalReceiver(db=str(db)),
    ):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_reachable_address_must_be_meant(host: str) -> None:
    """Listening where other machines can reach needs to be said."""
    with pytest.raises(ValueError, match="allow_remote"):
        LocalReceiver(host=host)


def test_meant_address_is_served() -> None:
    """With `allow_remote`, every address may be used."""
    with LocalReceiver(host="0.0.0.0", allow_remote=True) as receiver:
        assert receiver.url.startswith("http://0.0.0.0:")


def test_receiver_is_bound_to_its_block() -> None:
    """Outside its block the receiver has no address."""
    with pytest.raises(RuntimeError, match="with"):
        _ = LocalReceiver().url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_shows_and_ends(number: signal.Signals) -> None:
    """The foreground prints address, keys and trees, and ends with 0 on a signal."""
    code = "from langfuse_otel.dev import serve; serve(port=0)"
    environment = {**os.environ, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        greeting = [process.stdout.readline().strip() for _ in range(7)]
        url = greeting[2].partition("=")[2]
        post(url, a_body(1))
        process.stdout.readline()
        tree = [process.stdout.readline().rstrip() for _ in range(2)]
        process.send_signal(number)
        status = process.wait(20)

    assert greeting == [
        f"Receiving at {url}, Ctrl-C ends. In the shell of your program:",
        "",
        f"export LANGFUSE_HOST={url}",
        "export LANGFUSE_PUBLIC_KEY=pk-lf-local",
        "export LANGFUSE_SECRET_KEY=sk-lf-local",
        "",
        f"To see the traces as a page, open {url}",
    ]
    assert (tree, status) == (
        [f"● span 1  1.00 s  {1:032x}", "└─ span 1 (span)  1.00 s"],
        0,
    )


@pytest.mark.parametrize(
    ("arguments", "host", "is_warned"),
    [
        ("'0.0.0.0'", socket.gethostname(), True),
        ("'0.0.0.0', public_key='pk-lf-own', secret_key='sk-lf-own'", socket.gethostname(), False),
        ("'127.0.0.1'", "127.0.0.1", False),
    ],
)
def test_foreground_for_other_machines(arguments: str, host: str, is_warned: bool) -> None:
    """Other machines are told an address that they can use; keys that all know are warned of."""
    code = (
        "import signal; from langfuse_otel.dev import serve\n"
        "def echo(text): print(text); signal.raise_signal(signal.SIGTERM)\n"
        f"serve(host={arguments}, port=0, allow_remote=True, echo=echo)"
    )
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    greeting = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)

    assert f"  export LANGFUSE_HOST=http://{host}:" in greeting
    assert f"open http://{host}:" in greeting
    assert ("Everybody knows these keys" in greeting) == is_warned


def test_foreground_on_a_taken_port_fails() -> None:
    """The foreground raises the same clear error and leaves the signal handlers alone."""
    before = signal.getsignal(signal.SIGTERM)
    with LocalReceiver() as receiver, pytest.raises(OSError, match="Cannot listen"):
        serve(port=int(receiver.url.rsplit(":", 1)[1]))

    assert signal.getsignal(signal.SIGTERM) == before
