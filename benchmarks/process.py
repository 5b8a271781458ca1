"""What a worker process knows of itself, and how it speaks with the process that started it."""

from __future__ import annotations

import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

SAYS = "@@"


def tell(**facts: Any) -> None:
    """Say something to the starter of this process."""
    print(SAYS + json.dumps(facts), flush=True)


def tell_and_wait(**facts: Any) -> None:
    """Say something and wait until the starter has heard it and done its part."""
    tell(**facts)
    sys.stdin.readline()


def memory_mb() -> float:
    """Return the resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def threads_named(prefix: str) -> int:
    """Return how many threads of Python's have such a name."""
    return sum(thread.name.startswith(prefix) for thread in threading.enumerate())


def be_quiet() -> None:
    """Keep what every variant logs out of its cost."""
    import litellm

    litellm.suppress_debug_info = True
    logging.disable(logging.CRITICAL)
