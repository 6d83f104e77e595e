"""What the engine says to people."""

from dataclasses import dataclass
from datetime import datetime

from magellan_core.book import Book
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


def status_line(book: Book, tradable: int, configured: int, next_at: datetime) -> str:
    """One line for `systemctl status`."""
    if book.halts:
        return "HALTED: " + "; ".join(f"{h.limit}: {h.why}" for h in book.halts.values())
    positions = len(book.positions)
    noun = "position" if positions == 1 else "positions"
    return f"trading {tradable}/{configured} symbols, {positions} {noun}, next {label(next_at)}"


def hours(*sessions: Session | None) -> str:
    """Sessions by date and New York times; "no session" for none."""
    named = [f"{s.date} {label(s.open)}-{label(s.close)}" for s in sessions if s is not None]
    return ", ".join(named) or "no session"
