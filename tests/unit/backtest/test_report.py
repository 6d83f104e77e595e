"""The report says what was assumed and measured, and asks nothing of the network."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from magellan_core.backtest.charts import Drawing, Line, draw, nice_steps, time_steps
from magellan_core.backtest.monthly import monthly_table
from magellan_core.backtest.report import html, verdict, write_html
from magellan_core.backtest.result import AccountRun, Leg, Result, Trade
from magellan_core.backtest.whole import whole
from magellan_core.model import Bar
from magellan_core.paper.market_series import Series

OPEN = datetime(2024, 5, 14, 13, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_trade(symbol: str, entry: int, leave: int, pnl: str, reason: str = "stop") -> Trade:
    price = Decimal("8.47")
    sold = OPEN + leave * MINUTE
    return Trade(
        symbol=symbol,
        signal_time=OPEN + (entry - 1) * MINUTE,
        entry_time=OPEN + entry * MINUTE,
        entry_at="open",
        entry_price=price,
        qty=100,
        exit_time=sold,
        exit_at="bar",
        exit_price=price,
        exit_reason=reason,
        legs=(Leg(sold, "bar", 100, price, reason, Decimal(pnl)),),
        pnl=Decimal(pnl),
        cost=Decimal(1),
        stop=Decimal("8.20"),
        target=Decimal("10.00"),
    )


def an_account(symbol: str, *trades: Trade) -> AccountRun:
    marks = [(OPEN + i * MINUTE, 1000.0 + i) for i in range(1, 121)]
    return AccountRun(
        name=symbol,
        symbols=(symbol,),
        capital=Decimal(1000),
        trades=trades,
        signal_times=(),
        equity=marks,
        final=Decimal(1119),
        bars=len(marks),
        costs=Decimal(len(trades)),
        closes={symbol: [(OPEN + MINUTE, 8.0), (OPEN + 120 * MINUTE, 9.0)]},
    )


def a_result(*accounts: AccountRun, warnings: tuple[str, ...] = ()) -> Result:
    assumed = {"fill": "next_open (the next bar's open)", "cost": "6.25 bps of notional a side"}
    day = date(2024, 5, 14)
    return Result("bear_trap", assumed, day, day, Decimal(1000), accounts, warnings, Decimal(5))


ONE = a_result(an_account("AMC", a_trade("AMC", 10, 20, "-12.34"), a_trade("AMC", 40, 60, "5")))


class Outside(HTMLParser):
    """Collects what a browser would fetch, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"src", "href", "srcset", "xlink:href", "action", "data"}
        self.asked += [f"{tag} {name}={value}" for name, value in attrs if name in names]
        if tag in {"script", "link", "iframe", "object", "embed"}:
            self.asked.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Outside:
    page = Outside()
    page.feed(text)
    return page


def test_the_file_is_self_contained(tmp_path: Path) -> None:
    write_html(ONE, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert read(text).asked == []
    assert not re.search(r"url\(|@import|https?://", text)


def test_assumptions_come_before_the_curves() -> None:
    text = html(ONE)
    assert 0 < text.index("6.25 bps of notional a side") < text.index("<svg")


def test_it_says_what_was_missing() -> None:
    assert "MULN: no 1Min bars" in html(
        a_result(an_account("AMC"), warnings=("MULN: no 1Min bars in data",))
    )


def test_the_verdict_is_a_sentence_with_holding_beside_it() -> None:
    # Each gained 119 of 1000. Held from 8 to 9, 124 shares of 8.004: 992.50 became 1115.44.
    assert verdict(whole(ONE)) == (
        "Gained 11.9 % after costs in 2 trades. Buying and holding the same shares would have "
        "gained 12.3 %: the strategy made less; at worst it was 0 % below its peak, they 0 %. "
        "Too few trades to conclude anything."
    )
    assert verdict(whole(a_result(an_account("AMC")))) == "It did not trade."


def test_several_accounts_are_summed_and_listed() -> None:
    two = a_result(
        an_account("AMC", a_trade("AMC", 10, 20, "-1")),
        an_account("GME", a_trade("GME", 30, 40, "2")),
    )
    everything = whole(two)
    assert everything.equity[0] == (OPEN + MINUTE, 2002.0)
    assert everything.strategy.total_return_pct.value == pytest.approx(11.9)
    assert everything.strategy.win_rate_pct.value == 50.0
    # Ten of 120 minutes in each account.
    assert everything.strategy.exposure_pct.value == pytest.approx(100 / 12)
    assert "Each account" in html(two)
    assert "Each account" not in html(ONE)


def test_trades_are_drawn_on_their_minutes() -> None:
    bars = [
        Bar("AMC", OPEN + i * MINUTE, OPEN + (i + 1) * MINUTE, 8.4, 8.6, 8.3, 8.5, 1000.0)
        for i in range(120)
    ]
    text = html(ONE, {"AMC": Series.of("AMC", bars)})
    assert "AMC, 2024-05-14 09:40: stop, -12.34 $" in text
    assert "Trades on one-minute bars" in text
    assert "Trades on one-minute bars" not in html(ONE)
    assert "2024-05-14 09:50: sold 100 at 8.47 (stop), -12.34 $" in text


def test_names_are_escaped() -> None:
    told = html(a_result(an_account("AMC"), warnings=("<script>alert(1)</script>",)))
    assert "<script>" not in told
    assert "<b>" not in str(draw(Drawing("<b>", [Line("<b>", "mine", [(0.0, 1.0)])]), str))


def test_months_compound_from_the_capital() -> None:
    marks = [
        (datetime(2024, 1, 31, 21, tzinfo=UTC), 110.0),
        (datetime(2024, 3, 28, 20, tzinfo=UTC), 99.0),
        (datetime(2025, 1, 2, 21, tzinfo=UTC), 198.0),
    ]
    first, second = monthly_table(marks, 100.0)
    assert [month and round(month, 9) for month in first.months[:4]] == [10.0, None, -10.0, None]
    assert first.total == pytest.approx(-1.0)
    assert (second.year, round(second.total, 9)) == (2025, 100.0)


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (-37, 0, [-30, -20, -10, 0]),
        (8.2, 8.6, [8.2, 8.3, 8.4, 8.5, 8.6]),
        (5, 5, [5]),
    ],
)
def test_axes_have_round_steps(low: float, high: float, steps: list[float]) -> None:
    assert nice_steps(low, high, 5) == pytest.approx(steps)


def test_time_is_new_york_s_within_a_day() -> None:
    begin = OPEN.timestamp()
    texts = [text for _, text in time_steps(begin, begin + 6.5 * 3600)]
    assert texts == ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]
    years = [text for _, text in time_steps(begin, begin + 730 * 86400)]
    assert years[0] == "Jul 2024"
    assert len(years) <= 10
