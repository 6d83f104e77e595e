"""Drive engines over accounts of one in-process exchange, tick by tick.

The same instants and turns as daemons on the stepped exchange (paper/sim.py): what is due, or an
update of its orders for who watches; at one instant in the order of the seats.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from magellan_core.engine.engine import Engine
from magellan_core.engine.words import Report
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.orders import WAKEFUL

Look = Callable[[datetime], None]


@dataclass(slots=True)
class Seat:
    """An engine and its account. `report` is the newest; None before the first tick."""

    engine: Engine
    account: str
    report: Report | None = None
    over: bool = False
    updated: bool = False

    def due(self, now: datetime) -> bool:
        report = self.report
        if report is None or report.next_at <= now:
            return True
        return report.watching and self.updated

    def tick(self, now: datetime) -> None:
        self.updated = False
        self.report = self.engine.tick(now)
        self.over = self.report.finished


def nobody(_now: datetime) -> None:
    """Looks at nothing."""


def drive_all(
    seats: Sequence[Seat], exchange: Exchange, until: datetime, look: Look = nobody
) -> None:
    """Recover at the exchange's time, then tick until `until`; who is halted and flat leaves.

    `look` is called whenever everybody has had his turn.
    """
    for seat in seats:
        seat.engine.recover(exchange.now, {"account": seat.account})
        seat.over = seat.engine.halted_and_flat()
        if not seat.over:
            seat.tick(exchange.now)
    look(exchange.now)
    while live := [seat for seat in seats if not seat.over]:
        reports = [(seat, seat.report) for seat in live if seat.report is not None]
        limit = min(until, *(report.next_at for _, report in reports))
        wake = frozenset(seat.account for seat, report in reports if report.watching)
        updates = exchange.step(limit, wake)
        told = {update.account for update in updates if update.event in WAKEFUL}
        for seat in live:
            seat.updated = seat.updated or seat.account in told
        if exchange.now >= until:
            return
        for seat in live:
            if seat.due(exchange.now):
                seat.tick(exchange.now)
        look(exchange.now)


def drive(engine: Engine, exchange: Exchange, account: str, until: datetime) -> Report | None:
    """One engine alone. Return its last report; None if there was nothing left to do."""
    seat = Seat(engine, account)
    drive_all([seat], exchange, until)
    return seat.report
