"""SIGKILL for real: a daemon over HTTP, its journal on disk, dies around a request or between.

The exchange parks the request in its middle, before it took effect or after, and lets the
conductor act; the dead daemon's seat holds time until its successor waits again.
"""

import signal
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from magellan_core.operations.open_stations import open_stations
from magellan_core.operations.summary import summarise
from tests.process.stage import Stage, new_york, stage

pytestmark = pytest.mark.timeout(240)

TRAP, TREND, SWING = "bear_trap", "daily_trend", "hourly_swing"
SLOW_PATROL = {"MAGELLAN_PATROL_SECONDS": "300"}


@dataclass(frozen=True)
class Point:
    """Where the daemon dies: at its request number `skip` + 1 of that kind."""

    strategy: str
    begin: datetime
    end: datetime
    method: str
    path: str
    skip: int
    handled: bool

    def __str__(self) -> str:
        took = "after it took effect" if self.handled else "before it took effect"
        return f"{self.strategy} {self.method} {self.path} {self.skip + 1} {took}"


def traps(method: str, path: str, skip: int, *, handled: bool) -> Point:
    """Three tranches of MULN, both targets, the stop moved, stopped out; then AMC, stopped out."""
    begin, end = new_york(25, 10, 58), new_york(25, 12, 40)
    return Point(TRAP, begin, end, method, path, skip, handled)


def time_exit(method: str, path: str, skip: int, *, handled: bool) -> Point:
    begin, end = new_york(26, 11, 33), new_york(26, 12, 20)
    return Point(TRAP, begin, end, method, path, skip, handled)


def swing(skip: int, *, handled: bool) -> Point:
    begin, end = new_york(25, 9, 50), new_york(25, 12, 40)
    return Point(SWING, begin, end, "POST", "/v2/orders", skip, handled)


def trend(skip: int, *, handled: bool) -> Point:
    begin, end = new_york(25, 15, 50), new_york(28, 9, 50)
    return Point(TREND, begin, end, "POST", "/v2/orders", skip, handled)


BOTH = (False, True)
POINTS = [
    *(traps("POST", "/v2/orders", n, handled=h) for n in (0, 1, 2, 4) for h in BOTH),
    *(traps("PATCH", "/v2/orders/*", 0, handled=h) for h in BOTH),
    traps("GET", "/v2/account", 9, handled=True),
    traps("GET", "/v2/account/activities/*", 1, handled=True),
    traps("GET", "/v2/orders", 20, handled=False),
    *(time_exit("DELETE", "/v2/orders/*", 1, handled=h) for h in BOTH),
    *(time_exit("POST", "/v2/orders", 3, handled=h) for h in BOTH),
    *(swing(n, handled=h) for n in (0, 1) for h in BOTH),
    *(trend(0, handled=h) for h in BOTH),
]


def dead(on: Stage, strategy: str) -> None:
    """SIGKILL, and wait until nothing is left of the process."""
    child = on.children.running.pop(strategy)
    child.send_signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL


def reborn(on: Stage, strategy: str) -> float:
    """Start again; return the seconds until the new life has recovered and ticked."""
    began = time.monotonic()
    on.restart(strategy, None, **SLOW_PATROL)
    on.play(on.clock.now())
    return time.monotonic() - began


def right(on: Stage, strategy: str) -> list[str]:
    """What is wrong with the account: lines that differ, legs with more than one live order."""
    account = on.accounts[strategy]
    (station,) = open_stations(
        {strategy: on.config(strategy, {})},
        on.url,
        {strategy: (account["key"], account["secret"])},
        on.state,
    )
    summary = summarise(station)
    wrong = list(summary.differences)
    live = Counter(o["client_order_id"].rpartition("-")[0] for o in on.open_orders(strategy))
    return wrong + [f"{count} live orders of {leg}" for leg, count in live.items() if count > 1]


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_the_account_is_right_after_a_kill_around_a_request(point: Point, tmp_path: Path) -> None:
    with stage(tmp_path, point.strategy, begin=point.begin) as on:
        on.command(
            "faults",
            kind="park",
            method=point.method,
            path=point.path,
            skip=point.skip,
            handled=point.handled,
        )
        on.start(point.strategy, None, **SLOW_PATROL)
        on.play(point.end)
        assert on.clock.now() < point.end, "the request was never made"
        dead(on, point.strategy)
        reborn(on, point.strategy)
        on.play(point.end)
        assert right(on, point.strategy) == []
        orders = on.ask(point.strategy, "/orders?status=all&limit=500")
        bought = Counter(o["client_order_id"] for o in orders if o["side"] == "buy")
        assert all(count == 1 for count in bought.values())
        if point.strategy == TRAP:
            assert on.holdings(TRAP) == {}
        assert [kind for kind, _ in on.lines(point.strategy, "start")] == ["start", "start"]


def test_ten_kills_between_ticks_change_nothing(tmp_path: Path) -> None:
    """The same fills as a day without a kill."""
    begin, end = new_york(25, 10, 58), new_york(25, 12, 40)
    told = []
    for kills in (0, 10):
        with stage(tmp_path / str(kills), TRAP, begin=begin) as on:
            on.start(TRAP, None, **SLOW_PATROL)
            for n in range(kills):
                on.play(begin + timedelta(minutes=3 + 9 * n, seconds=30))
                dead(on, TRAP)
                reborn(on, TRAP)
            on.play(end)
            assert right(on, TRAP) == []
            fills = on.ask(TRAP, "/account/activities/FILL?direction=asc")
            told.append([(f["symbol"], f["side"], f["qty"], f["price"]) for f in fills])
    assert told[0] == told[1]
    assert told[0]
