"""Print what the last runs of `nox -s mutate` found: the table of `mutation.md`, then what survived."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

SOURCE = Path("src/langfuse_otel")
# A change with which the tests never end is found as well.
KILLED = ("killed", "timeout")


def main() -> None:
    """Print each module that was run to its end, and each change that no test found."""
    rows, alive = [], []
    for path in sorted(SOURCE.rglob("*.py")):
        found = SourceFileMutationData(path=path)
        found.load()
        verdicts = {
            name: status_by_exit_code[code] for name, code in found.exit_code_by_key.items()
        }
        counts = Counter(verdicts.values())
        if not verdicts or counts["not checked"]:
            continue
        killed = sum(counts[verdict] for verdict in KILLED)
        rows.append(
            f"| `{path.relative_to(SOURCE)}` | {len(verdicts)} | {killed} | {len(verdicts) - killed} |"
        )
        alive += [(path, name) for name, verdict in verdicts.items() if verdict not in KILLED]
    table = ["| Module | Mutants | Killed | Survived |", "|---|---|---|---|", *rows]
    sys.stdout.write("\n".join([*table, ""]) + "\n")
    for path, name in alive:
        sys.stdout.write(f"{name}\n{get_diff_for_mutant(name, path=path)}\n")


if __name__ == "__main__":
    main()
