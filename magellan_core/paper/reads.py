"""What the exchange answers about an account: equity, positions, lists of orders."""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal

from magellan_core.paper.accounts import AccountState, PositionState
from magellan_core.paper.admission import Mark, reserved
from magellan_core.paper.ledger import Ledger, Lot
from magellan_core.paper.orders import Execution, Order

MOST_ORDERS = 500
_ZERO = Decimal(0)
_INITIAL = Decimal("0.5")
_MAINTENANCE_LONG = Decimal("0.3")
_CHEAP_LONG = Decimal("2.5")
_SHORT_PER_SHARE = Decimal(5)
_DAY_TRADER = 4


def market_value(lot: Lot, last: Decimal | None) -> Decimal:
    """Dollars at the last price, or at cost where there is none; negative when short."""
    return lot.qty * (lot.avg if last is None else last)


def equity(ledger: Ledger, mark: Mark) -> Decimal:
    """Cash plus the market value of all positions, dollars."""
    return sum(
        (market_value(lot, mark(symbol)) for symbol, lot in ledger.positions.items()), ledger.cash
    )


def maintenance(ledger: Ledger, mark: Mark) -> Decimal:
    """Alpaca's margin page: longs 30 % (all of it under $2.50), shorts max($5 a share, 30 %)."""
    total = _ZERO
    for symbol, lot in ledger.positions.items():
        value = market_value(lot, mark(symbol))
        if lot.qty > 0:
            cheap = value < _CHEAP_LONG * lot.qty
            total += value if cheap else value * _MAINTENANCE_LONG
        else:
            total += max(-lot.qty * _SHORT_PER_SHARE, -value * _MAINTENANCE_LONG)
    return total


def multiplier(ledger: Ledger, worth: Decimal) -> int:
    """The account's multiplier; 1 below the margin minimum."""
    if worth < ledger.rules.margin_minimum:
        return 1
    return min(ledger.spec.multiplier, ledger.configuration.max_margin_multiplier)


def buying_power(ledger: Ledger, mark: Mark) -> Decimal:
    """Dollars that new entries may cost: multiplier x equity less positions and open entries."""
    worth = equity(ledger, mark)
    return max(_power(ledger, mark, multiplier(ledger, worth), worth), _ZERO)


def _power(ledger: Ledger, mark: Mark, times: int, worth: Decimal) -> Decimal:
    """By the rules' formula; below zero where more is held than it allows."""
    held = {s: abs(market_value(lot, mark(s))) for s, lot in ledger.positions.items()}
    if ledger.rules.buying_power == "last_equity" and times == _DAY_TRADER:
        since = ledger.last_close or ledger.opened_at
        bought = [held[s] for s, lot in ledger.positions.items() if lot.opened_at >= since]
        base = times * (ledger.last_equity - ledger.last_maintenance)
        return base - sum(bought, _ZERO) - reserved(ledger, mark)
    return times * worth - sum(held.values(), _ZERO) - reserved(ledger, mark)


def account_state(ledger: Ledger, mark: Mark) -> AccountState:
    values = [market_value(lot, mark(symbol)) for symbol, lot in ledger.positions.items()]
    longs = sum((value for value in values if value > 0), _ZERO)
    shorts = sum((value for value in values if value < 0), _ZERO)
    worth, gross = ledger.cash + longs + shorts, longs - shorts
    held_back, times = reserved(ledger, mark), multiplier(ledger, worth)
    initial = gross if times == 1 else gross * _INITIAL
    return AccountState(
        number=ledger.spec.number,
        id=ledger.account_id,
        created_at=ledger.opened_at,
        balance_asof=ledger.last_close or ledger.opened_at,
        cash=ledger.cash,
        equity=worth,
        last_equity=ledger.last_equity,
        buying_power=max(_power(ledger, mark, times, worth), _ZERO),
        regt_buying_power=max(min(times, 2) * worth - gross - held_back, _ZERO),
        non_marginable_buying_power=max(ledger.cash - held_back, _ZERO),
        long_market_value=longs,
        short_market_value=shorts,
        initial_margin=initial,
        maintenance_margin=maintenance(ledger, mark),
        last_maintenance_margin=ledger.last_maintenance,
        multiplier=times,
        shorting_enabled=times > 1 and not ledger.configuration.no_shorting,
        trade_suspended=ledger.configuration.suspend_trade,
    )


def position_state(
    ledger: Ledger, symbol: str, last: Decimal | None, lastday: Decimal | None
) -> PositionState:
    """The position in a symbol the account holds. `lastday` is its price at the last close."""
    lot = ledger.positions[symbol]
    current = lot.avg if last is None else last
    old = ledger.last_close is not None and lot.opened_at < ledger.last_close
    since = lastday if old and lastday is not None else lot.avg
    return PositionState(
        symbol=symbol,
        qty=lot.qty,
        qty_available=ledger.available(symbol) * (1 if lot.qty > 0 else -1),
        avg_entry_price=lot.avg,
        cost_basis=lot.qty * lot.avg,
        current_price=current,
        lastday_price=current if lastday is None else lastday,
        market_value=lot.qty * current,
        unrealized_pl=lot.qty * (current - lot.avg),
        unrealized_intraday_pl=lot.qty * (current - since),
    )


def list_orders(
    ledger: Ledger,
    status: str,
    *,
    after: datetime | None,
    until: datetime | None,
    limit: int,
    direction: str,
    nested: bool,
    symbols: Collection[str] | None,
) -> list[Order]:
    """Copies of orders by submission time. Held legs are not open.

    Nested: legs ride inside their parents; open legs of a filled parent stand for themselves.
    """
    pool: Iterable[Order] = ledger.orders.values()
    if status == "open":
        pool = (o for o in ledger.live_orders() if o.status != "held")
    elif status == "closed":
        pool = (o for o in pool if o.ended)
    rows = [
        order
        for order in pool
        if (after is None or order.submitted_at > after)
        and (until is None or order.submitted_at < until)
        and (symbols is None or order.symbol in symbols)
        and not (nested and _rides(ledger, order, status))
    ]
    place = {order_id: n for n, order_id in enumerate(ledger.orders)}
    rows.sort(key=lambda order: (order.submitted_at, place[order.id]))
    if direction == "desc":
        rows.reverse()
    copies = [order.snapshot() for order in rows[: min(limit, MOST_ORDERS)]]
    if not nested:
        for copy in copies:
            copy.legs = []
    return copies


def _rides(ledger: Ledger, order: Order, status: str) -> bool:
    parent = ledger.parent(order)
    if parent is None or order.status == "replaced":
        return False
    return status != "open" or not parent.ended


def open_groups(ledger: Ledger) -> list[Order]:
    """Copies of top-level orders that may still fill, or whose legs may, oldest first."""
    roots: dict[str, Order] = {}
    for order in ledger.live_orders():
        root = ledger.parent(order) or order
        roots[root.id] = root
    ordered = sorted(roots.values(), key=lambda root: (root.submitted_at, root.created_at))
    return [root.snapshot() for root in ordered]


def fills_after(executions: list[Execution], after_id: str | None) -> list[Execution]:
    """Executions whose id sorts after that id, oldest first."""
    if after_id is None:
        return list(executions)
    return executions[bisect_right(executions, after_id, key=lambda e: e.id) :]
