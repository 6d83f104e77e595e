"""What a report counts in a journal, on journals made by hand."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.market_hours import Session, at_new_york, session_on
from magellan_core.model import Bar, OrderRequest, Side, Timeframe
from magellan_core.operations.reporting.facts import Facts, gather
from magellan_core.operations.reporting.figures import (
    coverage,
    max_drawdown,
    missing_sessions,
    trade_figures,
)
from magellan_core.records import Role, dump_request
from magellan_core.risk.account import ClosedTrade

TUESDAY, WEDNESDAY = date(2024, 11, 26), date(2024, 11, 27)
MINUTE = timedelta(minutes=1)


def session(day: date) -> Session:
    found = session_on(day)
    assert found is not None
    return found


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return at_new_york(day, hour, minute)


def day(on: date, start: str) -> Event:
    return line(at(on, 9), Line.DAY, None, session=on.isoformat(), day_start=start)


def made(events: Sequence[Event], *days: date, latest: tuple[date, Decimal] | None = None) -> Facts:
    return gather("bear_trap", events, [session(d) for d in days or (TUESDAY,)], latest)


def order(key: str, when: datetime, side: Side, qty: int, role: Role, decision: str) -> Event:
    request = OrderRequest(client_order_id=key, symbol="AMC", side=side, qty=qty)
    return line(
        when,
        Line.PLANNED,
        "AMC",
        order=key,
        role=role.value,
        decision=decision,
        reason="a test",
        tranche=None,
        support=None,
        replaces=None,
        request=dump_request(request),
    )


def fill(key: str, when: datetime, side: Side, qty: int, price: str) -> Event:
    return line(
        when,
        Line.FILL,
        "AMC",
        id=f"{key}-fill",
        order=key,
        broker_order=f"b-{key}",
        side=side.value,
        qty=str(qty),
        price=price,
        filled_at=when.isoformat(),
    )


def accepted(key: str, when: datetime) -> Event:
    said = {"order": key, "what": "accepted", "broker_id": f"b-{key}", "message": ""}
    return line(when, Line.OUTCOME, "AMC", **said)


def filled(key: str, when: datetime, qty: int) -> Event:
    said = {"order": key, "broker_id": f"b-{key}", "word": "filled", "filled": str(qty)}
    return line(when, Line.SEEN, "AMC", **said, stop=None)


def decision(when: datetime, *objections: str, key: str = "d1") -> Event:
    return line(
        when, Line.DECISION, "AMC", id=key, action="enter", objections=list(objections), numbers={}
    )


def trade(bought: str, sold: str) -> list[Event]:
    """A hundred shares, in at 10:00 and out at 10:30."""
    first, last = at(TUESDAY, 10), at(TUESDAY, 10, 30)
    return [
        decision(first),
        order("in", first, Side.BUY, 100, Role.ENTRY, "d1"),
        accepted("in", first),
        fill("in", first, Side.BUY, 100, bought),
        filled("in", first, 100),
        order("out", last, Side.SELL, 100, Role.EXIT, "d1"),
        accepted("out", last),
        fill("out", last, Side.SELL, 100, sold),
        filled("out", last, 100),
    ]


def test_a_trade_is_counted_in_the_session_it_was_closed_in() -> None:
    events = [day(TUESDAY, "100000"), *trade("5.00", "5.30"), day(WEDNESDAY, "100030")]
    tuesday, wednesday = made(events), made(events, WEDNESDAY)
    assert [t.pnl for t in tuesday.trades] == [Decimal("30.00")]
    assert (tuesday.entries, len(tuesday.fills)) == (1, 2)
    assert set(tuesday.order_ids) == {"in", "out"}
    assert wednesday.trades == []
    assert (wednesday.entries, len(wednesday.fills), wednesday.order_ids) == (0, 0, {})


def test_a_session_ends_with_what_the_next_one_starts_from_or_the_daemon_published() -> None:
    events = [day(TUESDAY, "100000"), day(WEDNESDAY, "99000")]
    assert made(events).pnl == Decimal(-1000)
    assert made(events, TUESDAY, WEDNESDAY).pnl is None
    published = (WEDNESDAY, Decimal("99250"))
    assert made(events, TUESDAY, WEDNESDAY, latest=published).pnl == Decimal(-750)
    # A figure of another session says nothing of this one.
    assert made(events, WEDNESDAY, latest=(TUESDAY, Decimal(1))).pnl is None


@pytest.mark.parametrize(
    ("kinds", "starts", "crashes"),
    [
        ([Line.START, Line.STOP], 1, 0),
        ([Line.START, Line.STOP, Line.START], 2, 0),
        ([Line.START, Line.START, Line.START], 3, 2),
        ([], 0, 0),
    ],
)
def test_a_start_without_a_stop_before_it_was_a_crash(
    kinds: list[Line], starts: int, crashes: int
) -> None:
    facts = made([line(at(TUESDAY, 10, n), kind) for n, kind in enumerate(kinds)])
    assert (facts.starts, facts.crashes) == (starts, crashes)


def test_refusals_are_counted_by_predicate_and_an_objected_entry_is_no_entry() -> None:
    events = [
        decision(at(TUESDAY, 10), "spread: 3 % > 2 %", "quote_size: 10 < 50"),
        decision(at(TUESDAY, 11), "spread: 4 % > 2 %"),
    ]
    facts = made(events)
    assert facts.refused == {"spread": 2, "quote_size": 1}
    assert facts.entries == 0


def test_outages_halts_and_alerts_are_kept_with_their_time() -> None:
    events = [
        line(at(TUESDAY, 10), Line.OUTAGE, None, why="mute"),
        line(at(TUESDAY, 10, 2), Line.BACK, None, after="mute"),
        line(at(TUESDAY, 11), Line.HALT, None, limit="drawdown", why="deep", policy="flatten"),
        line(at(TUESDAY, 11), Line.ALERT, None, message="halted"),
    ]
    facts = made(events)
    assert (facts.outages, facts.outage) == (1, 2 * MINUTE)
    assert [h.limit for h in facts.halts] == ["drawdown"]
    assert [a.data["message"] for a in facts.alerts] == ["halted"]
    later = made(events, WEDNESDAY)
    assert (later.outages, later.halts, later.alerts) == (0, [], [])


def minutes(symbol: str, *numbers: int) -> list[Event]:
    opened = session(TUESDAY).open
    bars = [
        Bar(symbol, opened + n * MINUTE, opened + (n + 1) * MINUTE, 1, 1, 1, 1, 1) for n in numbers
    ]
    return [line(b.end, Line.BAR, symbol, **bar_data(b), numbers={}, memory={}) for b in bars]


def test_coverage_counts_the_sessions_minutes_and_the_longest_stretch_without_a_bar() -> None:
    facts = made(minutes("AMC", *range(100), *range(110, 390)))
    [amc, muln] = coverage(facts, ("AMC", "MULN"), Timeframe.MINUTE)
    assert (amc.seen, amc.possible, amc.longest) == (380, 390, 10)
    assert (muln.seen, muln.longest) == (0, 390)
    assert missing_sessions(facts, ("AMC", "MULN")) == {"MULN": 1}
    assert coverage(facts, ("AMC",), Timeframe.DAY) == ()


def test_figures_of_trades_need_trades() -> None:
    none = trade_figures(())
    assert (none.count, none.win_rate, none.expectancy) == (0, None, None)
    when = at(TUESDAY, 10)
    gains = [ClosedTrade("AMC", when, when, 1, Decimal(g)) for g in ("30", "-10", "0", "20")]
    some = trade_figures(gains)
    assert (some.won, some.win_rate, some.expectancy) == (2, Decimal(50), Decimal(10))
    assert (some.best, some.worst, some.total) == (Decimal(30), Decimal(-10), Decimal(40))


def test_drawdown_is_below_the_highest_close_so_far() -> None:
    events = [day(TUESDAY, "100"), day(WEDNESDAY, "120")]
    facts = made(events, TUESDAY, WEDNESDAY, latest=(WEDNESDAY, Decimal(90)))
    assert max_drawdown(facts) == Decimal(25)
    assert max_drawdown(made(events, TUESDAY, WEDNESDAY)) is None
    assert max_drawdown(made([])) is None


def test_no_session_is_no_report() -> None:
    with pytest.raises(ValueError, match="no sessions"):
        gather("bear_trap", [], [], None)
