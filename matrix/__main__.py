"""Try the versions together: `nox -s matrix`, or `-- --oldest-newest`, `-- --litellm 1.110.0`.

Builds the wheel once, installs it beside each combination into an environment of its own, runs
`checks.py` there, and prints a table. Exits with 1 where a check fails that no document explains.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matrix.combinations import all_combinations, both_ends, interpreter, with_litellm
from matrix.environments import environment, run_in, wheel_into
from matrix.page import CHECKS, EXPLAINED, OK, PAGE, page, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matrix.combinations import Combination


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a combination: a verdict for each check, or why it could not be installed."""

    combination: Combination
    verdicts: Mapping[str, str]

    @property
    def failed(self) -> dict[str, str]:
        """What no document explains."""
        return {name: said for name, said in self.verdicts.items() if said not in (OK, *EXPLAINED)}


def main() -> int:
    """Return the exit code."""
    asked = _arguments()
    chosen = with_litellm(asked.litellm) if asked.litellm else None
    combinations = chosen or (both_ends() if asked.oldest_newest else all_combinations())
    missing = [one for one in combinations if interpreter(one.python) is None]
    for one in missing:
        print(f"not tried, this machine has no Python {one.python}: {one}")
    here = [one for one in combinations if one not in missing]
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheel_into(Path(folder))
        with ThreadPoolExecutor(asked.jobs) as pool:
            tried = list(pool.map(lambda one: _tried(one, wheel, Path(folder)), here))
    rows = [(one.combination, one.verdicts) for one in tried]
    print("\n" + table(rows))
    if asked.write_docs:
        PAGE.write_text(page(rows), encoding="utf-8")
    return int(any(one.failed for one in tried))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("nox -s matrix --", description="Try the versions together.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--oldest-newest", action="store_true", help="try both ends alone")
    which.add_argument(
        "--litellm", metavar="VERSION", help="try a release that is not in the table"
    )
    which.add_argument("--write-docs", action="store_true", help="write docs/versions.md")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    return parser.parse_args()


def _tried(combination: Combination, wheel: Path, folder: Path) -> Tried:
    try:
        python = environment(combination, wheel, folder / str(combination))
        verdicts = _checked(python)
    except (subprocess.SubprocessError, json.JSONDecodeError) as error:
        said = str(getattr(error, "stderr", None) or error)[-1000:]
        verdicts = dict.fromkeys(CHECKS, said)
    tried = Tried(combination, verdicts)
    print(f"{combination}: {'failed' if tried.failed else 'ok'}", flush=True)
    for said in dict.fromkeys(tried.failed.values()):
        print(f"  {', '.join(n for n, text in tried.failed.items() if text == said)}: {said}")
    return tried


def _checked(python: Path) -> dict[str, str]:
    said = run_in(python, "checks.py")
    verdicts: dict[str, str] = json.loads(said.splitlines()[-1])["verdicts"]
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
