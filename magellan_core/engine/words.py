"""What the engine says to people."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from magellan_core.book import Book
from magellan_core.lines import instant
from magellan_core.market_hours import Session, label


@dataclass(frozen=True, slots=True)
class Report:
    """What a tick tells the daemon: when the next is due, and a line for `systemctl status`.

    `watching` asks to be woken early by an update of our orders. `finished`: halted and flat.
    `outage` is why the broker could not be asked, where it could not.
    """

    next_at: datetime
    watching: bool
    status: str
    finished: bool = False
    outage: str | None = None


def status_line(
    book: Book, active: Collection[str], configured: Collection[str], next_at: datetime
) -> str:
    """One line for `systemctl status`."""
    if book.halts:
        return "HALTED: " + "; ".join(f"{h.limit}: {h.why}" for h in book.halts.values())
    positions = len(book.positions)
    noun = "position" if positions == 1 else "positions"
    tradable = sum(symbol in configured for symbol in active)
    kept = len(active) - tradable
    left = f" ({kept} not configured: exits only)" if kept else ""
    return (
        f"trading {tradable}/{len(configured)} symbols, {positions} {noun}{left}, "
        f"next {label(next_at)}"
    )


def hours(*sessions: Session | None) -> str:
    """Sessions by date and New York times; "no session" for none."""
    named = [f"{s.date} {label(s.open)}-{label(s.close)}" for s in sessions if s is not None]
    return ", ".join(named) or "no session"


def crashed(start: Mapping[str, object], at: datetime) -> str:
    """What a start line of that time tells of a crash before it; empty: there was none."""
    if start.get("follows") != "crash":
        return ""
    seen = start.get("last_seen")
    away = "" if seen is None else f", away for {spell(max(at - instant(seen), timedelta(0)))}"
    return f"after no stop on record (crash, kill or power loss){away}"


def spell(length: timedelta) -> str:
    """In its two largest units: "42 s", "3 min 5 s", "2 h 10 min", "1 d 4 h"."""
    seconds = int(length.total_seconds())
    for size, unit, smaller, word in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // smaller} {word}"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
