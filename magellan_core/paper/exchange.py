"""The paper exchange's matching core: accounts, orders and time, without any wire.

LAW: a write answers and is remembered; what it causes happens while time advances (`step`), never
inside the call. Halts, transfers and settings are the operator's and act at once. Reads hand out
copies. Same market, accounts, rules and calls: same ids, fills and updates.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper import reads
from magellan_core.paper.accounts import Configuration
from magellan_core.paper.admission import (
    check_asset,
    check_available,
    check_buying_power,
    check_legs,
    check_unique,
    check_wash_trade,
    check_window,
    entry_cost,
    opening_qty,
)
from magellan_core.paper.exchange_reads import ExchangeReads
from magellan_core.paper.forging import make_order, make_replacement
from magellan_core.paper.ledger import Ledger
from magellan_core.paper.lifecycle import Desk
from magellan_core.paper.orders import Changes, Order, OrderForm, Update
from magellan_core.paper.prices import bid_and_ask
from magellan_core.paper.rules import AssetState, Rejected
from magellan_core.paper.timeline import Request
from magellan_core.paper.validation import check_changes, check_form, unprocessable

_REPLACEABLE = frozenset({"new", "partially_filled", "held"})
_LEAVING = frozenset({"pending_cancel", "canceled"})


class Exchange(ExchangeReads):
    """One exchange with its accounts: the writes, and time."""

    def submit(self, number: str, form: OrderForm, *, ignore_held: bool = False) -> Order:
        """Take an order, pending until time moves. Raise Rejected with Alpaca's status and code.

        `ignore_held`: shares kept by other closing orders count as free, for a closing order sent
        behind the cancels of those.
        """
        desk = self._desks[number]
        ledger, mark = desk.ledger, self._mark(desk.ledger)
        if ledger.configuration.suspend_trade:
            message = "new orders are rejected by user request"
            raise Rejected(403, self.rules.suspended_code, message)
        check_form(form, self.rules)
        asset = self._listed(form.symbol)
        if asset is None:
            raise unprocessable(f'asset "{form.symbol}" not found')
        check_asset(asset, form)
        check_unique(ledger, form.client_order_id)
        check_window(form, self.now, self.rules)
        last = mark(form.symbol)
        if last is None:
            raise unprocessable(f'asset "{form.symbol}" is not tradable: it has no price yet')
        check_legs(form, last, self.rules)
        qty = form.qty if form.qty is not None else (form.notional or Decimal(0)) / last
        if not ignore_held:
            check_wash_trade(ledger, form)
        check_available(ledger, form, asset, qty, ignore_held=ignore_held)
        self._check_cost(ledger, form, qty, last)
        order = make_order(ledger, form, self.now)
        ledger.add(order)
        self._time.requests.append(Request("new", desk, order))
        return order.snapshot()

    def cancel(self, number: str, order_id: str) -> None:
        """Ask to cancel an order and its group; again is no fault. Raise Rejected 404 or 422."""
        desk = self._desks[number]
        self._ask_cancel(desk, self._order(desk.ledger, order_id))

    def cancel_all(self, number: str) -> list[tuple[str, int]]:
        """Ask to cancel every open order; ids with an HTTP status each."""
        return [(order_id, 200) for order_id in self._cancel_open(self._desks[number])]

    def replace(self, number: str, order_id: str, changes: Changes) -> Order:
        """Take a replacement, which is a new order with its own id. Raise Rejected 404 or 422."""
        desk = self._desks[number]
        ledger = desk.ledger
        old = self._order(ledger, order_id)
        if old.status not in _REPLACEABLE:
            raise unprocessable(f'order is not replaceable in state "{old.status}"')
        check_changes(changes, old, self.rules)
        check_unique(ledger, changes.client_order_id)
        new = make_replacement(ledger, old, changes, self.now)
        self._check_growth(ledger, old, new)
        status, old.status, old.replaced_by = old.status, "pending_replace", new.id
        ledger.add(new)
        self._time.requests.append(Request("replace", desk, new, old, status))
        return new.snapshot()

    def close_position(self, number: str, symbol: str, qty: Decimal | None = None) -> Order:
        """Send the market order that closes the position, or `qty` shares. Raise Rejected."""
        held = self.position(number, symbol).qty
        return self.submit(number, _closing(symbol, held, qty))

    def close_all(self, number: str, *, cancel_orders: bool) -> list[tuple[str, Order | Rejected]]:
        """Close every position, cancelling its orders first if asked; symbol and answer each."""
        answers: list[tuple[str, Order | Rejected]] = []
        desk = self._desks[number]
        if cancel_orders:
            self._cancel_open(desk)
        for symbol, lot in sorted(desk.ledger.positions.items()):
            form = _closing(symbol, lot.qty, None)
            try:
                answers.append((symbol, self.submit(number, form, ignore_held=cancel_orders)))
            except Rejected as refusal:
                answers.append((symbol, refusal))
        return answers

    # The operator's hand: at once.

    def configure(self, number: str, **changes: bool | int | str | None) -> Configuration:
        """Change account settings; None leaves one as it is. Raise TypeError for unknown names."""
        ledger = self._desks[number].ledger
        told: dict[str, Any] = {k: value for k, value in changes.items() if value is not None}
        ledger.configuration = replace(ledger.configuration, **told)
        return ledger.configuration

    def halt(self, symbol: str) -> None:
        """Stop trading in a symbol: nothing fills, its last price stands still."""
        self._time.halt(symbol)

    def resume(self, symbol: str) -> None:
        """Let a halted symbol trade again, from the next bar on."""
        self._time.halted.pop(symbol, None)

    def end_order(self, number: str, order_id: str, status: str) -> None:
        """End one order as a venue may: "canceled", "expired" or "rejected", its group unharmed.

        Raise Rejected 404.
        """
        desk = self._desks[number]
        desk.end_alone(self._order(desk.ledger, order_id), status, self.now)

    def transfer(self, number: str, amount: Decimal) -> None:
        """Pay dollars into the account, or out of it."""
        self._desks[number].ledger.transfer(amount, self.now)

    def set_asset(self, symbol: str, **changes: bool | str) -> AssetState:
        """List a symbol otherwise, e.g. tradable=False. Raise TypeError for unknown names."""
        told: dict[str, Any] = changes
        self._assets[symbol] = replace(self.asset(symbol), **told)
        return self._assets[symbol]

    def next_event(self) -> datetime | None:
        """The next instant at which anything is due; None once the market's bars are over."""
        return self._time.next_event()

    def step(self, limit: datetime, wake: Collection[str] = ()) -> list[Update]:
        """Move to `limit`, or stop where an account in `wake` is woken: see `Timeline.step`."""
        return self._time.step(limit, wake)

    def _ask_cancel(self, desk: Desk, order: Order) -> None:
        if order.status in _LEAVING:
            return
        if order.ended or order.status == "pending_replace":
            raise unprocessable(f'order is already in "{order.status}" state')
        order.status = "pending_cancel"
        self._time.requests.append(Request("cancel", desk, order))

    def _cancel_open(self, desk: Desk) -> list[str]:
        asked = [
            order
            for order in desk.ledger.live_orders()
            if order.status not in ("held", "pending_replace")
        ]
        for order in asked:
            self._ask_cancel(desk, order)
        return [order.id for order in asked]

    def _check_cost(self, ledger: Ledger, form: OrderForm, qty: Decimal, last: Decimal) -> None:
        """Raise Rejected if the part that opens costs more than the buying power."""
        opening = opening_qty(ledger, form.side, form.symbol, qty)
        if opening:
            _, ask = bid_and_ask(last, self.rules)
            power = reads.buying_power(ledger, self._mark(ledger))
            check_buying_power(entry_cost(form, opening, ask), power)

    def _check_growth(self, ledger: Ledger, old: Order, new: Order) -> None:
        """Raise Rejected if the replacement wants more dollars or shares than there are."""
        last = self._time.mark(ledger, old.symbol)
        if last is None or old.parent_id is not None:
            return
        before, after = _as_form(old), _as_form(new)
        more = new.remaining - old.remaining
        if opening_qty(ledger, new.side, new.symbol, Decimal(1)):
            _, ask = bid_and_ask(last, self.rules)
            cost = entry_cost(after, new.remaining, ask) - entry_cost(before, old.remaining, ask)
            check_buying_power(cost, reads.buying_power(ledger, self._mark(ledger)))
        elif more > 0:
            check_available(ledger, after, self.asset(new.symbol), more, ignore_held=False)
        check_wash_trade(ledger, after)


def _as_form(order: Order) -> OrderForm:
    return OrderForm(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        qty=order.remaining,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        order_class=order.order_class,
    )


def _closing(symbol: str, held: Decimal, qty: Decimal | None) -> OrderForm:
    return OrderForm(
        symbol=symbol,
        side=Side.SELL if held > 0 else Side.BUY,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        qty=abs(held) if qty is None else qty,
        order_class=OrderClass.SIMPLE,
    )
