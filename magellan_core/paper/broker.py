"""The matching core as an in-process Broker and MarketData: typed values, no JSON."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from magellan_core.market_hours import Session, new_york_date, sessions_between
from magellan_core.model import (
    Accepted,
    Account,
    Asset,
    Bar,
    BrokerOrder,
    Fill,
    OrderClass,
    OrderRequest,
    Outcome,
    Position,
    Quote,
    Refused,
    Timeframe,
    Unknown,
)
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.orders import Changes, Order, OrderForm
from magellan_core.paper.rules import Rejected
from magellan_core.risk.account import Transfer

_NOT_FOUND = 404


class CoreBroker:
    """One account of the exchange, as the engine sees a broker. Never raises Unavailable."""

    def __init__(self, exchange: Exchange, number: str) -> None:
        self._exchange, self._number = exchange, number

    def account(self) -> Account:
        state = self._exchange.account(self._number)
        return Account(
            number=state.number,
            status="ACTIVE",
            cash=state.cash,
            equity=state.equity,
            last_equity=state.last_equity,
            buying_power=state.buying_power,
            multiplier=Decimal(state.multiplier),
            trading_blocked=state.trade_suspended,
            as_of=new_york_date(state.balance_asof),
        )

    def positions(self) -> Sequence[Position]:
        return [
            Position(held.symbol, held.qty, held.avg_entry_price, held.current_price)
            for held in self._exchange.positions(self._number)
        ]

    def open_orders(self) -> Sequence[BrokerOrder]:
        return [_told(order) for order in self._exchange.open_groups(self._number)]

    def order(self, order_id: str) -> BrokerOrder | None:
        try:
            return _told(self._exchange.order(self._number, order_id))
        except Rejected as refusal:
            _require_absent(refusal)
            return None

    def find(self, client_order_id: str) -> BrokerOrder | None:
        try:
            return _told(self._exchange.order_by_client_id(self._number, client_order_id))
        except Rejected as refusal:
            _require_absent(refusal)
            return None

    def fills(self, after: str | None) -> Sequence[Fill]:
        return [
            Fill(done.id, done.order_id, done.symbol, done.side, done.qty, done.price, done.at)
            for done in self._exchange.fills(self._number, after)
        ]

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        return self._exchange.transfers(self._number, after)

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:
        points = self._exchange.equity_history(self._number)
        told = {new_york_date(point.at): point.equity for point in points}
        return {day: equity for day, equity in told.items() if first <= day <= last}

    def submit(self, request: OrderRequest) -> Outcome:
        oco = request.order_class is OrderClass.OCO
        form = OrderForm(
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            qty=Decimal(request.qty),
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            client_order_id=request.client_order_id,
            order_class=request.order_class,
            take_profit=request.take_profit or (request.limit_price if oco else None),
            stop_loss=request.stop_loss,
        )
        try:
            return Accepted(_told(self._exchange.submit(self._number, form)))
        except Rejected as refusal:
            return _refused(refusal)

    def replace_stop(self, order_id: str, client_order_id: str, stop: Decimal) -> Outcome:
        changes = Changes(stop_price=stop, client_order_id=client_order_id)
        try:
            return Accepted(_told(self._exchange.replace(self._number, order_id, changes)))
        except Rejected as refusal:
            return _refused(refusal)

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        try:
            self._exchange.cancel(self._number, order_id)
        except Rejected as refusal:
            return _refused(refusal)
        return None

    def asset(self, symbol: str) -> Asset | None:
        try:
            listed = self._exchange.asset(symbol)
        except Rejected as refusal:
            _require_absent(refusal)
            return None
        return Asset(listed.symbol, listed.tradable, listed.status)

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        return sessions_between(first, last)


class CoreData:
    """The exchange's market as the engine sees market data, as of the exchange's now."""

    def __init__(self, exchange: Exchange, number: str) -> None:
        self._exchange, self._number = exchange, number

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        now, tape = self._exchange.now, self._exchange.tape
        told: dict[str, Sequence[Bar]] = {}
        for symbol in symbols:
            found = tape.bars(
                symbol, timeframe, start, end, as_of=now, split_adjusted=split_adjusted
            )
            while found and found[-1].end > end:
                found.pop()
            if found:
                told[symbol] = found
        return told

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        quotes = {symbol: self._exchange.quote(self._number, symbol) for symbol in symbols}
        return {symbol: quote for symbol, quote in quotes.items() if quote is not None}


def _told(order: Order) -> BrokerOrder:
    return BrokerOrder(
        id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type.value,
        order_class=order.order_class.value,
        status=order.status,
        qty=Decimal(0) if order.qty is None else order.qty,
        filled_qty=order.filled_qty,
        filled_avg_price=order.filled_avg_price,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        submitted_at=order.submitted_at,
        updated_at=order.updated_at,
        replaces=order.replaces,
        replaced_by=order.replaced_by,
        time_in_force=order.time_in_force.value,
        legs=tuple(_told(leg) for leg in order.legs),
    )


def _refused(refusal: Rejected) -> Refused:
    return Refused(refusal.status, refusal.code, refusal.message)


def _require_absent(refusal: Rejected) -> None:
    """Raise the refusal again unless it says "not found": anything else is a bug."""
    if refusal.status != _NOT_FOUND:
        raise refusal
