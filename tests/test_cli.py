"""The command line: `check`, `demo`, `dev`, `lint`."""

from __future__ import annotations

import gzip
import json
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from langfuse_otel import _rest
from langfuse_otel._console import doctor
from langfuse_otel._litellm.versions import LITELLM
from langfuse_otel.cli import main
from langfuse_otel.dev import LocalReceiver
from langfuse_otel.settings import MISSING_KEYS as MISSING
from loopback import Loopback, QuietHandler
from programs import SCRIPTS, code_of, environment, run_on_terminal, run_program
from test_testing import BODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langfuse_otel.testing import Collector

MISSING_KEYS = MISSING.format("LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY")

# An attribute without a value.
POISON = (
    b'{"resourceSpans":[{"scopeSpans":[{"spans":'
    b'[{"traceId":"a","spanId":"b","attributes":[{"key":"k"}]}]}]}]}'
)
COMMAND = str(SCRIPTS / "langfuse-otel")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    """A local receiver, which answers the read API as well."""
    with LocalReceiver() as running:
        yield running


def check(monkeypatch: pytest.MonkeyPatch, *arguments: str, **variables: str) -> Result:
    """Run `check` with these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(main, ["check", *arguments])


def keys(receiver: LocalReceiver, **changes: str) -> dict[str, str]:
    """Return the variables that point to the receiver."""
    return {
        "LANGFUSE_OTEL_HOST": receiver.url,
        "LANGFUSE_PUBLIC_KEY": receiver.public_key,
        "LANGFUSE_SECRET_KEY": receiver.secret_key,
        **changes,
    }


def test_check_is_well(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """With a server that answers, each step is said and the exit code is 0."""
    result = check(monkeypatch, **keys(receiver))
    lines = result.output.splitlines()

    assert result.exit_code == 0, result.output
    assert lines[0].endswith(
        f"{receiver.url}/api/public/otel/v1/traces (host from LANGFUSE_OTEL_HOST)"
    )
    assert [line.split()[0] for line in lines[3:]] == ["ok"] * 7
    assert "was accepted" in lines[-3]
    assert "read back" in lines[-2]
    assert "clock agrees" in lines[-1]
    assert len(receiver.traces()) == 1


def test_check_environment(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """The test trace is where the calls will be: in the environment that is set."""
    check(monkeypatch, **keys(receiver, LANGFUSE_TRACING_ENVIRONMENT="Prod EU"))

    assert [trace.environment for trace in receiver.traces()] == ["prod-eu"]


def test_check_shows_no_secret(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """The secret key is masked."""
    result = check(monkeypatch, **keys(receiver, LANGFUSE_SECRET_KEY="sk-lf-0123456789abcdef"))

    assert "sk-lf-...22 characters (LANGFUSE_SECRET_KEY)" in result.output
    assert "0123456789" not in result.output


def test_check_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys it says what to do."""
    result = check(monkeypatch)

    assert result.exit_code == 1
    assert result.output == f"PROBLEM         {MISSING_KEYS}\n"


def test_check_invalid_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid value is named by its variable and not shown."""
    result = check(monkeypatch, LANGFUSE_FLUSH_AT="sk-lf-misplaced")

    assert result.exit_code == 1
    assert "LANGFUSE_FLUSH_AT" in result.output
    assert "sk-lf-misplaced" not in result.output


def test_check_of_a_long_name(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """A name that is longer than the column leaves the column as it is."""
    result = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_SHUTDOWN_TIMEOUT="7"))

    assert f"shutdown timeout\n{' ' * 16}7.0 (LANGFUSE_OTEL_SHUTDOWN_TIMEOUT)\n" in result.output


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LANGFUSE_SAMPLE_RATE", "0.1", "0.1: no more of the traces than that is sent"),
        ("LANGFUSE_SAMPLE_RATE", "0", "0: no more of the traces than that is sent"),
        ("LANGFUSE_ENABLED", "false", "turns tracing off: no call is sent"),
        ("LANGFUSE_TRACING_ENABLED", "false", "turns tracing off: no call is sent"),
    ],
)
def test_check_of_what_is_withheld(
    monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver, variable: str, value: str, said: str
) -> None:
    """A setting for which calls are not sent is noted with its variable; it may be meant."""
    result = check(monkeypatch, **keys(receiver, **{variable: value}))
    [note] = [line for line in result.output.splitlines() if line.startswith("note")]

    assert result.exit_code == 0
    assert variable in note
    assert said in note


def test_check_mask(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """A mask that can be imported is well; one that cannot is a problem before any is sent."""
    good = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_MASK="os.path:join"))
    gone = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_MASK="nomod:f"))
    none = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_MASK="os.path:sep"))

    assert (good.exit_code, gone.exit_code, none.exit_code) == (0, 1, 1)
    assert "the mask os.path:join can be imported" in good.output
    assert "nomod:f is no mask function (ModuleNotFoundError)" in gone.output
    assert "os.path:sep is no mask function (it is no function)" in none.output
    assert len(receiver.traces()) == 1


def test_check_spool(
    monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver, tmp_path: Path
) -> None:
    """A spool is opened as a process opens it, and nothing is left there; else it is a problem."""
    folder, file = tmp_path / "spool", tmp_path / "file"
    file.touch()
    good = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_SPOOL_DIR=str(folder)))
    bad = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_SPOOL_DIR=str(file / "spool")))

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert f"the spool {folder} can be written" in good.output
    assert f"{file / 'spool'} cannot be a spool: " in bad.output
    assert list(folder.iterdir()) == []


def test_check_wrong_keys(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """Refused keys are a problem with a cure, and the last step."""
    result = check(monkeypatch, **keys(receiver, LANGFUSE_SECRET_KEY="sk-lf-wrong"))

    assert result.exit_code == 1
    assert "PROBLEM         the keys are refused (HTTP 401)" in result.output
    assert "Copy both keys again" in result.output
    assert "test trace" not in result.output


class Told(Loopback):
    """A server that answers every question with what it was told to."""

    def __init__(self, told: object) -> None:
        super().__init__(_Teller)
        self.body = json.dumps(told).encode()


class _Teller(QuietHandler):
    server: Told

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"status": "OK", "version": "4.16.0"}, "Langfuse 4.16.0 is OK"),
        ({"status": "OK", "version": "v3.2"}, "Langfuse v3.2 is OK"),
        ({"status": "OK", "version": "4.16.0 of pk-lf-1:sk-lf-1"}, "Langfuse is OK"),
        ({"status": "OK", "version": 4}, "Langfuse is OK"),
        ({"status": "OK", "version": "1.2.3" + "4" * 100}, f"Langfuse 1.2.3{'4' * 15} is OK"),
        ({"status": "sad", "version": "4.16.0"}, "not as Langfuse does"),
        (["OK"], "not as Langfuse does"),
    ],
)
def test_check_of_health(monkeypatch: pytest.MonkeyPatch, told: object, expected: str) -> None:
    """Of what a server says of its health nothing is shown but a version."""
    with Told(told) as server:
        names = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
        result = check(monkeypatch, LANGFUSE_OTEL_HOST=server.root, **names)

    assert expected in result.output
    assert "pk-lf-1:sk-lf-1" not in result.output


class Hostile(QuietHandler):
    """A server whose words are escape sequences, and whose last is nested without end."""

    def do_GET(self) -> None:
        """Answer."""
        told = {"version": "\x1b[2J", "status": "OK", "data": [{"name": "\x1b]0;\x07\r"}]}
        body = json.dumps(told).encode() if "traces" not in self.path else b"[" * 100_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answer, too."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()


def test_check_cannot_be_steered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's words reach the terminal as text."""
    with Loopback(Hostile) as server:
        variables = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
        result = check(monkeypatch, LANGFUSE_OTEL_HOST=server.root, **variables)

    assert result.exit_code == 0, result.output
    assert "the project \ufffd]0;\ufffd\ufffd" in result.output
    assert result.output.replace("\n", "").isprintable()


def test_check_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that has no address is a problem of its name."""
    variables = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
    result = check(monkeypatch, LANGFUSE_OTEL_HOST="https://langfuse.invalid", **variables)

    assert result.exit_code == 1
    assert "PROBLEM         langfuse.invalid has no address" in result.output


def test_check_closed_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens is a problem of the connection."""
    variables = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
    result = check(monkeypatch, LANGFUSE_OTEL_HOST="http://127.0.0.1:9", **variables)

    assert result.exit_code == 1
    assert "cannot connect to 127.0.0.1:9: Connection refused" in result.output


def test_check_tls(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """TLS with a server that speaks none is a problem of TLS."""
    url = receiver.url.replace("http://", "https://")
    result = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_HOST=url))

    assert result.exit_code == 1
    assert "TLS with 127.0.0.1:" in result.output
    assert "Write http:// in front of the host." in result.output


def test_check_wrong_path(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """A server that is no Langfuse at this path is a problem of the host."""
    result = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_HOST=f"{receiver.url}/elsewhere"))

    assert result.exit_code == 1
    assert "/elsewhere/api/public/health answers HTTP 404" in result.output


def test_check_copied_path(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """An address that was copied from the browser is told from Langfuse's own."""
    result = check(monkeypatch, **keys(receiver, LANGFUSE_OTEL_HOST=f"{receiver.url}/project/abc"))

    assert f"Langfuse is at {receiver.url}: leave the path out." in result.output


def test_check_other_region(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """Where the keys belong to another region of the cloud, the cure is its address."""
    with LocalReceiver(secret_key="sk-lf-other") as other:
        monkeypatch.setattr(doctor, "REGIONS", (receiver.url, other.url))
        wrong = keys(receiver, LANGFUSE_SECRET_KEY=other.secret_key)
        result = check(monkeypatch, **wrong)

        assert result.exit_code == 1
        assert f"another region: set LANGFUSE_OTEL_HOST={other.url}." in result.output


def test_check_asks_nobody_else(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """The keys of a server of one's own are shown to no other."""
    with LocalReceiver(secret_key="sk-lf-other") as cloud:
        monkeypatch.setattr(doctor, "REGIONS", (cloud.url,))
        result = check(monkeypatch, **keys(receiver, LANGFUSE_SECRET_KEY="sk-lf-other"))

    assert "Copy both keys again" in result.output


def test_check_clock(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """A clock that is wrong is a problem, for traces would stand at the wrong time."""
    monkeypatch.setattr(_rest, "time", SimpleNamespace(time=lambda: time.time() + 600))
    result = check(monkeypatch, **keys(receiver))

    assert result.exit_code == 1
    found = re.search(r"clock is (\d+) s ahead of the server's", result.output)
    assert found
    assert int(found[1]) >= 599


def test_check_dead_proxy(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """An HTTP proxy in the environment that does not answer is named as the cause."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:pass@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    result = check(monkeypatch, **keys(receiver))

    assert "cannot connect to 127.0.0.1:9" in result.output
    assert "HTTP proxy that the environment names" in result.output
    assert "user:pass" not in result.output


def test_check_bypassed_proxy(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """A host that NO_PROXY takes out is asked itself."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    assert check(monkeypatch, **keys(receiver)).exit_code == 0


def test_check_collector(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> None:
    """An OTLP endpoint without keys is asked for what it can answer: the test trace."""
    result = check(
        monkeypatch,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/api/public/otel",
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic cGstbGYtdGVzdDpzay1sZi10ZXN0",
    )

    assert result.exit_code == 0, result.output
    assert [span.name for span in collector.spans] == ["langfuse-otel check"]


def test_check_without_litellm(receiver: LocalReceiver) -> None:
    """`check` does not import LiteLLM, which would take seconds."""
    code = (
        "import sys; from click.testing import CliRunner; from langfuse_otel.cli import main;"
        "r = CliRunner().invoke(main, ['check']); print(r.exit_code, 'litellm' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(None, **keys(receiver)),
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "0 False\n"


def test_check_litellm(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """`check --litellm` says to whom LiteLLM's name leads."""
    result = check(monkeypatch, "--litellm", **keys(receiver))

    assert result.exit_code == 0, result.output
    assert (
        "LiteLLM's callback langfuse_otel is this library "
        "in a program that imports langfuse_otel or is started by the launcher"
    ) in result.output


@pytest.mark.parametrize(
    ("litellm", "said", "code"),
    [
        (LITELLM[0], f"ok              LiteLLM {LITELLM[0]} is one that langfuse-otel ", 0),
        ("99.1.0", "ok              LiteLLM 99.1.0 is newer than", 0),
        ("1.74.9", "PROBLEM         LiteLLM 1.74.9 is older than", 1),
    ],
)
def test_check_litellms_version(
    monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver, litellm: str, said: str, code: int
) -> None:
    """`check --litellm` says whether this LiteLLM is one that was tested; too old is a problem."""
    monkeypatch.setattr("langfuse_otel._console.doctor.version", lambda _name: litellm)

    result = check(monkeypatch, "--litellm", **keys(receiver))

    assert said in result.output
    assert result.exit_code == code


def test_check_for_machines(monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver) -> None:
    """With --json the same is one object, with the same exit code, and no secret."""
    secret = "sk-lf-0123456789abcdef"
    good = check(monkeypatch, "--json", **keys(receiver))
    bad = check(monkeypatch, "--json", **keys(receiver, LANGFUSE_SECRET_KEY=secret))
    said, refused = json.loads(good.output), json.loads(bad.output)

    assert (good.exit_code, said["ok"], bad.exit_code, refused["ok"]) == (0, True, 1, False)
    assert [finding["step"] for finding in said["findings"]] == [
        *("name", "connection", "health", "credentials", "test_trace", "read_back", "clock")
    ]
    assert said["settings"][1] == {
        "name": "public_key",
        "value": receiver.public_key,
        "source": "LANGFUSE_PUBLIC_KEY",
    }
    assert refused["findings"][-1]["cure"].startswith("Copy both keys again")
    assert "0123456789" not in bad.output


def test_check_without_keys_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that lead nowhere are a finding as well."""
    result = check(monkeypatch, "--json")
    [finding] = json.loads(result.output)["findings"]

    assert (result.exit_code, finding["step"], finding["text"]) == (1, "settings", MISSING_KEYS)


def test_check_says_what_it_does(receiver: LocalReceiver) -> None:
    """What is being done is shown on a terminal, and nowhere else."""
    variables = environment(None, **keys(receiver), TERM="xterm")
    code, shown = run_on_terminal([COMMAND, "check"], variables)
    piped = subprocess.run(
        [COMMAND, "check"], env=variables, capture_output=True, text=True, check=False
    )

    assert (code, piped.returncode) == (0, 0)
    assert "trying the keys ..." in shown
    assert "trying the keys" not in piped.stdout
    assert piped.stderr == ""


@pytest.mark.parametrize(
    ("variables", "is_colored"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colors(variables: dict[str, str], *, is_colored: bool) -> None:
    """A terminal gets colors if it has them, and its user has not asked for none."""
    inherited = {k: v for k, v in environment(None).items() if k != "NO_COLOR"}
    _, shown = run_on_terminal(
        [COMMAND, "check"], {**inherited, "TERM": "xterm", "COLUMNS": "80", **variables}
    )

    assert "PROBLEM" in shown
    assert ("\x1b[31m" in shown) == is_colored


# What a shell may set for other programs, and would keep the demo from arriving as it is made.
OTHERS = {
    "LANGFUSE_TRACING_ENABLED": "false",
    "LANGFUSE_OTEL_ENDPOINT": "http://x",
    "LANGFUSE_OTEL_CAPTURE_CONTENT": "false",
    "LANGFUSE_OTEL_MASK": "json:dumps",
    "LANGFUSE_OTEL_USER_FROM": "key_user",
}


def test_demo() -> None:
    """The demo makes its calls, shows their trees, and is content only if all arrived."""
    run = subprocess.run(
        [COMMAND, "demo"],
        env=environment(None, **OTHERS),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "All 6 calls arrived as they were sent." in run.stdout
    assert "├─ question" in run.stdout
    assert "└─ follow-up" in run.stdout
    assert "user ada" in run.stdout
    assert "ERROR" in run.stdout


def test_demo_notices_a_loss() -> None:
    """What did not arrive, or arrived otherwise, is named."""
    from langfuse_otel._console import demo

    with LocalReceiver() as receiver:
        made = demo.calls()
        demo.make(made[1:], receiver.url, receiver.public_key, receiver.secret_key)
        traces = receiver.traces()

    assert demo.missing_in(made, traces) == ["chat gpt-4o-mini"]
    assert demo.missing_in(made[2:], traces) == ["streamed answer"]


def shape(value: object) -> object:
    """Return the names and types of what JSON says: of a list, those of its first."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value)


@pytest.mark.parametrize("command", ["check", "demo", "drain", "lint"])
def test_documented_shapes(
    monkeypatch: pytest.MonkeyPatch, receiver: LocalReceiver, tmp_path: Path, command: str
) -> None:
    """What `--json` prints has the shape that the page of commands shows."""
    examples = runpy.run_path(str(ROOT / "docs/cli_page.py"))["EXAMPLES"]
    given = {
        "drain": [str(tmp_path)],
        "lint": [a_file(tmp_path, environment_name="A B")],
    }
    # Quotes around it are what there is a note of.
    variables = keys(receiver, LANGFUSE_SECRET_KEY=f'"{receiver.secret_key}"')
    line = [COMMAND, command, "--json", *given.get(command, [])]
    printed = run_program(code_of(line), None, **variables).stdout
    said = json.loads(printed)
    if command == "demo":
        said["missing"] = said["calls"]

    assert shape(said) == shape(examples[command])


def test_help() -> None:
    """What a command is for is said to its end."""
    result = CliRunner().invoke(main, ["--help"])

    assert "..." not in result.output.partition("Commands:")[2]


def test_dev() -> None:
    """`dev` prints how to send to it, and ends cleanly when it is told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = []
    with subprocess.Popen(
        [COMMAND, "dev", "--port", str(port)],
        env=environment(None),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "LANGFUSE_SECRET_KEY" in line:
                process.send_signal(signal.SIGTERM)

    assert f"http://127.0.0.1:{port}" in said[0]
    assert "  export LANGFUSE_PUBLIC_KEY=pk-lf-local\n" in said
    assert process.returncode == 0


def test_dev_on_a_taken_port() -> None:
    """A port that is in use is one clear line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["dev", "--port", str(port)])

    assert result.exit_code == 1
    assert (
        result.output == f"Error: Cannot listen on 127.0.0.1 port {port}: Address already in use.\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--keep", "7 years", "is no duration"),
        ("--max-size", "lots", "is no size"),
        ("--port", "99999", "is not in the range 0<=x<=65535"),
    ],
)
def test_dev_refuses_a_wrong_bound(option: str, value: str, message: str) -> None:
    """A bound that cannot be read is said before anything is opened."""
    result = CliRunner().invoke(main, ["dev", option, value])

    assert (result.exit_code, message in result.output) == (2, True)


def a_file(folder: Path, *, environment_name: str = "production", zipped: bool = False) -> str:
    """Write an OTLP JSON request with one span."""
    attribute = {"key": "langfuse.environment", "value": {"stringValue": environment_name}}
    span = {"traceId": "a", "spanId": "b", "name": "n", "attributes": [attribute]}
    request = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    file = folder / "spans"
    file.write_bytes(gzip.compress(request) if zipped else request)
    return str(file)


@pytest.mark.parametrize("zipped", [False, True])
def test_lint_finds(tmp_path: Path, *, zipped: bool) -> None:
    """What Langfuse would change is said in a line, with exit code 1, gzip or not."""
    file = a_file(tmp_path, environment_name="Prod EU", zipped=zipped)
    result = CliRunner().invoke(main, ["lint", file])

    assert result.exit_code == 1
    assert result.output.startswith("changed   n: langfuse.environment: “Prod EU” is stored as")


def test_lint_finds_nothing(tmp_path: Path) -> None:
    """Spans that are kept as they were sent are said to be, with exit code 0."""
    result = CliRunner().invoke(main, ["lint", a_file(tmp_path)])

    assert (result.exit_code, result.output) == (0, "Langfuse keeps everything as it was sent.\n")


def test_lint_reads_protobuf() -> None:
    """OTLP protobuf is read too, from the standard input."""
    result = CliRunner().invoke(main, ["lint", "-"], input=BODY)

    assert result.exit_code == 0, result.output


def test_lint_for_machines(tmp_path: Path) -> None:
    """With --json there is an object with the warnings, of which there are none where all is well."""
    good = CliRunner().invoke(main, ["lint", "--json", a_file(tmp_path)])
    bad = CliRunner().invoke(main, ["lint", "--json", a_file(tmp_path, environment_name="A B")])
    said = json.loads(bad.output)

    assert (good.exit_code, json.loads(good.output)) == (0, {"ok": True, "warnings": []})
    assert (bad.exit_code, said["ok"]) == (1, False)
    assert said["warnings"][0]["attribute"] == "langfuse.environment"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"\x1f\x8bnothing", "gzip cannot be read"),
        (b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 20, "gzip cannot be read"),
        (b"words", "not an OTLP protobuf request"),
        (b'{"a":1}', "no span in it"),
        (b"", "no span in it"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a"}]}]}]}',
            "A span has no spanId",
        ),
        (
            POISON,
            "lose the request",
        ),
    ],
)
def test_lint_of_what_is_refused(content: bytes, message: str) -> None:
    """What Langfuse refuses or loses as a whole, or is no request, has exit code 2 and the reason."""
    result = CliRunner().invoke(main, ["lint", "-"], input=content)

    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_lint_steers_no_terminal(tmp_path: Path) -> None:
    """What stands in a span cannot steer the terminal."""
    result = CliRunner().invoke(main, ["lint", a_file(tmp_path, environment_name="\x1b[2J!")])

    assert "\x1b[2J" not in result.output
    assert "\\x1b[2J" in result.output


def test_lint_needs_no_extra() -> None:
    """Linting works without what the local receiver needs."""
    code = (
        "import sys; sys.modules['starlette'] = sys.modules['uvicorn'] = None;"
        "from langfuse_otel.testing import lint; print(lint(b'{}'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")
