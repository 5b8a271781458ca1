"""Measures what the first calls cost a process, or what importing a module does."""

from __future__ import annotations

import importlib
import os
import sys
import time

from benchmarks.process import memory_mb, tell

MS = 1e3


def import_of(module: str) -> None:
    """Tell how long the import took, and whether LiteLLM came with it."""
    start = time.perf_counter()
    importlib.import_module(module)
    tell(import_ms=(time.perf_counter() - start) * MS, litellm="litellm" in sys.modules)


def first_call_of(name: str) -> None:
    """Tell what setting up and the first call added; LiteLLM had made a call before."""
    from benchmarks.process import be_quiet
    from benchmarks.settling import Settling, drain
    from benchmarks.variants import VARIANTS
    from benchmarks.workloads import call, complete

    be_quiet()
    complete(call("small", 1))
    drain()
    cpu, memory, start = time.process_time(), memory_mb(), time.perf_counter()
    settling = Settling(VARIANTS[name].install(os.environ["BENCH_SINK"]))
    installed = time.perf_counter()
    complete(call("small", 2))
    called = time.perf_counter()
    settling.settle()
    tell(
        install_ms=(installed - start) * MS,
        first_call_ms=(called - installed) * MS,
        cpu_ms=(time.process_time() - cpu) * MS,
        memory_mb=memory_mb() - memory,
    )
    os._exit(0)


if __name__ == "__main__":
    {"import": import_of, "first-call": first_call_of}[sys.argv[1]](sys.argv[2])
