"""A SEEN line brings a leg's quantity, which its sibling's fills shrink."""

from datetime import UTC, datetime
from decimal import Decimal

from magellan_core.book import Book
from magellan_core.fold import apply
from magellan_core.lines import Line, line
from magellan_core.model import OrderClass, OrderRequest, Side
from magellan_core.order_states import Status
from magellan_core.records import dump_request

AT = datetime(2025, 11, 25, 16, 5, tzinfo=UTC)
BRACKET = OrderRequest(
    "bear_trap-MULN-20251125T1605-t1-1",
    "MULN",
    Side.BUY,
    100,
    order_class=OrderClass.BRACKET,
    take_profit=Decimal(12),
    stop_loss=Decimal(9),
)
KEY = BRACKET.client_order_id


def book_with_leg() -> Book:
    book = Book()
    apply(
        book,
        line(
            AT,
            Line.PLANNED,
            "MULN",
            order=KEY,
            role="entry",
            decision="d",
            tranche=1,
            request=dump_request(BRACKET),
        ),
    )
    apply(
        book,
        line(
            AT,
            Line.LEG,
            "MULN",
            order=f"{KEY}/stop",
            parent=KEY,
            role="stop",
            broker_id="leg",
            qty=100,
            stop="9",
        ),
    )
    return book


def seen(**more: object) -> dict[str, object]:
    return {"order": f"{KEY}/stop", "broker_id": "leg", "word": "held", "filled": "0", **more}


def test_the_leg_shrinks_with_what_the_broker_says() -> None:
    book = book_with_leg()
    apply(book, line(AT, Line.SEEN, "MULN", **seen(qty=33)))
    assert book.orders[f"{KEY}/stop"].qty == 33
    apply(book, line(AT, Line.SEEN, "MULN", **seen(qty=33, word="filled", filled="33")))
    assert book.orders[f"{KEY}/stop"].status is Status.FILLED


def test_a_line_of_the_first_version_says_no_quantity() -> None:
    book = book_with_leg()
    apply(book, line(AT, Line.SEEN, "MULN", **seen()))
    assert book.orders[f"{KEY}/stop"].qty == 100
