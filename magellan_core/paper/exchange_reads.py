"""The reads of the paper exchange: accounts, positions, orders, prices, as of now."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from magellan_core.model import Quote
from magellan_core.paper import reads
from magellan_core.paper.accounts import (
    AccountSpec,
    AccountState,
    Configuration,
    EquityPoint,
    PositionState,
)
from magellan_core.paper.admission import Mark
from magellan_core.paper.ledger import Ledger
from magellan_core.paper.lifecycle import Desk
from magellan_core.paper.market import Market
from magellan_core.paper.orders import Execution, Order
from magellan_core.paper.prices import bid_and_ask
from magellan_core.paper.rules import ABSENT, AssetState, Rejected, Rules
from magellan_core.paper.tape import Tape
from magellan_core.paper.timeline import Timeline
from magellan_core.risk.account import Transfer


class ExchangeReads:
    """What can be asked. Answers are copies. A wrong account number is a KeyError."""

    def __init__(
        self,
        market: Market,
        accounts: Sequence[AccountSpec],
        *,
        start: datetime,
        rules: Rules | None = None,
    ) -> None:
        self.market, self.accounts, self.rules = market, tuple(accounts), rules or Rules()
        self._desks = {spec.number: Desk(Ledger(spec, self.rules, start)) for spec in self.accounts}
        self._time = Timeline(market, self._desks, start, self.rules)
        self._assets: dict[str, AssetState] = {}
        self.tape = Tape(market)
        """What is told of the market's bars."""

    @property
    def now(self) -> datetime:
        return self._time.now

    def account(self, number: str) -> AccountState:
        ledger = self._desks[number].ledger
        return reads.account_state(ledger, self._mark(ledger))

    def configuration(self, number: str) -> Configuration:
        return self._desks[number].ledger.configuration

    def positions(self, number: str) -> list[PositionState]:
        return [self.position(number, s) for s in sorted(self._desks[number].ledger.positions)]

    def position(self, number: str, symbol: str) -> PositionState:
        """Raise Rejected 404 "position does not exist"."""
        ledger = self._desks[number].ledger
        if symbol not in ledger.positions:
            raise Rejected(404, ABSENT, "position does not exist")
        lastday = None
        if ledger.last_close is not None:
            lastday = self.market.last_price(
                symbol, ledger.spec.timeframe, ledger.last_close, as_of=self.now
            )
        return reads.position_state(ledger, symbol, self._time.mark(ledger, symbol), lastday)

    def orders(
        self,
        number: str,
        status: str = "open",
        *,
        after: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        direction: str = "desc",
        nested: bool = False,
        symbols: Collection[str] | None = None,
    ) -> list[Order]:
        """Orders "open", "closed" or "all" by submission time; both ends exclusive, 500 at most."""
        return reads.list_orders(
            self._desks[number].ledger,
            status,
            after=after,
            until=until,
            limit=limit,
            direction=direction,
            nested=nested,
            symbols=symbols,
        )

    def open_groups(self, number: str) -> list[Order]:
        """Top-level orders that may still fill, or whose legs may, legs nested, oldest first."""
        return reads.open_groups(self._desks[number].ledger)

    def order(self, number: str, order_id: str) -> Order:
        """One order, legs nested. Raise Rejected 404."""
        return self._order(self._desks[number].ledger, order_id).snapshot()

    def order_by_client_id(self, number: str, client_order_id: str) -> Order:
        """The latest order of that name, legs nested. Raise Rejected 404."""
        ledger = self._desks[number].ledger
        if client_order_id not in ledger.by_client_id:
            raise Rejected(404, ABSENT, f"order not found for {client_order_id}")
        return ledger.orders[ledger.by_client_id[client_order_id]].snapshot()

    def fills(self, number: str, after_id: str | None = None) -> list[Execution]:
        """Executions after that id (None: all), oldest first."""
        return reads.fills_after(self._desks[number].ledger.executions, after_id)

    def transfers(self, number: str, after_id: str | None = None) -> list[Transfer]:
        """Deposits and withdrawals after that id (None: all), oldest first."""
        told = self._desks[number].ledger.transfers
        return [each for each in told if after_id is None or each.id > after_id]

    def last_price(self, number: str, symbol: str) -> Decimal | None:
        """Last price for that account's timeframe, dollars; None before the first bar."""
        return self._time.mark(self._desks[number].ledger, symbol)

    def quote(self, number: str, symbol: str) -> Quote | None:
        """Last price -/+ half the spread; as of now, or of the halt. None without a price."""
        last = self.last_price(number, symbol)
        if last is None:
            return None
        bid, ask = bid_and_ask(last, self.rules)
        at, _ = self._time.halted.get(symbol, (self.now, False))
        size = self.rules.quote_size
        return Quote(symbol, at, bid, ask, size, size)

    def equity_history(self, number: str) -> list[EquityPoint]:
        """Equity at the start, at every session's close, and now."""
        ledger = self._desks[number].ledger
        latest = EquityPoint(self.now, reads.equity(ledger, self._mark(ledger)))
        if ledger.points[-1].at == self.now:
            return [*ledger.points[:-1], latest]
        return [*ledger.points, latest]

    def asset(self, symbol: str) -> AssetState:
        """Raise Rejected 404."""
        asset = self._listed(symbol)
        if asset is None:
            raise Rejected(404, ABSENT, f"asset not found for {symbol}")
        return asset

    def _mark(self, ledger: Ledger) -> Mark:
        return lambda symbol: self._time.mark(ledger, symbol)

    def _order(self, ledger: Ledger, order_id: str) -> Order:
        if order_id not in ledger.orders:
            raise Rejected(404, ABSENT, f"order not found for {order_id}")
        return ledger.orders[order_id]

    def _listed(self, symbol: str) -> AssetState | None:
        if symbol in self._assets:
            return self._assets[symbol]
        if not self.market.knows(symbol):
            return None
        trades = symbol in self.market.symbols
        return AssetState(symbol, tradable=trades, status="active" if trades else "inactive")
