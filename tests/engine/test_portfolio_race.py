"""Several daemons race past the portfolio's limit: every interleaving of publish, read and trade.

The rule: no entry leaves unless its daemon has published before and read after in the same tick.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from magellan_core.engine.halts import Halts
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.peers import Peers
from magellan_core.lines import Line, line
from magellan_core.model import Published
from magellan_core.ports import PortfolioStore
from magellan_core.risk.portfolio import PortfolioLimits
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from magellan_core.store.portfolio import SqlitePortfolioStore
from tests.engine.risk_stage import Heard, day

NAMES = ("bear_trap", "daily_trend", "hourly_swing")
NOON = day(0).open + timedelta(hours=2)
RIGHT = ("publish", "read", "trade")
WRONG = ("read", "publish", "trade")


class Daemon:
    """What a daemon does about its peers in one tick, step by step."""

    def __init__(self, name: str, names: Sequence[str], store: PortfolioStore) -> None:
        self.name = name
        self.ledger = Ledger(MemoryJournal())
        self.ledger.write(line(NOON, Line.DAY, session=day(0).date.isoformat(), day_start="100000"))
        self.halts = Halts(name, self.ledger, store, Heard(), {"portfolio": "flatten"})
        limits = PortfolioLimits(names, Decimal(10_000), Decimal(20), timedelta(seconds=60))
        self.peers = Peers(name, self.ledger, store, self.halts, limits)
        self.traded = 0

    def figures(self, lost: int, now: datetime) -> Published:
        equity, session = Decimal(100_000 - lost), day(0).date
        next_by = now + timedelta(seconds=10)
        return Published(self.name, now, next_by, equity, Decimal(-lost), session, False, "running")

    def step(self, what: str, lost: int, now: datetime = NOON) -> None:
        match what:
            case "publish":
                self.peers.publish(self.figures(lost, now))
            case "read":
                self.peers.judge(now)
            case "trade":
                self.halts.hear(now)
                if not self.ledger.book.halts and not self.peers.stale:
                    self.traded += 1

    @property
    def halted(self) -> bool:
        return bool(self.ledger.book.halts)


def interleavings(left: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every order of the steps of several daemons, each of which keeps its own order."""
    if not any(left):
        yield ()
    for who, steps in enumerate(left):
        if steps:
            rest = (*left[:who], steps - 1, *left[who + 1 :])
            for tail in interleavings(rest):
                yield (who, *tail)


def race(
    order: Sequence[int], steps: Sequence[str], store: PortfolioStore, lost: int
) -> list[Daemon]:
    """Everybody was fine a tick ago; now each has lost that much, and ticks in that order."""
    names = NAMES[: max(order) + 1]
    daemons = [Daemon(name, names, store) for name in names]
    for daemon in daemons:
        daemon.step("publish", 0, NOON - timedelta(seconds=10))
    done = [0] * len(daemons)
    for who in order:
        daemons[who].step(steps[done[who]], lost)
        done[who] += 1
    return daemons


def last_to_publish(order: Sequence[int]) -> int:
    second = {who: order.index(who) for who in set(order)}
    return max(second, key=second.__getitem__)


# Two lose 6,000 each, three 4,000: only together is it too much.
SIZES = [(2, 6000, 20), (3, 4000, 1680)]


@pytest.mark.parametrize(("daemons", "lost", "count"), SIZES)
def test_the_last_to_publish_never_trades_and_after_one_more_tick_all_are_halted(
    daemons: int, lost: int, count: int
) -> None:
    orders = list(interleavings((3,) * daemons))
    assert len(orders) == count
    for order in orders:
        raced = race(order, RIGHT, MemoryPortfolioStore(), lost)
        assert raced[last_to_publish(order)].traded == 0, order
        assert sum(d.traded for d in raced) < daemons, order
        before = [d.traded for d in raced]
        for daemon in raced:
            for step in RIGHT:
                daemon.step(step, lost, NOON + timedelta(seconds=10))
        assert [d.traded for d in raced] == before, order
        assert all(d.halted for d in raced), order


def test_whoever_reads_when_all_have_published_does_not_trade() -> None:
    for order in interleavings((3, 3, 3)):
        raced = race(order, RIGHT, MemoryPortfolioStore(), 4000)
        published = max(order.index(who) for who in range(3))
        for who, daemon in enumerate(raced):
            read = [n for n, each in enumerate(order) if each == who][1]
            assert not (read > published and daemon.traded), order


def test_the_other_way_round_all_of_them_slip_through() -> None:
    """Reading before publishing is not enough: the rule is what keeps them."""
    slipped = [
        order
        for order in interleavings((3, 3))
        if all(d.traded for d in race(order, WRONG, MemoryPortfolioStore(), 6000))
    ]
    assert slipped


def test_the_store_on_disk_keeps_the_rule_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    for number, order in enumerate(interleavings((3, 3))):
        folder = tmp_path_factory.mktemp(f"race{number}")
        raced = race(order, RIGHT, SqlitePortfolioStore(folder / "p.sqlite3"), 6000)
        assert raced[last_to_publish(order)].traded == 0, order


def test_below_the_limit_everybody_trades() -> None:
    for order in interleavings((3, 3)):
        assert all(d.traded for d in race(order, RIGHT, MemoryPortfolioStore(), 4999))


@pytest.mark.parametrize(("lost", "halts"), [(9999, False), (10_000, True), (10_001, True)])
def test_the_days_loss_of_all_below_at_and_above_the_limit(lost: int, halts: bool) -> None:
    store = MemoryPortfolioStore()
    daemons = [Daemon(name, NAMES, store) for name in NAMES]
    for daemon, part in zip(daemons, (lost - 2000, 1000, 1000), strict=True):
        daemon.step("publish", part)
    for daemon in daemons:
        daemon.step("read", 0)
        daemon.step("trade", 0)
    assert [d.halted for d in daemons] == [halts] * 3


@pytest.mark.parametrize(
    ("state", "flat", "silent_for", "blocks"),
    [
        ("running", False, 70, False),  # promised for 10 s, and 60 s of patience
        ("running", False, 71, True),
        ("running", True, 71, True),
        ("halted", False, 71, True),
        ("stopped", True, 99_999, False),
        ("stopped", False, 71, True),
    ],
)
def test_a_silent_peer_blocks_entries_unless_it_stopped_flat(
    state: str, flat: bool, silent_for: int, blocks: bool
) -> None:
    store = MemoryPortfolioStore()
    me = Daemon("bear_trap", NAMES[:2], store)
    then = NOON - timedelta(seconds=silent_for)
    store.publish(
        Published(
            "daily_trend",
            then,
            then + timedelta(seconds=10),
            Decimal(100_000),
            Decimal(0),
            day(0).date,
            flat,
            state,
        )
    )
    for step in RIGHT:
        me.step(step, 0)
    assert bool(me.traded) is not blocks


def test_a_portfolio_drawdown_counts_from_what_was_earned_not_paid_in() -> None:
    store = MemoryPortfolioStore()
    daemons = [Daemon(name, NAMES, store) for name in NAMES]
    for daemon in daemons:
        daemon.step("publish", 0)
    daemons[0].step("read", 0)
    # 100,000 are withdrawn from one account: the total falls by a third, and nothing was lost.
    paid_out = Published(
        "bear_trap",
        NOON,
        NOON,
        Decimal(0),
        Decimal(0),
        day(0).date,
        True,
        "running",
        Decimal(-100_000),
    )
    store.publish(paid_out)
    daemons[1].step("read", 0)
    assert not daemons[1].halted
    for daemon, lost in zip(daemons[1:], (20_000, 20_000), strict=True):
        daemon.step("publish", lost)
    daemons[1].step("read", 0)
    assert daemons[1].halted


def test_a_peer_that_was_down_finds_the_halt_when_it_is_back() -> None:
    store = MemoryPortfolioStore()
    up = Daemon("bear_trap", NAMES[:2], store)
    Daemon("daily_trend", NAMES[:2], store).step("publish", 6000)
    up.step("publish", 6000)
    up.step("read", 0)
    assert up.halted
    back = Daemon("daily_trend", NAMES[:2], store)
    back.halts.hear(NOON)
    assert back.halted
