"""Sessions that pass while the daemon is down count one by one, or, untold, as losing ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from magellan_core.errors import Unavailable
from magellan_core.paper.broker import CoreBroker
from magellan_core.risk.account import DayResult
from tests.engine import risk_stage
from tests.engine.risk_stage import Buyer, Desk, day, desk

LATER = timedelta(minutes=30)
BEFORE_THE_OPEN = timedelta(minutes=50)
# 3,960 shares are bought at 10: a fall of 0.30 is 1,188, more than 1 % of the account.
LOSES, GAINS, LIES = Decimal("-0.30"), Decimal("0.30"), Decimal(0)
DIPS = Decimal("-0.20")  # 792: a loss, but no losing day
SHARES = 3960
ROOMY: dict[str, Any] = {
    "risk_management__max_daily_loss_dollars": 90_000,
    "risk_management__max_daily_loss_pct": 100,
    "risk_management__emergency_stop_conditions__max_drawdown_pct": 100,
}


def closes(moves: Sequence[Decimal]) -> dict[int, list[float]]:
    """Each session opens at the close before it and moves once; one more lies still."""
    price, made = Decimal(10), {}
    for n, move in enumerate([*moves, LIES]):
        made[n] = [float(price), float(price), float(price + move)]
        price += move
    return made


@dataclass
class Telling:
    """The real broker, but for its history: less of it, or none for the asking yet."""

    on: Desk
    hides: frozenset[date] = frozenset()
    fails: int = 0
    asked: list[tuple[date, date]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.real = CoreBroker(self.on.exchange, self.on.number)

    def closing_equities(self, first: date, last: date) -> Mapping[date, Decimal]:
        self.asked.append((first, last))
        if self.fails:
            self.fails -= 1
            raise Unavailable("GET: no answer")
        told = self.real.closing_equities(first, last)
        return {on: equity for on, equity in told.items() if on not in self.hides}

    # Any: everything else is the real broker's, whatever its type.
    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def down(moves: Sequence[Decimal], *, buyer: Buyer | None = None, **more: Any) -> Desk:
    """Up in the first session, down for those between, not yet back before the last one."""
    on = desk(closes(moves), strategy=buyer, **ROOMY, **more)
    assert not on.run(day(0).close + LATER)
    on.exchange.step(day(len(moves)).open - BEFORE_THE_OPEN)
    return on


def back(on: Desk, sessions: int) -> Sequence[DayResult]:
    """Up again until after the open of the session after so many; the results by then."""
    on.run(day(sessions).open + LATER)
    assert on.engine is not None
    return on.engine.ledger.book.days


@pytest.mark.parametrize("moment", ["before the open", "after the last close"])
@pytest.mark.parametrize(
    ("moves", "halts"),
    [
        ([LIES, LOSES], []),
        ([LOSES, LOSES], []),
        ([LIES, LOSES, LOSES, LOSES], ["losing_streak"]),
        ([LOSES, LOSES, GAINS, LOSES], []),
        ([LOSES, LOSES, LOSES, DIPS], []),  # the streak is over when it comes back
        ([LIES, DIPS, DIPS, DIPS], []),  # 2.4 % in three sessions, no losing one
        ([LIES, *[GAINS] * 7, LOSES, LOSES, LOSES], ["losing_streak"]),
        ([LOSES, *[LOSES, GAINS] * 5], []),  # net of all it loses, no three in a row
    ],
    ids=lambda value: f"{len(value)} of them",
)
def test_each_missed_session_has_a_result_of_its_own(
    moves: Sequence[Decimal], halts: list[str], moment: str
) -> None:
    on = down(moves)
    if moment == "after the last close":
        on = desk(closes(moves), **ROOMY)
        on.run(day(0).close + LATER)
        on.exchange.step(day(len(moves) - 1).close + LATER)
        on.run(day(len(moves) - 1).close + 2 * LATER)
    results = back(on, len(moves))
    sessions = [day(n).date for n in range(len(moves))]
    assert [(r.session, r.pnl) for r in results] == [
        (session, SHARES * move) for session, move in zip(sessions, moves, strict=True)
    ]
    # After the fourth close its result is not there yet: the streak of three stands that evening.
    evening = moment == "after the last close" and moves[:3] == [LOSES] * 3
    assert on.halts() == (["losing_streak"] if evening else halts)


@pytest.mark.parametrize("session", [0, 1, 2, 3])
@pytest.mark.parametrize("amount", [-20_000, 20_000])
def test_money_paid_in_or_out_meanwhile_is_no_result(session: int, amount: int) -> None:
    moves = [LIES, LOSES, GAINS, LIES]
    on = desk(closes(moves), **ROOMY)
    on.run(day(0).open + LATER)
    on.exchange.step(day(session).close - LATER)
    on.exchange.transfer(on.number, Decimal(amount))
    on.exchange.step(day(4).open - BEFORE_THE_OPEN)
    assert [r.pnl for r in back(on, 4)] == [SHARES * move for move in moves]
    assert [line["amount"] for line in on.lines("transfer")] == [str(amount)]


@pytest.mark.parametrize(
    ("hidden", "unknown", "halts"),
    [
        # The close of a session ends its result and begins the next one's: neither is known.
        ([1], [1, 2], []),
        ([1, 2], [1, 2, 3], ["losing_streak"]),
        ([0, 1, 2], [0, 1, 2, 3], ["losing_streak"]),
    ],
)
def test_what_the_broker_does_not_tell_is_taken_for_losing(
    hidden: Sequence[int], unknown: Sequence[int], halts: list[str]
) -> None:
    on = down([LIES] * 4)
    on.broker = Telling(on, hides=frozenset(day(n).date for n in hidden))
    results = back(on, 4)
    assert [n for n, r in enumerate(results) if not r.known] == list(unknown)
    assert on.halts() == halts
    assert any(key.startswith("unknown-days-") for key in on.alerts.subjects())
    if halts:
        [line] = on.lines("halt")
        assert f"({len(unknown)} of them not known, and so taken for losing)" in line["why"]


def test_until_the_broker_answers_nothing_is_entered_and_then_all_is_right() -> None:
    moves = [LOSES, LOSES, LOSES, LIES]
    on = down(moves)
    broker = on.broker = Telling(on, fails=400)
    on.run(day(4).open + timedelta(minutes=2))
    assert broker.asked
    assert "unjudged" in on.alerts.subjects()
    assert on.engine is not None
    assert on.engine.limits.unjudged == "the day's start is not known: GET: no answer"
    broker.fails = 0
    assert [r.pnl for r in back(on, 4)] == [SHARES * move for move in moves]


def test_an_account_that_held_nothing_needs_no_history() -> None:
    never = Buyer(sell_at=lambda _: True)
    on = down([LOSES, LOSES, LOSES, GAINS], buyer=never)
    on.exchange.transfer(on.number, Decimal(5000))
    broker = on.broker = Telling(on, fails=1)
    results = back(on, 4)
    assert [(r.pnl, r.known) for r in results] == [(Decimal(0), True)] * 4
    assert broker.asked == []


def test_a_stop_that_filled_meanwhile_is_no_idle_account() -> None:
    """It held shares at the first close and sells them later, by an order at the broker."""
    on = down([LOSES, LOSES, LOSES, LOSES])
    broker = on.broker = Telling(on)
    on.strategy = Buyer(sell_at=lambda _: True)
    back(on, 4)
    assert broker.asked == [(day(0).date, day(2).date)]


def test_holidays_are_no_sessions_and_half_days_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thanksgiving 2024: Monday to Wednesday, a holiday, a half day, a weekend."""
    monkeypatch.setattr(risk_stage, "MONDAY", date(2024, 11, 25))
    moves = [GAINS, LOSES, LOSES, LOSES]
    on = down(moves)
    results = back(on, 4)
    assert [r.session.isoformat() for r in results] == [
        "2024-11-25",
        "2024-11-26",
        "2024-11-27",
        "2024-11-29",
    ]
    assert day(3).is_half_day
    assert [r.pnl for r in results] == [SHARES * move for move in moves]
    assert on.halts() == ["losing_streak"]


def test_the_same_lines_fold_to_the_same_results() -> None:
    on = down([LIES] * 4)
    on.broker = Telling(on, hides=frozenset({day(1).date}))
    first = list(back(on, 4))
    assert list(back(on, 4)) == first
