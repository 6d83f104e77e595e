"""A past day's broker, market data and statuses: they answer what the journal says they answered.

What was known when is the journal's order: a tick's lines carry the tick's instant. Not journaled,
hence assumed: every symbol with a bar could be traded, and the broker kept our calendar.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.engine.told_halts import status_of
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, bar_of, instant
from magellan_core.market_hours import Session, sessions_between
from magellan_core.model import (
    Accepted,
    Account,
    Asset,
    Bar,
    BrokerOrder,
    Fill,
    OrderRequest,
    Outcome,
    Position,
    Quote,
    Refused,
    Side,
    Timeframe,
    Unknown,
)
from magellan_core.ports import Told
from magellan_core.records import OrderRecord
from magellan_core.risk.account import Transfer

_ENOUGH = Decimal(10) ** 12


class Recorded:
    """ports.Broker, MarketData and BarNews of one account; `advance` moves what is known.

    `history` holds bars from before the journal's first, oldest first per symbol.
    """

    def __init__(self, before: Iterable[Event], history: Mapping[str, Sequence[Bar]]) -> None:
        self.truth = Book()
        self.now = datetime.min.replace(tzinfo=UTC)
        self._bars: dict[str, list[Bar]] = {s: list(rows) for s, rows in history.items()}
        self._fills: list[Fill] = []
        self._tick: Sequence[Event] = ()
        self._unsent: set[str] = set()
        self._equity = self._last_equity = Decimal(0)
        self._power = _ENOUGH
        for event in before:
            self._take(event)

    def advance(self, now: datetime, tick: Sequence[Event]) -> None:
        """It is `now`, and this is all that the journal says of the tick."""
        self.now, self._tick = now, tick
        self._unsent = {str(e.data["order"]) for e in tick if e.kind == Line.PLANNED}
        for event in tick:
            self._take(event)

    def _take(self, event: Event) -> None:
        apply(self.truth, event)
        data, symbol = event.data, event.symbol or ""
        if event.kind == Line.BAR:
            self._take_bar(bar_of(event))
        elif event.kind == Line.FILL:
            self._fills.append(fill_of(symbol, data))
        elif event.kind == Line.HIGH:
            self._equity = Decimal(str(data["equity"]))
        elif event.kind == Line.DAY:
            self._last_equity = self._equity = Decimal(str(data["day_start"]))
        elif event.kind == Line.DECISION and data.get("equity") is not None:
            self._equity = Decimal(str(data["equity"]))
            self._power = Decimal(str(data["buying_power"]))

    def _take_bar(self, bar: Bar) -> None:
        rows = self._bars.setdefault(bar.symbol, [])
        if not rows or bar.end > rows[-1].end:
            rows.append(bar)

    # -- ports.MarketData --------------------------------------------------------------------

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,  # noqa: ARG002 - a journal has one
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,  # noqa: ARG002 - journaled as decided on
    ) -> Mapping[str, Sequence[Bar]]:
        found = {
            symbol: [b for b in self._bars.get(symbol, ()) if b.start >= start and b.end <= end]
            for symbol in symbols
        }
        return {symbol: rows for symbol, rows in found.items() if rows}

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        told: dict[str, Quote] = {}
        for event in self._tick:
            quote = event.data.get("quote")
            symbol = event.symbol or ""
            if symbol in symbols and isinstance(quote, Mapping):
                told[symbol] = Quote(
                    symbol,
                    instant(quote["at"]),
                    Decimal(str(quote["bid"])),
                    Decimal(str(quote["ask"])),
                    int(quote["bid_size"]),
                    int(quote["ask_size"]),
                )
        return told

    # -- ports.BarNews -----------------------------------------------------------------------

    def told(self) -> Sequence[Told]:
        """Halts keep entries back; bars and quotes that were told decided nothing."""
        statuses = (status_of(event) for event in self._tick)
        return [status for status in statuses if status is not None]

    def follow(self, symbols: Sequence[str]) -> None:
        """It tells what was told."""

    def watch(self, symbols: Sequence[str]) -> None:
        """It tells what was told."""

    # -- ports.Broker ------------------------------------------------------------------------

    def account(self) -> Account:
        book = self.truth
        cash = self._equity
        if book.cash_base is not None:
            cash = book.cash_base + book.cash_flow + book.paid_in
        return Account(
            number="recorded",
            status="ACTIVE",
            cash=cash,
            equity=self._equity,
            last_equity=self._last_equity,
            buying_power=self._power,
            multiplier=Decimal(1),
            trading_blocked=False,
        )

    def positions(self) -> Sequence[Position]:
        return [
            Position(held.symbol, held.qty, held.avg_price, None)
            for held in self.truth.positions.values()
            if held.qty > 0
        ]

    def open_orders(self) -> Sequence[BrokerOrder]:
        return [
            self._told(record)
            for record in self.truth.live.values()
            if record.parent is None and self._sent(record)
        ]

    def order(self, order_id: str) -> BrokerOrder | None:
        record = self.truth.lookup(order_id)
        return None if record is None else self._told(record)

    def find(self, client_order_id: str) -> BrokerOrder | None:
        record = self.truth.orders.get(client_order_id)
        return self._told(record) if record is not None and self._sent(record) else None

    def fills(self, after: str | None) -> Sequence[Fill]:
        ids = [fill.id for fill in self._fills]
        return self._fills[ids.index(after) + 1 :] if after in ids else self._fills[:]

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        known = [transfer.id for transfer in self.truth.transfers]
        start = known.index(after) + 1 if after in known else 0
        return self.truth.transfers[start:]

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:  # noqa: ARG002
        return {}  # days are facts of the journal here: they are not asked for

    def submit(self, request: OrderRequest) -> Outcome:
        return self._answer(request.client_order_id)

    def replace_stop(
        self,
        order_id: str,  # noqa: ARG002 - the answer is under our id
        client_order_id: str,
        stop: Decimal,  # noqa: ARG002
    ) -> Outcome:
        return self._answer(client_order_id)

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        record = self.truth.lookup(order_id)
        for event in self._tick:
            if (
                record is not None
                and event.kind == Line.OUTCOME
                and event.data["order"] == record.key
                and event.data["what"] == "cancel_failed"
            ):
                return Unknown(str(event.data["message"]))
        return None

    def asset(self, symbol: str) -> Asset | None:
        return Asset(symbol, True, "active") if self._bars.get(symbol) else None

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        return sessions_between(first, last)

    def _answer(self, key: str) -> Outcome:
        self._unsent.discard(key)
        for event in self._tick:
            if event.kind == Line.OUTCOME and event.data["order"] == key:
                what, message = str(event.data["what"]), str(event.data["message"])
                if what == "accepted":
                    return Accepted(self._told(self.truth.orders[key]))
                if what == "refused":
                    return Refused(0, None, message)
                return Unknown(message)
        return Unknown("the journal knows of no such order at this instant")

    def _sent(self, record: OrderRecord) -> bool:
        return record.broker_id is not None and record.key not in self._unsent

    def _told(self, record: OrderRecord) -> BrokerOrder:
        children = (o for o in self.truth.orders.values() if o.parent == record.key)
        request = record.request
        return BrokerOrder(
            id=record.broker_id or "",
            client_order_id=record.key,
            symbol=record.symbol,
            side=record.side,
            type="market" if request is None else request.type.value,
            order_class="simple" if request is None else request.order_class.value,
            status=record.word,
            qty=Decimal(record.qty),
            filled_qty=record.seen_filled,
            filled_avg_price=None,
            limit_price=record.limit,
            stop_price=record.stop,
            submitted_at=record.planned_at,
            updated_at=self.now,
            replaces=record.replaces,
            legs=tuple(self._told(child) for child in children),
        )


def fill_of(symbol: str, data: Mapping[str, object]) -> Fill:
    return Fill(
        str(data["id"]),
        str(data["broker_order"]),
        symbol,
        Side(str(data["side"])),
        Decimal(str(data["qty"])),
        Decimal(str(data["price"])),
        instant(data["filled_at"]),
    )
