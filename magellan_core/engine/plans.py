"""The orders that an entry becomes."""

from datetime import datetime

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
