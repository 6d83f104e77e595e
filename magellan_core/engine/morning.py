"""What is asked of the broker before a session: which symbols trade, and when it opens."""

from collections.abc import Sequence
from datetime import date

from magellan_core.engine.words import hours
from magellan_core.market_hours import session_on
from magellan_core.model import Asset
from magellan_core.ports import Alerts, Broker, Level


def tradability(
    broker: Broker, symbols: Sequence[str], today: date, alerts: Alerts
) -> dict[str, Asset | None]:
    """Each symbol as the broker lists it; says aloud which do not trade. Raise Unavailable."""
    assets = {symbol: broker.asset(symbol) for symbol in symbols}
    for symbol, asset in assets.items():
        if asset is None or not asset.tradable:
            why = "unknown to the broker" if asset is None else f"not tradable: {asset.status}"
            alerts.alert(
                Level.WARNING,
                f"untradable-{symbol}-{today}",
                f"{symbol} is {why}; going on with the other symbols",
            )
    return assets


def calendars_agree(broker: Broker, today: date, alerts: Alerts) -> bool:
    """Whether our session of today is the broker's; says aloud if not. Raise Unavailable."""
    theirs = [s for s in broker.calendar(today, today) if s.date == today]
    ours = session_on(today)
    if theirs == ([] if ours is None else [ours]):
        return True
    alerts.alert(
        Level.CRITICAL,
        f"calendar-{today}",
        f"our calendar says {hours(ours)}, the broker {hours(*theirs)}: no entries today",
    )
    return False
