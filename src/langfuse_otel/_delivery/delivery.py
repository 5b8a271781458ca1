"""From "queued" to "Langfuse has it": one queue, one worker thread, whatever the number of projects.

A span waits at most one flush interval, is sent together with the others for its destination, and
is tried until it is delivered, refused, or the process ends. Whoever submits never waits.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING

from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

from langfuse_otel._delivery.backlog import Backlog, Goal, Limits
from langfuse_otel._delivery.counts import Counts
from langfuse_otel._delivery.notices import Notices, lost
from langfuse_otel._forks import in_child, work_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from langfuse_otel._delivery.backlog import Queued
    from langfuse_otel._delivery.counts import Stats
    from langfuse_otel._delivery.sender import Sender
    from langfuse_otel._delivery.spool import Spool
    from langfuse_otel._delivery.worker import Worker
    from langfuse_otel._destination import Address, Destination

# What a worker needs to break off its requests and close its connections, after its deadline.
GRACE_S = 0.5
# And to put on disk what is still queued: no network keeps it from that.
DISK_GRACE_S = 5.0
# So long a process that was asked to end is thought to be ending: Kubernetes waits no longer.
URGENT_S = 30.0


class Delivery:
    """Delivers what is submitted, in the background.

    Args:
        open_sender: makes what does the requests; called in the process and thread that sends.
        limits: how long a span waits, and how much is held.
        spool: keeps undelivered requests on disk.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        open_sender: Callable[[], Sender],
        limits: Limits | None = None,
        spool: Spool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_sender = open_sender
        self._limits = limits or Limits()
        self._spool = spool
        self._clock = clock
        self._known: dict[Address, Destination] = {}
        self._begin()
        _after_fork(self)

    def _begin(self) -> None:
        """The state of a process that has submitted nothing yet."""
        # A signal handler may submit and ask while its thread is in the books, and finds them open.
        self._changed = threading.Condition(threading.RLock())
        self._notices = Notices(self._clock)
        self._counts = Counts()
        self._backlog = Backlog(self._limits, self._counts)
        self._goal: Goal | None = None
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None

    def submit(self, item: Queued) -> None:
        """Queue one span; returns at once. What does not fit pushes the oldest out, counted."""
        with self._changed:
            is_news = self._backlog.add(item, self._clock())
            self._start()
        if is_news:
            self._wake()

    def lose(self, reason: str) -> None:
        """Count one observation that ends before the queue."""
        with self._changed:
            self._backlog.lose(reason)

    def mask_failed(self, reason: str) -> None:
        """Count a field that was replaced since a mask function failed, and say why."""
        with self._changed:
            self._counts.mask_failures += 1
        self._notices.warn(
            "", f"a mask function failed: {reason}", "what it was to mask is replaced"
        )

    def keep(self, destination: Destination) -> None:
        """Let requests for `destination` be kept in the spool, and deliver those found there.

        The first keys for an address stay: others may come from a call, and be wrong.
        """
        if self._spool is not None:
            with self._changed:
                self._known.setdefault(destination.address, destination)
                self._start()
            self._wake()

    def hasten(self) -> None:
        """Send for a while without waiting for more; takes no lock, for a signal handler."""
        self._backlog.urgent_until = self._clock() + URGENT_S
        self._wake()

    def flush(self, timeout_s: float) -> bool:
        """Send all that was submitted before; False if some of it still waits after `timeout_s`.

        Where no thread can be started, as at the end of the interpreter, the caller's own sends. A
        signal handler that has interrupted the books cannot wait for them: they are sent, but it gets
        False at once.
        """
        if self._changed._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001
            self.hasten()
            return False
        deadline = self._clock() + timeout_s
        with self._changed:
            backlog, upto = self._backlog, self._backlog.newest
            if backlog.oldest > upto:
                return True
            backlog.flush_to = upto
            backlog.hurry()
            has_thread = self._start()
        if has_thread:
            self._wake()
        else:
            goal = Goal(deadline, upto)
            self._run(backlog, lambda: goal)
        with self._changed:
            left_s = max(0.0, deadline - self._clock())
            return self._changed.wait_for(lambda: backlog.oldest > upto, left_s)

    def shutdown(self, timeout_s: float) -> None:
        """Send what waits, for at most `timeout_s`; the rest stays in the spool, or is lost."""
        with self._changed:
            self._goal = Goal(self._clock() + timeout_s)
            backlog, thread = self._backlog, self._thread
            backlog.flush_to = backlog.newest
            backlog.hurry()
        if thread is not None and thread.is_alive():
            self._wake()
            thread.join(timeout_s + (GRACE_S if self._spool is None else DISK_GRACE_S))
        elif not backlog.is_empty:
            self._run(backlog, lambda: self._goal)
        self._abandon()

    def stats(self) -> Stats:
        """Return the counts as they stand now."""
        with self._changed:
            return self._counts.stats(len(self._backlog.uploads))

    def _start(self) -> bool:
        """See that there is a thread that sends; False where the system lets none start any more."""
        if self._thread is not None and self._thread.is_alive():
            return True
        thread = threading.Thread(
            target=self._run,
            args=(self._backlog, lambda: self._goal),
            name="langfuse-otel",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return thread.is_alive()

    def _wake(self) -> None:
        """A worker that is not there yet looks at everything when it comes."""
        worker = self._worker
        if worker is not None:
            worker.wake()

    def _run(self, backlog: Backlog, goal: Callable[[], Goal | None]) -> None:
        """Send in this thread. Our own requests are not traced: they would trace themselves."""
        token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            self._work(backlog, goal)
        except Exception as error:  # noqa: BLE001 - no file left for a loop, no memory
            reason = f"cannot begin to send: {type(error).__name__}"
            self._notices.warn("", reason, "it is tried again with the next span")
        finally:
            context.detach(token)

    def _work(self, backlog: Backlog, goal: Callable[[], Goal | None]) -> None:
        with work_lock():
            from langfuse_otel._delivery.loop import run  # noqa: PLC0415 - only who sends pays
            from langfuse_otel._delivery.work import Work  # noqa: PLC0415 - as above
            from langfuse_otel._delivery.worker import Worker  # noqa: PLC0415 - as above

        work = Work(
            backlog,
            self._changed,
            self._limits,
            self._notices,
            self._clock,
            self._known,
            self._spool,
        )
        worker = self._worker = Worker(work, self._open_sender(), goal)
        run(worker.run)

    def _abandon(self) -> None:
        """Give up what still waits; a worker that still hangs books nothing any more."""
        with self._changed:
            error = "the process ended before Langfuse took them"
            left = self._backlog.abandon("shutdown", error)
            self._backlog = Backlog(self._limits, self._counts)
            self._goal = self._worker = self._thread = None
            self._changed.notify_all()
        if left:
            self._notices.warn("", error, lost(left))
        if self._spool is not None:
            self._spool.close()


# A child process has its parent's event loop, whose selector the two share: closing it there, as
# garbage collection would, takes the parent's sockets out of it.
_inherited: list[object] = []


def _after_fork(delivery: Delivery) -> None:
    """A child starts empty: what the parent queued is the parent's to send."""
    reference = weakref.ref(delivery)

    def begin_in_child() -> None:
        child = reference()
        if child is not None:
            _inherited.append(child._worker)  # noqa: SLF001
            child._begin()  # noqa: SLF001
            if child._spool is not None:  # noqa: SLF001
                child._spool.let_go()  # noqa: SLF001

    in_child(begin_in_child)
