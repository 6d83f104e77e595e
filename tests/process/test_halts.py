"""Halts as an operator lives them: real daemons, real scripts, a paper exchange between them."""

import signal
from datetime import UTC
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from tests.process.stage import Stage, new_york, stage

SWING = "hourly_swing"
pytestmark = pytest.mark.timeout(180)


def halt(on: Stage, strategy: str, reason: str = "the news") -> str:
    return told(on, "halt_trading.py", strategy, reason)


def resume(on: Stage, strategy: str, reason: str = "looked into it") -> str:
    return told(on, "resume_trading.py", strategy, reason)


def told(on: Stage, script: str, strategy: str, reason: str) -> str:
    done = on.script(
        script,
        *("--strategy", strategy, "--reason", reason, "--wait", "0"),
        *("--state-dir", str(on.state)),
    )
    assert done.returncode == ExitCode.OK, done.stderr
    return done.stdout


def test_a_running_daemon_halts_sells_and_stays_down_until_resumed(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING)
        on.play(new_york(25, 10, 30))
        assert on.holdings(SWING) == {"NVDA": "271"}

        halt(on, SWING, "the news")
        on.play(new_york(25, 12, 5))
        assert daemon.wait(30) == ExitCode.HALTED
        assert on.holdings(SWING) == {}
        assert on.open_orders(SWING) == []
        [(_, line)] = on.lines(SWING, "halt")
        assert (line["limit"], line["why"], line["policy"]) == ("manual", "the news", "flatten")
        said = on.log(SWING).read_text().splitlines()[-1]
        assert "halted and flat" in said
        assert "the news" in said
        assert "resume_trading.py --strategy hourly_swing" in said

        # Whoever starts it again gets the same answer, and no trade.
        again = on.restart(SWING)
        on.play(new_york(25, 12, 10))
        assert again.wait(30) == ExitCode.HALTED
        assert "the news" in on.log(SWING).read_text().splitlines()[-1]

        assert "manual: the news" in resume(on, SWING, "looked into it")
        alive = on.restart(SWING)
        on.play(new_york(25, 14, 5))
        assert alive.poll() is None
        [(_, line)] = on.lines(SWING, "resume")
        assert line["reason"] == "looked into it"
        assert on.holdings(SWING) != {}
        # Live anew means from the bar that was under way on; none is missing.
        first = next(data for _, data in on.lines(SWING, "bar")[-4:])
        assert first["end"] == new_york(25, 13).astimezone(UTC).isoformat()
        assert "nothing to resume" in resume(on, SWING)


def test_a_stopped_daemon_finds_the_halt_at_its_start_and_closes_at_the_open(
    tmp_path: Path,
) -> None:
    with stage(tmp_path, SWING) as on:
        on.start(SWING)
        on.play(new_york(25, 17, 0))
        held = on.holdings(SWING)
        assert held
        assert on.children.stop(SWING) == ExitCode.OK
        on.command("absent", name=SWING, until=new_york(25, 18).isoformat())
        assert "not running" in halt(on, SWING, "over night")
        daemon = on.start(SWING)
        on.play(new_york(25, 18, 30))
        # The market is closed: it cannot be flat, so it stays up, halted, and trades nothing.
        assert daemon.poll() is None
        assert on.holdings(SWING) == held
        assert [data["why"] for _, data in on.lines(SWING, "halt")] == ["over night"]
        on.play(new_york(26, 10, 5))
        assert daemon.wait(30) == ExitCode.HALTED
        assert on.holdings(SWING) == {}


def test_a_halt_of_all_reaches_a_daemon_that_hangs_once_it_is_back(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING)
        on.play(new_york(25, 10, 30))
        daemon.send_signal(signal.SIGSTOP)
        halt(on, "all", "everything out")
        assert on.lines(SWING, "halt") == []
        daemon.send_signal(signal.SIGCONT)
        on.play(new_york(25, 11, 5))
        assert daemon.wait(30) == ExitCode.HALTED
        assert on.holdings(SWING) == {}


def test_nonsense_is_refused_in_one_line(tmp_path: Path) -> None:
    with stage(tmp_path) as on:
        for arguments, code in [
            (("--strategy", "bull_trap", "--reason", "x"), ExitCode.USAGE),
            (("--strategy", "all", "--reason", " "), ExitCode.USAGE),
        ]:
            for script in ("halt_trading.py", "resume_trading.py"):
                done = on.script(script, *arguments, "--state-dir", str(on.state))
                assert done.returncode == code
                assert len(done.stderr.splitlines()) == 1
        assert not (on.state / "notices").exists()


def test_a_notice_that_no_daemon_would_read_is_refused_and_not_left_behind(tmp_path: Path) -> None:
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.mkdir()
    with stage(tmp_path) as on:
        for script in ("halt_trading.py", "resume_trading.py"):
            for folder in (empty, missing):
                words = ("--strategy", SWING, "--reason", "x", "--state-dir", str(folder))
                done = on.script(script, *words)
                assert done.returncode == ExitCode.USAGE
                assert f"{folder}: no daemon of hourly_swing ever kept its state" in done.stderr
                assert len(done.stderr.splitlines()) == 1
    assert list(empty.iterdir()) == []
    assert not missing.exists()


def test_a_halt_that_a_running_daemon_does_not_read_is_no_success(tmp_path: Path) -> None:
    with stage(tmp_path, SWING) as on:
        daemon = on.start(SWING)
        on.play(new_york(25, 10, 30))
        daemon.send_signal(signal.SIGSTOP)
        words = ("--strategy", SWING, "--reason", "x", "--wait", "1", "--state-dir", str(on.state))
        done = on.script("halt_trading.py", *words)
        daemon.send_signal(signal.SIGCONT)
        assert done.returncode == ExitCode.UNAVAILABLE
        assert "is on record" in done.stdout
        assert "emergency_stop.py" in done.stderr
        on.play(new_york(25, 11, 5))
        assert daemon.wait(30) == ExitCode.HALTED
