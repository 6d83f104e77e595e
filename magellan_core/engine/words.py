"""What the engine says to people."""

from datetime import datetime

from magellan_core.book import Book
from magellan_core.market_hours import Session, label


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
