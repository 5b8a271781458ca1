"""A web application that makes one call for each request: `/7` is call number seven."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.process import be_quiet
from benchmarks.variants import VARIANTS
from benchmarks.workloads import call, complete

if TYPE_CHECKING:
    from collections.abc import Callable

be_quiet()
VARIANTS[os.environ["BENCH_VARIANT"]].install(os.environ["BENCH_SINK"])


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> list[bytes]:
    """Answer when the call is done."""
    number = int(environ["PATH_INFO"].strip("/") or 0)
    good = not number or complete(call("small", number))
    start_response("200 OK" if good else "500 Wrong answer", [("Content-Length", "0")])
    return []
