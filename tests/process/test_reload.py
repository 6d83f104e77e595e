"""SIGHUP to a daemon in a market that moves: whatever the file says, the daemon lives on."""

import signal
from pathlib import Path

import pytest

from tests.process.stage import new_york, stage


@pytest.mark.timeout(240)
def test_a_number_that_no_clock_can_hold_is_refused_and_the_next_one_taken(tmp_path: Path) -> None:
    with stage(tmp_path, "bear_trap", speed=20, begin=new_york(25, 12)) as here:
        daemon, log = here.start("bear_trap"), here.log("bear_trap")

        def wait_for(words: str) -> None:
            here.until(lambda: words in log.read_text())

        wait_for("trading 5/5 symbols")
        for seconds, words in ((1e14, "max_bar_age_seconds: is "), (86400, "is in force")):
            here.config("bear_trap", {"risk_management.max_bar_age_seconds": seconds})
            daemon.send_signal(signal.SIGHUP)
            wait_for(words)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
        assert "Traceback" not in log.read_text()
