"""Record what each release of LiteLLM gives its callbacks: `nox -s record`, or `-- 1.110.0`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from langfuse_otel._litellm.versions import LITELLM
from matrix.combinations import with_litellm
from matrix.environments import ROOT, environment, run_in, wheel_into

PAYLOADS = ROOT / "tests/payloads"


def main() -> None:
    """Write a folder for each release."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheel_into(Path(folder))
        for version in sys.argv[1:] or LITELLM:
            [combination] = with_litellm(version)
            python = environment(combination, wheel, Path(folder) / version)
            print(version, run_in(python, "recorder.py", str(PAYLOADS / version)), flush=True)


if __name__ == "__main__":
    main()
