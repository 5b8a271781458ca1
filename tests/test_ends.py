"""However a process ends, or splits, what has ended in it is delivered, and nothing twice."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from programs import SCRIPTS, run_program
from proxies import a_cold_proxy, a_proxy
from upstream import Upstream

if TYPE_CHECKING:
    import httpx

    from langfuse_otel.testing import Collector

# Nothing is sent before the end, which takes its time on a busy machine.
LATE = {"LANGFUSE_FLUSH_INTERVAL": "3600", "LANGFUSE_OTEL_SHUTDOWN_TIMEOUT": "60"}
CALLS = """
import signal, time
import langfuse_otel, litellm
litellm.callbacks = ["langfuse_otel"]
def term():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""
CALL = "litellm.completion(**call())\n"
IN_LOOP = """
async def main():
    await litellm.acompletion(**call())
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(60)
asyncio.run(main())
"""
# What our delivery asks of LiteLLM's callbacks is noted, so that a program can wait for it.
ASKED = """
from langfuse_otel._hooks import pending
asked = set()
def note(name):
    question = getattr(pending, name)
    def ask(*arguments):
        answer = question(*arguments)
        asked.add(os.getpid())
        return answer
    setattr(pending, name, ask)
def wait_until_asked():
    deadline = time.monotonic() + 60
    while os.getpid() not in asked and time.monotonic() < deadline:
        time.sleep(0.002)
"""
# The loop has yet to hand over the callback of the call when the delivery begins.
IN_BUSY_LOOP = (
    ASKED
    + 'note("_handing_over")'
    + IN_LOOP.replace("await asyncio.sleep(60)", "wait_until_asked()\n    await asyncio.sleep(60)")
)
OWN_HANDLER = """
def stop(number, frame):
    print("stopped by", number)
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
"""
# As uvicorn does: its handler ends the server, and then the signal is raised for the one before.
AS_UVICORN = """
stopped = []
signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
litellm.completion(**call())
os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(stopped[0])
"""
# A program that does something else at SIGTERM, and goes on.
LIVES_ON = """
import subprocess
asked = []
signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
litellm.completion(**call())
os.kill(os.getpid(), signal.SIGTERM)
child = subprocess.Popen(["sleep", "60"])
child.terminate()
print(child.wait(20), len(asked))
signal.raise_signal(signal.SIGTERM)
print(len(asked))
"""
RAISED_IN_A_THREAD = """
import threading
signal.signal(signal.SIGTERM, lambda number, frame: None)
litellm.completion(**call())
os.kill(os.getpid(), signal.SIGTERM)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
threading.Thread(target=signal.raise_signal, args=[signal.SIGTERM]).start()
"""
# The signal comes while the exit hook delivers, when Python (3.12) starts no thread any more.
AT_THE_END = """
import atexit, _thread
from langfuse_otel._delivery.delivery import Delivery
shutdown = Delivery.shutdown
def refuse(*_):
    raise RuntimeError("can't create new thread at interpreter shutdown")
def interrupted(delivery, timeout_s):
    signal.raise_signal(signal.SIGTERM)
    shutdown(delivery, timeout_s)
def at_end():
    _thread.start_new_thread = refuse
    Delivery.shutdown = interrupted
atexit.register(at_end)
"""
FORKED = """
def forked(work):
    child = os.fork()
    if not child:
        work()
        sys.exit(0)
    return child
"""
FORK = """
def work():
    for _ in range(3):
        litellm.completion(**call())
for _ in range(2):
    litellm.completion(**call())
for child in [forked(work), forked(work)]:
    assert os.waitpid(child, 0)[1] == 0
"""
# Both children outlive the call, and one of them drops the stream object.
FORK_IN_A_STREAM = """
stream = litellm.completion(**call(mock_response="one two three four five", stream=True))
next(stream)
may_end, end = os.pipe()
def leave():
    os.read(may_end, 1)
def drop():
    global stream
    leave()
    del stream
    langfuse_otel.flush()
children = [forked(leave), forked(drop)]
for _ in stream:
    pass
assert langfuse_otel.flush()
os.write(end, b"..")
for child in children:
    assert os.waitpid(child, 0)[1] == 0
"""
# The fork comes while a thread of ours imports, and the import would take until it is over.
FORK_IN_AN_IMPORT = """
import threading
from importlib.machinery import PathFinder
imports, forked_away = threading.Event(), threading.Event()
os.register_at_fork(after_in_parent=forked_away.set)
class Slow:
    def find_spec(self, name, path, target=None):
        if not is_ours(threading.current_thread()) or path is None:
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def exec_module(module):
            if not imports.is_set():
                imports.set()
                forked_away.wait(1)
            execute(module)
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Slow())
begin()
assert imports.wait(60)
child = forked(lambda: litellm.completion(**call()))
assert os.waitpid(child, 0)[1] == 0
"""
SENDING = """
begin = lambda: litellm.completion(**call())
is_ours = lambda thread: thread.name == "langfuse-otel"
"""
# A stream that is left is exported by a timer.
LEAVING = """
import threading
from langfuse_otel._hooks import streams
streams.GRACE_S = 0.0
begin = lambda: next(litellm.completion(**call(stream=True)))
is_ours = lambda thread: isinstance(thread, threading.Timer)
"""
# Another thread takes the signal, and the main thread hears of it where it holds the locks of its fork.
SIGTERM_IN_A_FORK = """
import signal, threading
taker = threading.Thread(target=threading.Event().wait, daemon=True)
taker.start()
os.register_at_fork(before=lambda: signal.pthread_kill(taker.ident, signal.SIGTERM))
"""
# Whatever thread takes it: the main thread does something, and so hears of it.
FORK_AND_LIVE_ON = """
if not os.fork():
    os._exit(0)
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    time.sleep(0.002)
"""
SIGTERM_IN_A_CHILD = """
import signal
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
"""
# Ctrl-C comes just before the first hook of ours after a fork.
CTRL_C_IN_A_FORK = """
import _thread
os.register_at_fork(after_in_parent=_thread.interrupt_main)
"""
STILL_SENDING = """
litellm.completion(**call())
assert os.waitpid(forked(lambda: None), 0)[1] == 0
litellm.completion(**call())
print(langfuse_otel.flush(30), signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
# The end of the loop cancels what has not run by then; the fork comes before that is run.
FORK_AFTER_A_LOOP = """
import warnings
async def main():
    for _ in range(3):
        await litellm.acompletion(**call())
def work():
    warnings.simplefilter("always")
    asyncio.run(main())
asyncio.run(main())
for child in [forked(sys.exit), forked(work)]:
    assert os.waitpid(child, 0)[1] == 0
"""
# A callback before ours that takes its time: the child's work is done before ours is called.
SLOW_CALLBACK = f"""{ASKED}
note("_pool_is_idle")
from litellm.integrations.custom_logger import CustomLogger
class Slow(CustomLogger):
    def log_success_event(self, kwargs, response_obj, start_time, end_time):
        wait_until_asked()
litellm.callbacks.insert(0, Slow())
"""
MULTIPROCESSING = """
import multiprocessing
def work():
    litellm.completion(**call())
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    litellm.completion(**call())
    children = [context.Process(target=work) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""
# The signal comes to another thread than the one that waits, as it may come just before that waits.
UNHEARD = """
import multiprocessing, threading
def state_of(thread):
    with open(f"/proc/self/task/{thread.native_id}/stat") as stat:
        return stat.read().rpartition(") ")[2][0]
def end():
    waits = 0
    while waits < 50:
        waits = waits + 1 if state_of(threading.main_thread()) == "S" else 0
        time.sleep(0.001)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
def work(lock):
    litellm.completion(**call())
    threading.Thread(target=end).start()
    lock.acquire()
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    lock = context.Lock()
    lock.acquire()
    litellm.completion(**call())
    child = context.Process(target=work, args=[lock])
    child.start()
    child.join(30)
    print(child.exitcode)
    child.kill()
"""
# The child has the parent's loop to write its signals to, and makes a second logger in a thread.
BESIDE_A_LOOP = """
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from langfuse_otel.logger import LangfuseOtelLogger
def work():
    with ThreadPoolExecutor() as pool:
        pool.submit(LangfuseOtelLogger).result()
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    print(child.exitcode)
litellm.completion(**call())
asyncio.run(main())
"""
# A child that closes all that it has from its parent, as a daemon does, and forks.
AS_A_DAEMON = """
import multiprocessing
def work():
    os.closerange(3, 256)
    assert os.waitpid(forked(lambda: None), 0)[1] == 0
litellm.completion(**call())
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
print(child.exitcode)
"""
# The last job stops the worker that runs it.
CELERY = """
import celery
options = dict.fromkeys(["data_folder_in", "data_folder_out", "control_folder"], os.environ["JOBS"])
app = celery.Celery("jobs", broker="filesystem://")
app.conf.broker_transport_options = options
@app.task
def work():
    litellm.completion(**call())
@app.task
def last():
    litellm.completion(**call())
    os.kill(os.getppid(), signal.SIGTERM)
for job in [work, work, last]:
    job.delay()
app.worker_main(["worker", "--pool", "prefork", "--concurrency", "1"])
"""


@pytest.mark.parametrize(
    "code",
    [CALL + "term()", IN_LOOP, IN_BUSY_LOOP],
    ids=["sync", "async", "busy loop"],
)
def test_sigterm(collector: Collector, code: str) -> None:
    """A SIGTERM without a handler still ends the process, after what it had was delivered."""
    run = run_program(CALLS + code, collector, **LATE)

    assert run.returncode == -signal.SIGTERM, run.stderr
    assert len(collector.spans) == 1


def test_sigterm_with_a_handler(collector: Collector) -> None:
    """The application's own handler is called, and ends the process as it would without us."""
    run = run_program(CALLS + OWN_HANDLER + CALL + "term()", collector, **LATE)

    assert (run.returncode, run.stdout) == (7, f"stopped by {int(signal.SIGTERM)}\n")
    assert len(collector.spans) == 1


def test_sigterm_as_uvicorn_raises_it(collector: Collector) -> None:
    """A server that raises the signal again after its shutdown loses nothing, and dies by it."""
    run = run_program(CALLS + AS_UVICORN, collector, **LATE)

    assert run.returncode == -signal.SIGTERM, run.stderr
    assert len(collector.spans) == 1


def test_sigterm_of_a_program_that_lives_on(collector: Collector) -> None:
    """A program that takes a SIGTERM its own way can end its children by one, and get another."""
    run = run_program(CALLS + LIVES_ON, collector, **LATE)

    assert run.stdout.split() == [str(-signal.SIGTERM), "1", "2"], run.stderr


def test_sigterm_raised_in_a_thread(collector: Collector) -> None:
    """What another thread raises is not held back: that thread may end before it is released."""
    run = run_program(CALLS + RAISED_IN_A_THREAD, collector, **LATE)

    assert run.returncode == -signal.SIGTERM, run.stderr


def test_sigterm_at_the_end(collector: Collector) -> None:
    """A SIGTERM that comes while the exit hook delivers waits for it, where no thread starts any more."""
    run = run_program(CALLS + AT_THE_END + CALL, collector, **LATE)

    assert (run.returncode, run.stderr) == (-signal.SIGTERM, "")
    assert len(collector.spans) == 1


def test_sigterm_left_alone(collector: Collector) -> None:
    """Signals are left alone where the settings say so."""
    code = CALLS + CALL + "print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    run = run_program(code, collector, **LATE, LANGFUSE_OTEL_HANDLE_SIGNALS="false")

    assert run.stdout == "True\n"


def test_sigterm_with_a_dead_host() -> None:
    """With a dead host a SIGTERM ends the process all the same."""
    run = run_program(
        CALLS + CALL + "term()",
        None,
        LANGFUSE_OTEL_HOST="http://127.0.0.1:9",
        LANGFUSE_PUBLIC_KEY="pk-lf-1",
        LANGFUSE_SECRET_KEY="sk-lf-1",
        LANGFUSE_OTEL_SHUTDOWN_TIMEOUT="0.5",
    )

    assert run.returncode == -signal.SIGTERM


def test_sigterm_of_the_proxy(tmp_path: Path, collector: Collector) -> None:
    """The proxy's last calls arrive when it is told to stop."""
    callbacks = ["langfuse_otel.callback"]
    with (
        Upstream() as upstream,
        a_proxy(tmp_path, upstream.url, callbacks, collector, **LATE) as client,
    ):
        ask(client, times=5)

    assert len(collector.spans) == 5


def test_sigterm_of_the_proxy_under_the_launcher(tmp_path: Path, collector: Collector) -> None:
    """So it is where the launcher starts the proxy."""
    launcher = [str(SCRIPTS / "opentelemetry-instrument"), "--"]
    with (
        Upstream() as upstream,
        a_cold_proxy(
            tmp_path, upstream.url, ["langfuse_otel"], collector, launcher, **LATE
        ) as client,
    ):
        ask(client, times=5)

    assert len(collector.spans) == 5


def ask(proxy: httpx.Client, times: int) -> None:
    """Make so many requests."""
    body = {"model": "house-model", "messages": [{"role": "user", "content": "hi"}]}
    for _ in range(times):
        assert proxy.post("/v1/chat/completions", json=body).status_code == 200


def test_fork(collector: Collector) -> None:
    """After a fork each process sends its own, once, also where LiteLLM's threads were at work."""
    run = run_program(CALLS + FORKED + FORK, collector, **LATE)

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 2 + 2 * 3
    assert len({span.span_id for span in collector.spans}) == 8


def test_fork_in_a_stream(collector: Collector) -> None:
    """A stream that is open at a fork is the parent's to export, however a child lets go of it."""
    run = run_program(CALLS + FORKED + FORK_IN_A_STREAM, collector, **LATE)
    [span] = collector.spans

    assert run.returncode == 0, run.stderr
    assert span.attributes["langfuse.observation.level"] == "DEFAULT"


@pytest.mark.parametrize("begin", [SENDING, LEAVING], ids=["sending", "leaving"])
def test_fork_in_an_import(collector: Collector, begin: str) -> None:
    """A fork waits while a thread of ours imports: a child would wait for that module for ever."""
    run = run_program(CALLS + FORKED + begin + FORK_IN_AN_IMPORT, collector, **LATE)

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 2


@pytest.mark.parametrize("handler", ["", OWN_HANDLER], ids=["default", "own"])
def test_sigterm_in_a_fork(collector: Collector, handler: str) -> None:
    """A SIGTERM that comes while the process forks does what it does otherwise, and loses nothing."""
    code = SIGTERM_IN_A_FORK + CALLS + handler + CALL + FORK_AND_LIVE_ON
    run = run_program(code, collector, **LATE | {"LANGFUSE_OTEL_SHUTDOWN_TIMEOUT": "5"})

    assert run.returncode == (7 if handler else -signal.SIGTERM), run.stderr
    assert len(collector.spans) == 1


@pytest.mark.parametrize("handler", ["", OWN_HANDLER], ids=["default", "own"])
def test_sigterm_in_a_child_that_begins(collector: Collector, handler: str) -> None:
    """A SIGTERM that comes to a child before Python has begun there does what it does otherwise."""
    code = (
        CALL + "print(os.waitstatus_to_exitcode(os.waitpid(forked(lambda: time.sleep(60)), 0)[1]))"
    )
    run = run_program(SIGTERM_IN_A_CHILD + CALLS + FORKED + handler + code, collector, **LATE)

    assert run.stdout.split()[-1] == str(7 if handler else -signal.SIGTERM), run.stderr


def test_ctrl_c_in_a_fork(collector: Collector) -> None:
    """A Ctrl-C that comes while the process forks ends no delivery and leaves no signal blocked."""
    run = run_program(CTRL_C_IN_A_FORK + CALLS + FORKED + STILL_SENDING, collector, **LATE)

    assert run.stdout == "True False\n", run.stderr
    assert len(collector.spans) == 2


def test_fork_after_a_loop(collector: Collector) -> None:
    """Callbacks that wait at a fork are the parent's to run, and a child says nothing of them."""
    run = run_program(CALLS + FORKED + FORK_AFTER_A_LOOP, collector, **LATE)

    assert (run.returncode, run.stderr) == (0, "")
    assert len(collector.spans) == 3 + 3
    assert len({span.span_id for span in collector.spans}) == 6


def test_multiprocessing(collector: Collector) -> None:
    """Children of `multiprocessing` end without Python's exit hooks; theirs arrive, too."""
    run = run_program(CALLS + SLOW_CALLBACK + MULTIPROCESSING, collector, **LATE)

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 3


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads a thread's state there")
def test_sigterm_that_the_main_thread_misses(collector: Collector) -> None:
    """A child that waits for a lock hears a SIGTERM, whichever of its threads that came to."""
    run = run_program(CALLS + UNHEARD, collector, **LATE)

    assert run.stdout == f"{-signal.SIGTERM}\n", run.stderr
    assert len(collector.spans) == 2


@pytest.mark.parametrize("code", [BESIDE_A_LOOP, AS_A_DAEMON], ids=["beside a loop", "daemon"])
def test_child_that_cannot_listen(collector: Collector, code: str) -> None:
    """A child that cannot listen for signals, or no more, is none the worse for it."""
    run = run_program(CALLS + FORKED + code, collector, **LATE)

    assert (run.stdout, run.stderr) == ("0\n", "")


def test_celery(collector: Collector, tmp_path: Path) -> None:
    """The processes of a Celery worker end without any hook; what they called arrives."""
    run = run_program(CALLS + SLOW_CALLBACK + CELERY, collector, **LATE, JOBS=str(tmp_path))

    assert run.returncode == 0, run.stderr
    assert len(collector.spans) == 3
