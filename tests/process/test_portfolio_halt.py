"""A breach of the portfolio's limit, over three real daemons: running, stopped and killed ones."""

import signal
from datetime import datetime, timedelta
from decimal import Decimal
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


@pytest.mark.timeout(240)
@pytest.mark.parametrize("restarted", [False, True], ids=["two run", "one runs, one is restarted"])
def test_a_daemon_stopped_in_the_middle_of_an_entry_refuses_it_once_it_goes_on(
    tmp_path: Path, restarted: bool
) -> None:
    """SIGSTOP between a decision and its order; the portfolio's breach happens meanwhile."""
    limit = {"portfolio.max_daily_loss_dollars": 5000}
    trap, trend, swing = ALL
    with stage(tmp_path, *ALL, begin=new_york(25, 10, 58)) as on:
        daemons = {name: on.start(name, limit) for name in ALL}
        account = on.accounts[trap]["number"]
        on.command("faults", kind="park", account=account, path="/v2/stocks/quotes/latest")
        on.play(new_york(25, 12))
        stopped = on.clock.now()
        assert new_york(25, 11) < stopped < new_york(25, 11, 30), "it asks before it buys"
        daemons[trap].send_signal(signal.SIGSTOP)
        back = stopped + timedelta(minutes=20)
        on.command("absent", name=trap, until=back.isoformat())
        if restarted:
            assert on.children.stop(trend) == ExitCode.OK
            soon = stopped + timedelta(minutes=5)
            on.command("absent", name=trend, until=soon.isoformat())
        before = len(on.lines(trap, "halt", "decision"))

        equity = Decimal(on.ask(swing, "/account")["equity"]) - 6000
        told = {"method": "GET", "path": "/v2/account", "count": 1_000_000, "field": "equity"}
        number = on.accounts[swing]["number"]
        on.command("faults", kind="mutate", account=number, value=str(equity), **told)
        on.play(stopped + timedelta(minutes=1))
        assert halted_at(on, swing) - stopped <= timedelta(seconds=10)
        if restarted:
            assert on.lines(trend, "halt") == []
            daemons[trend] = on.start(trend, limit)
            on.play(stopped + timedelta(minutes=6))
            assert halted_at(on, trend) == stopped + timedelta(minutes=5)
        else:
            assert halted_at(on, trend) - stopped <= timedelta(seconds=10)
        assert daemons[trend].wait(30) == ExitCode.HALTED
        assert len(on.lines(trap, "halt", "decision")) == before

        daemons[trap].send_signal(signal.SIGCONT)
        on.play(back + timedelta(minutes=1))
        assert daemons[trap].wait(30) == ExitCode.HALTED
        halt, refused = on.lines(trap, "halt", "decision")[before : before + 2]
        assert (halt[0], halt[1]["limit"]) == ("halt", "portfolio")
        assert refused[0] == "decision"
        assert refused[1]["objections"][0].startswith("not_halted: halted: portfolio: ")
        assert on.ask(trap, "/orders?status=all&limit=500") == []
        # What it holds is sold at its next bar.
        on.play(new_york(25, 12, 5))
        assert daemons[swing].wait(30) == ExitCode.HALTED
        assert on.holdings(swing) == {}
