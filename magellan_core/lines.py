"""Kinds of journal lines, and how values are written into them.

The journal is the only memory of a daemon. Each line is a fact; the book is their fold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from magellan_core.model import Bar, Enter, Exit, Intent, Quote


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal. `data` is JSON-safe: str, int, float, bool, None, list, dict."""

    at: datetime
    kind: str
    symbol: str | None
    data: Mapping[str, object]


class Line(StrEnum):
    """Every kind of line. INFORMATIVE ones change nothing when folded; people read them."""

    START = "start"
    STOP = "stop"
    LIVE = "live"
    DAY = "day"
    HIGH = "high"
    CASH = "cash"
    TRANSFER = "transfer"
    BAR = "bar"
    SIGNAL = "signal"
    SIGNAL_GONE = "signal_gone"
    DECISION = "decision"
    PLANNED = "planned"
    OUTCOME = "outcome"
    LEG = "leg"
    SEEN = "seen"
    FILL = "fill"
    CANCEL = "cancel"
    EXIT = "exit"
    EXIT_DONE = "exit_done"
    TRADE = "trade"
    BLOCK = "block"
    UNBLOCK = "unblock"
    HALT = "halt"
    RESUME = "resume"
    SPLIT = "split"
    ALERT = "alert"
    OUTAGE = "outage"
    BACK = "back"
    BAR_SEEN = "bar_seen"
    STATUS_SEEN = "status_seen"
    RELOAD = "reload"


INFORMATIVE = frozenset(
    {Line.START, Line.STOP, Line.RELOAD}
    | {Line.DECISION, Line.TRADE, Line.ALERT, Line.OUTAGE, Line.BACK}
    | {Line.BAR_SEEN, Line.STATUS_SEEN}
)


def line(at: datetime, kind: Line, symbol: str | None = None, /, **data: object) -> Event:
    """One journal line; `data` must be JSON-safe."""
    return Event(at, kind.value, symbol, data)


def instant(value: object) -> datetime:
    """A time out of a journal line."""
    return datetime.fromisoformat(str(value))


def maybe_instant(value: object) -> datetime | None:
    return None if value is None else instant(value)


def iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def bar_data(bar: Bar) -> dict[str, object]:
    return {
        "start": bar.start.isoformat(),
        "end": bar.end.isoformat(),
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }


def bar_of(event: Event) -> Bar:
    """The bar of a journal's line: the inverse of bar_data. Raise KeyError or ValueError."""
    d = event.data
    prices = (float(str(d[name])) for name in ("open", "high", "low", "close", "volume"))
    return Bar(str(event.symbol), instant(d["start"]), instant(d["end"]), *prices)


def status_words(data: Mapping[str, object]) -> str:
    """A line `status_seen` as people say it."""
    at, why = data.get("at"), f"{data.get('reason_code')} {data.get('reason')}".strip()
    said = f"{data.get('code')} {data.get('words')}".strip() + (f" ({why})" if why else "")
    match data.get("what"):
        case "halt":
            return f"told to be halted since {at}: {said}; no entries"
        case "resume":
            return f"told to trade again since {at}: {said}"
        case "traded":
            return f"trades again: it has a bar that begins at {at}"
        case _:
            return f"a status of {at} was told: {said}; seen"


def quote_data(quote: Quote | None) -> dict[str, object] | None:
    if quote is None:
        return None
    return {
        "at": quote.at.isoformat(),
        "bid": str(quote.bid),
        "ask": str(quote.ask),
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
    }


def signal_data(intent: Enter | Exit) -> dict[str, object]:
    """A signal that waits for its instant. Only plain entries and exits wait."""
    data: dict[str, object] = {"reason": intent.reason, "not_before": iso(intent.not_before)}
    if isinstance(intent, Exit):
        return {"action": "exit", **data}
    return {
        "action": "enter",
        **data,
        "until": iso(intent.until),
        "reference": str(intent.reference),
        "dollars": None if intent.dollars is None else str(intent.dollars),
    }


def load_signal(symbol: str, data: Mapping[str, object]) -> Intent:
    """The inverse of signal_data."""
    reason, not_before = str(data["reason"]), maybe_instant(data["not_before"])
    if data["action"] == "exit":
        return Exit(symbol, reason, not_before)
    dollars = data["dollars"]
    return Enter(
        symbol,
        reason,
        Decimal(str(data["reference"])),
        dollars=None if dollars is None else Decimal(str(dollars)),
        not_before=not_before,
        until=maybe_instant(data["until"]),
    )
