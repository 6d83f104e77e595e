"""Conformance 8 to 15: account, assets, clock, calendar, settings."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from alpaca.trading.requests import GetCalendarRequest

from magellan_core.market_hours import at_new_york, new_york
from magellan_core.paper.rules import Rules
from tests.conformance.support import ABSENT, STILL, at, refused, send, stage
from tests.contract.server_support import MONDAY, OPEN

CLOSE = at_new_york(MONDAY, 16)
PDT = {"daytrade_count", "pattern_day_trader", "daytrading_buying_power"}


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_f08_equity_is_cash_and_what_is_held_long_and_short(side: str) -> None:
    with stage((10, 10, 10, 10), (12, 12, 12, 12)) as site:
        send(site, side=side)
        site.advance(at(2))
        account = site.trading().get_account()
        parts = [account.cash, account.long_market_value, account.short_market_value]
        assert Decimal(account.equity) == sum(Decimal(part) for part in parts)
        assert account.equity == ("100200" if side == "buy" else "99800")
        assert parts[1:] == (["1200", "0"] if side == "buy" else ["0", "-1200"])


def test_f09_the_last_equity_changes_once_a_trading_day_at_the_close() -> None:
    with stage((10, 10, 10, 10), (12, 12, 12, 12)) as site:
        send(site)
        seen = []
        for instant in (at(2), CLOSE, CLOSE + timedelta(seconds=1), OPEN + timedelta(days=1)):
            site.advance(instant)
            seen.append(site.trading().get_account().last_equity)
        assert seen == ["100000", "100000", "100200", "100200"]


def test_f10_the_pattern_day_traders_fields_are_gone_unless_switched_on() -> None:
    with stage(quiet=1) as site:
        assert not PDT & set(site.ask("GET", "/v2/account").json())
    with stage(quiet=1, rules=Rules(pdt_fields=True)) as site:
        assert set(site.ask("GET", "/v2/account").json()) >= PDT
        assert site.trading().get_account().pattern_day_trader is False


def test_f11_a_new_account() -> None:
    with stage(quiet=1) as site:
        account = site.trading().get_account()
        assert (account.cash, account.equity, account.multiplier) == ("100000", "100000", "4")
        assert (account.buying_power, account.regt_buying_power) == ("400000", "200000")
        assert account.shorting_enabled


def test_f11_the_older_formula_of_buying_power_counts_from_the_last_close() -> None:
    """Equity made since the last close buys nothing before the next one."""
    for rule, power in ((STILL, "399600"), (Rules(buying_power="last_equity"), "398800")):
        with stage((10, 10, 10, 10), (12, 12, 12, 12), rules=rule) as site:
            send(site)
            site.advance(at(2))
            assert site.trading().get_account().buying_power == power


def test_f12_an_unknown_asset_is_absent() -> None:
    with stage(quiet=1) as site:
        client = site.trading()
        listed = client.get_asset("AMC")
        assert (listed.symbol, listed.tradable, listed.easy_to_borrow) == ("AMC", True, True)
        assert client.get_asset(listed.id).symbol == "AMC"
        with refused() as refusals:
            client.get_asset("NOPE")
        assert refusals[0].says == (404, ABSENT)


def test_f12_easy_to_borrow_may_have_gone() -> None:
    with stage(quiet=1, rules=Rules(easy_to_borrow=False)) as site:
        assert "easy_to_borrow" not in site.trading(raw=True).get_asset("AMC")


@pytest.mark.parametrize(
    ("now", "opens", "closes"),
    [
        ((date(2026, 1, 5), 10), "06 09:30", "05 16:00"),
        ((date(2026, 1, 9), 17), "12 09:30", "12 16:00"),  # over the weekend
        ((date(2026, 1, 16), 17), "20 09:30", "20 16:00"),  # and Martin Luther King's Day
        ((date(2025, 11, 26), 17), "28 09:30", "28 13:00"),  # over Thanksgiving to a half day
    ],
)
def test_f13_the_clock_skips_weekends_and_holidays(
    now: tuple[date, int], opens: str, closes: str
) -> None:
    with stage(quiet=1, start=at_new_york(*now)) as site:
        clock = site.trading().get_clock()
        assert f"{new_york(clock.next_open):%d %H:%M}" == opens
        assert f"{new_york(clock.next_close):%d %H:%M}" == closes
        assert clock.timestamp == at_new_york(*now)


def test_f14_the_calendar_has_both_ends_and_half_days() -> None:
    with stage(quiet=1) as site:
        asked = GetCalendarRequest(start=date(2025, 11, 26), end=date(2025, 11, 28))
        days = site.trading().get_calendar(asked)
        assert [f"{day.date} {day.open:%H:%M}-{day.close:%H:%M}" for day in days] == [
            "2025-11-26 09:30-16:00",
            "2025-11-28 09:30-13:00",
        ]


@pytest.mark.parametrize("code", [40310000, 40010001])
def test_f15_a_suspended_account_is_refused(code: int) -> None:
    with stage(quiet=1, rules=Rules(suspended_code=code)) as site:
        client = site.trading()
        settings = client.get_account_configurations()
        settings.suspend_trade = True
        assert client.set_account_configurations(settings).suspend_trade
        with refused() as refusals:
            send(site)
        assert refusals[0].says == (403, code)
        settings.suspend_trade = False
        client.set_account_configurations(settings)
        assert send(site)["status"] == "pending_new"
