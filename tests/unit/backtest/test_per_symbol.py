"""One symbol's account: where decisions fill, which exit comes first, what a trade leaves."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from magellan_core.backtest.fills import POLICIES
from magellan_core.backtest.judge import Judge
from magellan_core.backtest.per_symbol import SymbolRun, Terms
from magellan_core.backtest.result import AccountRun
from magellan_core.model import Bar, DataNeeds, Enter, Exit, Intent, MoveStop, Timeframe, Tranche
from magellan_core.paper.market_series import Series
from magellan_core.risk.pre_trade import EntryLimits
from magellan_core.store.memory import MemoryJournal
from magellan_core.strategy import View

OPEN = datetime(2024, 7, 15, 13, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOLD = timedelta(minutes=3)
LIMITS = EntryLimits(
    max_daily_loss_pct=Decimal(10),
    max_position_dollars=Decimal(50_000),
    max_open_positions=5,
    max_trades_per_day=2,
    risk_per_trade_pct=Decimal(2),
    max_spread_pct=Decimal(2),
    min_quote_size_shares=50,
    price_collar_pct=Decimal(1),
    slippage_tolerance_pct=Decimal(1),
    max_quote_age=MINUTE,
    max_bar_age=MINUTE,
    max_orders_per_minute=100,
)
# 10 shares: 4 to 12 dollars, 3 to 14, 3 run; all stopped at 9; the support is 9.50.
TRAP = Enter(
    "X",
    "trap",
    Decimal(10),
    tranches=(
        Tranche(4, Decimal(9), Decimal(12)),
        Tranche(3, Decimal(9), Decimal(14)),
        Tranche(3, Decimal(9), None),
    ),
    support=Decimal("9.5"),
)
ALL_IN = Enter("X", "up", Decimal(10), dollars=Decimal(1))


class Scripted:
    """Decides what the script says for the bar of that number; holds three minutes."""

    def __init__(self, script: Mapping[int, Intent]) -> None:
        self.name, self.script, self.seen = "scripted", script, 0
        self.needs = DataNeeds(("X",), Timeframe.MINUTE, False, 0, False)
        self.warmed: list[datetime] = []
        self.views: list[tuple[datetime, bool]] = []

    def warm(self, bar: Bar) -> None:
        self.warmed.append(bar.start)
        self.seen += 1

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:  # noqa: ARG002
        self.views.append((view.now, "X" in view.holdings))
        intent = self.script.get(self.seen)
        self.seen += 1
        return () if intent is None else (intent,)

    def on_time(self, view: View) -> Sequence[Intent]:
        made: list[Intent] = []
        for holding in view.holdings.values():
            if holding.tranches and view.now >= holding.entered_at + HOLD:
                made.append(Exit("X", "time"))
            elif holding.targets_hit >= 2 and holding.support is not None:
                made.append(MoveStop("X", holding.support, "second target"))
        return made

    def next_due(self, view: View) -> datetime | None:  # noqa: ARG002
        return None

    def in_play(self, view: View) -> Sequence[str]:  # noqa: ARG002
        return ()

    def explain(self, symbol: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def memory(self, symbol: str) -> Mapping[str, bool | float | str]:  # noqa: ARG002
        return {}

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing is taken out of the configuration here."""

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Nothing was kept."""


Row = tuple[float, float, float, float]
FLAT: Row = (10, 10.5, 9.8, 10)


def play(
    rows: Sequence[Row],
    script: Mapping[int, Intent],
    fill: str = "next_open",
    *,
    cost: str = "0",
    warmup: int = 0,
    start: datetime = OPEN,
) -> tuple[AccountRun, Scripted]:
    bars = [
        Bar("X", start + i * MINUTE, start + (i + 1) * MINUTE, *row, 100.0)
        for i, row in enumerate(rows)
    ]
    strategy = Scripted(script)
    terms = Terms(Decimal(1000), Decimal(cost), POLICIES[fill], warmup, start)
    judge = Judge(LIMITS, MemoryJournal())
    return SymbolRun(strategy, Series.of("X", bars), terms, judge).run(), strategy


def legs(run: AccountRun) -> list[tuple[int, str, float]]:
    assert len(run.trades) == 1
    return [(leg.qty, leg.reason, float(leg.price)) for leg in run.trades[0].legs]


CASES: list[tuple[str, str, list[Row], list[tuple[int, str, float]]]] = [
    ("stop at its price", "close", [(9.5, 9.6, 8, 9)], [(10, "stop", 9)]),
    ("gap through the stop", "next_open", [FLAT, (8.5, 8.6, 8, 8)], [(10, "stop", 8.5)]),
    ("no gap where fills are at the price", "close", [(8.5, 8.6, 8, 8)], [(10, "stop", 9)]),
    ("stop before targets in one bar", "next_open", [(10, 15, 9, 12)], [(10, "stop", 9)]),
    (
        "first target, then the rest at the stop",
        "next_open",
        [(10, 12, 10, 12), (11, 11, 9, 9)],
        [(4, "tp1", 12), (6, "stop", 9)],
    ),
    (
        "both targets in one bar, the runner at the support from the next on",
        "next_open",
        [(10, 14, 9.4, 13), (13, 13, 9.5, 10)],
        [(4, "tp1", 12), (3, "tp2", 14), (3, "trail", 9.5)],
    ),
    (
        "a target is beaten by the open",
        "next_open",
        [FLAT, (12.5, 12.6, 12.4, 12.5), FLAT, FLAT],
        [(4, "tp1", 12.5), (6, "time", 10)],
    ),
    ("held long enough", "next_open", [FLAT, FLAT, FLAT, (11, 12, 8, 9)], [(10, "time", 11)]),
    ("held from the signal", "close", [FLAT, FLAT, FLAT, (11, 11, 8, 9)], [(10, "time", 11)]),
    ("the session's last bar", "close", [(10, 11, 10, 10.9)], [(10, "session_end", 10.9)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fill", "rows", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bracketed_exits(
    fill: str, rows: list[Row], expected: list[tuple[int, str, float]]
) -> None:
    run, _ = play([FLAT, *rows], {0: TRAP}, fill)
    assert legs(run) == expected


def test_an_entry_that_opens_at_its_stop_is_skipped() -> None:
    run, _ = play([FLAT, (9, 10, 9, 10), FLAT], {0: TRAP})
    assert run.trades == ()
    assert run.final == 1000


def test_no_bracketed_entry_is_carried_into_the_next_session() -> None:
    late = datetime(2024, 7, 15, 19, 59, tzinfo=UTC)
    bars = [Bar("X", at, at + MINUTE, *FLAT, 100.0) for at in (late, OPEN + timedelta(days=1))]
    strategy = Scripted({0: TRAP})
    terms = Terms(Decimal(1000), Decimal(0), POLICIES["next_open"], 0, OPEN)
    run = SymbolRun(strategy, Series.of("X", bars), terms, Judge(LIMITS, MemoryJournal())).run()
    assert run.trades == ()


def test_entries_a_day_are_limited() -> None:
    stop: Row = (8, 8, 8, 8)
    run, _ = play([FLAT, FLAT, stop] * 3, {0: TRAP, 3: TRAP, 6: TRAP}, "next_open")
    assert len(run.trades) == 2


def test_the_days_realised_loss_ends_its_entries() -> None:
    crash: Row = (0.5, 0.5, 0.5, 0.5)
    big = Enter("X", "trap", Decimal(10), tranches=(Tranche(12, Decimal(1), None),))
    run, _ = play([FLAT, FLAT, crash, FLAT, FLAT, crash], {0: big, 3: big}, "next_open")
    assert len(run.trades) == 1


def test_an_entry_without_tranches_spends_all_and_compounds() -> None:
    up: Row = (20, 20, 20, 20)
    run, _ = play([FLAT, FLAT, FLAT, up, up, up], {0: ALL_IN, 2: Exit("X", "x"), 3: ALL_IN})
    first, second = run.trades
    assert (first.qty, first.exit_reason) == (100, "signal")
    assert first.exit_price == 20
    assert (second.qty, second.exit_reason, second.exit_at) == (100, "end_of_data", "close")
    assert run.final == 2000


def test_costs_are_paid_on_both_sides_and_leave_room_for_themselves() -> None:
    run, _ = play([FLAT, FLAT, FLAT, FLAT], {0: ALL_IN, 1: Exit("X", "x")}, cost="0.01")
    trade = run.trades[0]
    assert trade.qty == 99  # 1000 / (10 * 1.01)
    assert trade.cost == Decimal("19.80") == -trade.pnl == run.costs
    assert run.final == Decimal("980.20")


def test_equity_is_marked_at_every_bar_before_the_closing_sale() -> None:
    run, _ = play([FLAT, (10, 12, 10, 12)], {0: ALL_IN}, cost="0.01")
    assert [at for at, _ in run.equity] == [OPEN + MINUTE, OPEN + 2 * MINUTE]
    assert [round(dollars, 2) for _, dollars in run.equity] == [1000.0, 1188.1]
    assert run.final == Decimal("1176.22")


def test_warm_up_bars_decide_nothing() -> None:
    run, strategy = play([FLAT] * 4, {0: ALL_IN, 3: ALL_IN}, warmup=3)
    assert strategy.warmed == [OPEN, OPEN + MINUTE, OPEN + 2 * MINUTE]
    assert (run.bars, run.trades) == (1, ())


def test_the_view_is_that_of_the_bars_end() -> None:
    _, strategy = play([FLAT] * 3, {0: ALL_IN})
    assert strategy.views == [
        (OPEN + MINUTE, False),
        (OPEN + 2 * MINUTE, True),
        (OPEN + 3 * MINUTE, True),
    ]
