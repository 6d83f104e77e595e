"""A daemon that is killed while it hangs must say where, whatever its other threads do."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import enumerate as all_threads
from time import monotonic, sleep

import pytest

from magellan_core.alpaca.data_stream import BarHints
from magellan_core.alpaca.stream import UpdateHints
from magellan_core.paper.clock import _Poller

NOBODY = "ws://127.0.0.1:9"
ABORTS = 1 << (signal.SIGABRT - 1)

HUNG = """
import threading, time
from magellan_core.process.last_words import prepare

def chatter():
    while True:
        str(threading.get_ident())

def hung_tick():
    print("hung", flush=True)
    while True:
        time.sleep(60)

prepare()
for _ in range(4):
    threading.Thread(target=chatter, daemon=True).start()
hung_tick()
"""


def test_an_abort_tells_where_the_main_thread_stood_and_nothing_of_the_others() -> None:
    # As its unit has it: this setting alone would read the threads that run on as well.
    environ = {"PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", HUNG],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hung\n"
        process.send_signal(signal.SIGABRT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in told
    assert "in hung_tick" in told
    assert "in chatter" not in told


@contextmanager
def updates() -> Iterator[None]:
    stream = UpdateHints(NOBODY, "key", "secret", list[int]().append)
    stream.start()
    yield
    stream.stop()


@contextmanager
def bars() -> Iterator[None]:
    stream = BarHints(NOBODY, "key", "secret", ["MULN"], lambda: None)
    stream.start()
    yield
    stream.stop()


@contextmanager
def stepped_clock() -> Iterator[None]:
    poller = _Poller("127.0.0.1", 9, SimpleQueue())
    poller.start()
    yield
    poller.questions.put(None)
    poller.join()


def blocked_signals(thread_id: int) -> int:
    status = Path(f"/proc/self/task/{thread_id}/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith("SigBlk")).split()[1], 16)


@pytest.mark.parametrize(
    ("run", "name"),
    [(updates, "trade-updates"), (bars, "market-data"), (stepped_clock, "exchange-clock")],
)
def test_a_watchdogs_abort_is_never_taken_by_a_side_thread(
    run: Callable[[], AbstractContextManager[None]], name: str
) -> None:
    """Else its idle event loop would be told for the tick that hangs."""
    with run():
        thread = next(each for each in all_threads() if each.name == name)
        assert thread.native_id is not None
        deadline = monotonic() + 10
        while not blocked_signals(thread.native_id) & ABORTS:
            assert monotonic() < deadline, f"{name} takes SIGABRT"
            sleep(0.01)
