"""Four calls as two users, and what Langfuse and Prometheus say of them.

`python examples/gateway/verify.py http://localhost:4000`, with the LANGFUSE_* variables of the
gateway. Exits with an error if a call is not found as it was made.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import httpx

from langfuse_otel import Settings

QUESTIONS = (
    ("sk-ada", "ada", "Say hello in Italian"),
    ("sk-ada", "ada", "Count to 3"),
    ("sk-grace", "grace", "Say hello in Spanish"),
    ("sk-grace", "grace", "Count to 5"),
)
PATIENCE_S = 30.0


def bearer(key: str) -> dict[str, str]:
    """Return the header that a key is given in."""
    return {"Authorization": f"Bearer {key}"}


def ask(gateway: str, key: str, question: str) -> str:
    """Ask the gateway, and return the trace id that it answers with."""
    answer = httpx.post(
        f"{gateway}/v1/chat/completions",
        headers=bearer(key),
        json={"model": "house-model", "messages": [{"role": "user", "content": question}]},
        timeout=PATIENCE_S,
    )
    return answer.raise_for_status().headers["x-langfuse-trace-id"]


def trace(trace_id: str) -> dict[str, Any]:
    """Return a trace as Langfuse's API has it, once it has arrived."""
    langfuse = Settings().destination()
    url = f"{langfuse.host}/api/public/traces/{trace_id}"
    ends = time.monotonic() + PATIENCE_S
    while True:
        found = httpx.get(url, headers=dict(langfuse.headers))
        if found.status_code != httpx.codes.NOT_FOUND or time.monotonic() > ends:
            return found.raise_for_status().json()
        time.sleep(0.2)


def main(gateway: str) -> None:
    """Make the calls, print what is known of them, and compare."""
    asked = [(user, question, ask(gateway, key, question)) for key, user, question in QUESTIONS]
    print("user    input                  output   tokens  cost       latency")
    for user, question, trace_id in asked:
        seen = trace(trace_id)
        [generation] = seen["observations"]
        tokens = generation["usageDetails"]["total"]
        output = generation["output"]["content"]
        print(
            f"{seen['userId']:7} {question:22} {output:8} {tokens:<7} "
            f"${seen['totalCost']:.6f}  {seen['latency']:.2f}s"
        )
        if seen["userId"] != user or question not in str(generation["input"]):
            sys.exit(f"{trace_id} is the trace of another call")
    page = httpx.get(f"{gateway}/metrics/", headers=bearer(QUESTIONS[0][0]), timeout=PATIENCE_S)
    if "litellm_proxy_total_requests_metric" not in page.text:
        sys.exit("Prometheus was told nothing")


if __name__ == "__main__":
    main(sys.argv[1])
