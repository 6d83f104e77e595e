"""Counts that decisions ask for, kept as lines are folded, against counting everything anew."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from magellan_core.book import Book
from magellan_core.fold import apply
from magellan_core.lines import Event, Line, line
from magellan_core.market_hours import new_york_date
from magellan_core.model import OrderRequest, Side
from magellan_core.order_states import Status
from magellan_core.records import Role, dump_request

FIRST = datetime(2025, 11, 25, 15, 0, tzinfo=UTC)
FATES = (
    ("outcome", "refused"),
    ("outcome", "accepted"),
    ("outcome", "unknown"),
    ("outcome", "abandoned"),
    ("seen", "canceled"),
    ("fill", "1"),
    ("fill", "9"),
)


def planned(at: datetime, key: str, decision: str, role: Role) -> Event:
    side = Side.SELL if role is Role.EXIT else Side.BUY
    request = dump_request(OrderRequest(key, "AMC", side, 10))
    told = {"order": key, "decision": decision, "role": role.value, "request": request}
    return line(at, Line.PLANNED, "AMC", **told)


def fate(at: datetime, key: str, side: Side, kind: str, what: str, number: int) -> Event:
    if kind == "outcome":
        return line(at, Line.OUTCOME, "AMC", order=key, what=what, broker_id=f"b{key}")
    if kind == "seen":
        return line(at, Line.SEEN, "AMC", order=key, word=what, filled="0")
    told = {"id": f"f{number}", "order": key, "side": side.value, "qty": what, "price": "2"}
    return line(at, Line.FILL, "AMC", filled_at=at.isoformat(), **told)


steps = st.tuples(
    st.integers(0, 5),  # which decision
    st.sampled_from([Role.ENTRY, Role.ENTRY, Role.EXIT]),
    st.integers(0, 40 * 60),  # minutes until then
    st.lists(st.sampled_from(FATES), max_size=2),
)


def played(rows: list[tuple[int, Role, int, list[tuple[str, str]]]]) -> tuple[Book, datetime]:
    book, at = Book(), FIRST
    for number, (decision, role, minutes, fates) in enumerate(rows):
        at += timedelta(minutes=minutes)
        # A decision's orders are of one instant, and so of one date.
        name = f"d{decision}-{new_york_date(at)}"
        apply(book, planned(at, f"o{number}", name, role))
        for kind, what in fates:
            order = book.orders[f"o{number}"]
            if kind == "outcome" and order.status not in (Status.PLANNED, Status.UNKNOWN):
                continue
            apply(book, fate(at, order.key, order.side, kind, what, number))
    return book, at


def counted(book: Book, day: date) -> int:
    entries = [o for o in book.orders.values() if o.role is Role.ENTRY and (o.live or o.filled)]
    return len({o.decision for o in entries if new_york_date(o.planned_at) == day})


@given(st.lists(steps, max_size=20))
def test_counts_are_those_of_all_orders(
    rows: list[tuple[int, Role, int, list[tuple[str, str]]]],
) -> None:
    book, end = played(rows)
    for day in {FIRST.date(), *(o.planned_at.date() for o in book.orders.values())}:
        assert book.trades_on(day) == counted(book, day)
    for back in (timedelta(minutes=1), timedelta(days=1), timedelta(days=3)):
        young = [o for o in book.orders.values() if o.planned_at > end - back]
        assert book.planned_after(end - back) == len(young)
    assert list(book.abandoned.values()) == [
        o for o in book.orders.values() if o.status is Status.ABANDONED
    ]
