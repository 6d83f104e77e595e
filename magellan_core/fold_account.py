"""Fold the lines that tell of the account as a whole: days, marks, money paid in, halts."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from magellan_core.book import Book, Halt
from magellan_core.lines import Event, Line
from magellan_core.records import NOTHING
from magellan_core.risk.account import DayResult


def _live(book: Book, event: Event, _s: str, _d: Mapping[str, object]) -> None:
    book.live_since = event.at


def _day(book: Book, _event: Event, _s: str, d: Mapping[str, object]) -> None:
    start = Decimal(str(d["day_start"]))
    if book.session is not None:
        book.days.append(DayResult(book.session, start - book.day_start, book.day_start))
    book.session, book.day_start = date.fromisoformat(str(d["session"])), start


def _high(book: Book, _event: Event, _s: str, d: Mapping[str, object]) -> None:
    book.high_water = Decimal(str(d["equity"]))


def _halt(book: Book, event: Event, _s: str, d: Mapping[str, object]) -> None:
    limit = str(d["limit"])
    book.halts.setdefault(limit, Halt(limit, str(d["why"]), str(d["policy"]), event.at))
    book.notice = max(book.notice, int(str(d.get("notice") or 0)))


def _resume(book: Book, event: Event, _s: str, d: Mapping[str, object]) -> None:
    """Every limit but the day's loss counts anew; after a flatten, trading is live anew too."""
    book.notice = max(book.notice, int(str(d.get("notice") or 0)))
    if d.get("everybody"):
        book.era = book.notice
    if not book.halts:
        return
    flattened = any(h.policy == "flatten" for h in book.halts.values())
    book.halts.clear()
    book.days.clear()
    book.judged_from = len(book.trades)
    book.high_water = NOTHING
    book.resumed_at = event.at
    if flattened:
        book.live_since = event.at
        book.cursor.clear()
        book.memory.clear()
        book.pending.clear()


ACCOUNT = {
    Line.LIVE: _live,
    Line.DAY: _day,
    Line.HIGH: _high,
    Line.HALT: _halt,
    Line.RESUME: _resume,
}
