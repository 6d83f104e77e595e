"""What blocks entries and never exits: outages, calendars, strangers, full disks, halts."""

from decimal import Decimal

import pytest

from magellan_core.engine.settings import Settings
from magellan_core.lines import Line
from magellan_core.market_hours import at_new_york
from magellan_core.model import OrderRequest, OrderType, Side
from magellan_core.risk.account import Breach
from tests.engine.markets import (
    AMC,
    CLOSE,
    DAY,
    MINUTE,
    NEXT_OPEN,
    SPY,
    TRAP_END,
    TSLA,
    Row,
    at,
    bear_trap,
    daily_trend,
    hourly_swing,
)
from tests.engine.rig import TEN_SECONDS, Rig, settings_for

D = Decimal
FLAT: Row = (8.1, 8.1, 8.1, 8.1)
HELD = TRAP_END + 2 * MINUTE
TIME_EXIT = TRAP_END + 30 * MINUTE


def objections(rig: Rig) -> str:
    return "; ".join(str(e.data["objections"]) for e in rig.lines(Line.DECISION))


# -- outages ---------------------------------------------------------------------------------


def test_an_outage_is_journaled_once_and_so_is_its_end() -> None:
    rig = bear_trap(FLAT)
    rig.run(at(5))
    rig.broker.down = True
    rig.run(at(8))
    assert rig.report is not None
    assert rig.report.outage == "GET: connection refused"
    assert rig.report.next_at - rig.now <= TEN_SECONDS
    rig.broker.down = False
    rig.run(at(10))
    told = rig.lines(Line.OUTAGE, Line.BACK)
    assert [e.kind for e in told] == ["outage", "back"]
    assert told[0].data["why"] == told[1].data["after"] == "GET: connection refused"
    assert "outage" in rig.told.matters()


def test_after_an_outage_exits_go_before_anything_new() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.broker.down = True
    rig.run(TIME_EXIT + 5 * MINUTE)
    assert rig.qty(AMC) > 0
    rig.broker.down = False
    rig.log.clear()
    rig.tick()
    told = [word.split()[0] for word in rig.log]
    assert told.index("exit") < told.index("cancel") < told.index("back")
    rig.run(TIME_EXIT + 8 * MINUTE)
    assert (rig.qty(AMC), rig.book.positions) == (0, {})


def test_bars_of_an_outage_are_folded_in_and_too_old_to_buy_on() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END - MINUTE)
    rig.broker.down = True
    rig.run(TRAP_END + 3 * MINUTE)
    rig.broker.down = False
    rig.run(TRAP_END + 10 * MINUTE)
    assert rig.orders() == []
    assert "bar_fresh: newest bar ended" in objections(rig)
    ends = [str(e.data["end"]) for e in rig.lines(Line.BAR)]
    assert ends == sorted(set(ends))
    assert TRAP_END.isoformat() in ends


# -- calendars -------------------------------------------------------------------------------


def test_calendars_that_disagree_take_no_entry_and_say_so() -> None:
    rig = bear_trap(FLAT)
    rig.broker.calendar_lies = True
    rig.engine.prepare(rig.now)
    rig.run(TRAP_END + 5 * MINUTE)
    assert rig.orders() == []
    assert "calendar and broker disagree" in objections(rig)
    assert f"calendar-{DAY}" in rig.told.matters()


def test_calendars_that_disagree_keep_no_exit_back() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.broker.calendar_lies = True
    rig.restart()
    rig.run(TIME_EXIT + 2 * MINUTE)
    assert (rig.qty(AMC), rig.book.positions) == (0, {})


# -- symbols ---------------------------------------------------------------------------------


def test_symbols_that_do_not_trade_are_told_loudly_and_the_rest_goes_on() -> None:
    rig = bear_trap(FLAT, symbols=(AMC, "WKHS"))
    rig.exchange.set_asset("WKHS", tradable=False, status="inactive")
    rig.restart()
    assert f"untradable-WKHS-{DAY}" in rig.told.matters()
    rig.run(TRAP_END + 2 * MINUTE)
    assert {order.symbol for order in rig.orders()} == {AMC}
    assert rig.report is not None
    assert "trading 1/2 symbols" in rig.report.status


# -- strangers -------------------------------------------------------------------------------


def test_a_position_that_nothing_explains_blocks_its_symbol_after_the_grace_alone() -> None:
    rig = bear_trap(FLAT, symbols=(AMC, "WKHS"))
    rig.run(at(2))
    rig.core.submit(OrderRequest("by-hand", AMC, Side.BUY, 5))
    rig.run(at(10))
    (block,) = rig.lines(Line.BLOCK)
    assert block.symbol == AMC
    assert block.data["why"] == "broker holds 5 shares, the journal explains 0"
    assert f"unexplained-{AMC}" in rig.told.matters()
    rig.run(TRAP_END + 2 * MINUTE)
    assert {order.symbol for order in rig.orders()} == {"WKHS"}
    rig.core.submit(OrderRequest("by-hand-2", AMC, Side.SELL, 5))
    rig.run(TRAP_END + 5 * MINUTE)
    assert [e.symbol for e in rig.lines(Line.UNBLOCK)] == [AMC]
    assert rig.book.blocked == {}


def test_an_order_that_is_not_ours_blocks_its_symbol_until_it_is_gone() -> None:
    rig = bear_trap(FLAT)
    rig.run(at(2))
    foreign = OrderRequest("by-hand", AMC, Side.BUY, 5, type=OrderType.LIMIT, limit_price=D("1.00"))
    rig.core.submit(foreign)
    rig.run(at(10))
    assert any(key.startswith("foreign-order-") for key in rig.told.matters())
    assert rig.book.blocked == {AMC: "an order at the broker is not ours"}
    order = rig.core.find("by-hand")
    assert order is not None
    rig.core.cancel(order.id)
    rig.run(at(15))
    assert rig.book.blocked == {}


def test_a_broker_that_lags_for_less_than_the_grace_corrects_nothing() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.broker.blind = True
    rig.tick()
    rig.broker.blind = False
    rig.run(HELD + MINUTE)
    assert rig.lines(Line.BLOCK) == []
    assert rig.settled()


# -- the disk --------------------------------------------------------------------------------


def test_a_full_disk_stops_entries() -> None:
    rig = bear_trap(FLAT)
    rig.run(TRAP_END)
    rig.disk.full = True
    rig.run(TRAP_END + 5 * MINUTE)
    assert rig.orders() == []
    assert "journal-unwritable" in rig.told.matters()


def test_a_full_disk_keeps_no_exit_back_and_loses_no_line() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.disk.full = True
    rig.run(TIME_EXIT + 2 * MINUTE)
    assert rig.qty(AMC) == 0
    assert rig.lines(Line.EXIT) == []
    rig.disk.full = False
    rig.run(TIME_EXIT + 4 * MINUTE)
    assert [e.data["reason"] for e in rig.lines(Line.EXIT)] == ["time"]
    rig.restart()
    assert (rig.book.positions, rig.book.exits) == ({}, {})
    assert rig.book.cash_flow == rig.core.account().cash - 100_000


# -- halts -----------------------------------------------------------------------------------


def policies(name: str, **policy: str) -> dict[str, dict[str, str]]:
    settings: Settings = settings_for(name)
    return {"policies": {**settings.policies, **policy}}


def test_a_halt_that_flattens_sells_everything_verifies_it_and_finishes() -> None:
    rig = bear_trap(FLAT)
    rig.run(HELD)
    rig.engine.limits.halts.halt(Breach("daily_loss", "a test"), rig.now)
    rig.run(CLOSE)
    assert rig.report is not None
    assert rig.report.finished
    assert (rig.qty(AMC), rig.book.positions, rig.core.open_orders()) == (0, {}, [])
    assert rig.now - HELD < 3 * MINUTE
    rig.restart()
    assert rig.engine.halted_and_flat()


def test_a_halt_that_holds_takes_no_entry_and_manages_exits_as_ever() -> None:
    rig = bear_trap(FLAT, (8.1, 9.2, 8.1, 9.2))
    rig.run(HELD)
    rig.engine.limits.halts.halt(Breach("win_rate", "a test"), rig.now)
    rig.run(TIME_EXIT + 2 * MINUTE)
    assert rig.report is not None
    assert not rig.report.finished
    assert rig.report.status.startswith("HALTED: win_rate")
    assert [e.data["reason"] for e in rig.lines(Line.EXIT)] == ["time"]
    assert rig.qty(AMC) == 0


@pytest.mark.parametrize("limit", ["daily_loss", "win_rate"])
def test_a_halt_on_record_takes_no_entry_after_a_restart(limit: str) -> None:
    rig = bear_trap(FLAT)
    rig.run(at(5))
    rig.engine.limits.halts.halt(Breach(limit, "a test"), rig.now)
    rig.restart()
    rig.run(TRAP_END + 2 * MINUTE)
    assert rig.orders() == []
    assert limit in rig.book.halts


def test_a_halt_while_the_market_is_closed_sells_at_the_open() -> None:
    rig = hourly_swing()
    rig.run(CLOSE + 30 * MINUTE)
    assert rig.qty(TSLA) > 0
    rig.engine.limits.halts.halt(Breach("drawdown", "a test"), rig.now)
    rig.run(at_new_york(NEXT_OPEN.date(), 9, 29))
    assert rig.qty(TSLA) > 0
    assert rig.report is not None
    assert not rig.report.finished
    rig.run(NEXT_OPEN + 90 * MINUTE)
    assert rig.qty(TSLA) == 0


def test_a_kept_signal_is_not_executed_while_halted() -> None:
    rig = daily_trend()
    rig.run(CLOSE + 10 * MINUTE)
    rig.engine.limits.halts.halt(Breach("win_rate", "a test"), rig.now)
    rig.run(NEXT_OPEN + 40 * MINUTE)
    assert (rig.orders(), rig.qty(SPY)) == ([], 0)
    assert [e.data["why"] for e in rig.lines(Line.SIGNAL_GONE)] == ["not executed by 10:00 ET"]
