"""The orders that an entry becomes, and how many shares they may have."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from magellan_core.engine.desk import Plan
from magellan_core.model import Enter, OrderClass, OrderRequest, Side, TimeInForce, Tranche
from magellan_core.order_states import client_order_id
from magellan_core.records import Role


def plans_of(strategy: str, intent: Enter, qty: int, decision: str, at: datetime) -> list[Plan]:
    """An entry's orders: one for dollars, or one with its exits for each tranche."""
    if not intent.tranches:
        request = OrderRequest(
            client_order_id=client_order_id(strategy, intent.symbol, at, "entry", 1),
            symbol=intent.symbol,
            side=Side.BUY,
            qty=qty,
        )
        return [Plan(request, Role.ENTRY, decision, intent.reason)]
    return [
        Plan(
            bracket(
                intent.symbol,
                tranche,
                client_order_id(strategy, intent.symbol, at, f"t{index}", 1),
            ),
            Role.ENTRY,
            decision,
            intent.reason,
            tranche=index,
            support=intent.support,
        )
        for index, tranche in enumerate(intent.tranches, start=1)
    ]


def at_stops(tranches: Sequence[Tranche], price: Decimal) -> Decimal:
    """Dollars that tranches bought at `price` lose at their stops."""
    return sum((t.qty * (price - t.stop) for t in tranches), Decimal(0))


def within(tranches: tuple[Tranche, ...], price: Decimal, allowed: Decimal) -> tuple[Tranche, ...]:
    """The tranches with as many shares as lose at most `allowed` dollars from `price`.

    Each is cut by the same share and rounded down; one without a share left falls away.
    """
    loss = at_stops(tranches, price)
    if loss <= allowed:
        return tranches
    part = Fraction(max(allowed, Decimal(0))) / Fraction(loss)
    cut = (replace(t, qty=int(t.qty * part)) for t in tranches)
    return tuple(t for t in cut if t.qty)


def bracket(symbol: str, tranche: Tranche, key: str) -> OrderRequest:
    """A market buy with its exits attached, so that they rest at the broker from the fill on."""
    return OrderRequest(
        client_order_id=key,
        symbol=symbol,
        side=Side.BUY,
        qty=tranche.qty,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.OTO if tranche.take_profit is None else OrderClass.BRACKET,
        take_profit=tranche.take_profit,
        stop_loss=tranche.stop,
    )
