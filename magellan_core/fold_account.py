"""Fold the lines that tell of the account as a whole: days, marks, money paid in, halts."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from magellan_core.book import Book, Halt
from magellan_core.lines import Event, Line, instant, maybe_instant
from magellan_core.records import NOTHING
from magellan_core.risk.account import DayResult, Transfer


def _live(book: Book, event: Event, _s: str, _d: Mapping[str, object]) -> None:
    book.live_since = event.at


def _day(book: Book, event: Event, _s: str, d: Mapping[str, object]) -> None:
    """The session before is over: its result is the move of the account, less what was paid in.

    A start that nobody could tell leaves two results open: of the session before, and of its own.
    """
    start, since = Decimal(str(d["day_start"])), maybe_instant(d.get("since"))
    if book.session is not None:
        paid_in = book.paid_in_between(book.day_from, since) if since else NOTHING
        result = start - book.day_start - paid_in
        known = bool(d.get("known", True))
        book.days.append(
            DayResult(book.session, result, book.day_start, known=known and book.day_known)
        )
        book.day_known = known
    book.session, book.day_start = date.fromisoformat(str(d["session"])), start
    book.day_from = since or event.at


def _high(book: Book, _event: Event, _s: str, d: Mapping[str, object]) -> None:
    book.high_water = Decimal(str(d["equity"]))


def _cash(book: Book, _event: Event, _s: str, d: Mapping[str, object]) -> None:
    """Cash that neither fills nor transfers explain, fees say, is the base from here on."""
    book.cash_base = Decimal(str(d["base"]))


def _transfer(book: Book, _event: Event, _s: str, d: Mapping[str, object]) -> None:
    """Money paid in is no gain and money paid out no loss: the mark moves with it."""
    transfer = Transfer(str(d["id"]), Decimal(str(d["amount"])), instant(d["since"]))
    book.transfers.append(transfer)
    book.last_transfer = transfer.id
    if book.high_water > 0:
        book.high_water += transfer.amount


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
    Line.CASH: _cash,
    Line.TRANSFER: _transfer,
    Line.HALT: _halt,
    Line.RESUME: _resume,
}
