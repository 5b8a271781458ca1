"""Makes calls for many Langfuse projects in turn and watches its own memory and threads."""

from __future__ import annotations

import os
import sys

from benchmarks.process import be_quiet, memory_mb, tell, threads_named
from benchmarks.settling import Settling
from benchmarks.variants import VARIANTS
from benchmarks.workloads import call, complete

LOOKS = 20


def keys(project: int) -> dict[str, str]:
    """Return the arguments that send a call to a project of its own."""
    return {
        "langfuse_public_key": f"pk-lf-t{project}",
        "langfuse_secret_key": f"sk-lf-t{project}",
    }


def main(variant: str, projects: str, calls: str) -> None:
    """Tell of memory and threads from time to time."""
    be_quiet()
    settling = Settling(VARIANTS[variant].install(os.environ["BENCH_SINK"]))
    every = max(1, int(calls) // LOOKS)
    for number in range(1, int(calls) + 1):
        complete(call("small", number, **keys(number % int(projects))))
        if number % every == 0:
            settling.settle()
            tell(calls=number, memory_mb=memory_mb(), threads=threads_named("langfuse-otel"))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
