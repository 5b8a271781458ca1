"""What the documents say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from langfuse_otel import __version__
from langfuse_otel._delivery.counts import Stats
from langfuse_otel._litellm.content import KINDS
from langfuse_otel._litellm.names import FIELDS, MODEL_GROUP, OF_A_REQUEST, litellms_in
from langfuse_otel._litellm.trace import DOCUMENTED
from langfuse_otel._litellm.usage import _INPUT_PARTS, _OUTPUT_PARTS
from langfuse_otel._litellm.versions import LITELLM, OPENTELEMETRY
from langfuse_otel._privacy.parameters import MODEL_PARAMETERS, QUOTING
from langfuse_otel._spans.attributes import attributes_of
from langfuse_otel.dev._store import Store
from programs import code_of, run_program
from test_attributes import FULL

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

ROOT = Path(__file__).parents[1]
MAPPING = (ROOT / "docs/mapping.md").read_text()
README = (ROOT / "README.md").read_text()


def test_reasons() -> None:
    """The page on delivery explains each reason for which a span is dropped, as `Stats` names them."""
    page = (ROOT / "docs/delivery.md").read_text().split("## How it stands")[1]
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", page.split("##")[0], re.MULTILINE)
    named = re.findall(r"`(\w+)`", str(Stats.__doc__).partition("by reason:")[2].partition(".")[0])

    assert rows == named


@pytest.mark.parametrize("name", ["settings", "cli"])
def test_made_pages(name: str) -> None:
    """The pages of settings and of commands are those that the code gives."""
    made = subprocess.run(
        [sys.executable, "-c", f"import {name}_page as made; print(made.page(), end='')"],
        cwd=ROOT / "docs",
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert (ROOT / f"docs/{name}.md").read_text() == made


def test_metadata_names_each_field() -> None:
    """The reference of metadata has the fields that are read, in their order."""
    page = (ROOT / "docs/metadata.md").read_text().split("## Four inlets")[0]

    assert tuple(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == FIELDS


def test_metadata_names_what_is_not_kept() -> None:
    """It has each name that is LiteLLM's in the metadata of calls, of routers and of requests."""
    page = (ROOT / "docs/metadata.md").read_text().split("## Keys that are not kept")[1]
    rows = [set(re.findall(r"`([\w*]+)`", row)) for row in page.splitlines() if row.startswith("|")]
    anywhere, router, request = rows[2], rows[4], rows[5]
    always, routers = litellms_in({}), litellms_in({MODEL_GROUP: "g"})
    beginnings = routers.beginnings[len(always.beginnings) :]

    assert anywhere == always.names | {f"{start}*" for start in always.beginnings}
    assert router == routers.names - always.names | {f"{start}*" for start in beginnings}
    assert request == {"metadata"} | OF_A_REQUEST.names - always.names


def test_documented_names() -> None:
    """The table of documented names is the one in the code."""
    rows = re.findall(r"^\| `(\w+)` \| `(langfuse\.[\w.]+)` \|$", MAPPING, re.MULTILINE)

    assert dict(rows) == DOCUMENTED


def test_mapping_names_each_attribute() -> None:
    """Every attribute that we send has its row."""
    in_tables = set(re.findall(r"\| `([\w.]+)` \|$", MAPPING, re.MULTILINE))

    assert set(attributes_of(FULL, is_orphan=True)) - in_tables == set()


@pytest.mark.parametrize(
    ("page", "before", "names"),
    [
        ("mapping", "These are the parameters:", MODEL_PARAMETERS),
        ("redaction", "Of the model parameters", QUOTING),
    ],
    ids=["kept", "hidden"],
)
def test_pages_name_each_parameter(page: str, before: str, names: frozenset[str]) -> None:
    """The parameters that are kept are listed, and those that are hidden with the input."""
    text = " ".join((ROOT / f"docs/{page}.md").read_text().split())
    listed = text.partition(before)[2].partition(".")[0]

    assert re.findall(r"`(\w+)`", listed) == sorted(names)


def test_mapping_names_each_bucket() -> None:
    """Every token bucket has its row."""
    buckets = {"input", "output", "total", *_INPUT_PARTS, *_OUTPUT_PARTS}
    usage = MAPPING.split("## Usage")[1].split("##")[0]

    assert set(re.findall(r"`(\w+)`(?=[^|]* \|)", usage)) & buckets == buckets


def test_mapping_names_each_call_type() -> None:
    """The table of call types is the one in the code."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (yes|no) \|$", MAPPING, re.MULTILINE)

    assert [(name, *rest) for name, *rest in rows] == [
        (name, kind.operation, kind.type, "yes" if kind.has_usage else "no")
        for name, kind in KINDS.items()
    ]


def test_ci_runs_the_readme() -> None:
    """Continuous integration runs the README's test command as it is printed there."""
    commands = re.findall(r"```shell\n(python3 -m venv .*)\n```", README)
    ci = (ROOT / ".ci/run").read_text().splitlines()

    assert len(commands) == 2
    assert commands[1] in ci


def test_changelog_names_the_version() -> None:
    """The version that is built has its section in the changelog."""
    assert f"## {__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_versions() -> None:
    """The page shows what was tried of each version that the code calls tested, and nothing fails."""
    page = (ROOT / "docs/versions.md").read_text()
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (.*) \|$", page, re.MULTILINE)

    assert list(dict.fromkeys(row[0] for row in rows)) == list(LITELLM)
    assert {row[1] for row in rows} == set(OPENTELEMETRY)
    assert "fails" not in "".join(row[3] for row in rows)


def test_oldest_litellm() -> None:
    """The package asks for the oldest version that is tested."""
    assert f'"litellm>={LITELLM[0]}"' in (ROOT / "pyproject.toml").read_text()


def test_mask_example() -> None:
    """The mask function on the page about redaction does what its name says."""
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/redaction.md").read_text(), re.DOTALL)
    defined: dict[str, Any] = {}
    exec(code.partition("litellm.callbacks")[0], defined)
    data = [{"role": "user", "content": "write to a.b@c.de", "n": 1}]

    assert defined["hide_addresses"](data, "input") == [
        {**data[0], "content": "write to <address>"}
    ]


def test_schema_is_the_one_in_use() -> None:
    """The page shows the file of the tables, and the receiver has these tables and the texts."""
    page = (ROOT / "docs/local.md").read_text()
    file = "src/langfuse_otel/dev/schema.sql"
    shown = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", (ROOT / file).read_text())
    store = Store()
    tables = store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
    store.close()

    assert f"```{{literalinclude}} ../{file}\n" in page
    assert {name for (name,) in tables if not name.startswith("texts")} == set(shown)


@pytest.mark.parametrize(("example", "spans"), [("application.py", 1), ("asynchronous.py", 3)])
def test_examples(collector: Collector, example: str, spans: int) -> None:
    """Each example runs and is seen in Langfuse."""
    run = run_program(code_of([str(ROOT / "examples" / example)]), collector)

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == spans


BY_HAND = """
import asyncio, logging
from types import SimpleNamespace
import litellm
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse
app = FastAPI()
messages = [{"role": "user", "content": "hi"}]
async def call_model(messages):
    return SimpleNamespace(text="hello")
import langfuse_otel
litellm.callbacks = ["langfuse_otel"]
"""
USED = """
logging.getLogger().addHandler(handler)
with langfuse_otel.span("log"):
    logging.warning("said")
asyncio.run(answer(messages))
from starlette.testclient import TestClient
assert TestClient(app).get("/chat/completions").text == "data: 1\\n\\ndata: 2\\n\\n"
"""


def test_by_hand(collector: Collector) -> None:
    """The examples of the page on what is made by hand run, and do what it says."""
    page = (ROOT / "docs/by-hand.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    run = run_program("\n".join([BY_HAND, *examples, USED]), collector)
    spans = {span.name: span for span in collector.spans}

    assert run.returncode == 0, run.stderr
    assert set(spans) == {
        "call",
        "chat gpt-4o",
        "generate_response",
        "gpt-4",
        "log",
        "my_operation",
        "passthrough",
        "retrieve",
        "search",
    }
    assert spans["generate_response"].parent_id == spans["passthrough"].span_id
    assert f"said trace_id={spans['log'].trace_id} span_id={spans['log'].span_id}" in run.stderr
    assert {score["name"] for score in collector.scores.values()} == {
        "user_rating",
        "resolved",
        "tone",
    }
