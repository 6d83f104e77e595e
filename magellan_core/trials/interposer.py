"""Stands between the engine and the outer world, counts every call, and spoils some."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from magellan_core.errors import Unavailable
from magellan_core.market_hours import Session
from magellan_core.model import (
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
    Timeframe,
    Unknown,
)
from magellan_core.ports import Broker, MarketData
from magellan_core.risk.account import Transfer
from magellan_core.trials.faults import TAKES_EFFECT, TAKES_TIME, Answer, Call, Kill, Killed, Tally


class Spoiler(Protocol):
    """How an Answer other than HONEST comes about on the way to the broker and back."""

    def spoil(
        self,
        answer: Answer,
        do: Callable[[], Any],
        *,
        writes: bool,
        dies: bool,
        hang: Callable[[], None],
    ) -> Any:
        """Make the call so spoiled. With `dies`, raise Killed once the broker has acted."""
        ...


class InProcess:
    """Spoils calls to the matching core itself: the outcome is made up here."""

    def spoil(
        self,
        answer: Answer,
        do: Callable[[], Any],
        *,
        writes: bool,
        dies: bool,
        hang: Callable[[], None],
    ) -> Any:
        done = do() if answer in TAKES_EFFECT else None
        if dies:
            raise Killed
        if answer is Answer.HONEST:
            return done
        if answer in TAKES_TIME:
            hang()
        why = f"{answer.value}, as the trial wants it"
        if not writes:
            raise Unavailable(why)
        if answer is Answer.REFUSED:
            return Refused(403, 40310000, why)
        return Refused(429, None, why) if answer is Answer.SLOW_DOWN else Unknown(why)


class Interposer:
    """ports.Broker and ports.MarketData over the real ones."""

    def __init__(self, broker: Broker, data: MarketData, spoiler: Spoiler, tally: Tally) -> None:
        self._broker, self._data, self._spoiler, self._tally = broker, data, spoiler, tally

    def _call(self, method: str, do: Callable[[], Any], argument: object = None) -> Any:
        tally = self._tally
        tally.calls += 1
        call = Call(tally.calls, method, tally.now(), tally.life, argument)
        tally.made.append(call)
        fault = tally.call_fault(call)
        if fault is not None and fault.kill is Kill.BEFORE:
            raise Killed
        if call.writes:
            tally.before(call)
        if fault is None:
            return tally.tamper(method, do())
        answer = fault.answer
        if answer is Answer.LATE:
            answer = Answer.RESET
            if call.writes:
                tally.defer(do)
        dies = fault.kill is Kill.DURING
        told = self._spoiler.spoil(answer, do, writes=call.writes, dies=dies, hang=tally.hang)
        if fault.kill is Kill.AFTER:
            raise Killed
        tally.doomed = fault.kill
        return told

    def account(self) -> Account:
        told: Account = self._call("account", self._broker.account)
        return told

    def positions(self) -> Sequence[Position]:
        told: Sequence[Position] = self._call("positions", self._broker.positions)
        return told

    def open_orders(self) -> Sequence[BrokerOrder]:
        told: Sequence[BrokerOrder] = self._call("open_orders", self._broker.open_orders)
        return told

    def order(self, order_id: str) -> BrokerOrder | None:
        told: BrokerOrder | None = self._call("order", lambda: self._broker.order(order_id))
        return told

    def find(self, client_order_id: str) -> BrokerOrder | None:
        told: BrokerOrder | None = self._call("find", lambda: self._broker.find(client_order_id))
        return told

    def fills(self, after: str | None) -> Sequence[Fill]:
        told: Sequence[Fill] = self._call("fills", lambda: self._broker.fills(after))
        return told

    def transfers(self, after: str | None) -> Sequence[Transfer]:
        told: Sequence[Transfer] = self._call("transfers", lambda: self._broker.transfers(after))
        return told

    def closing_equities(self, first: date, last: date) -> Mapping[date, Any]:
        told: Mapping[date, Any] = self._call(
            "closing_equities", lambda: self._broker.closing_equities(first, last)
        )
        return told

    def submit(self, request: OrderRequest) -> Outcome:
        told: Outcome = self._call("submit", lambda: self._broker.submit(request), request)
        return told

    def replace_stop(self, order_id: str, client_order_id: str, stop: Any) -> Outcome:
        told: Outcome = self._call(
            "replace_stop",
            lambda: self._broker.replace_stop(order_id, client_order_id, stop),
            client_order_id,
        )
        return told

    def cancel(self, order_id: str) -> Refused | Unknown | None:
        told: Refused | Unknown | None = self._call(
            "cancel", lambda: self._broker.cancel(order_id), order_id
        )
        return told

    def asset(self, symbol: str) -> Asset | None:
        told: Asset | None = self._call("asset", lambda: self._broker.asset(symbol))
        return told

    def calendar(self, first: date, last: date) -> Sequence[Session]:
        told: Sequence[Session] = self._call("calendar", lambda: self._broker.calendar(first, last))
        return told

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        told: Mapping[str, Sequence[Bar]] = self._call(
            "bars",
            lambda: self._data.bars(symbols, timeframe, start, end, split_adjusted=split_adjusted),
        )
        return told

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        told: Mapping[str, Quote] = self._call("quotes", lambda: self._data.quotes(symbols))
        return told
