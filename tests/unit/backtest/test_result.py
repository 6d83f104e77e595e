"""A result writes itself down in the answer keys' form."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

from magellan_core.backtest.result import AccountRun, Leg, Result, Trade

AT = datetime(2024, 7, 15, 14, 11, tzinfo=UTC)
LATER = datetime(2024, 7, 15, 14, 41, tzinfo=UTC)
TRADE = Trade(
    symbol="SYNA",
    signal_time=AT,
    entry_time=AT,
    entry_at="open",
    entry_price=Decimal("8.47"),
    qty=10,
    exit_time=LATER,
    exit_at="bar",
    exit_price=Decimal("9.12"),
    exit_reason="time",
    legs=(Leg(LATER, "bar", 10, Decimal("9.12"), "time", Decimal("6.38904")),),
    pnl=Decimal("6.38904"),
    cost=Decimal("0.11096"),
    stop=Decimal("8.217536"),
)
ACCOUNT = AccountRun(
    name="SYNA",
    symbols=("SYNA",),
    capital=Decimal(1000),
    trades=(TRADE,),
    signal_times=(AT,),
    equity=((AT, 1000.0), (LATER, 1007.5)),
    final=Decimal("1006.38904"),
    bars=2,
    costs=Decimal("0.11096"),
    closes={},
)
RESULT = Result(
    "bear_trap", {"fill": "close"}, date(2024, 7, 15), date(2024, 7, 15), Decimal(1000), (ACCOUNT,)
)


def test_trades_come_out_as_the_answer_keys_write_them() -> None:
    told = json.loads(RESULT.to_json())["symbols"]["SYNA"]["trades"][0]
    assert told["entry_time"] == "2024-07-15T14:11:00+00:00"
    assert (told["entry_price"], told["stop0"]) == (8.47, 8.217536)
    assert told["pnl"] == 6.389
    assert told["legs"][0] == {
        "time": "2024-07-15T14:41:00+00:00",
        "at": "bar",
        "qty": 10,
        "price": 9.12,
        "reason": "time",
        "pnl": 6.389,
    }
    assert "session_high" not in told


def test_returns_are_told_before_and_after_the_closing_sale() -> None:
    stats = json.loads(RESULT.to_json())["symbols"]["SYNA"]["stats"]
    assert (stats["return_pct"], stats["final_pct"]) == (0.75, 0.64)
    assert (stats["trades"], stats["win_rate"]) == (1, 100.0)
    assert RESULT.trades == [TRADE]
