"""The rooms of the source are those of docs/architecture.md, and know only those above them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/langfuse_otel"
# Parsed before any test runs: on Python 3.11 that fails where an abandoned task is logged meanwhile.
TREES = {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
FILES = [path for path in TREES if "dev" not in path.parts]


def name_of(path: Path) -> str:
    """Return how the page names a file: its way from the package."""
    return str(path.relative_to(SOURCE))


# Where what is heavy, or foreign, may be imported.
IMPORTED_IN = {
    "httpx": {"_delivery/sender.py", "_rest.py"},
    "litellm": {"logger.py", "_console/demo.py", "_console/doctor.py"},
    "opentelemetry": {
        "_by_hand/drafts.py",
        "_by_hand/observe.py",
        "_by_hand/open_observation.py",
        "_by_hand/openai.py",
        "_delivery/delivery.py",
        "_delivery/sender.py",
        "_log_ids.py",
        "_privacy/foreign.py",
        "_spans/ambient.py",
        "_spans/cut.py",
        "_spans/otlp.py",
        "exporter.py",
        "instrumentor.py",
        "testing.py",
        "tracing.py",
    },
}


class Room(NamedTuple):
    """A section of the page: a package, or some of the files beside the packages."""

    package: str | None
    files: frozenset[str]

    def holds(self, file: str) -> bool:
        """Whether a file is in it; the page leaves out each `__init__.py` of a package."""
        return file in self.files or bool(self.package and file.startswith(self.package))


def rooms() -> list[Room]:
    """Return the rooms on the page, in its order."""
    page = (ROOT / "docs/architecture.md").read_text()
    return [_room(section) for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]]


def _room(section: str) -> Room:
    package = re.match(r"`(\w+/)`", section)
    prefix = package[1] if package else ""
    cells = "".join(re.findall(r"\| ([^|]*) \|$", section, re.MULTILINE))
    return Room(prefix or None, frozenset(prefix + n for n in re.findall(r"`(\w+\.py)`", cells)))


def imported(path: Path) -> set[str]:
    """Return what a file imports anywhere in it."""
    nodes = list(ast.walk(TREES[path]))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {name for node in nodes for name in _from(node)}


def _from(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_imported_at_once(path: Path) -> Iterator[str]:
    """Yield the files of ours that a file imports when it is imported itself."""
    for node in TREES[path].body:
        for name in _from(node):
            package, *parts = name.split(".")
            if package == "langfuse_otel":
                places = ("/".join(parts[:2]), parts[0], f"{parts[0]}/__init__", "__init__")
                yield next(f"{place}.py" for place in places if (SOURCE / f"{place}.py").exists())


def test_each_file_is_named() -> None:
    """Every source file has its place on the page, and every place its file."""
    named = {file for room in rooms() if room.package != "dev/" for file in room.files}

    assert named == {file for file in map(name_of, FILES) if not file.endswith("/__init__.py")}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_rooms_know_those_above(path: Path) -> None:
    """A file imports, when it is imported, from its own room and from rooms above it alone."""
    own = [room.holds(name_of(path)) for room in rooms()].index(True)
    known = rooms()[: own + 1]

    for file in files_imported_at_once(path):
        assert any(room.holds(file) for room in known), file


@pytest.mark.parametrize("name", IMPORTED_IN)
def test_heavy_imports(name: str) -> None:
    """LiteLLM, OpenTelemetry and HTTP are imported in a few files, so that the others are pure."""
    importing = {
        name_of(path)
        for path in FILES
        if any(module.split(".")[0] == name for module in imported(path))
    }

    assert importing == IMPORTED_IN[name]


def test_receiver_shares_no_code() -> None:
    """The local receiver imports nothing of the exporter, so that neither hides the other's error."""
    shared = {
        f"{path.name}: {name}"
        for path in (SOURCE / "dev").glob("*.py")
        for name in imported(path)
        if name.startswith("langfuse_otel")
    }

    assert shared == set()


# Pure as well, but what they write are bytes: that is compared with OpenTelemetry's own encoder and
# with what a server accepts, by tests that take too long to be run for each change.
WRITING_BYTES = {"_delivery/batches.py", "_spans/cut.py", "_spans/otlp.py", "_spans/span.py"}


def mutated() -> set[str]:
    """Return the files that mutation testing changes."""
    settings = (ROOT / "pyproject.toml").read_text()
    [listed] = re.findall(r"^only_mutate = \[(.*?)^\]", settings, re.MULTILINE | re.DOTALL)
    return set(re.findall(r'"src/langfuse_otel/(.*?)"', listed))


def test_pure_files_are_mutated() -> None:
    """Mutation testing changes each file that calls itself pure, and no file that is not there."""
    docstrings = {name_of(path): ast.get_docstring(TREES[path]) for path in FILES}
    pure = {file for file, said in docstrings.items() if re.search(r"\bPure\.", said or "")}

    assert pure - WRITING_BYTES <= mutated() <= set(docstrings) - WRITING_BYTES


def test_mutation_report() -> None:
    """The page on mutation testing reports on each file that it changes, and adds up."""
    page = (ROOT / "docs/mutation.md").read_text()
    row = r"^\| `(.*?\.py)` \| (\d+) \| (\d+) \| (\d+) \|$"
    files, *numbers = zip(*re.findall(row, page, re.MULTILINE), strict=True)
    changes, killed, survived = (sum(map(int, column)) for column in numbers)

    assert set(files) == mutated()
    assert changes == killed + survived
    assert f"Of {changes:,} changes {survived} survived." in page
