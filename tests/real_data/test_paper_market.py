"""The exchange on real and hand-made bars: the folder loads, and known trades come out of it."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from magellan_core.market_hours import session_on
from magellan_core.model import OrderClass, OrderType, Side, Timeframe, TimeInForce
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.orders import Changes, OrderForm
from magellan_core.paper.rules import Rules

SHARED = Path(__file__).parents[2].parent / "shared"
BARS = Path(os.environ.get("MAGELLAN_MARKETDATA", SHARED / "marketdata"))
KEYS = Path(os.environ.get("MAGELLAN_ANSWER_KEYS", SHARED / "answer_keys"))
NAMES = [f"SYN{letter}" for letter in "ABCDEF"]
MINUTE = timedelta(minutes=1)
PA = "PA1"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BARS.is_dir(), reason=f"no market data folder {BARS}"),
]


def test_the_whole_folder_loads() -> None:
    market = Market.load(BARS, first=date(2025, 1, 2), last=date(2025, 1, 31))
    assert {"AAPL", "SPY", "MULN"} <= set(market.symbols)
    assert market.knows("GME")
    assert "GME" not in market.symbols
    now = datetime(2024, 6, 11, tzinfo=UTC)
    start = datetime(2024, 6, 7, tzinfo=UTC)
    raw, adjusted = (
        market.bars("NVDA", Timeframe.DAY, start, now, as_of=now, split_adjusted=adjust)
        for adjust in (False, True)
    )
    assert [bar.close for bar in raw] == [1207.75, 121.6005]
    assert [bar.close for bar in adjusted] == pytest.approx([120.775, 121.6005])


def test_a_position_keeps_its_worth_through_a_real_split() -> None:
    market = Market.load(BARS, first=date(2024, 6, 3), last=date(2024, 6, 14), symbols=["NVDA"])
    account = AccountSpec(PA, "key", "secret", Timeframe.HOUR)
    venue = Exchange(market, [account], start=datetime(2024, 6, 7, 15, tzinfo=UTC))
    venue.submit(PA, OrderForm("NVDA", Side.BUY, qty=Decimal(30)))
    for hour in range(90):
        venue.step(datetime(2024, 6, 7, 16, tzinfo=UTC) + timedelta(hours=hour))
        assert abs(venue.account(PA).equity - 100_000) < 2_000
    assert venue.position(PA, "NVDA").qty == 300


@pytest.mark.skipif(not KEYS.is_dir(), reason=f"no answer keys {KEYS}")
@pytest.mark.parametrize("name", NAMES)
def test_the_hand_made_sessions_end_as_their_answer_key_says(name: str) -> None:
    told = json.loads((KEYS / "bear_trap_synthetic.json").read_text(encoding="utf-8"))
    (key,) = (entry for entry in told.values() if entry["symbol"] == name)
    (trade,) = key["spec_break_realistic"]["trades"]
    assert exits(name, trade) == {(leg["time"], leg["price"]): leg["qty"] for leg in trade["legs"]}


def exits(name: str, trade: Mapping[str, Any]) -> dict[tuple[str, float], int]:
    """Shares sold by time and price when the trade's three brackets meet the session."""
    market = Market.load(BARS / "synthetic", first=date(2024, 7, 1), last=date(2024, 7, 31))
    signal = datetime.fromisoformat(trade["signal_time"])
    session = session_on(signal.date())
    assert session is not None
    account = AccountSpec(PA, "key", "secret", Timeframe.MINUTE)
    rules = Rules(price_ticks="exact", whole_cents=False)
    venue = Exchange(market, [account], start=session.open, rules=rules)
    venue.step(signal + MINUTE)
    seen = market.bars(
        name, Timeframe.MINUTE, session.open, signal, as_of=venue.now, split_adjusted=False
    )
    enter(venue, name, trade, Decimal(repr(seen[-1].close)))
    support = Decimal(repr(min(bar.low for bar in seen)))
    hold_until = datetime.fromisoformat(trade["entry_time"]) + 30 * MINUTE
    deadline = min(hold_until, session.close - 5 * MINUTE)
    top = Decimal(repr(trade["session_high"]))
    while venue.now < deadline:
        updates = venue.step(deadline, wake=[PA])
        if any(u.event == "fill" and u.order.limit_price == top for u in updates):
            for order in venue.orders(PA):
                if order.type is OrderType.STOP:
                    venue.replace(PA, order.id, Changes(stop_price=support))
    if venue.positions(PA):
        venue.close_all(PA, cancel_orders=True)
        venue.step(deadline + MINUTE)
    sold: Counter[tuple[str, float]] = Counter()
    for fill in venue.fills(PA):
        if fill.side is Side.SELL:
            sold[fill.at.isoformat(), float(fill.price)] += int(fill.qty)
    return dict(sold)


def enter(venue: Exchange, name: str, trade: Mapping[str, Any], close: Decimal) -> None:
    """Two brackets and the runner, which has a stop only."""
    top, stop = Decimal(repr(trade["session_high"])), Decimal(repr(trade["stop0"]))
    qty = trade["qty"]
    first, second = qty * 40 // 100, qty * 30 // 100
    for shares, target in ((first, close + (top - close) / 2), (second, top), (None, None)):
        form = OrderForm(
            name,
            Side.BUY,
            time_in_force=TimeInForce.GTC,
            qty=Decimal(qty - first - second if shares is None else shares),
            order_class=OrderClass.OTO if target is None else OrderClass.BRACKET,
            take_profit=target,
            stop_loss=stop,
        )
        venue.submit(PA, form)
