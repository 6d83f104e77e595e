"""Makes orders, with their legs and repeatable ids, out of forms and replacements."""

from dataclasses import replace
from datetime import datetime, timedelta

from magellan_core.market_hours import Session, new_york_date, next_session, session_on
from magellan_core.model import OrderClass, OrderType, Side, TimeInForce
from magellan_core.paper.ledger import Ledger
from magellan_core.paper.matching import set_trail
from magellan_core.paper.orders import Changes, Order, OrderForm

_OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


def open_session(now: datetime) -> Session | None:
    """The regular session that is on at that instant."""
    session = session_on(new_york_date(now))
    return session if session is not None and session.open <= now < session.close else None


def coming_session(now: datetime) -> Session:
    """The session that is on, or the next to open."""
    day = new_york_date(now)
    session = session_on(day)
    return session if session is not None and now < session.close else next_session(day)


def make_order(ledger: Ledger, form: OrderForm, now: datetime) -> Order:
    """The order of a checked form: pending while the market is open, else accepted."""
    name = form.client_order_id or ledger.mint("unnamed", ledger.draw())
    order = Order(
        id=_new_id(ledger, name),
        client_order_id=name,
        symbol=form.symbol,
        side=form.side,
        type=form.type,
        time_in_force=form.time_in_force,
        order_class=form.order_class,
        qty=form.qty,
        notional=form.notional,
        limit_price=form.limit_price,
        stop_price=form.stop_price,
        trail_price=form.trail_price,
        trail_percent=form.trail_percent,
        extended_hours=form.extended_hours,
        position_intent=form.position_intent,
        status="pending_new" if open_session(now) else "accepted",
        created_at=now,
        submitted_at=now,
        updated_at=now,
        expires_at=_expiry(ledger, form.time_in_force, now),
    )
    if form.order_class is OrderClass.OCO:
        order.limit_price = form.limit_price or form.take_profit
        order.legs = [_stop_leg(ledger, order, form, order.side)]
    elif form.order_class is not OrderClass.SIMPLE:
        exit_side = _OPPOSITE[form.side]
        if form.take_profit is not None:
            leg = _leg(ledger, order, exit_side, OrderType.LIMIT)
            order.legs.append(replace(leg, limit_price=form.take_profit))
        if form.stop_loss is not None:
            order.legs.append(_stop_leg(ledger, order, form, exit_side))
    return order


def make_replacement(ledger: Ledger, old: Order, changes: Changes, now: datetime) -> Order:
    """The order that takes over from `old`, for the shares that `old` has not filled."""
    name = changes.client_order_id or ledger.mint("unnamed", ledger.draw())
    wanted = old.qty if changes.qty is None else changes.qty
    time_in_force = changes.time_in_force or old.time_in_force
    new = replace(
        old,
        id=_new_id(ledger, name),
        client_order_id=name,
        qty=None if wanted is None else wanted - old.filled_qty,
        time_in_force=time_in_force,
        limit_price=changes.limit_price or old.limit_price,
        stop_price=changes.stop_price or old.stop_price,
        status="pending_new",
        created_at=now,
        submitted_at=now,
        updated_at=now,
        expires_at=_expiry(ledger, time_in_force, now),
        replaces=old.id,
        replaced_by=None,
        filled_qty=old.filled_qty * 0,
        filled_value=old.filled_value * 0,
        legs=[],
    )
    if changes.trail is not None:
        if old.trail_price is not None:
            new.trail_price = changes.trail
        else:
            new.trail_percent = changes.trail
        if new.hwm is not None:
            set_trail(new, new.hwm)
    return new


def _new_id(ledger: Ledger, name: str) -> str:
    """An id from the client's name; a name used again (if the rules let it) gets another."""
    used = len(ledger.orders) if name in ledger.by_client_id else 0
    return ledger.mint("order", name, used)


def _expiry(ledger: Ledger, time_in_force: TimeInForce, now: datetime) -> datetime:
    if time_in_force is TimeInForce.GTC:
        return now + timedelta(days=ledger.rules.gtc_days)
    return coming_session(now).close


def _leg(ledger: Ledger, parent: Order, side: Side, kind: OrderType) -> Order:
    return replace(
        parent,
        id=ledger.mint("leg", parent.id, kind),
        client_order_id=ledger.mint("leg name", parent.id, kind),
        side=side,
        type=kind,
        limit_price=None,
        stop_price=None,
        position_intent=None,
        status="held",
        parent_id=parent.id,
        legs=[],
    )


def _stop_leg(ledger: Ledger, parent: Order, form: OrderForm, side: Side) -> Order:
    kind = OrderType.STOP if form.stop_loss_limit is None else OrderType.STOP_LIMIT
    leg = _leg(ledger, parent, side, kind)
    return replace(leg, stop_price=form.stop_loss, limit_price=form.stop_loss_limit)
