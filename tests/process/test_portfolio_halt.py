"""A breach of the portfolio's limit, over three real daemons: running, stopped and killed ones."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from magellan_core.errors import ExitCode
from tests.process.stage import Stage, new_york, stage

ALL = ("bear_trap", "daily_trend", "hourly_swing")
# NVDA, bought at 10:00, stands $10.84 lower an hour later: more than all may lose together.
TIGHT = {"portfolio.max_daily_loss_dollars": 1}


def halted_at(on: Stage, strategy: str) -> datetime:
    [(at, limit)] = on.times(strategy, "halt", "limit")
    assert limit == "portfolio"
    return at


@pytest.mark.timeout(240)
def test_a_breach_halts_all_three_within_a_tick_and_those_that_are_down_at_their_start(
    tmp_path: Path,
) -> None:
    with stage(tmp_path, *ALL) as on:
        daemons = {name: on.start(name, TIGHT) for name in ALL}
        on.play(new_york(25, 9, 58))
        # One is restarted over the breach: it stops before, flat, and starts after.
        assert on.children.stop("bear_trap") == ExitCode.OK
        on.command("absent", name="bear_trap", until=new_york(25, 11, 20).isoformat())
        on.play(new_york(25, 11, 10))
        first = halted_at(on, "hourly_swing")
        assert timedelta(0) <= first - new_york(25, 11) <= timedelta(seconds=10)
        assert abs(halted_at(on, "daily_trend") - first) <= timedelta(seconds=10)
        assert daemons["daily_trend"].wait(30) == ExitCode.HALTED
        assert on.lines("bear_trap", "halt") == []
        back = on.start("bear_trap", TIGHT)
        on.play(new_york(25, 12, 5))
        assert back.wait(30) == ExitCode.HALTED
        assert halted_at(on, "bear_trap") == new_york(25, 11, 20)
        assert daemons["hourly_swing"].wait(30) == ExitCode.HALTED
        assert all(on.holdings(name) == {} for name in ALL)

        # Lifted for all together, or not at all.
        arguments = ("--reason", "seen to", "--state-dir", str(on.state), "--wait", "0")
        alone = on.script("resume_trading.py", "--strategy", "daily_trend", *arguments)
        assert alone.returncode == ExitCode.USAGE
        assert "--strategy all" in alone.stderr
        together = on.script("resume_trading.py", "--strategy", "all", *arguments)
        assert together.returncode == ExitCode.OK
        assert "halted by portfolio" in together.stdout
