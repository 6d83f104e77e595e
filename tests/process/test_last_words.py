"""A daemon that is killed while it hangs must say where, whatever its other threads do."""

import signal
import subprocess
import sys

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
