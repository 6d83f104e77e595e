"""Bear Trap: the trap and its reclaim, tranches with targets and a stop, and the exits of time.

The market of these tests opens at 10.00, falls to 8.00, and then lies still until a bar that
breaks 8.00 and closes above it. Bars before it span ten cents, so that the ATR is known.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployable_strategies.bear_trap.strategy import BearTrap, BearTrapRules, BearTrapSizing
from magellan_core.model import (
    Bar,
    Enter,
    Exit,
    Holding,
    Intent,
    MoveStop,
    OpenTranche,
    Tranche,
)
from tests.unit.strategies.support import CLOSE, MINUTE, OPEN, held, view

AMC = "AMC"
D = Decimal
Row = tuple[float, float, float, float, float]
SIZING = BearTrapSizing(D(2), D(50000), D(1))
QUIET = 25  # bars before the trap: enough for 20 volumes and 14 true ranges

# open, high, low, close, volume: the lower wick is 0.10 of 0.40, the body 0.20 of 0.40.
TRAP = (7.90, 8.20, 7.80, 8.10, 1200.0 * 1.2)


def minute(n: int, row: Row, symbol: str = AMC) -> Bar:
    start = OPEN + n * MINUTE
    return Bar(symbol, start, start + MINUTE, *row)


def session(*last: Row, quiet: int = QUIET) -> list[Bar]:
    """The first bar is from 10.00 to 8.00; then quiet ones; then `last`."""
    rows = [(10.0, 10.0, 8.0, 8.05, 1000.0)]
    rows += [(8.05, 8.10, 8.00, 8.05, 1000.0)] * quiet
    return [minute(n, row) for n, row in enumerate([*rows, *last])]


def strategy(*, exact: bool = True, sizing: BearTrapSizing = SIZING, **rules: object) -> BearTrap:
    told = replace(BearTrapRules(), **rules)  # type: ignore[arg-type]
    return BearTrap([AMC], told, sizing, exact_prices=exact)


def play(s: BearTrap, bars: Sequence[Bar], **more: object) -> Sequence[Intent]:
    """The intents of the last bar; there are none before it."""
    for each in bars[:-1]:
        assert s.on_bar(each, view(each.end)) == ()
    return s.on_bar(bars[-1], view(bars[-1].end, **more))  # type: ignore[arg-type]


def entered(intents: Sequence[Intent]) -> Enter:
    (entry,) = intents
    assert isinstance(entry, Enter)
    return entry


# -- the entry -------------------------------------------------------------------------------


def test_a_trap_and_its_reclaim_are_bought_in_three_tranches() -> None:
    """ATR of 14 bars: 13 of 0.10 and the trap's 0.40; stop 7.80 - 0.45 x that."""
    entry = entered(play(strategy(), session(TRAP)))
    atr = (13 * 0.10 + 0.40) / 14
    stop = D(repr(7.80 - 0.45 * atr))
    assert abs(entry.tranches[0].stop - stop) < D("1e-9")
    assert (entry.symbol, entry.reference, entry.support) == (AMC, D("8.1"), D("7.8"))
    first, second, runner = entry.tranches
    assert {first.stop, second.stop, runner.stop} == {first.stop}
    assert first.take_profit == D("9.05")  # half-way from 8.10 to 10.00
    assert second.take_profit == D("10.0")
    assert runner.take_profit is None
    risk, cap = D(2000) / (D("8.1") - first.stop), D(49500) / D("8.1")
    qty = int(min(risk, cap))
    assert [t.qty for t in entry.tranches] == [
        qty * 40 // 100,
        qty * 30 // 100,
        qty - qty * 40 // 100 - qty * 30 // 100,
    ]
    assert entry.dollars is None
    assert entry.not_before is None


def test_prices_are_rounded_to_ticks_on_the_side_that_does_not_flatter() -> None:
    exact = entered(play(strategy(), session(TRAP)))
    venue = entered(play(strategy(exact=False), session(TRAP)))
    for ours, theirs in zip(exact.tranches, venue.tranches, strict=True):
        assert ours.stop - D("0.01") < theirs.stop <= ours.stop
        assert theirs.stop == theirs.stop.quantize(D("0.01"))
        if ours.take_profit is not None and theirs.take_profit is not None:
            assert ours.take_profit <= theirs.take_profit < ours.take_profit + D("0.01")


def test_below_a_dollar_ticks_have_four_decimals() -> None:
    def cheap(b: Bar) -> Bar:
        return b._replace(open=b.open / 10, high=b.high / 10, low=b.low / 10, close=b.close / 10)

    exact = entered(play(strategy(), [cheap(b) for b in session(TRAP)]))
    venue = entered(play(strategy(exact=False), [cheap(b) for b in session(TRAP)]))
    assert D("0.7") < venue.tranches[0].stop < exact.tranches[0].stop < D("0.78")
    assert venue.tranches[0].stop == exact.tranches[0].stop.quantize(D("0.0001"), "ROUND_FLOOR")


# wick, body and range are of the trap's bar; volume of its mean, which the bar itself is part of.
@pytest.mark.parametrize(
    ("change", "buys"),
    [
        ({}, True),
        ({"low": 8.00}, False),  # touches the low: no trap
        ({"low": 7.999, "open": 8.05}, True),
        ({"close": 8.00}, False),  # closes at the low: no reclaim
        ({"open": 7.86}, True),  # the wick is 0.15 of the range
        ({"open": 7.859}, False),
        ({"open": 8.02}, True),  # the body is 0.20 of the range
        ({"open": 8.021}, False),
        # v against 1.2 x (19000 + v) / 20: equal at v = 1212.77
        ({"volume": 1.2 * 19000 / (20 - 1.2)}, True),
        ({"volume": 1212.7}, False),
    ],
)
def test_each_threshold_met_exactly_counts(change: dict[str, Any], buys: bool) -> None:
    bars = session(TRAP)
    bars[-1] = bars[-1]._replace(**change)
    assert bool(play(strategy(), bars)) is buys


@pytest.mark.parametrize(
    ("fall", "buys"), [(-19.0, True), (-18.999, True), (-19.001, False), (-15.0, True)]
)
def test_the_day_s_change_met_exactly_counts(fall: float, buys: bool) -> None:
    """The trap closes at 8.10: 19 % below the session's open of 10.00."""
    assert bool(play(strategy(min_day_change_pct=fall), session(TRAP))) is buys


def test_the_day_s_change_may_be_counted_from_the_close_before() -> None:
    earlier = [
        Bar(AMC, b.start - timedelta(days=1), b.end - timedelta(days=1), 9, 9, 9, 9, 1000)
        for b in session()[:1]
    ]
    for from_close, buys in ((True, False), (False, True)):
        s = strategy(from_previous_close=from_close, min_day_change_pct=-15.0)
        s.warm(earlier[0])  # 8.10 is 10 % below 9.00
        assert bool(play(s, session(TRAP))) is buys


def test_without_the_break_a_close_above_the_running_low_is_enough() -> None:
    no_break = (8.02, 8.20, 8.00, 8.10, 2000.0)
    # The wick, 0.02 of 0.20, is what the rules of this test do not ask for.
    assert play(strategy(min_wick_ratio=0.0), session(no_break)) == ()
    loose = strategy(min_wick_ratio=0.0, require_support_break=False)
    assert play(loose, session(no_break)) != ()


def test_nothing_is_bought_while_the_means_are_young() -> None:
    for quiet, buys in ((17, False), (18, True)):  # the first bar and the trap make it 20
        assert bool(play(strategy(), session(TRAP, quiet=quiet))) is buys


def test_warm_up_bars_count_for_the_means_but_not_for_the_session_s_low() -> None:
    s = strategy()
    day_before = timedelta(days=1)
    for b in session():
        s.warm(b._replace(start=b.start - day_before, end=b.end - day_before, low=1.0))
    entry = entered(play(s, session(TRAP, quiet=2)))
    assert entry.support == D("7.8")


@pytest.mark.parametrize(("ends_before_close", "buys"), [(6, True), (5, False), (4, False)])
def test_no_entry_in_the_last_five_minutes(ends_before_close: int, buys: bool) -> None:
    bars = session(TRAP)
    shift = CLOSE - ends_before_close * MINUTE - bars[-1].end
    late = [bars[0], *(b._replace(start=b.start + shift, end=b.end + shift) for b in bars[1:])]
    assert bool(play(strategy(), late)) is buys


def test_a_half_day_ends_entries_and_holds_early() -> None:
    half_open = datetime.fromisoformat("2024-11-29T14:30+00:00")
    half_close = datetime.fromisoformat("2024-11-29T18:00+00:00")
    bars = session(TRAP)
    for minutes, buys in ((6, True), (5, False)):
        shift = half_close - minutes * MINUTE - bars[-1].end
        first = bars[0]._replace(start=half_open, end=half_open + MINUTE)
        late = [first, *(b._replace(start=b.start + shift, end=b.end + shift) for b in bars[1:])]
        assert bool(play(strategy(), late)) is buys
    bought = held(AMC, half_close - 20 * MINUTE)
    s = strategy()
    assert s.next_due(view(half_close - 19 * MINUTE, bought)) == half_close - 5 * MINUTE
    assert list(s.on_time(view(half_close - 6 * MINUTE, bought))) == []
    assert s.on_time(view(half_close - 5 * MINUTE, bought)) == [Exit(AMC, "eod")]


def test_bars_outside_the_session_change_nothing() -> None:
    s, bars = strategy(), session(TRAP)
    early = minute(-30, (5.0, 5.0, 5.0, 5.0, 1e6))
    assert s.on_bar(early, view(early.end)) == ()
    assert entered(play(s, bars)).support == D("7.8")


@pytest.mark.parametrize(
    ("more", "buys"),
    [
        ({}, True),
        ({"busy": [AMC]}, False),
        ({"last_exit": {AMC: OPEN + QUIET * MINUTE}}, True),
        ({"last_exit": {AMC: OPEN + (QUIET + 1) * MINUTE}}, False),  # within the trap's own bar
        ({"equity": "1"}, False),  # buys no whole share
    ],
)
def test_one_position_a_symbol_and_no_decision_while_an_order_is_under_way(
    more: dict[str, object], buys: bool
) -> None:
    assert bool(play(strategy(), session(TRAP), **more)) is buys


def test_nothing_is_bought_on_top_of_what_is_held() -> None:
    s, bars = strategy(), session(TRAP)
    for each in bars[:-1]:
        s.on_bar(each, view(each.end))
    assert s.on_bar(bars[-1], view(bars[-1].end, held(AMC, OPEN))) == ()


@pytest.mark.parametrize(
    ("equity", "parts"),
    [
        ("100000", [4, 3, 3]),  # 2 % of 100,000 over 200 dollars a share
        ("70000", [2, 2, 3]),
        ("40000", [1, 1, 2]),
        ("30000", [1, 2]),
        ("20000", [2]),
        ("10000", [1]),
    ],
)
def test_tranches_are_whole_shares_and_small_positions_have_fewer(
    equity: str, parts: list[int]
) -> None:
    """Prices a thousand times higher, so that few shares are bought; the runner is always last."""

    def dear(b: Bar) -> Bar:
        return b._replace(
            open=b.open * 1000, high=b.high * 1000, low=b.low * 1000, close=b.close * 1000
        )

    roomy = BearTrapSizing(D(2), D(10**9), D(0))
    # The stop lies at 7,800 - 0.0 x ATR: 300 below the close, so 200 of risk need a wider trap.
    s = strategy(sizing=roomy, stop_atr_multiple=0.0)
    trap = (7.94, 8.12, 7.80, 8.00001, 2000.0)
    bars = [dear(b) for b in session(trap)]
    bars[-1] = bars[-1]._replace(close=8000.0, low=7800.0)
    bars[1:-1] = [b._replace(low=7999.0) for b in bars[1:-1]]
    bars[0] = bars[0]._replace(low=7999.0)
    intents = play(s, [*bars[:-1], bars[-1]._replace(open=7850.0)], equity=equity)
    entry = entered(intents)
    assert entry.tranches[0].stop == D("7800")
    assert [t.qty for t in entry.tranches] == parts
    assert entry.tranches[-1].take_profit is None
    assert all(t.take_profit is not None for t in entry.tranches[:-1])


def test_a_target_nearer_than_a_cent_is_not_sent() -> None:
    """Half-way from 8.095 to the session's high of 8.10 is too near."""
    flat = [minute(n, (8.05, 8.10, 8.00, 8.05, 1000.0)) for n in range(QUIET)]
    low = minute(QUIET, (8.00, 8.00, 7.90, 7.95, 1000.0))
    near = minute(QUIET + 1, (7.96, 8.10, 7.85, 8.095, 2000.0))
    assert play(strategy(min_day_change_pct=1.0), [*flat, low, near]) != ()
    s = strategy(exact=False, min_day_change_pct=1.0)
    assert play(s, [*flat, low, near]) == ()
    assert "within a cent" in s.explain(AMC)["waits for"]


# -- the exits -------------------------------------------------------------------------------

THREE = (
    OpenTranche(1, 40, D("7.6"), D("9.05")),
    OpenTranche(2, 30, D("7.6"), D("10")),
    OpenTranche(3, 30, D("7.6"), None),
)


def runner(stop: str | None = "7.6", targets_hit: int = 2) -> Holding:
    tranche = OpenTranche(3, 30, None if stop is None else D(stop), None)
    return held(AMC, OPEN, tranche, qty=30, support=D("7.8"), targets_hit=targets_hit)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (timedelta(minutes=29, seconds=59), None),
        (timedelta(minutes=30), "time"),
        (timedelta(hours=3), "time"),
    ],
)
def test_the_hold_ends_thirty_minutes_after_the_fill(after: timedelta, reason: str | None) -> None:
    filled = OPEN + timedelta(minutes=31, seconds=7)
    bought = held(AMC, filled, *THREE)
    intents = strategy().on_time(view(filled + after, bought))
    assert list(intents) == ([] if reason is None else [Exit(AMC, reason)])
    assert strategy().next_due(view(filled, bought)) == filled + timedelta(minutes=30)


def test_five_minutes_before_the_close_everything_is_sold() -> None:
    bought = held(AMC, CLOSE - 20 * MINUTE, *THREE)
    assert list(strategy().on_time(view(CLOSE - 6 * MINUTE, bought))) == []
    assert strategy().on_time(view(CLOSE - 5 * MINUTE, bought)) == [Exit(AMC, "eod")]
    assert strategy().on_time(view(CLOSE - 5 * MINUTE, bought, busy=[AMC])) == [Exit(AMC, "eod")]


def test_an_overdue_exit_waits_for_the_market_and_is_first_thing() -> None:
    bought = held(AMC, OPEN - timedelta(days=1), *THREE)
    assert list(strategy().on_time(view(OPEN - MINUTE, bought))) == []
    assert strategy().on_time(view(OPEN, bought)) == [Exit(AMC, "time")]


@pytest.mark.parametrize(
    ("holding", "moves"),
    [
        (runner(), True),
        (runner(targets_hit=1), False),
        (runner(stop="7.8"), False),  # rests there already
        (runner(stop="7.9"), False),  # never down
        (runner(stop=None), False),  # it has none yet: that comes first
    ],
)
def test_after_the_second_target_the_runner_s_stop_moves_to_the_support(
    holding: Holding, moves: bool
) -> None:
    intents = strategy().on_time(view(OPEN + MINUTE, holding))
    expected = [MoveStop(AMC, D("7.8"), "second target reached")] if moves else []
    assert list(intents) == expected
    assert list(strategy().on_time(view(OPEN + MINUTE, holding, busy=[AMC]))) == []


def test_without_a_position_nothing_is_due() -> None:
    assert strategy().next_due(view(OPEN)) is None
    assert list(strategy().on_time(view(CLOSE - MINUTE))) == []


@pytest.mark.parametrize(
    ("close", "counts"), [(8.05, True), (8.79, True), (8.81, False), (9.5, False)]
)
def test_a_symbol_is_in_play_from_four_fifths_of_the_fall_on(close: float, counts: bool) -> None:
    s = strategy()
    bars = session((close, close, close, close, 1000.0))
    play(s, bars)
    assert s.in_play(view(bars[-1].end)) == ([AMC] if counts else [])


def test_what_is_held_or_busy_or_too_late_for_an_entry_is_not_in_play() -> None:
    s = strategy()
    now = play_quiet(s)
    assert s.in_play(view(now)) == [AMC]
    for more in (view(now, runner()), view(now, busy=[AMC]), view(CLOSE - 5 * MINUTE)):
        assert s.in_play(more) == []
    assert s.in_play(view(CLOSE + timedelta(hours=18))) == []  # the fall was yesterday's


def play_quiet(s: BearTrap) -> datetime:
    bars = session()
    play(s, bars)
    return bars[-1].end


# -- always ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ((8.05, 8.10, 8.00, 8.05, 1000.0), "a trap (low 8 did not break 8)"),
        ((7.90, 8.20, 7.80, 8.10, 100.0), "a trap (volume 0.10 < 1.2 x its mean)"),
        (TRAP, "nothing: a trap"),
        ((9.0, 9.1, 9.0, 9.0, 1000.0), "day change <= -15 %"),
    ],
)
def test_it_says_what_it_waits_for(last: Row, told: str) -> None:
    s = strategy()
    assert s.explain(AMC)["waits for"] == "its first bar"
    play(s, session(last))
    assert s.explain(AMC)["waits for"] == told


shares = st.floats(0, 1)
rows = st.lists(
    st.tuples(
        st.floats(5, 9), st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1), st.floats(0, 5000)
    ),
    min_size=1,
    max_size=60,
)


def made(rows: Sequence[Row]) -> list[Bar]:
    bars = [minute(0, (10.0, 10.0, 8.0, 8.0, 1000.0))]
    for n, (price, up, down, move, volume) in enumerate(rows, start=1):
        close = price + move * min(up, down)
        bars.append(minute(n, (price, price + up, price - down, close, volume)))
    return bars


@given(rows)
def test_same_bars_in_same_intents_out_and_every_entry_is_sound(
    rows: list[Row],
) -> None:
    bars = made(rows)

    def run() -> list[Sequence[Intent]]:
        s = strategy(exact=False, volume_mean_bars=2, atr_bars=2)
        return [s.on_bar(b, view(b.end)) for b in bars]

    told = run()
    assert told == run()
    for intents in told:
        for entry in intents:
            assert isinstance(entry, Enter)
            assert 0 < _one(entry.tranches) < entry.reference
            cost = sum(t.qty for t in entry.tranches) * entry.reference
            loss = sum((t.qty * (entry.reference - t.stop) for t in entry.tranches), D(0))
            assert cost <= D(49500)
            assert loss <= D(2000)
            targets = [t.take_profit for t in entry.tranches if t.take_profit is not None]
            assert targets == sorted(targets)
            assert all(t > entry.reference for t in targets)


def _one(tranches: Sequence[Tranche]) -> Decimal:
    """The stop that all tranches share."""
    (stop,) = {t.stop for t in tranches}
    return stop


@given(rows, st.data())
def test_decisions_do_not_know_the_future(rows: list[Row], data: st.DataObject) -> None:
    bars = made(rows)
    cut = data.draw(st.integers(1, len(bars)))
    whole = strategy(volume_mean_bars=2, atr_bars=2)
    short = strategy(volume_mean_bars=2, atr_bars=2)
    assert [whole.on_bar(b, view(b.end)) for b in bars][:cut] == [
        short.on_bar(b, view(b.end)) for b in bars[:cut]
    ]
