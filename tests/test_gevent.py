"""Programs whose threads are gevent's greenlets, as under gunicorn's and Celery's gevent workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from programs import run_cold_program

if TYPE_CHECKING:
    from langfuse_otel.testing import Collector

# What it patches must not have been imported.
PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent, litellm, langfuse_otel
litellm.callbacks = ["langfuse_otel"]
def work():
    litellm.completion(**call())
gevent.joinall([gevent.spawn(work) for _ in range(5)], raise_error=True)
print(langfuse_otel.flush(), langfuse_otel.stats().sent)
gevent.joinall([gevent.spawn(work) for _ in range(3)], raise_error=True)
"""


def test_greenlets(collector: Collector) -> None:
    """The calls of greenlets arrive: at a flush, and at the end of the process."""
    run = run_cold_program(PROGRAM, collector, LANGFUSE_FLUSH_INTERVAL="3600")

    assert (run.returncode, run.stdout) == (0, "True 5\n"), run.stderr
    assert len(collector.spans) == len({span.span_id for span in collector.spans}) == 5 + 3
