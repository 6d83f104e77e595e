"""Drive one engine over one account of the in-process exchange, tick by tick.

The same instants as a daemon's on the stepped exchange: what is due, and updates of its orders.
"""

from datetime import datetime

from magellan_core.engine.engine import Engine
from magellan_core.engine.words import Report
from magellan_core.paper.exchange import Exchange


def drive(engine: Engine, exchange: Exchange, account: str, until: datetime) -> Report | None:
    """Recover at the exchange's time, then tick until `until`, or until halted and flat.

    Return the last report; None if nothing was left to do after recovering.
    """
    engine.recover(exchange.now, {"account": account})
    if engine.halted_and_flat():
        return None
    report: Report | None = None
    while exchange.now < until:
        report = engine.tick(exchange.now)
        if report.finished:
            break
        wake = (account,) if report.watching else ()
        exchange.step(min(report.next_at, until), wake)
    return report
