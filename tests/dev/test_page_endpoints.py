"""What the page loads and asks for, and what no browser may do with it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.testclient import TestClient

from langfuse_otel.dev import LocalReceiver
from langfuse_otel.dev._app import create_app
from langfuse_otel.dev._media import Confirmation, MediaUse
from langfuse_otel.dev._page import FOLDER
from langfuse_otel.dev._store import Store
from received import a_span

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture
def store() -> Iterator[Store]:
    """A store with a trace of two spans."""
    opened = Store()
    first = a_span(1, model="m", input='[{"role":"user","content":"hi"}]', tags=["t"])
    opened.add([first, a_span(1, 2, parent_span_id="span-1-1", output="\\ud800")], "direct")
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    """A browser at the receiver."""
    return TestClient(create_app(store, public_key="pk", secret_key="sk"))


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/api/traces", "/page/api/trace?id=no"])
def test_every_answer_has_the_policy(client: TestClient, path: str) -> None:
    """No script, style, image or connection from elsewhere; no frame, no form, no guess of a type."""
    headers = client.get(path).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_langfuses_address_leads_to_the_trace(client: TestClient) -> None:
    """The address that a trace has in Langfuse leads to it in the page, whatever its id."""
    answer = client.get("/project/local/traces/a%26b%2Fc", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (307, "/#trace=a%26b%2Fc")


@pytest.mark.parametrize("name", FILES)
def test_files_are_served(client: TestClient, name: str) -> None:
    """Each file of the page is there, as what it is."""
    answer = client.get(f"/page/{name}")
    kinds = {".js": "javascript", ".css": "css", ".svg": "svg", ".html": "html"}

    assert answer.status_code == 200
    assert kinds[Path(name).suffix] in answer.headers["content-type"]


@pytest.mark.parametrize("name", FILES)
def test_files_need_nothing_from_elsewhere(name: str) -> None:
    """No file names another host, parses markup, runs text, or has styles or handlers in markup."""
    text = (FOLDER / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    forbidden = r"https?://\w|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|[^-]\bon\w+=\"|\bstyle=\""

    assert re.findall(forbidden, text) == []


@pytest.mark.parametrize("name", ["../_page.py", "%2e%2e/_page.py", "..%2f_store.py", "nothing.js"])
def test_other_files_are_not_served(client: TestClient, name: str) -> None:
    """Nothing beside the page's folder can be read."""
    assert client.get(f"/page/{name}").status_code == 404


def test_trace_is_a_tree_without_content(client: TestClient) -> None:
    """A trace comes with its observations, whose content is asked for one by one."""
    trace = client.get("/page/api/trace", params={"id": "trace-1"}).json()
    parents = [(seen["id"], seen["parentObservationId"]) for seen in trace["observations"]]

    assert parents == [("span-1-1", None), ("span-1-2", "span-1-1")]
    assert not {"input", "output", "metadata"} & set(trace["observations"][0])


def test_observation_has_everything(client: TestClient) -> None:
    """An observation comes with its content, its span, and what is read from it."""
    given = {"trace": "trace-1", "id": "span-1-1"}
    found = client.get("/page/api/observation", params=given).json()
    reads = {read["attribute"]: read["fields"] for read in found["reads"]}

    assert found["observation"]["input"] == [{"role": "user", "content": "hi"}]
    assert found["span"]["attributes"]["langfuse.trace.tags"] == ["t"]
    assert reads["langfuse.trace.tags"] == ["trace.tags"]
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("trace?id=no", 404),
        ("observation?trace=trace-1&id=no", 404),
        ("observation?trace=no&id=no", 404),
        ("traces?since_ms=soon", 400),
        ("traces?before=x", 400),
        ("sessions?before=x", 400),
        ("nothing", 404),
    ],
)
def test_wrong_questions(client: TestClient, path: str, status: int) -> None:
    """A question that cannot be answered gets its status and a sentence."""
    answer = client.get(f"/page/api/{path}")

    assert (answer.status_code, list(answer.json())) == (status, ["message"])


@pytest.mark.parametrize("path", ["traces", "sessions", "overview", "values"])
def test_lists_are_json(client: TestClient, path: str) -> None:
    """Each list is an answer."""
    assert client.get(f"/page/api/{path}").status_code == 200


@pytest.mark.parametrize(
    ("content_type", "is_shown"),
    [("image/png", True), ("text/html", False), ("image/svg+xml", True)],
)
def test_media_are_harmless(
    store: Store, client: TestClient, content_type: str, *, is_shown: bool
) -> None:
    """Media are shown in a sandbox; what is no picture, sound or film can only be saved."""
    content = b"<script>alert(1)</script>"
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    use = MediaUse(
        trace_id="trace-1",
        observation_id=None,
        field="input",
        content_type=content_type,
        content_length=len(content),
        sha256=digest,
    )
    media_id = store.add_media(use).id
    missing = client.get(f"/page/media/{media_id}").status_code
    store.put_content(media_id, content)
    store.confirm_media(media_id, Confirmation(200, "2026-01-01T00:00:00Z"))
    answer = client.get(f"/page/media/{media_id}")

    assert (missing, answer.content) == (404, content)
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert ("content-disposition" not in answer.headers) == is_shown


def test_other_machines_need_the_keys(store: Store) -> None:
    """Where other machines may ask, the page and all it asks for need the keys."""
    app = create_app(store, public_key="pk", secret_key="sk", is_page_open=False)
    paths = ("/", "/page/app.js", "/page/api/traces", "/page/api/events", "/page/media/x")
    refused = [TestClient(app).get(path) for path in (*paths, "/project/local/traces/x")]

    assert [answer.status_code for answer in refused] == [401] * 6
    assert refused[0].headers["www-authenticate"].startswith("Basic")
    assert TestClient(app).get("/page/api/traces", auth=("pk", "sk")).status_code == 200


def test_open_to_others_means_keys() -> None:
    """The receiver asks for the keys exactly where it listens on more than loopback."""
    with LocalReceiver(host="0.0.0.0", allow_remote=True) as receiver:
        port = receiver.url.rsplit(":", 1)[1]
        answer = httpx.get(f"http://127.0.0.1:{port}/page/api/traces", trust_env=False)

    assert answer.status_code == 401


def test_arrivals_are_announced() -> None:
    """The stream has an event at once, one for each arrival, and ends with the receiver."""
    events: list[str] = []
    arrived = threading.Condition()

    def listen(url: str) -> None:
        with httpx.stream("GET", f"{url}/page/api/events", trust_env=False, timeout=30) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    with arrived:
                        events.append(line)
                        arrived.notify_all()

    with LocalReceiver() as receiver:
        listener = threading.Thread(target=listen, args=(receiver.url,))
        listener.start()
        with arrived:
            assert arrived.wait_for(lambda: len(events) == 1, 20)
        receive(receiver)
        with arrived:
            assert arrived.wait_for(lambda: len(events) == 2, 20)
    listener.join(20)

    assert not listener.is_alive()


def receive(receiver: LocalReceiver) -> None:
    """Send one span."""
    span = {"traceId": "a", "spanId": "b", "name": "n"}
    body: dict[str, Any] = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    httpx.post(
        f"{receiver.url}/api/public/otel/v1/traces",
        json=body,
        auth=(receiver.public_key, receiver.secret_key),
        trust_env=False,
    ).raise_for_status()


def test_wheel_holds_the_page(tmp_path: Path) -> None:
    """What is installed has the page and the schema."""
    pytest.importorskip("hatchling")
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {f"langfuse_otel/dev/page/{name}" for name in FILES} <= names
    assert "langfuse_otel/dev/schema.sql" in names


def test_answers_are_ascii(client: TestClient) -> None:
    """Half of a surrogate pair in a message breaks no answer."""
    given = {"trace": "trace-1", "id": "span-1-2"}
    answer = client.get("/page/api/observation", params=given)

    assert answer.content.isascii()
    json.loads(answer.content)
