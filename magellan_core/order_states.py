"""The life of an order as one table, Alpaca's words for it, and the names that orders carry.

LAW: what the table lacks cannot happen. A fill is the last word: nothing leads out of FILLED, and
no cancel, expiry or replacement that we have heard of makes a later fill impossible.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from magellan_core.errors import ImpossibleEvent

MAX_ID_LENGTH = 128
DONE_FOR_DAY = "done_for_day"
MINUTE_STAMP = len("20250108T1531")


class Status(StrEnum):
    """Where an order stands, as far as we know."""

    PLANNED = "planned"  # in the journal, perhaps not sent yet
    PENDING = "pending"  # sent, not answered yet
    UNKNOWN = "unknown"  # sent, the answer was lost: look it up
    WORKING = "working"  # at the broker, may fill
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"  # never reached the book
    EXPIRED = "expired"
    REPLACED = "replaced"
    ABANDONED = "abandoned"  # the broker does not know it; still watched for


class Happening(StrEnum):
    """What we did with an order, or heard of it."""

    SENT = "sent"
    ACKED = "acked"  # the broker says that it has it
    LOST = "lost"  # time-out, reset, 5xx, unreadable answer
    REFUSED = "refused"  # the answer to sending it was no
    PARTLY_FILLED = "partly filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"  # taken first, turned down later
    NOT_FOUND = "not found"  # looked up for long enough, and given up
    FOUND = "found"  # looked up, and the broker has it


S, H = Status, Happening

# What a broker may say of an order that it has, in whatever order it says it.
_NEWS: Mapping[Happening, Status] = {
    H.ACKED: S.WORKING,
    H.FOUND: S.WORKING,
    H.PARTLY_FILLED: S.WORKING,
    H.FILLED: S.FILLED,
    H.CANCELED: S.CANCELED,
    H.EXPIRED: S.EXPIRED,
    H.REPLACED: S.REPLACED,
    H.REJECTED: S.REJECTED,
}

_NOT_CONFIRMED: Mapping[Happening, Status] = {
    **_NEWS,
    H.LOST: S.UNKNOWN,
    H.REFUSED: S.REJECTED,
    H.NOT_FOUND: S.ABANDONED,
}


def _off_the_book(status: Status) -> Mapping[Happening, Status]:
    """The first such word stands, late news are stale; only a fill overtakes it."""
    return {**dict.fromkeys(_NEWS, status), H.FILLED: S.FILLED}


NEXT: Mapping[Status, Mapping[Happening, Status]] = {
    # A crash may fall between sending and writing so: PLANNED may turn out to be anything.
    S.PLANNED: {**_NOT_CONFIRMED, H.SENT: S.PENDING},
    S.PENDING: _NOT_CONFIRMED,
    # Only an order whose fate is unknown may be sent again, under the same id.
    S.UNKNOWN: {**_NOT_CONFIRMED, H.SENT: S.PENDING},
    # An answer lost after the broker has shown the order takes nothing back.
    S.WORKING: {**_NEWS, H.LOST: S.WORKING},
    S.FILLED: dict.fromkeys(_NEWS.keys() - {H.REJECTED}, S.FILLED),
    S.CANCELED: _off_the_book(S.CANCELED),
    S.EXPIRED: _off_the_book(S.EXPIRED),
    S.REPLACED: _off_the_book(S.REPLACED),
    # The refusal may have been for the echo of an order that did arrive: it may yet be found.
    S.REJECTED: {**_NEWS, H.REFUSED: S.REJECTED},
    S.ABANDONED: {**_NEWS, H.NOT_FOUND: S.ABANDONED},
}

_LIVE = frozenset({S.PLANNED, S.PENDING, S.UNKNOWN, S.WORKING})

_WORDS: Mapping[str, Happening] = {
    "new": H.ACKED,
    "accepted": H.ACKED,
    "pending_new": H.ACKED,
    "accepted_for_bidding": H.ACKED,
    # A leg that sleeps until its entry is filled.
    "held": H.ACKED,
    # Asked for, not done: it may still fill.
    "pending_cancel": H.ACKED,
    "pending_replace": H.ACKED,
    # A fill is guaranteed but has not happened.
    "stopped": H.ACKED,
    "suspended": H.ACKED,
    # Over for the day, but what it came to is not settled.
    "calculated": H.ACKED,
    "partially_filled": H.PARTLY_FILLED,
    "filled": H.FILLED,
    "canceled": H.CANCELED,
    "expired": H.EXPIRED,
    DONE_FOR_DAY: H.EXPIRED,
    "rejected": H.REJECTED,
    "replaced": H.REPLACED,
}


def advance(status: Status, happening: Happening) -> Status:
    """The status after that happening. Raise ImpossibleEvent if the table lacks the pair."""
    try:
        return NEXT[status][happening]
    except KeyError:
        raise ImpossibleEvent(status, happening) from None


def is_live(status: Status) -> bool:
    """Whether it is at the broker, or may be for all we know, and so may fill."""
    return status in _LIVE


def is_terminal(status: Status) -> bool:
    """Whether it is over as far as we know; a fill that overtook the news may still come."""
    return status not in _LIVE


def happening_of(alpaca_status: str, time_in_force: str = "") -> Happening | None:
    """What Alpaca's order status tells us; None for a word we do not know.

    An order that is good till cancelled ("gtc") and done for the day works on in the next session,
    and holds its shares back until it is cancelled.

    An unknown word means "still working" and should be said aloud. Words: Alpaca's "Orders at
    Alpaca" page, order lifecycle.
    """
    if time_in_force == "gtc" and alpaca_status == DONE_FOR_DAY:
        return Happening.ACKED
    return _WORDS.get(alpaca_status)


def client_order_id(strategy: str, symbol: str, at: datetime, leg: str, attempt: int) -> str:
    """The name of an order: same decision, same name, so the broker refuses an echo.

    `at` is the bar's end or the scheduled instant; its UTC minute is named, and its second where
    there is one. E.g. "bear_trap-MULN-20250108T1531-t1-1". Raise ValueError for a naive `at`, a
    hyphen in strategy or symbol (two decisions could share a name), characters other than
    printable ASCII, an attempt below 1, or a name longer than the 128 characters Alpaca takes.
    """
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone: pass an aware datetime")
    if attempt < 1:
        raise ValueError(f"attempt {attempt} of {strategy} {symbol}: attempts count from 1")
    if "-" in strategy or "-" in symbol:
        raise ValueError(f"strategy {strategy!r} and symbol {symbol!r} must not hold a hyphen")
    utc = at.astimezone(UTC)
    stamp = f"{utc:%Y%m%dT%H%M%S}" if utc.second else f"{utc:%Y%m%dT%H%M}"
    name = f"{strategy}-{symbol}-{stamp}-{leg}-{attempt}"
    if not (strategy and symbol and leg and name.isascii() and name.isprintable()):
        raise ValueError(f"order name {name!r} needs all its parts, in printable ASCII")
    if len(name) > MAX_ID_LENGTH:
        raise ValueError(f"order name {name} is longer than {MAX_ID_LENGTH} characters")
    return name


class OrderName(NamedTuple):
    """What an order's name says. `at` is to the minute, or to the second where it has one."""

    strategy: str
    symbol: str
    at: datetime
    leg: str
    attempt: int


def read_order_name(name: str) -> OrderName | None:
    """The inverse of client_order_id; None for a name that it would not give."""
    try:
        strategy, symbol, stamp, rest = name.split("-", 3)
        leg, _, attempt = rest.rpartition("-")
        form = "%Y%m%dT%H%M" if len(stamp) == MINUTE_STAMP else "%Y%m%dT%H%M%S"
        at = datetime.strptime(f"{stamp}+0000", f"{form}%z").astimezone(UTC)
        read = OrderName(strategy, symbol, at, leg, int(attempt))
        return read if client_order_id(*read) == name else None
    except ValueError:
        return None
