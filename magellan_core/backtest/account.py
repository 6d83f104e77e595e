"""The account of one symbol in a per-symbol backtest: cash, the lot held, and its trades.

LAW: pure Decimal bookkeeping, dollars. Costs are a fraction of notional, paid at each fill.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from magellan_core.backtest.result import Leg, Trade
from magellan_core.model import Enter, Holding, OpenTranche

_NOTHING = Decimal(0)


@dataclass(slots=True)
class Part:
    """Shares of one tranche still held; `target` None: the runner."""

    index: int
    qty: int
    stop: Decimal
    target: Decimal | None


@dataclass(slots=True)
class Lot:
    """What is held since one entry. `hits` counts the targets reached."""

    intent: Enter
    signal_time: datetime
    entry_time: datetime
    entry_at: str
    filled_at: datetime
    price: Decimal
    bought: int
    qty: int
    parts: list[Part]
    legs: list[Leg]
    hits: int = 0
    cost: Decimal = _NOTHING


class SymbolAccount:
    """All-in and compounding: what a trade leaves is what the next one starts from."""

    def __init__(self, symbol: str, capital: Decimal, cost: Decimal) -> None:
        self.symbol, self.cost = symbol, cost
        self.cash = capital
        self.lot: Lot | None = None
        self.trades: list[Trade] = []
        self.costs = _NOTHING
        self.last_exit: datetime | None = None
        self.day_start, self.realised_today, self.entries_today = capital, _NOTHING, 0

    def new_day(self, last: Decimal | None) -> None:
        """A day begins: what is counted a day starts anew. `last` marks what is held."""
        held = _NOTHING if self.lot is None or last is None else self.lot.qty * last
        self.day_start = self.cash + held
        self.realised_today, self.entries_today = _NOTHING, 0

    def affordable(self, price: Decimal) -> int:
        """Whole shares that all the cash buys at that price, cost included."""
        return int(self.cash / (price * (1 + self.cost)))

    def enter(
        self,
        intent: Enter,
        price: Decimal,
        signal: datetime,
        at: datetime,
        where: str,
        filled_at: datetime,
    ) -> bool:
        """Buy the tranches' shares, else all that the cash buys. False: not one share."""
        parts = [
            Part(index, tranche.qty, tranche.stop, tranche.take_profit)
            for index, tranche in enumerate(intent.tranches, start=1)
        ]
        qty = sum(part.qty for part in parts) if parts else self.affordable(price)
        if qty < 1:
            return False
        paid = qty * price * self.cost
        self.cash -= qty * price + paid
        self.costs += paid
        self.entries_today += 1
        self.lot = Lot(intent, signal, at, where, filled_at, price, qty, qty, parts, [], cost=paid)
        return True

    def sell(self, lot: Lot, qty: int, price: Decimal, at: datetime, where: str, why: str) -> None:
        """Sell shares of the lot; the last of them close the trade."""
        paid = qty * price * self.cost
        entry_cost = qty * lot.price * self.cost
        pnl = qty * (price - lot.price) - paid - entry_cost
        self.cash += qty * price - paid
        self.costs += paid
        self.realised_today += pnl
        lot.cost += paid
        lot.qty -= qty
        lot.legs.append(Leg(at, where, qty, price, why, pnl))
        if lot.qty == 0:
            self.lot, self.last_exit = None, at
            self.trades.append(self._trade(lot))

    def sell_all(self, lot: Lot, price: Decimal, at: datetime, where: str, why: str) -> None:
        self.sell(lot, lot.qty, price, at, where, why)

    def _trade(self, lot: Lot) -> Trade:
        last = lot.legs[-1]
        tranches = lot.intent.tranches
        targets = [t.take_profit for t in tranches if t.take_profit is not None]
        return Trade(
            symbol=self.symbol,
            signal_time=lot.signal_time,
            entry_time=lot.entry_time,
            entry_at=lot.entry_at,
            entry_price=lot.price,
            qty=lot.bought,
            exit_time=last.time,
            exit_at=last.at,
            exit_price=last.price,
            exit_reason=last.reason,
            legs=tuple(lot.legs),
            pnl=sum((leg.pnl for leg in lot.legs), _NOTHING),
            cost=lot.cost,
            stop=tranches[0].stop if tranches else None,
            target=max(targets, default=None),
        )

    def holding(self) -> Holding | None:
        """The lot as strategies see it."""
        lot = self.lot
        if lot is None:
            return None
        return Holding(
            symbol=self.symbol,
            qty=lot.qty,
            avg_price=lot.price,
            entered_at=lot.filled_at,
            support=lot.intent.support,
            tranches=tuple(OpenTranche(p.index, p.qty, p.stop, p.target) for p in lot.parts),
            targets_hit=lot.hits,
        )
