"""When a tick is due next: the earliest of everything that will ask for one."""

from collections.abc import Sequence
from datetime import datetime

from magellan_core.book import Book
from magellan_core.engine.feed import preparation
from magellan_core.engine.settings import Settings
from magellan_core.market_hours import Session, new_york_date, next_session
from magellan_core.model import Enter, Exit
from magellan_core.records import Role


def next_instant(
    now: datetime,
    session: Session | None,
    book: Book,
    settings: Settings,
    dues: Sequence[datetime],
    doubtful: bool,
) -> datetime:
    """The first instant after `now` at which something is due.

    `dues` are the strategy's and the feed's own; `doubtful`: book and broker disagree.
    """
    is_open = session is not None and session.open <= now < session.close
    before_open = session is not None and now < session.open
    ahead = session if before_open and session else next_session(new_york_date(now))
    wishes = [preparation(ahead), ahead.open, *dues]
    wishes += [
        intent.not_before
        for intent in book.pending.values()
        if isinstance(intent, Enter | Exit) and intent.not_before is not None
    ]
    moving = bool(book.unsettled()) or any(
        o.role in (Role.ENTRY, Role.EXIT) or o.cancel_asked is not None for o in book.live.values()
    )
    if moving or (is_open and (book.exits or book.pending or doubtful)):
        wishes.append(now + settings.loop_interval)
    patrol = settings.patrol if is_open else settings.patrol_closed
    if patrol is not None:
        wishes.append(now + patrol)
    if is_open and session is not None:
        wishes.append(session.close)
    return min(wish for wish in wishes if wish > now)
