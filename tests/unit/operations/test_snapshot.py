"""A snapshot tells what broker, journal and config tell, and never more."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from magellan_core.errors import CredentialsError, MagellanError, RateLimited, Unavailable
from magellan_core.lines import Event, Line, bar_data, line
from magellan_core.market_hours import at_new_york
from magellan_core.model import (
    Bar,
    OrderClass,
    OrderRequest,
    Position,
    Published,
    Side,
    TimeInForce,
)
from magellan_core.operations.broker_eye import BUDGET, BrokerEye
from magellan_core.operations.details import details
from magellan_core.operations.journal_eye import JournalEye
from magellan_core.operations.looks import Run, market_clock
from magellan_core.operations.reasons import in_words
from magellan_core.operations.snapshot import Lookout, take
from magellan_core.records import dump_request
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.portfolio import SqlitePortfolioStore
from tests.unit.operations.dashboard_support import (
    FRIDAY,
    MINUTE,
    NOW,
    Desk,
    account,
    bar,
    day,
    order,
    started,
    station,
    write,
)

HOLDS_TSLA = Position("TSLA", Decimal(100), Decimal("338.01"), Decimal("341.20"))


# -- money -------------------------------------------------------------------------------------


def test_today_counts_from_the_journals_day_start(tmp_path: Path) -> None:
    looked = take([station(tmp_path, Desk(), [day("100200.50")])], NOW).strategies[0].account
    assert looked.today.value == Decimal("299.50")
    assert looked.today.origin.source == "broker, journal"


@pytest.mark.parametrize(
    "events", [[], [day("90000", date(2024, 11, 27))]], ids=["no day line", "of Wednesday"]
)
def test_without_a_day_line_of_the_session_today_counts_from_the_brokers_close(
    tmp_path: Path, events: list[Event]
) -> None:
    looked = take([station(tmp_path, Desk(), events)], NOW).strategies[0].account
    assert looked.today.value == Decimal(400)
    assert looked.today.origin.source == "broker"


def test_on_a_saturday_today_is_fridays_session(tmp_path: Path) -> None:
    saturday = at_new_york(date(2024, 11, 30), 12)
    looked = take([station(tmp_path, Desk(), [day("100200.50")])], saturday).strategies[0].account
    assert looked.today.value == Decimal("299.50")


def test_total_counts_from_the_configs_capital(tmp_path: Path) -> None:
    looked = take([station(tmp_path, Desk())], NOW).strategies[0].account
    assert looked.total.value == Decimal(500)
    assert looked.total.origin.source == "broker, journal, config"
    assert looked.total.origin.at == NOW


def test_money_paid_in_is_no_gain(tmp_path: Path) -> None:
    at = (NOW - MINUTE).isoformat()
    deposit = line(NOW, Line.TRANSFER, None, id="t1", amount="10000", since=at)
    events = [day("100000"), line(NOW, Line.HIGH, None, equity="100000"), deposit]
    looked = take([station(tmp_path, Desk(account(equity="109000")), events)], NOW).strategies[0]
    account_ = looked.account
    assert account_.total.value == account_.today.value == Decimal(-1000)
    assert round(account_.drawdown.value or 0, 2) == Decimal("0.91")


def test_totals_are_the_sum_of_the_accounts(tmp_path: Path) -> None:
    both = [
        station(tmp_path, Desk(), [day("100000")]),
        station(tmp_path, Desk(account("PA2", "99000")), [day("99500")], "daily_trend"),
    ]
    totals = take(both, NOW).totals
    assert totals.equity.value == Decimal(199500)
    assert totals.today.value == Decimal(0)
    assert totals.daily_loss_limit.value == Decimal(10000)


def test_a_total_with_an_unknown_part_is_unknown_and_names_it(tmp_path: Path) -> None:
    both = [
        station(tmp_path, Desk()),
        station(tmp_path, Desk(fault=Unavailable("timed out")), strategy="daily_trend"),
    ]
    totals = take(both, NOW).totals
    assert totals.equity.value is None
    assert "daily_trend" in totals.equity.why


# -- one account's failure ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Unavailable("no answer"), RateLimited("429"), CredentialsError("keys refused")]
)
def test_one_accounts_failure_is_shown_there_and_hides_no_other(
    tmp_path: Path, fault: MagellanError
) -> None:
    ill, well = take(
        [
            station(tmp_path, Desk(fault=fault), strategy="daily_trend"),
            station(tmp_path, Desk()),
        ],
        NOW,
    ).strategies
    assert ill.account.equity.value is None
    assert ill.account.equity.why == str(fault)
    assert any(str(fault) in p.text for p in ill.problems)
    assert well.account.equity.value == Decimal(100500)


def test_without_keys_the_reason_is_shown(tmp_path: Path) -> None:
    look = take([station(tmp_path, None, why="no such parameter")], NOW).strategies[0]
    assert look.account.fault == "no such parameter"


def test_figures_of_before_the_failure_stay_with_their_age(tmp_path: Path) -> None:
    desk = Desk()
    lookout = Lookout([station(tmp_path, desk)])
    lookout.take(NOW)
    desk.fault = Unavailable("no answer")
    looked = lookout.take(NOW + 5 * MINUTE).strategies[0].account
    assert looked.equity.value == Decimal(100500)
    assert looked.equity.origin.age(NOW + 5 * MINUTE) == 5 * MINUTE
    assert looked.fault == "no answer"


def test_a_mute_broker_leaves_the_journals_positions(tmp_path: Path) -> None:
    desk = Desk(fault=Unavailable("no answer"))
    look = take([station(tmp_path, desk, bought("TSLA", 100))], NOW).strategies[0]
    (held,) = look.positions
    assert (held.symbol, held.qty, held.average) == ("TSLA", Decimal(100), Decimal("338.01"))
    assert held.last is None
    assert held.unrealised is None
    assert held.origin.source == "journal"


def test_keys_of_another_account_are_a_problem(tmp_path: Path) -> None:
    look = take([station(tmp_path, Desk(), strategy="bear_trap")], NOW).strategies[0]
    assert any("config names PA3DDLQCBJSE" in p.text for p in look.problems)


@pytest.mark.parametrize("text", ["this is no database", ""])
def test_an_unreadable_journal_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "hourly_swing.sqlite3").write_text(text)
    look = take([station(tmp_path, Desk(), None)], NOW).strategies[0]
    assert look.journal_fault
    assert look.account.equity.value == Decimal(100500)
    assert look.symbols[0].bar is None


def test_a_line_of_another_version_is_said_and_shows_no_half_fold(tmp_path: Path) -> None:
    events = [*bought("TSLA", 100), Event(NOW, "fill", "TSLA", {"unheard": "of"})]
    look = take([station(tmp_path, Desk(fault=Unavailable("mute")), events)], NOW).strategies[0]
    assert "line 4 (fill) cannot be read" in look.journal_fault
    assert look.positions == ()


# -- what is held -------------------------------------------------------------------------------


def test_a_position_shows_its_stops_and_targets(tmp_path: Path) -> None:
    orders = [
        order("TSLA", Side.SELL, 40, type="limit", limit_price=Decimal(350)),
        order("TSLA", Side.SELL, 100, type="stop", stop_price=Decimal(330), status="held"),
        order("TSLA", Side.SELL, 9, type="stop", stop_price=Decimal(1), status="canceled"),
        order("NVDA", Side.SELL, 7, type="stop", stop_price=Decimal(120)),
    ]
    parent = order("TSLA", Side.BUY, 100, status="filled", legs=tuple(orders[:3]))
    desk = Desk(its_positions=[HOLDS_TSLA], its_orders=[parent, orders[3]])
    look = take([station(tmp_path, desk)], NOW).strategies[0]
    (held,) = look.positions
    assert [(s.qty, s.price) for s in held.stops] == [(Decimal(100), Decimal(330))]
    assert [(t.qty, t.price) for t in held.targets] == [(Decimal(40), Decimal(350))]
    assert held.unrealised == Decimal("319.00")
    assert [o.status for o in look.orders] == ["new", "held", "new"]


@pytest.mark.parametrize(("covered", "bare"), [(100, 0), (60, 40), (0, 100)])
def test_bracketed_shares_without_a_stop_are_a_problem(
    tmp_path: Path, covered: int, bare: int
) -> None:
    stop = order("TSLA", Side.SELL, covered, type="stop", stop_price=Decimal(330))
    desk = Desk(its_positions=[HOLDS_TSLA], its_orders=[stop] if covered else [])
    events = bought("TSLA", 100, stop=Decimal(330))
    look = take([station(tmp_path, desk, events)], NOW).strategies[0]
    assert look.positions[0].uncovered == bare
    assert any("without a stop" in p.text for p in look.problems) == bool(bare)


def bought(symbol: str, qty: int, stop: Decimal | None = None) -> list[Event]:
    """An entry planned, accepted and filled at 338.01."""
    at = NOW - 31 * MINUTE
    request = OrderRequest(
        "entry-1",
        symbol,
        Side.BUY,
        qty,
        time_in_force=TimeInForce.GTC,
        order_class=OrderClass.SIMPLE if stop is None else OrderClass.OTO,
        stop_loss=stop,
    )
    tranche = None if stop is None else 1
    planned = {"order": "entry-1", "role": "entry", "decision": "d", "reason": "rsi 61"}
    filled = {"id": "f1", "order": "entry-1", "broker_order": "b1", "side": "buy"}
    return [
        line(at, Line.PLANNED, symbol, tranche=tranche, request=dump_request(request), **planned),
        line(at, Line.OUTCOME, symbol, order="entry-1", what="accepted", why="", broker_id="b1"),
        line(
            at, Line.FILL, symbol, qty=str(qty), price="338.01", filled_at=at.isoformat(), **filled
        ),
    ]


# -- why nothing trades -------------------------------------------------------------------------

REFUSED = {"action": "enter", "reason": "rsi 61", "qty": 5, "numbers": {}}
HALT = line(NOW, Line.HALT, None, limit="drawdown", why="21 %", policy="flatten")
SIGNAL = line(
    NOW,
    Line.SIGNAL,
    "TSLA",
    action="exit",
    reason="rsi 38",
    not_before=at_new_york(date(2024, 12, 2), 9, 30).isoformat(),
)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "rsi 57.3, band 60/40, waits for rsi > 60"),
        ([HALT], "halted: drawdown; rsi 57.3, band 60/40, waits for rsi > 60"),
        (
            [line(NOW, Line.BLOCK, "TSLA", why="5 shares unexplained")],
            "blocked: 5 shares unexplained; rsi 57.3, band 60/40, waits for rsi > 60",
        ),
        ([SIGNAL], "signal: sells Mon 09:30 ET; rsi 57.3, band 60/40, waits for rsi > 60"),
        (
            [SIGNAL, line(NOW, Line.SIGNAL_GONE, "TSLA", why="executed")],
            "rsi 57.3, band 60/40, waits for rsi > 60",
        ),
        (
            [line(NOW, Line.DECISION, "TSLA", objections=["spread 3 % > 1 %"], **REFUSED)],
            "refused 10:31 ET: spread 3 % > 1 %; rsi 57.3, band 60/40, waits for rsi > 60",
        ),
        (
            [line(NOW - timedelta(days=2), Line.DECISION, "TSLA", objections=["x"], **REFUSED)],
            "rsi 57.3, band 60/40, waits for rsi > 60",
        ),
        (bought("TSLA", 5), "held; rsi 57.3, band 60/40, waits for rsi > 60"),
        (
            [*bought("TSLA", 5), line(NOW, Line.EXIT, "TSLA", reason="close")],
            "closing: close; rsi 57.3, band 60/40, waits for rsi > 60",
        ),
        (bought("TSLA", 5)[:1], "entry order planned; rsi 57.3, band 60/40, waits for rsi > 60"),
    ],
)
def test_each_symbol_says_why_it_does_not_trade(
    tmp_path: Path, events: list[Event], expected: str
) -> None:
    newest = bar("TSLA", NOW - 31 * MINUTE, rsi="57.3", band="60/40", waits_for="rsi > 60")
    look = take([station(tmp_path, Desk(), [*events, newest])], NOW).strategies[0].symbols[0]
    assert in_words(look, held=False)[0] == expected


def test_a_symbol_without_a_bar_says_so(tmp_path: Path) -> None:
    look = take([station(tmp_path, Desk())], NOW).strategies[0].symbols[0]
    assert in_words(look, held=False) == ["no bar on record yet"]


@pytest.mark.parametrize(("held", "side"), [(False, "rsi > 60"), (True, "rsi < 40")])
def test_where_room_is_short_only_the_side_that_can_happen_is_told(
    tmp_path: Path, held: bool, side: str
) -> None:
    newest = bar("TSLA", NOW, rsi="57.3", waits_for="rsi > 60 to buy, < 40 to sell")
    look = take([station(tmp_path, Desk(), [newest])], NOW).strategies[0].symbols[0]
    assert in_words(look, held)[1] == f"rsi 57.3, waits for {side}"


def test_a_delisted_symbol_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    desk = Desk(delisted=frozenset({"NVDA"}))
    look = take([station(tmp_path, desk)], NOW).strategies[0]
    assert [s.untradable for s in look.symbols] == ["", "not tradable: inactive"]
    assert [p.text for p in look.problems if "NVDA" in p.text] == ["NVDA is not tradable: inactive"]


# -- halts and daemons --------------------------------------------------------------------------


def test_a_halt_is_the_first_problem_until_it_is_resumed(tmp_path: Path) -> None:
    desk = station(tmp_path, Desk(), [started(), HALT])
    look = take([desk], NOW).strategies[0]
    assert look.problems[0].text == "HALTED since 10:31 ET (drawdown, flatten): 21 %"
    write(desk.journal, [line(NOW, Line.RESUME, None, reason="seen to", live_since=None)])
    assert take([desk], NOW).strategies[0].problems == ()


@pytest.mark.parametrize(
    ("events", "run"),
    [
        ([], Run.NEVER),
        ([started()], Run.STARTED),
        ([started(), line(NOW, Line.STOP)], Run.STOPPED),
        ([line(NOW - MINUTE, Line.STOP), started(NOW)], Run.STARTED),
    ],
)
def test_the_journal_says_whether_a_daemon_runs(
    tmp_path: Path, events: list[Event], run: Run
) -> None:
    assert take([station(tmp_path, Desk(), events)], NOW).strategies[0].daemon.run is run


@pytest.mark.parametrize(
    ("follows", "at", "problem"),
    [
        ("stop", NOW - MINUTE, False),
        ("crash", NOW - MINUTE, True),
        ("crash", NOW - timedelta(days=1), False),
    ],
)
def test_a_crash_is_a_problem_to_look_at_for_the_rest_of_its_day(
    tmp_path: Path, follows: str, at: datetime, problem: bool
) -> None:
    seen = (at - timedelta(seconds=42)).isoformat()
    start = line(at, Line.START, None, version="0.1.0", follows=follows, last_seen=seen)
    look = take([station(tmp_path, Desk(), [start])], NOW).strategies[0]
    told = [p.text for p in look.problems if "(crash, kill or power loss), away for 42 s" in p.text]
    assert bool(told) is problem
    said = any(
        "(crash, kill or power loss)" in row for row in details(look, NOW, with_account=True)
    )
    assert said is (follows == "crash")


@pytest.mark.parametrize(
    ("state", "flat", "late", "run"),
    [
        ("running", True, 0, Run.RUNNING),
        ("running", False, 59, Run.RUNNING),
        ("running", True, 61, Run.SILENT),
        ("halted", False, 61, Run.SILENT),
        ("halted", True, 9999, Run.HALTED),
        ("stopped", False, 9999, Run.STOPPED),
    ],
)
def test_a_daemon_is_alive_while_it_keeps_its_promise(
    tmp_path: Path, state: str, flat: bool, late: int, run: Run
) -> None:
    desk = station(tmp_path, Desk(), [started()])
    store = SqlitePortfolioStore(desk.portfolio)
    due = NOW - timedelta(seconds=late)
    store.publish(Published("hourly_swing", due, due, Decimal(1), Decimal(0), FRIDAY, flat, state))
    store.close()
    assert take([desk], NOW).strategies[0].daemon.run is run


def test_a_daemon_that_ended_by_a_halt_is_halted_and_was_not_stopped(tmp_path: Path) -> None:
    desk = station(tmp_path, Desk(), [started(), HALT, line(NOW, Line.STOP)])
    store = SqlitePortfolioStore(desk.portfolio)
    figures = (NOW, NOW, Decimal(1), Decimal(0), FRIDAY, True, "stopped")
    store.publish(Published("hourly_swing", *figures))
    store.close()
    look = take([desk], NOW).strategies[0]
    assert look.daemon.run is Run.HALTED
    assert [p.text for p in look.problems] == ["HALTED since 10:31 ET (drawdown, flatten): 21 %"]


def test_an_outage_is_a_problem_until_it_is_over(tmp_path: Path) -> None:
    desk = station(tmp_path, Desk(), [started(), line(NOW, Line.OUTAGE, None, why="timed out")])
    assert "without the broker" in take([desk], NOW).strategies[0].problems[0].text
    write(desk.journal, [line(NOW + MINUTE, Line.BACK, None, after="timed out")])
    assert take([desk], NOW + MINUTE).strategies[0].problems == ()


def test_an_outage_of_the_data_alone_is_told_as_such(tmp_path: Path) -> None:
    out = line(NOW, Line.OUTAGE, None, why="timed out", what="market data")
    desk = station(tmp_path, Desk(), [started(), out])
    assert "without market data since" in take([desk], NOW).strategies[0].problems[0].text


# -- limits -------------------------------------------------------------------------------------


def test_limits_are_shown_with_what_is_used_of_them(tmp_path: Path) -> None:
    events = [day("101000"), line(NOW, Line.HIGH, None, equity="102000"), *bought("TSLA", 100)]
    desk = Desk(its_positions=[HOLDS_TSLA])
    look = take([station(tmp_path, desk, events)], NOW).strategies[0]
    told = {u.what: (u.used.value, u.limit.value) for u in look.usages}
    assert told["trades today"] == (Decimal(1), None)
    assert told["positions"] == (Decimal(1), Decimal(2))
    assert told["lost today"] == (Decimal(500), Decimal(10000))
    assert round(told["drawdown"][0] or Decimal(0), 2) == Decimal("1.47")


# -- the market's clock -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day_", "hour", "minute", "is_open", "event", "half_day"),
    [
        ("2024-11-29", 9, 29, False, "2024-11-29T14:30:00+00:00", True),
        ("2024-11-29", 9, 30, True, "2024-11-29T18:00:00+00:00", True),
        ("2024-11-29", 13, 0, False, "2024-12-02T14:30:00+00:00", False),
        ("2024-11-28", 12, 0, False, "2024-11-29T14:30:00+00:00", True),
        ("2024-07-15", 15, 59, True, "2024-07-15T20:00:00+00:00", False),
    ],
)
def test_the_next_event_of_the_market(
    day_: str, hour: int, minute: int, is_open: bool, event: str, half_day: bool
) -> None:
    clock = market_clock(at_new_york(date.fromisoformat(day_), hour, minute))
    assert clock.is_open is is_open
    assert clock.event_at == datetime.fromisoformat(event)
    assert clock.session.is_half_day is half_day


# -- cost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, 5, 15])
def test_no_minute_sees_more_requests_than_the_budget(seconds: int) -> None:
    symbols = tuple(f"S{n}" for n in range(40))
    desk, spent = Desk(), []
    eye = BrokerEye(desk, "", symbols)
    for second in range(0, 600, seconds):
        before = desk.asked
        eye.look(NOW + timedelta(seconds=second))
        spent.append((second, desk.asked - before))
    for start in range(600):
        assert sum(n for at, n in spent if start <= at < start + 60) <= BUDGET
    assert desk.asked >= len(symbols) + 3 * 30
    assert not any(eye.untradable(s) for s in symbols)


@pytest.mark.parametrize("fault", [RateLimited("429"), CredentialsError("refused")])
def test_a_broker_that_says_no_is_left_alone_for_a_minute(fault: MagellanError) -> None:
    desk = Desk(fault=fault)
    eye = BrokerEye(desk, "", ())
    for second in range(0, 60, 5):
        eye.look(NOW + timedelta(seconds=second))
    assert desk.asked == 1


def test_a_clock_that_was_set_back_does_not_silence_the_dashboard() -> None:
    desk = Desk()
    eye = BrokerEye(desk, "", ())
    eye.look(NOW)
    eye.look(NOW - timedelta(days=1))
    assert eye.reading is not None
    assert eye.reading.at == NOW - timedelta(days=1)


def test_each_line_is_folded_once_and_bars_are_not_read_at_all(tmp_path: Path) -> None:
    """A year holds half a million bars: only the newest of a symbol may be touched."""
    path = tmp_path / "journal.sqlite3"
    write(path, [*bought("TSLA", 100), *(bar("TSLA", NOW + n * MINUTE) for n in range(3000))])
    eye, folded = CountingEye(path, ("TSLA",)), 3
    eye.look()
    assert len(eye.taken) == folded
    write(path, [day("100000"), bar("TSLA", NOW + 4000 * MINUTE, 350.0)])
    eye.look()
    assert len(eye.taken) == folded + 1
    assert eye.bars["TSLA"].data["close"] == 350.0
    assert eye.book.positions["TSLA"].qty == 100


class CountingEye(JournalEye):
    """Counts the lines that are folded."""

    def __init__(self, path: Path, symbols: tuple[str, ...]) -> None:
        self.taken: list[int] = []
        super().__init__(path, symbols)

    def _take(self, number: int, event: Event) -> None:
        self.taken.append(number)
        super()._take(number, event)


def test_a_journal_that_was_replaced_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    write(path, bought("TSLA", 100))
    eye = JournalEye(path, ("TSLA",))
    eye.look()
    for file in tmp_path.iterdir():
        file.unlink()
    write(path, [day("100000"), day("100000"), day("100000"), HALT])
    eye.look()
    assert not eye.book.positions
    assert set(eye.book.halts) == {"drawdown"}


def test_a_journal_is_read_while_its_daemon_writes(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path)
    eye = JournalEye(path, ("TSLA",))
    candle = Bar("TSLA", NOW, NOW + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    for n in range(3):
        journal.append([line(NOW + n * MINUTE, Line.BAR, "TSLA", **bar_data(candle))])
        eye.look()
        assert eye.fault == ""
        assert eye.bars["TSLA"].at == NOW + n * MINUTE
    journal.close()
