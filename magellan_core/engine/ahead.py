"""Look at the account a moment before something is due: then bars alone stand before the order.

LAW: what was seen ahead serves once, for what was due, and only while nothing of ours is under way.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from magellan_core.book import Book

# From the look to the order; a bar that comes later finds the account looked at anew.
HOLDS = timedelta(seconds=3)
SOON = timedelta(seconds=1)


class Ahead:
    """When to look, and whether the look still holds. `lead` None: never ahead."""

    def __init__(self, lead: timedelta | None) -> None:
        self.lead = lead
        self._due: datetime | None = None
        self._seen_at: datetime | None = None
        self._orders = 0
        self._used = False

    def seen(self, now: datetime, book: Book) -> None:
        """The broker has been asked for orders, account and positions."""
        self._seen_at, self._orders, self._used = now, len(book.orders), False

    def holds(self, now: datetime, book: Book) -> bool:
        """Whether what was seen last may serve for what is due now."""
        if self.lead is None or self._seen_at is None or self._due is None:
            return False
        fresh = timedelta(0) <= now - self._seen_at <= HOLDS
        quiet = not (book.busy() or book.halts) and len(book.orders) == self._orders
        self._used = now >= self._due and fresh and quiet
        return self._used

    def early(self, now: datetime) -> bool:
        """This was the look before something that is due within the lead."""
        if self.lead is None or self._due is None or self._used:
            return False
        return self._due - self.lead <= now < self._due

    def wishes(self, dues: Sequence[datetime], now: datetime) -> Sequence[datetime]:
        """When to tick besides `dues`: the lead before each, and soon after a look was spared."""
        if self.lead is None:
            return ()
        self._due = min((due for due in dues if due > now), default=None)
        looks = [due - self.lead for due in dues if due - self.lead > now]
        return [*looks, now + SOON] if self._used else looks
