"""The kill switch as an operator pulls it: real daemons alive, hung and dead, a real exchange."""

import json
import signal
import sqlite3
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from tests.process.stage import Stage, new_york, stage

SWING = "hourly_swing"
FAST = 300.0
# At such a speed a tick of the wall's is minutes: nothing may be too old for that.
PATIENT = {
    "risk_management.max_quote_age_seconds": 7200,
    "risk_management.max_bar_age_seconds": 7200,
    "execution.entry_timeout_seconds": 36000,
}
pytestmark = pytest.mark.timeout(240)


def pull(on: Stage, *arguments: str, strategy: str = SWING) -> tuple[int, str]:
    done = on.script(
        "emergency_stop.py",
        *("--strategy", strategy, "--exchange-file", str(on.out / "exchange.json")),
        *("--state-dir", str(on.state), "--deadline", "60"),
        *arguments,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("condition", ["running", "hung", "dead"])
def test_the_account_is_flat_whatever_its_daemon_does(tmp_path: Path, condition: str) -> None:
    with stage(tmp_path, SWING, speed=FAST, begin=new_york(25, 9, 50)) as on:
        daemon = on.start(SWING, PATIENT)
        on.until(lambda: on.holdings(SWING), 60)
        if condition == "hung":
            daemon.send_signal(signal.SIGSTOP)
        if condition == "dead":
            daemon.kill()
            daemon.wait(10)
            on.children.running.pop(SWING)
        code, said = pull(on, "--yes", "--reason", "a test of nerves")
        assert code == ExitCode.OK, said
        assert f"{SWING}: flat, verified" in said
        assert on.holdings(SWING) == {}
        assert on.open_orders(SWING) == []

        # The daemon, back from wherever it was, finds the halt and stays out.
        if condition == "hung":
            daemon.send_signal(signal.SIGCONT)
        if condition == "dead":
            daemon = on.start(SWING, PATIENT)
        assert daemon.wait(60) == ExitCode.HALTED
        assert on.holdings(SWING) == {}
        assert [d["why"] for _, d in on.lines(SWING, "halt")] == ["a test of nerves"]
        if condition != "hung":
            notes = [d for _, d in on.lines(SWING, "alert") if d["key"] == "emergency_stop"]
            assert [note["level"] for note in notes] == ["critical"]
            assert notes[0]["message"].endswith("flat, verified")
        [kept] = (on.state / "emergency").glob("*.jsonl")
        events = [json.loads(row)["event"] for row in kept.read_text().splitlines()]
        assert events[0] == "halt_on_record"
        assert events[-1] in ("verdict", "not_in_journal")


def test_it_needs_neither_journal_nor_store_nor_a_daemon_ever_started(tmp_path: Path) -> None:
    with stage(tmp_path, SWING, "bear_trap", speed=FAST, begin=new_york(25, 9, 50)) as on:
        on.state.mkdir()
        (on.state / "portfolio.sqlite3").write_bytes(b"not a database")
        (on.state / f"{SWING}.sqlite3").write_bytes(b"nor this")
        on.ask(SWING, "/orders", "POST", **buy("NVDA"))
        on.until(lambda: on.holdings(SWING), 60)
        code, said = pull(on, "--yes")
        assert code == ExitCode.OK, said
        assert on.holdings(SWING) == {}
        assert "not in journal" in said


def test_a_journal_that_is_locked_for_ever_keeps_nothing_waiting(tmp_path: Path) -> None:
    with stage(tmp_path, SWING, speed=FAST, begin=new_york(25, 9, 50)) as on:
        daemon = on.start(SWING, PATIENT)
        on.until(lambda: on.holdings(SWING), 60)
        with sqlite3.connect(on.state / f"{SWING}.sqlite3") as db:
            # Before it is stopped: it might be stopped with the lock in its own hands.
            db.execute("BEGIN IMMEDIATE")
            daemon.send_signal(signal.SIGSTOP)
            code, said = pull(on, "--yes")
        assert code == ExitCode.OK, said
        assert "not in journal" in said
        daemon.send_signal(signal.SIGCONT)


def test_what_cannot_be_reached_is_not_called_flat(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        code, said = pull(on, "--yes", "--base-url", "http://127.0.0.1:9", "--deadline", "2")
    assert code == ExitCode.NOT_FLAT
    assert f"{SWING}: NOT FLAT\n  unknown: " in said


def test_a_dry_run_tells_and_touches_nothing_and_a_no_does_nothing(tmp_path: Path) -> None:
    with stage(tmp_path, begin=new_york(25, 9, 50)) as on:
        on.ask(SWING, "/orders", "POST", **buy("NVDA"))
        on.play(new_york(25, 11, 5))
        assert on.holdings(SWING) == {"NVDA": "5"}
        code, said = pull(on, "--dry-run")
        assert code == ExitCode.NOT_FLAT
        assert "would close: symbol NVDA" in said
        code, said = pull(on)  # nobody there to type the word
        assert "nothing was done" in said
        assert code == ExitCode.NOT_FLAT
        assert on.holdings(SWING) == {"NVDA": "5"}
        assert not (on.state / "notices").exists()


def test_keys_of_a_file_that_others_may_read_are_not_used(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        account = on.accounts[SWING]
        keys = tmp_path / "keys.json"
        row = {"APCA_API_KEY_ID": account["key"], "APCA_API_SECRET_KEY": account["secret"]}
        keys.write_text(json.dumps({SWING: row}))
        arguments = (
            *("--strategy", SWING, "--keys", str(keys), "--base-url", on.url),
            *("--state-dir", str(on.state), "--dry-run"),
        )
        keys.chmod(0o644)
        loose = on.script("emergency_stop.py", *arguments)
        assert "others may read it" in loose.stdout
        assert loose.returncode == ExitCode.NOT_FLAT
        keys.chmod(0o600)
        tight = on.script("emergency_stop.py", *arguments)
        assert tight.returncode == ExitCode.OK, tight.stdout


def buy(symbol: str) -> dict[str, str]:
    return {
        "symbol": symbol,
        "qty": "5",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
    }
