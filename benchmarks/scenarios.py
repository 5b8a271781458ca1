"""The faults: what fails, what the program does meanwhile, and what must come of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from benchmarks import verdicts
from benchmarks.behaviour import HEALTHY, Behaviour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.verdicts import Expectation

Program = Literal["one", "fork", "warm fork", "multiprocessing", "gunicorn", "proxy"]
Disk = Literal["", "roomy", "full"]
Aftermath = Literal["", "drain", "restart"]

FLUSH_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault, and a program that makes calls while it lasts.

    Attributes:
        about: the fault in words.
        calls: how many.
        mode: `sync` calls one after the other, `async` fifty at once.
        rate: calls a second; None is as fast as it goes.
        idle_s: how long the program lives after its last call.
        behaviour: what the sink does from the first call on.
        large_every: each so many calls has a prompt of 2 MB.
        program: what makes the calls.
        killed_by: the signal that ends it, `killed_after_s` after the first call.
        disk: where the spool is, or none.
        host: in place of the sink's address.
        settings: variables beside.
        aftermath: who delivers what the program left in its spool, the sink being healthy again.
        first: number of the first call.
        expects: what must have come of it beside what is always due.
    """

    about: str
    expects: Expectation = verdicts.everything
    calls: int = 2_000
    mode: Literal["sync", "async"] = "sync"
    rate: float | None = None
    idle_s: float = 0.0
    behaviour: Behaviour = HEALTHY
    large_every: int | None = None
    program: Program = "one"
    killed_by: signal.Signals | None = None
    killed_after_s: float = 0.0
    disk: Disk = ""
    host: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    aftermath: Aftermath = ""
    first: int = 1

    @property
    def numbers(self) -> range:
        """The numbers of its calls."""
        return range(self.first, self.first + self.calls)

    @property
    def is_warm(self) -> bool:
        """Whether the program has made a call before the fault begins."""
        return self.program == "one" and self.calls > 1


def _for(seconds: float, idle_s: float, about: str, **behaviour: object) -> Scenario:
    """A fault of some seconds under 200 calls a second, and time to recover."""
    fault = Behaviour(for_s=seconds, **behaviour)  # type: ignore[arg-type]
    return Scenario(about, rate=200, idle_s=idle_s, behaviour=fault)


REFUSING = Behaviour("refuse")
SLOW = Behaviour(delay_s=0.5)
POISON = 777
END_S = 5.0  # the default of LANGFUSE_OTEL_SHUTDOWN_TIMEOUT

SCENARIOS: dict[str, Scenario] = {
    "exit_sync": Scenario("exit right after the last of 2,000 calls"),
    "exit_async": Scenario("the same, end of `asyncio.run`", mode="async"),
    "exit_one": Scenario("a script of one call", calls=1),
    "successor": Scenario("one call, then ten idle seconds", calls=1, idle_s=10, first=800_000),
    "exit_one_async": Scenario("the same, `asyncio.run`", calls=1, mode="async"),
    "down_20_s": Scenario(
        "connections refused for 20 s",
        rate=100,
        idle_s=30,
        behaviour=Behaviour("refuse", for_s=20),
    ),
    "503_10_s": _for(10, 20, "503 for 10 s", kind="status", status=503),
    "500_10_s": _for(10, 20, "500 for 10 s", kind="status", status=500),
    "429_short": _for(
        10, 20, "429 for 10 s, Retry-After 2 s", kind="status", status=429, retry_after="2"
    ),
    "429_long": _for(
        15, 25, "429 for 15 s, Retry-After 15 s", kind="status", status=429, retry_after="15"
    ),
    "hang_15_s": _for(15, 30, "no answer for 15 s", kind="hang"),
    "cut_10_s": _for(10, 20, "connections closed in mid-body for 10 s", kind="cut"),
    "lost_answers": _for(5, 20, "taken, but not answered, for 5 s", kind="lose_answer"),
    "slow_burst": Scenario("500 ms a request, a burst of 5,000", calls=5_000, behaviour=SLOW),
    "slow_burst_async": Scenario(
        "the same, asynchronous", calls=5_000, mode="async", behaviour=SLOW
    ),
    "limit_1_mb": Scenario(
        "413 over 1 MB, ten prompts of 2 MB",
        rate=200,
        idle_s=15,
        behaviour=Behaviour(limit_bytes=1_000_000),
        large_every=200,
    ),
    "bad_span": Scenario(
        "400 to every request that holds one certain span",
        verdicts.all_but_one,
        rate=200,
        idle_s=10,
        behaviour=Behaviour(poison=POISON),
    ),
    "sigterm": Scenario(
        "SIGTERM after 9 s of 100 calls a second",
        calls=100_000,
        rate=100,
        killed_by=signal.SIGTERM,
        killed_after_s=9,
    ),
    "sigterm_proxy": Scenario(
        "SIGTERM to the LiteLLM proxy right after its last answer", calls=400, program="proxy"
    ),
    "fork": Scenario("four forks of a process that has made no call", program="fork"),
    "fork_warm": Scenario("four forks of a process that has made calls", program="warm fork"),
    "multiprocessing": Scenario(
        "four processes of `multiprocessing`, which end without exit hooks",
        program="multiprocessing",
    ),
    "gunicorn": Scenario(
        "gunicorn with `--preload` and four workers, SIGTERM after the last answer",
        calls=400,
        program="gunicorn",
    ),
    "kill_9_drain": Scenario(
        "kill -9 while Langfuse is down; `langfuse-otel drain` delivers",
        verdicts.all_but_the_last(FLUSH_INTERVAL_S),
        calls=100_000,
        rate=100,
        behaviour=REFUSING,
        killed_by=signal.SIGKILL,
        killed_after_s=8,
        disk="roomy",
        aftermath="drain",
    ),
    "kill_9_restart": Scenario(
        "kill -9 while Langfuse is down; the next process delivers",
        verdicts.all_but_the_last(FLUSH_INTERVAL_S),
        calls=100_000,
        rate=100,
        behaviour=REFUSING,
        killed_by=signal.SIGKILL,
        killed_after_s=8,
        disk="roomy",
        aftermath="restart",
    ),
    "exit_down_spool": Scenario(
        "exit while Langfuse is down; `langfuse-otel drain` delivers",
        calls=500,
        behaviour=REFUSING,
        disk="roomy",
        aftermath="drain",
    ),
    "disk_full": Scenario(
        "down for 10 s, and the disk of the spool is full",
        rate=200,
        idle_s=25,
        behaviour=Behaviour("refuse", for_s=10),
        disk="full",
    ),
    "dead_dns": Scenario(
        "Langfuse's name has no address",
        verdicts.counted_within(END_S),
        calls=100,
        host="http://langfuse.invalid",
    ),
    "exit_down": Scenario(
        "down for good: the process ends in time",
        verdicts.counted_within(END_S),
        calls=100,
        behaviour=REFUSING,
    ),
    "exit_hang": Scenario(
        "hanging for good: the process ends in time",
        verdicts.counted_within(END_S),
        calls=100,
        behaviour=Behaviour("hang"),
    ),
}
