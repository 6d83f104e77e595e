"""Checks that ask a strategy's broker: account, symbols, clock and calendar."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.config import Config
from magellan_core.errors import MagellanError, Unavailable
from magellan_core.market_hours import new_york_date, sessions_between
from magellan_core.model import Account
from magellan_core.operations.preflight.findings import Colour, Finding
from magellan_core.ports import Broker

DAYS_AHEAD = timedelta(days=10)
CLOCK_SKEW = timedelta(seconds=2)

Told = tuple[Colour, str]


def judge_account(account: Account, config: Config) -> Iterator[tuple[str, Told]]:
    """Is it the one, does it trade, has it money?"""
    named = config.account_info.account_id
    if account.trading_blocked or account.status != "ACTIVE":
        why = "trading is blocked" if account.trading_blocked else f"is {account.status}"
        yield "account", (Colour.RED, f"{account.number} {why}: see Alpaca's dashboard")
    else:
        yield "account", (Colour.GREEN, f"{account.number} active, config names {named}")
    yield "margin", judge_multiplier(account.multiplier)
    wanted = config.account_info.initial_capital_dollars
    if account.equity is None:
        yield "funds", (Colour.RED, "the broker does not tell the equity: try again later")
        return
    said = f"equity {account.equity:,.2f}, started with {wanted:,.0f}"
    if account.equity <= 0 or account.buying_power <= 0:
        yield "funds", (Colour.RED, f"{said}, buying power {account.buying_power:,.2f}: fund it")
    elif account.equity < wanted / 2:
        yield "funds", (Colour.YELLOW, f"{said}: less than half is left")
    else:
        yield "funds", (Colour.GREEN, said)


def judge_multiplier(multiplier: Decimal) -> Told:
    """1: cash only, unsettled sales tie up money; 2 or 4: margin."""
    if multiplier < 1:
        return Colour.RED, f"multiplier {multiplier}: the account cannot buy"
    if multiplier == 1:
        return Colour.YELLOW, "multiplier 1: a cash account waits for sales to settle"
    return Colour.GREEN, f"multiplier {multiplier}"


def judge_symbols(broker: Broker, config: Config) -> Told:
    """One symbol that cannot be traded is left out; none at all is no strategy."""
    bad: list[str] = []
    for symbol in config.symbols:
        asset = broker.asset(symbol)
        if asset is None:
            bad.append(f"{symbol} unknown")
        elif not asset.tradable:
            bad.append(f"{symbol} {asset.status}, not tradable")
    good = len(config.symbols) - len(bad)
    said = f"{good}/{len(config.symbols)} tradable" + (f" ({', '.join(bad)})" if bad else "")
    return (Colour.RED if not good else Colour.YELLOW if bad else Colour.GREEN), said


def judge_calendar(broker: Broker, now: datetime) -> Told:
    """Our table and the broker's sessions, today and the days to come."""
    first = new_york_date(now)
    last = first + DAYS_AHEAD
    theirs, ours = list(broker.calendar(first, last)), sessions_between(first, last)
    apart = sorted({s.date for s in set(theirs) ^ set(ours)})
    if apart:
        days = ", ".join(str(day) for day in apart)
        return Colour.RED, f"ours and the broker's differ on {days}: update the session table"
    return Colour.GREEN, f"{len(ours)} sessions to {last} agree"


def judge_clock(skew: timedelta | None) -> Told:
    """Our clock against the broker's; None: the exchange's clock is the daemon's."""
    if skew is None:
        return Colour.GREEN, "the exchange's clock is followed"
    said = f"{abs(skew).total_seconds():.1f} s from the broker's"
    if abs(skew) > CLOCK_SKEW:
        return Colour.RED, f"{said}: start chronyd (systemctl enable --now chronyd)"
    return Colour.GREEN, said


def asked(strategy: str, check: str, ask: Callable[[], Told]) -> Finding:
    """A question to the broker as a finding: no answer is red."""
    try:
        colour, text = ask()
    except Unavailable as fault:
        colour, text = Colour.RED, f"cannot be asked: {fault}"
    except MagellanError as fault:
        colour, text = Colour.RED, str(fault)
    return Finding(strategy, check, colour, text)
