"""How much of each limit is used, by the functions that the gates judge with.

LAW: pure. The account's equity is the broker's newest, its day and mark are the journal's; the
portfolio's figures are those that the daemons published, since they judge by those.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.config import Config
from magellan_core.market_hours import new_york_date
from magellan_core.model import Published
from magellan_core.operations.looks import CONFIG, STORE, AccountLook, Figure, Origin, Usage
from magellan_core.risk import portfolio
from magellan_core.risk.account import AccountLimits, allowed_loss, losing_days
from magellan_core.risk.portfolio import PortfolioLimits
from magellan_core.risk.pre_trade import EntryLimits

NOTHING = Decimal(0)
UNREAD = "no journal has been read"


def account_usages(
    account: AccountLook,
    book: Book,
    said: Origin,
    entry: EntryLimits,
    limits: AccountLimits,
    now: datetime,
) -> tuple[Usage, ...]:
    """Of one account. `said` is when the journal was written last; without one it is not known."""
    unread = said.at is None
    equity, today = account.equity.value, account.today.value
    lost, allowed = None, limits.max_daily_loss_dollars
    if equity is not None and today is not None:
        lost, allowed = max(-today, NOTHING), allowed_loss(equity - today, limits)

    def told(count: int) -> Figure:
        return Figure(None if unread else Decimal(count), said, UNREAD if unread else "")

    return (
        Usage(
            "trades today",
            told(book.trades_on(new_york_date(now))),
            _limit(entry.max_trades_per_day),
        ),
        Usage("positions", told(len(book.positions)), _limit(entry.max_open_positions)),
        Usage(
            "lost today",
            Figure(lost, account.today.origin, account.fault or account.today.why),
            _limit(allowed),
            "$",
        ),
        Usage("drawdown", account.drawdown, _limit(limits.max_drawdown_pct), "%"),
        Usage(
            "losing days",
            told(len(losing_days(book.days, limits))),
            _limit(limits.consecutive_losing_days),
        ),
    )


def portfolio_usages(
    rows: Mapping[str, Published] | str, mark: Figure, configs: Sequence[Config], session: date
) -> tuple[Usage, ...]:
    """Of all strategies of the portfolio, looked at or not. `rows` as text: why there are none."""
    told = list(rows.values()) if isinstance(rows, Mapping) else []
    origin = Origin(STORE, min((row.at for row in told), default=None))
    names = sorted({name for config in configs for name in config.portfolio.strategies})
    # The limits' numbers play no part in what is used of them.
    limits = PortfolioLimits(names, NOTHING, NOTHING, timedelta(0))
    missing = [name for name in names if name not in {row.strategy for row in told}]
    why = rows if isinstance(rows, str) else f"not published yet: {', '.join(missing)}"
    lost = max(-portfolio.pnl_of(told, session), NOTHING) if told else None
    fall = None
    if portfolio.complete(told, limits):
        why = mark.why
        fall = None if mark.value is None else portfolio.fall_of_all(told, mark.value, limits)
    return (
        Usage(
            "lost today",
            Figure(lost, origin, why),
            agreed([c.portfolio.max_daily_loss_dollars for c in configs]),
            "$",
        ),
        Usage(
            "drawdown",
            Figure(None if fall is None else max(fall, NOTHING), origin, why),
            agreed([c.portfolio.max_drawdown_pct for c in configs]),
            "%",
        ),
    )


def agreed(values: Sequence[Decimal]) -> Figure:
    """A limit that the configs must name alike."""
    known = set(values)
    return Figure(known.pop() if len(known) == 1 else None, Origin(CONFIG), "the configs disagree")


def _limit(value: Decimal | int | None) -> Figure:
    return Figure(None if value is None else Decimal(value), Origin(CONFIG), "no limit")
