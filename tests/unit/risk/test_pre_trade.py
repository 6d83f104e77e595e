"""Every pre-trade predicate below, at and above its limit; what cannot be answered refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from magellan_core.market_hours import session_on
from magellan_core.model import Asset, Enter, Quote, Tranche
from magellan_core.risk.pre_trade import PREDICATES, EntryLimits, Question, objections

D = Decimal
NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)  # a Monday, the session is 14:30 to 21:00
SESSION = session_on(NOON.date())
assert SESSION is not None
SECOND = timedelta(seconds=1)

LIMITS = EntryLimits(
    max_daily_loss_pct=D(10),
    max_position_dollars=D(50_000),
    max_open_positions=5,
    max_trades_per_day=10,
    risk_per_trade_pct=D(2),
    max_spread_pct=D(2),
    min_quote_size_shares=50,
    price_collar_pct=D(1),
    slippage_tolerance_pct=D("0.5"),
    max_quote_age=timedelta(seconds=60),
    max_bar_age=timedelta(seconds=90),
    max_orders_per_minute=30,
)


def quote(bid: str = "9.99", ask: str = "10.01", size: int = 100, age: int = 1) -> Quote:
    return Quote("AMC", NOON - age * SECOND, D(bid), D(ask), size, size)


def enter(tranches: int = 3, reference: str = "10.00") -> Enter:
    parts = tuple(Tranche(10, D("9.50")) for _ in range(tranches))
    return Enter("AMC", "reclaimed", D(reference), tranches=parts)


GOOD = Question(
    intent=enter(),
    now=NOON,
    session=SESSION,
    calendar_agrees=True,
    qty=3000,
    cost=D(30_030),
    worst_loss=D(1500),
    quote=quote(),
    bar_end=NOON - 60 * SECOND,
    bar_due=None,
    asset=Asset("AMC", True, "active"),
    configured=True,
    halts=(),
    blocked=None,
    busy=False,
    held=False,
    duplicate=False,
    open_positions=0,
    trades_today=0,
    exposure=D(0),
    equity=D(100_000),
    day_start=D(100_000),
    buying_power=D(400_000),
    account_blocked=False,
    realised_today=D(0),
    orders_last_minute=0,
    unjudged=None,
    stale_peers=(),
    journal_writable=True,
)

# predicate | what is asked | the words of the objection, or None
TABLE: list[tuple[str, dict[str, Any], str | None]] = [
    ("trading_window", {"now": SESSION.open - SECOND}, "outside the session 09:30 ET to 16:00 ET"),
    ("trading_window", {"now": SESSION.open}, None),
    ("trading_window", {"now": SESSION.close - SECOND}, None),
    ("trading_window", {"now": SESSION.close}, "outside the session"),
    ("trading_window", {"session": None}, "no session today"),
    ("trading_window", {"calendar_agrees": False}, "disagree"),
    ("not_halted", {"halts": ["manual: the news"]}, "halted: manual: the news"),
    ("journal_on_disk", {"journal_writable": False}, "cannot be written"),
    ("account_judged", {"equity": None}, "equity is not known"),
    ("account_judged", {"unjudged": "the day's start is not known"}, "day's start"),
    ("peers_fresh", {"stale_peers": ["hourly_swing (never published)"]}, "hourly_swing"),
    ("account_open", {"account_blocked": True}, "blocks trading"),
    ("symbol_tradable", {"configured": False}, "not in the config"),
    ("symbol_tradable", {"asset": None}, "does not know"),
    ("symbol_tradable", {"asset": Asset("AMC", False, "inactive")}, "not tradable"),
    ("symbol_tradable", {"blocked": "5 shares unexplained"}, "5 shares unexplained"),
    ("bar_fresh", {"bar_end": NOON - 89 * SECOND}, None),
    ("bar_fresh", {"bar_end": NOON - 90 * SECOND}, None),
    ("bar_fresh", {"bar_end": NOON - 91 * SECOND}, "ended 91 s ago"),
    ("bar_fresh", {"bar_end": None}, "no completed bar"),
    ("bar_fresh", {"bar_due": NOON - 60 * SECOND}, None),
    ("bar_fresh", {"bar_due": NOON}, "the bar up to 12:00 ET is missing, the newest ended 11:59"),
    ("quote_fresh", {"quote": quote(age=59)}, None),
    ("quote_fresh", {"quote": quote(age=60)}, None),
    ("quote_fresh", {"quote": quote(age=61)}, "61 s old"),
    ("quote_fresh", {"quote": quote(age=-60)}, None),
    ("quote_fresh", {"quote": quote(age=-61)}, "61 s later than the time of this decision"),
    ("quote_fresh", {"quote": None}, "no quote"),
    ("symbol_trading", {"quote": quote(age=300)}, None),
    ("symbol_trading", {"quote": quote(age=300), "bar_end": NOON - 60 * SECOND}, None),
    ("symbol_trading", {"quote": quote(age=300), "bar_end": NOON - 61 * SECOND}, "61 s: it may be"),
    ("symbol_trading", {"quote": None}, "nobody knows"),
    (
        "symbol_trading",
        {"told_halt": "since 11:59:07 ET (LUDP Volatility Trading Pause)"},
        "told to be halted since 11:59:07 ET (LUDP Volatility Trading Pause)",
    ),
    ("spread", {"quote": quote("9.91", "10.09")}, None),
    ("spread", {"quote": quote("9.90", "10.10")}, None),
    ("spread", {"quote": quote("9.89", "10.11")}, "spread 2.20 % > 2 %"),
    ("spread", {"quote": quote("0", "10.11")}, "no two-sided quote"),
    ("spread", {"quote": quote("10.02", "10.01")}, "no two-sided quote"),
    ("spread", {"quote": None}, "no two-sided quote"),
    ("quote_size", {"quote": quote(size=51)}, None),
    ("quote_size", {"quote": quote(size=50)}, None),
    ("quote_size", {"quote": quote(size=49)}, "quote size 49 < 50"),
    ("quote_size", {"quote": None}, "no quote"),
    ("price_collar", {"quote": quote("10.08", "10.10")}, None),
    ("price_collar", {"quote": quote("10.09", "10.11")}, None),
    ("price_collar", {"quote": quote("10.10", "10.12")}, "1.10 % from 10.00"),
    ("price_collar", {"quote": quote("9.88", "9.90")}, "1.10 % from 10.00"),
    ("price_collar", {"quote": None}, "no price"),
    ("price_collar", {"intent": enter(reference="0")}, "no price"),
    ("slippage", {"quote": quote("9.96", "10.04")}, None),
    ("slippage", {"quote": quote("9.95", "10.05")}, None),
    ("slippage", {"quote": quote("9.94", "10.06")}, "expected slippage 0.60 % > 0.5 %"),
    ("slippage", {"quote": None}, "no price"),
    ("not_in_flight", {"busy": True}, "under way"),
    ("not_in_flight", {"held": True}, "already held"),
    ("not_duplicate", {"duplicate": True}, "sent before"),
    ("whole_share", {"qty": 1}, None),
    ("whole_share", {"qty": 0}, "no whole share"),
    ("max_position", {"cost": D("49999.99")}, None),
    ("max_position", {"cost": D("50000.00")}, None),
    ("max_position", {"cost": D("50000.01")}, "cost 50000.01 > 50000"),
    ("max_position", {"cost": D(30_000), "exposure": D("20000.00")}, None),
    ("max_position", {"cost": D(30_000), "exposure": D("20000.01")}, "cost 50000.01"),
    ("max_open_positions", {"open_positions": 4}, None),
    ("max_open_positions", {"open_positions": 5}, "5 positions are open"),
    ("max_open_positions", {"open_positions": 6}, "6 positions are open"),
    ("max_trades", {"trades_today": 9}, None),
    ("max_trades", {"trades_today": 10}, "10 entries today"),
    ("max_trades", {"trades_today": 11}, "11 entries today"),
    ("risk_per_trade", {"worst_loss": D("1999.99")}, None),
    ("risk_per_trade", {"worst_loss": D("2000.00")}, None),
    ("risk_per_trade", {"worst_loss": D("2000.01")}, "risks 2000.01 > 2000.00"),
    ("risk_per_trade", {"worst_loss": D(0)}, "not below its price"),
    ("risk_per_trade", {"worst_loss": D(-1)}, "not below its price"),
    ("risk_per_trade", {"equity": D(-1)}, "risks 1500.00 > -0.02"),
    ("risk_per_trade", {"worst_loss": None}, "nobody knows what it risks"),
    ("risk_per_trade", {"equity": None}, "equity is not known"),
    ("buying_power", {"buying_power": D("30030.01")}, None),
    ("buying_power", {"buying_power": D("30030.00")}, None),
    ("buying_power", {"buying_power": D(-1)}, "cost 30030.00 > buying power -1.00"),
    ("buying_power", {"buying_power": D("30029.99")}, "cost 30030.00 > buying power 30029.99"),
    ("realised_loss", {"realised_today": D("-9999.99")}, None),
    ("realised_loss", {"realised_today": D("-10000.00")}, "realised -10000.00"),
    ("realised_loss", {"realised_today": D("-10000.01")}, "realised -10000.01"),
    ("order_rate", {"orders_last_minute": 26}, None),
    ("order_rate", {"orders_last_minute": 27}, None),  # with its own three: 30
    ("order_rate", {"orders_last_minute": 28}, "28 orders in the last minute"),
]


def test_the_entry_that_all_rows_start_from_may_leave() -> None:
    assert objections(GOOD, LIMITS) == []


@pytest.mark.parametrize(("name", "asked", "words"), TABLE)
def test_each_predicate_below_at_and_above_its_limit(
    name: str, asked: dict[str, Any], words: str | None
) -> None:
    predicate = next(p for p in PREDICATES if p.__name__ == name)
    answer = predicate(replace(GOOD, **asked), LIMITS)
    if words is None:
        assert answer is None
    else:
        assert answer is not None
        assert words in answer


def test_every_predicate_has_its_rows() -> None:
    assert {p.__name__ for p in PREDICATES} == {name for name, _, words in TABLE if words}


def test_all_objections_are_told_not_only_the_first() -> None:
    bad = replace(GOOD, halts=["manual: x"], quote=None, qty=0, busy=True)
    told = [objection.split(":")[0] for objection in objections(bad, LIMITS)]
    assert told == [
        "not_halted",
        "quote_fresh",
        "symbol_trading",
        "spread",
        "quote_size",
        "price_collar",
        "slippage",
        "not_in_flight",
        "whole_share",
    ]


def test_limits_that_are_null_do_not_bind() -> None:
    free = replace(LIMITS, max_trades_per_day=None, risk_per_trade_pct=None)
    assert objections(replace(GOOD, trades_today=999, worst_loss=None), free) == []
