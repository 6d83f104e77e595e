"""Pre-trade predicates: may this entry leave now? Exits never come here.

LAW: no I/O, no clock, no log. A predicate returns why not, or None. What cannot be answered
(no quote, no asset, no calendar) refuses. All are asked; every objection is journaled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.market_hours import Session, label
from magellan_core.model import Asset, Enter, Quote


@dataclass(frozen=True, slots=True)
class Question:
    """Everything an entry is judged by.

    Money in dollars; `cost` is at the worse of the decision's price and the quote's ask, `exposure`
    is what is held of the symbol at cost and its open entries at that price. `duplicate`: orders
    of this very decision are on record already. `bar_due` is when the newest bar must have ended;
    None: `max_bar_age` alone judges it. `told_halt`: since when and why it is told to be halted.
    """

    intent: Enter
    now: datetime
    session: Session | None
    calendar_agrees: bool
    qty: int
    cost: Decimal
    worst_loss: Decimal | None
    quote: Quote | None
    bar_end: datetime | None
    bar_due: datetime | None
    asset: Asset | None
    configured: bool
    halts: Sequence[str]
    blocked: str | None
    busy: bool
    held: bool
    duplicate: bool
    open_positions: int
    trades_today: int
    exposure: Decimal
    equity: Decimal | None
    day_start: Decimal
    buying_power: Decimal
    account_blocked: bool
    realised_today: Decimal
    orders_last_minute: int
    unjudged: str | None
    stale_peers: Sequence[str]
    journal_writable: bool
    told_halt: str | None = None


@dataclass(frozen=True, slots=True)
class EntryLimits:
    """The numbers of config `risk_management` that entries are judged by. Per cent are of 100."""

    max_daily_loss_pct: Decimal
    max_position_dollars: Decimal
    max_open_positions: int
    max_trades_per_day: int | None
    risk_per_trade_pct: Decimal | None
    max_spread_pct: Decimal
    min_quote_size_shares: int
    price_collar_pct: Decimal
    slippage_tolerance_pct: Decimal
    max_quote_age: timedelta
    max_bar_age: timedelta
    max_orders_per_minute: int


Predicate = Callable[[Question, EntryLimits], str | None]


def trading_window(q: Question, _: EntryLimits) -> str | None:
    if q.session is None:
        return "no session today"
    if not q.session.open <= q.now < q.session.close:
        return f"outside the session {label(q.session.open)} to {label(q.session.close)}"
    if not q.calendar_agrees:
        return "calendar and broker disagree about today's session"
    return None


def not_halted(q: Question, _: EntryLimits) -> str | None:
    return f"halted: {'; '.join(q.halts)}" if q.halts else None


def journal_on_disk(q: Question, _: EntryLimits) -> str | None:
    return None if q.journal_writable else "the journal cannot be written"


def account_judged(q: Question, _: EntryLimits) -> str | None:
    if q.equity is None:
        return "the account's equity is not known"
    return q.unjudged


def peers_fresh(q: Question, _: EntryLimits) -> str | None:
    if not q.stale_peers:
        return None
    return f"portfolio figures are missing or stale: {', '.join(q.stale_peers)}"


def account_open(q: Question, _: EntryLimits) -> str | None:
    return "the broker blocks trading on this account" if q.account_blocked else None


def symbol_tradable(q: Question, _: EntryLimits) -> str | None:
    if not q.configured:
        return "symbol is not in the config"
    if q.asset is None:
        return "the broker does not know this symbol"
    if not q.asset.tradable:
        return f"not tradable at the broker ({q.asset.status})"
    return q.blocked


def bar_fresh(q: Question, limits: EntryLimits) -> str | None:
    if q.bar_end is None:
        return "no completed bar yet"
    if q.bar_due is not None and q.bar_end < q.bar_due:
        return f"the bar up to {label(q.bar_due)} is missing, the newest ended {label(q.bar_end)}"
    age = q.now - q.bar_end
    if age > limits.max_bar_age:
        return f"newest bar ended {age.total_seconds():.0f} s ago"
    return None


def quote_fresh(q: Question, limits: EntryLimits) -> str | None:
    if q.quote is None:
        return "no quote"
    age = q.now - q.quote.at
    if age > limits.max_quote_age:
        return f"quote is {age.total_seconds():.0f} s old"
    if -age > limits.max_quote_age:
        # The clock is wrong, or the process stood still since it took the time: all is older then.
        return f"quote is {-age.total_seconds():.0f} s later than the time of this decision"
    return None


def symbol_trading(q: Question, limits: EntryLimits) -> str | None:
    """A halt is told, or shows as everything standing still: a quote is seconds old, or a bar."""
    if q.told_halt is not None:
        return f"told to be halted {q.told_halt}"
    if q.quote is None or q.bar_end is None:
        return "no quote or no bar: nobody knows whether it trades"
    still = q.now - max(q.quote.at, q.bar_end)
    if still > limits.max_quote_age:
        return f"quote and bars stand still for {still.total_seconds():.0f} s: it may be halted"
    return None


def spread(q: Question, limits: EntryLimits) -> str | None:
    if q.quote is None or q.quote.bid <= 0 or q.quote.ask < q.quote.bid:
        return "no two-sided quote"
    pct = (q.quote.ask - q.quote.bid) / q.quote.mid * 100
    if pct > limits.max_spread_pct:
        return f"spread {pct:.2f} % > {limits.max_spread_pct} %"
    return None


def quote_size(q: Question, limits: EntryLimits) -> str | None:
    if q.quote is None:
        return "no quote"
    size = min(q.quote.bid_size, q.quote.ask_size)
    if size < limits.min_quote_size_shares:
        return f"quote size {size} < {limits.min_quote_size_shares} shares"
    return None


def price_collar(q: Question, limits: EntryLimits) -> str | None:
    """The quote's mid must lie within the collar around the decision's price."""
    if q.quote is None or q.intent.reference <= 0:
        return "no price to compare with"
    pct = abs(q.quote.mid - q.intent.reference) / q.intent.reference * 100
    if pct > limits.price_collar_pct:
        return f"quote {q.quote.mid} is {pct:.2f} % from {q.intent.reference}"
    return None


def slippage(q: Question, limits: EntryLimits) -> str | None:
    """Buying at the ask must not cost more than the tolerance over the quote's middle."""
    if q.quote is None or q.quote.mid <= 0:
        return "no price to compare with"
    pct = (q.quote.ask - q.quote.mid) / q.quote.mid * 100
    if pct > limits.slippage_tolerance_pct:
        return f"expected slippage {pct:.2f} % > {limits.slippage_tolerance_pct} %"
    return None


def not_in_flight(q: Question, _: EntryLimits) -> str | None:
    if q.busy:
        return "an order or exit of this symbol is under way"
    return "already held" if q.held else None


def not_duplicate(q: Question, _: EntryLimits) -> str | None:
    return "this decision was sent before" if q.duplicate else None


def whole_share(q: Question, _: EntryLimits) -> str | None:
    return None if q.qty >= 1 else "the allowed dollars buy no whole share"


def max_position(q: Question, limits: EntryLimits) -> str | None:
    if q.exposure + q.cost > limits.max_position_dollars:
        return f"cost {q.exposure + q.cost:.2f} > {limits.max_position_dollars} a position"
    return None


def max_open_positions(q: Question, limits: EntryLimits) -> str | None:
    if q.open_positions >= limits.max_open_positions:
        return f"{q.open_positions} positions are open, limit {limits.max_open_positions}"
    return None


def max_trades(q: Question, limits: EntryLimits) -> str | None:
    if limits.max_trades_per_day is not None and q.trades_today >= limits.max_trades_per_day:
        return f"{q.trades_today} entries today, limit {limits.max_trades_per_day}"
    return None


def risk_per_trade(q: Question, limits: EntryLimits) -> str | None:
    """What the stop would lose from the worse of close and ask, against equity's share at risk."""
    if limits.risk_per_trade_pct is None:
        return None
    if q.worst_loss is None:
        return "without a stop nobody knows what it risks"
    if q.equity is None:
        return "the account's equity is not known"
    if q.worst_loss <= 0:
        return "its stop is not below its price"
    allowed = q.equity * limits.risk_per_trade_pct / 100
    return f"risks {q.worst_loss:.2f} > {allowed:.2f}" if q.worst_loss > allowed else None


def buying_power(q: Question, _: EntryLimits) -> str | None:
    if q.cost > q.buying_power:
        return f"cost {q.cost:.2f} > buying power {q.buying_power:.2f}"
    return None


def realised_loss(q: Question, limits: EntryLimits) -> str | None:
    """The day's realised loss alone stops new entries, before marked equity halts.

    Measured on the equity that the day started with, as the marked limit is.
    """
    allowed = q.day_start * limits.max_daily_loss_pct / 100
    if -q.realised_today >= allowed:
        return f"realised {q.realised_today:.2f} today, limit -{allowed:.2f}"
    return None


def order_rate(q: Question, limits: EntryLimits) -> str | None:
    orders = max(1, len(q.intent.tranches))
    if q.orders_last_minute + orders > limits.max_orders_per_minute:
        limit = limits.max_orders_per_minute
        return f"{q.orders_last_minute} orders in the last minute, limit {limit}"
    return None


PREDICATES: tuple[Predicate, ...] = (
    trading_window,
    not_halted,
    journal_on_disk,
    account_judged,
    peers_fresh,
    account_open,
    symbol_tradable,
    bar_fresh,
    quote_fresh,
    symbol_trading,
    spread,
    quote_size,
    price_collar,
    slippage,
    not_in_flight,
    not_duplicate,
    whole_share,
    max_position,
    max_open_positions,
    max_trades,
    risk_per_trade,
    buying_power,
    realised_loss,
    order_rate,
)


def objections(
    question: Question, limits: EntryLimits, predicates: Sequence[Predicate] = PREDICATES
) -> list[str]:
    """Every reason against the entry, in the list's order; empty: it may leave."""
    answers = ((p.__name__, p(question, limits)) for p in predicates)
    return [f"{name}: {why}" for name, why in answers if why is not None]
