"""The synthetic market offers each strategy its trades, and its bars look like stored ones."""

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magellan_core.errors import DataError
from magellan_core.market_hours import (
    new_york,
    new_york_date,
    session_on,
    sessions_between,
)
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.synthetic import (
    DAILY_HISTORY,
    DEMO_FIRST,
    DEMO_LAST,
    DEMO_SEED,
    HOURLY_HISTORY,
    MINUTE_HISTORY,
    generate,
)
from tests.unit.paper.reference_rules import (
    TrapTrade,
    Turn,
    bear_trap,
    daily_trend,
    hourly_swing,
)

Bars = Mapping[tuple[str, Timeframe], Sequence[Bar]]

SEEDS = (DEMO_SEED, 1, 2, 3, 11)

DAILY_BANDS = {
    "GOOGL": (28, 55, 45),
    "GLD": (21, 65, 35),
    "META": (28, 55, 45),
    "AAPL": (28, 65, 35),
    "QQQ": (21, 60, 40),
    "SPY": (21, 58, 42),
    "MSFT": (21, 58, 42),
    "TSLA": (28, 58, 42),
    "AMZN": (21, 55, 45),
    "IWM": (28, 65, 35),
}
HOURLY_BANDS = {"TSLA": (14, 60, 40), "NVDA": (28, 55, 45)}


@cache
def demo(seed: int = DEMO_SEED) -> Bars:
    return generate(seed=seed)


@cache
def traps(seed: int = DEMO_SEED) -> list[TrapTrade]:
    series = [bars for (_, frame), bars in demo(seed).items() if frame is Timeframe.MINUTE]
    return [trade for bars in series for trade in bear_trap(bars)]


def daily_turns(symbol: str, seed: int = DEMO_SEED) -> list[Turn]:
    return daily_trend(demo(seed)[symbol, Timeframe.DAY], DEMO_FIRST, *DAILY_BANDS[symbol])


def hourly_turns(symbol: str, seed: int = DEMO_SEED) -> list[Turn]:
    session = session_on(DEMO_FIRST)
    assert session is not None
    bars = demo(seed)[symbol, Timeframe.HOUR]
    return hourly_swing(bars, session.open - timedelta(minutes=5), *HOURLY_BANDS[symbol])


def told(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    return [(f"{new_york(t.at):%m-%d %H:%M}", "buy" if t.bought else "sell") for t in turns]


@pytest.mark.parametrize("seed", SEEDS)
def test_bear_trap_finds_every_kind_of_exit(seed: int) -> None:
    assert sorted((t.symbol, f"{t.session:%m-%d}", t.exits) for t in traps(seed)) == [
        ("AMC", "11-25", ("stop",)),
        ("AMC", "12-02", ("tp1", "stop")),
        ("MULN", "11-25", ("tp1", "tp2", "trail")),
        ("MULN", "12-02", ("stop",)),
        ("NKLA", "12-01", ("tp1", "time")),
        ("ONDS", "11-26", ("time",)),
        ("WKHS", "11-28", ("eod",)),
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_bear_trap_entries_pass_the_live_gates(seed: int) -> None:
    for trade in traps(seed):
        assert trade.gap < 0.005  # the live price collar is 1 %
        assert trade.entry > trade.stop
        assert trade.signal_close - trade.stop > 0.012  # a leg nearer than a cent is refused


def test_the_half_day_trade_ends_five_minutes_before_the_early_close() -> None:
    (trade,) = [t for t in traps() if t.symbol == "WKHS"]
    assert new_york(trade.left).time() == time(12, 55)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("symbol", "turns"),
    [
        ("GOOGL", [("11-26 09:30", "buy")]),
        ("META", [("11-28 09:30", "buy")]),
        ("AMZN", [("11-26 09:30", "buy"), ("12-02 09:30", "sell")]),
    ],
)
def test_daily_trend_buys_and_sells_at_opens(
    symbol: str, turns: list[tuple[str, str]], seed: int
) -> None:
    assert told(daily_turns(symbol, seed)) == turns


def test_the_other_daily_symbols_stay_quiet() -> None:
    quiet = set(DAILY_BANDS) - {"GOOGL", "META", "AMZN"}
    assert {symbol: daily_turns(symbol) for symbol in quiet} == {symbol: [] for symbol in quiet}


def test_hourly_swing_turns_at_its_checks() -> None:
    assert told(hourly_turns("TSLA")) == [
        ("11-25 12:00", "buy"),
        ("11-28 10:00", "sell"),
        ("12-02 11:00", "buy"),
    ]
    assert told(hourly_turns("NVDA")) == [("11-25 10:00", "buy"), ("12-01 12:00", "sell")]


@pytest.mark.parametrize("seed", SEEDS)
def test_hourly_swing_turns_in_the_same_sessions_whatever_the_seed(seed: int) -> None:
    sessions = {s: [t[0][:5] for t in told(hourly_turns(s, seed))] for s in HOURLY_BANDS}
    assert sessions == {"TSLA": ["11-25", "11-28", "12-02"], "NVDA": ["11-25", "12-01"]}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_account_loses_three_days_running(seed: int) -> None:
    """A day that loses more than 1 % is a losing day; three of them halt an account."""
    days = [session.date for session in sessions_between(DEMO_FIRST, DEMO_LAST)]
    trap_days = [sum(t.pnl for t in traps(seed) if t.session == day) for day in days]
    daily = _marked(days, {s: daily_turns(s, seed) for s in DAILY_BANDS}, Timeframe.DAY, seed)
    hourly = _marked(days, {s: hourly_turns(s, seed) for s in HOURLY_BANDS}, Timeframe.HOUR, seed)
    for results in (trap_days, daily, hourly):
        assert min(results) > -3000
        assert sum(result < -1000 for result in results) <= 1


def _marked(
    days: Sequence[date], turns: Mapping[str, Sequence[Turn]], frame: Timeframe, seed: int
) -> list[float]:
    """Each day's P&L in dollars, positions marked at the day's last bar."""
    dollars = 10_000 if frame is Timeframe.DAY else 50_000
    worth = [0.0]
    for day in days:
        total = 0.0
        for symbol, changes in turns.items():
            close = [b for b in demo(seed)[symbol, frame] if new_york_date(b.start) <= day][
                -1
            ].close
            done = [turn for turn in changes if new_york_date(turn.at) <= day]
            for bought, sold in zip(done[::2], [*done[1::2], None], strict=False):
                total += dollars * ((sold.price if sold else close) / bought.price - 1)
        worth.append(total)
    return [after - before for before, after in pairwise(worth)]


def test_daily_opens_stay_near_the_close_before() -> None:
    for (_, frame), bars in demo().items():
        if frame is not Timeframe.MINUTE:
            assert max(abs(b.open / a.close - 1) for a, b in pairwise(bars)) < 0.005


def test_some_minutes_are_missing_but_never_the_first_or_last_of_a_session() -> None:
    sessions = sessions_between(DEMO_FIRST, DEMO_LAST)
    for symbol in ("MULN", "ONDS", "AMC", "NKLA", "WKHS"):
        bars = {bar.start: bar for bar in demo()[symbol, Timeframe.MINUTE]}
        starts = [
            session.open + timedelta(minutes=n)
            for session in sessions
            for n in range((session.close - session.open) // timedelta(minutes=1))
        ]
        assert 5 < sum(start not in bars for start in starts) < 60
        for session in sessions:
            assert session.open in bars
            assert session.close - timedelta(minutes=1) in bars


def test_one_minute_symbol_trades_below_a_dollar_and_the_others_up_to_twelve() -> None:
    closes = {
        symbol: [bar.close for bar in bars]
        for (symbol, frame), bars in demo().items()
        if frame is Timeframe.MINUTE
    }
    assert max(closes.pop("NKLA")) < 1
    assert all(min(prices) > 1 and max(prices) < 13 for prices in closes.values())


# A spring across summer time, a single session, a half day alone, two months.
PERIODS = (
    (date(2025, 3, 6), date(2025, 3, 12)),
    (date(2025, 12, 2), date(2025, 12, 2)),
    (date(2025, 11, 28), date(2025, 11, 28)),
    (date(2024, 11, 1), date(2024, 12, 31)),
)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), period=st.sampled_from(PERIODS))
def test_bars_are_sound_whatever_the_seed(seed: int, period: tuple[date, date]) -> None:
    market = generate(
        seed=seed,
        first=period[0],
        last=period[1],
        minute_symbols=("NKLA", "OTHER"),
        hourly_symbols=("NVDA",),
        daily_symbols=("AMZN", "OTHER"),
    )
    assert len(market) == 5
    for (symbol, frame), bars in market.items():
        assert all(earlier.end <= later.start for earlier, later in pairwise(bars))
        for bar in bars:
            assert bar.symbol == symbol
            assert 0 < bar.low <= min(bar.open, bar.close)
            assert bar.high >= max(bar.open, bar.close)
            assert bar.volume == int(bar.volume) > 0
            for price in bar[3:7]:
                assert price == round(price, 2 if price >= 1 else 4)
            session = session_on(new_york_date(bar.start))
            assert session is not None
            if frame is Timeframe.MINUTE:
                assert session.open <= bar.start < bar.end <= session.close
                assert bar.end - bar.start == timedelta(minutes=1)
            elif frame is Timeframe.DAY:
                assert (bar.start, bar.end) == (session.open, session.close)
            else:
                assert bar.end - bar.start == timedelta(hours=1)
                assert new_york(bar.start).hour >= 4
                assert bar.end <= session.close + timedelta(hours=4)


@pytest.mark.parametrize(
    ("symbol", "frame", "history", "a_day"),
    [
        ("SPY", Timeframe.DAY, DAILY_HISTORY, 1),
        ("TSLA", Timeframe.HOUR, HOURLY_HISTORY, 16),
        ("AMC", Timeframe.MINUTE, MINUTE_HISTORY, 390),
    ],
)
def test_every_session_has_bars_and_history_comes_before(
    symbol: str, frame: Timeframe, history: int, a_day: int
) -> None:
    bars = demo()[symbol, frame]
    dates = [new_york_date(bar.start) for bar in bars]
    asked = [session.date for session in sessions_between(DEMO_FIRST, DEMO_LAST)]
    assert sorted(set(dates))[-len(asked) :] == asked
    assert len({day for day in dates if day < DEMO_FIRST}) == history
    assert 0.95 * a_day <= dates.count(DEMO_FIRST) <= a_day


def test_the_same_seed_gives_the_same_bars_and_another_seed_others() -> None:
    assert generate(seed=DEMO_SEED) == demo()
    other = demo(1)
    assert all(other[key] != bars for key, bars in demo().items())


def test_a_symbol_does_not_depend_on_which_others_are_asked_for() -> None:
    alone = generate(
        seed=DEMO_SEED, minute_symbols=("ONDS",), hourly_symbols=("NVDA",), daily_symbols=("QQQ",)
    )
    assert alone == {key: demo()[key] for key in alone}
    assert len(alone) == 3


def test_dates_without_a_session_are_refused() -> None:
    with pytest.raises(DataError, match="choose other dates"):
        generate(seed=1, first=date(2025, 11, 29), last=date(2025, 11, 30))
