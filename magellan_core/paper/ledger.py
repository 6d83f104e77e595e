"""One account's books: cash, positions, orders and executions, with ids that can be repeated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import NAMESPACE_URL, UUID, uuid5

from magellan_core.market_hours import new_york
from magellan_core.model import OrderClass, OrderType, Side
from magellan_core.paper.accounts import AccountSpec, Configuration, EquityPoint
from magellan_core.paper.orders import Execution, Order
from magellan_core.paper.rules import Rules
from magellan_core.risk.account import Transfer

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
_NAMES = uuid5(NAMESPACE_URL, "magellan/paper-exchange")
_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_BPS = Decimal(10_000)


@dataclass(slots=True)
class Lot:
    """Shares held (negative: short) at their mean entry price in dollars."""

    qty: Decimal
    avg: Decimal
    opened_at: datetime


class Ledger:
    """What the exchange keeps of one account. Nothing here looks at prices or time."""

    def __init__(self, spec: AccountSpec, rules: Rules, opened_at: datetime) -> None:
        self.spec, self.rules, self.opened_at = spec, rules, opened_at
        self.cash = spec.cash
        self.last_equity = spec.cash if spec.last_equity is None else spec.last_equity
        self.last_maintenance = _ZERO
        self.last_close: datetime | None = None
        self.configuration = Configuration(max_margin_multiplier=spec.multiplier)
        self.positions = {s: Lot(qty, avg, opened_at) for s, (qty, avg) in spec.shares.items()}
        self.orders: dict[str, Order] = {}
        self.by_client_id: dict[str, str] = {}
        self.live: dict[str, dict[str, Order]] = {}
        self.executions: list[Execution] = []
        self.transfers: list[Transfer] = []
        self.points: list[EquityPoint] = []
        self.account_id = self.mint("account")
        self._drawn = 0

    def mint(self, *parts: object) -> str:
        """A uuid that depends on the seed, this account and `parts` alone."""
        told = "|".join(str(part) for part in (self.rules.seed, self.spec.number, *parts))
        return str(uuid5(_NAMES, told))

    def draw(self) -> int:
        """1, 2, 3, ...: names what a client left unnamed."""
        self._drawn += 1
        return self._drawn

    def execution_id(self, order: Order, at: datetime) -> str:
        """Alpaca's form, time::uuid; the uuid starts with a counter, so that ids sort."""
        count = len(self.executions) + 1
        tail = self.mint("fill", order.id, count)[8:]
        return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{UUID(f'{count:08x}{tail}')}"

    def add(self, order: Order) -> None:
        self.orders[order.id] = order
        self.by_client_id[order.client_order_id] = order.id
        self.live.setdefault(order.symbol, {})[order.id] = order
        for leg in order.legs:
            self.add(leg)

    def drop(self, order: Order) -> None:
        """Take an ended order from the live ones."""
        of_symbol = self.live.get(order.symbol, {})
        of_symbol.pop(order.id, None)
        if not of_symbol:
            self.live.pop(order.symbol, None)

    def live_orders(self, symbol: str | None = None) -> Iterator[Order]:
        """Orders not ended, oldest first, legs too; those of one symbol if asked."""
        symbols = list(self.live) if symbol is None else [symbol]
        for name in symbols:
            yield from list(self.live.get(name, {}).values())

    def parent(self, order: Order) -> Order | None:
        return None if order.parent_id is None else self.orders[order.parent_id]

    def siblings(self, order: Order) -> list[Order]:
        """The live orders of which a fill of this one cancels or shrinks the quantity."""
        parent = self.parent(order)
        if parent is None:
            group = order.legs if order.order_class is OrderClass.OCO else []
        elif parent.order_class is OrderClass.OCO:
            group = [parent, *parent.legs]
        else:
            group = parent.legs
        return [other for other in group if other is not order and not other.ended]

    def asleep(self, order: Order) -> bool:
        """A leg whose entry is not yet filled completely."""
        parent = self.parent(order)
        if parent is None or parent.order_class is OrderClass.OCO:
            return False
        return parent.status != "filled"

    def reserves(self, order: Order) -> bool:
        """Whether the order keeps shares for itself: of target and stop only the target does.

        An order about to be replaced has handed its shares to the replacement.
        """
        if order.ended or order.status == "pending_replace" or self.asleep(order):
            return False
        shadowed = order.type in STOPS and order.parent_id is not None
        return not (shadowed and self.siblings(order))

    def held_for_orders(self, symbol: str) -> Decimal:
        """Shares of the position that open closing orders keep, never negative."""
        lot = self.positions.get(symbol)
        if lot is None:
            return _ZERO
        closing = Side.SELL if lot.qty > 0 else Side.BUY
        return sum(
            (
                order.remaining
                for order in self.live_orders(symbol)
                if order.side is closing and self.reserves(order)
            ),
            _ZERO,
        )

    def available(self, symbol: str) -> Decimal:
        """Shares of the position free for another closing order, never negative."""
        lot = self.positions.get(symbol)
        if lot is None:
            return _ZERO
        return max(abs(lot.qty) - self.held_for_orders(symbol), _ZERO)

    def book(self, symbol: str, side: Side, qty: Decimal, price: Decimal, at: datetime) -> None:
        """Move shares and cash for one execution, its fee included."""
        value = qty * price
        self.pay(-value if side is Side.BUY else value)
        if self.rules.fee_bps:
            self.pay(-value * self.rules.fee_bps / _BPS)
        self._move(symbol, qty if side is Side.BUY else -qty, price, at)

    def transfer(self, amount: Decimal, at: datetime) -> None:
        """Dollars paid in (negative: out), at that time; Alpaca's form of id, time::uuid."""
        self.pay(amount)
        count = len(self.transfers) + 1
        tail = self.mint("transfer", count)[8:]
        name = f"{new_york(at):%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"
        self.transfers.append(Transfer(f"{name}::{UUID(f'{count:08x}{tail}')}", amount, at))

    def pay(self, amount: Decimal) -> None:
        """Add to cash, in whole cents unless the rules keep every digit."""
        if self.rules.whole_cents:
            amount = amount.quantize(_CENT, ROUND_HALF_UP)
        self.cash += amount

    def _move(self, symbol: str, qty: Decimal, price: Decimal, at: datetime) -> None:
        lot = self.positions.get(symbol)
        if lot is None:
            self.positions[symbol] = Lot(qty, price, at)
            return
        after = lot.qty + qty
        if after == 0:
            del self.positions[symbol]
        elif (lot.qty > 0) != (after > 0):
            self.positions[symbol] = Lot(after, price, at)
        else:
            if abs(after) > abs(lot.qty):
                lot.avg = (lot.avg * lot.qty + price * qty) / after
            lot.qty = after
