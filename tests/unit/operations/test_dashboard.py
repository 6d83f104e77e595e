"""What the dashboard shows fits its window, leads with trouble, and can be read without colour."""

import json
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from magellan_core.errors import Unavailable
from magellan_core.lines import Event, Line, line
from magellan_core.market_hours import at_new_york
from magellan_core.model import Position, Side
from magellan_core.operations.columns import Cell, Rank, aligned, fit, widths
from magellan_core.operations.columns import Line as Row
from magellan_core.operations.dashboard import dashboard, picture
from magellan_core.operations.looks import Origin, Snapshot
from magellan_core.operations.snapshot import Lookout, take
from magellan_core.operations.snapshot_json import as_json
from magellan_core.operations.stations import Station
from magellan_core.operations.watch import COMPACT, Watch
from magellan_core.operations.wording import ago, number, price, short_day, signed
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
)

HALT = line(NOW, Line.HALT, None, limit="drawdown", why="21.00 % below the high", policy="flatten")
LONG = "GET https://paper-api.alpaca.markets/v2/account: no answer (timed out): check the network "


def three(folder: Path, *, halted: bool = False, mute: bool = False) -> list[Station]:
    """All strategies on the half day after Thanksgiving, 10:31; TSLA is held by Hourly Swing."""
    swing = Desk(
        account("PAPERHOURLYSWING", "100500"),
        its_positions=[Position("TSLA", Decimal(146), Decimal("338.01"), Decimal("341.20"))],
        its_orders=[order("TSLA", Side.SELL, 146, type="stop", stop_price=Decimal("330.5"))],
    )
    trap = Desk(account("PA3DDLQCBJSE", "99900"), fault=Unavailable(LONG) if mute else None)
    hourly: list[Event] = [
        started(),
        day("100300"),
        bar("TSLA", NOW - 31 * MINUTE, 341.2, rsi="63.1", waits_for="rsi < 40"),
        bar("NVDA", NOW - 31 * MINUTE, 136.1, rsi="51.0", waits_for="rsi > 55"),
    ]
    daily = [
        started(),
        *(
            bar(s, at_new_york(date(2024, 11, 27), 16), 200.0, rsi="50.0", waits_for="rsi > 65")
            for s in ("GOOGL", "GLD", "META", "AAPL", "QQQ", "SPY", "MSFT", "TSLA", "AMZN", "IWM")
        ),
    ]
    return [
        station(folder, trap, [started()], "bear_trap"),
        station(folder, Desk(account("PAPERDAILYTREND")), daily, "daily_trend"),
        station(folder, swing, [*hourly, HALT] if halted else hourly),
    ]


def shown(snapshot: Snapshot, width: int, height: int | None = None) -> str:
    """The picture without colour, as a pipe or a NO_COLOR terminal gets it."""
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(dashboard(snapshot, width, height))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100, 120, 140, 200])
@pytest.mark.parametrize("height", [None, 10, 24, 60])
@pytest.mark.parametrize("mute", [False, True])
def test_the_picture_fits_its_window(
    tmp_path: Path, width: int, height: int | None, mute: bool
) -> None:
    lines = picture(take(three(tmp_path, halted=True, mute=mute), NOW), width, height)
    assert max(row.cell_len for row in lines) <= width
    assert height is None or len(lines) <= height


@pytest.mark.parametrize("width", [80, 140])
def test_the_first_glance_has_time_market_money_and_verdict(tmp_path: Path, width: int) -> None:
    first, second, *_ = shown(take(three(tmp_path), NOW), width).splitlines()
    assert first.startswith("Magellan  Fri 2024-11-29 10:31 ET")
    assert first.rstrip().endswith("market open, closes 13:00 ET, half day")
    assert second.split() == [
        *("OK", "3", "of", "3", "run,", "no", "halt", "equity", "300,900.00"),
        *("today", "+400.00", "total", "+900.00"),
    ]


@pytest.mark.parametrize("width", [80, 140])
def test_every_symbol_says_why_it_does_not_trade(tmp_path: Path, width: int) -> None:
    text = shown(take(three(tmp_path), NOW), width)
    (nvda,) = [row for row in text.splitlines() if row.startswith("  NVDA")]
    assert nvda.split()[:3] == ["NVDA", "136.10", "10:00"]
    assert nvda.rstrip().endswith("rsi 51.0, waits for rsi > 55")
    assert text.count("no bar on record yet") == 5


@pytest.mark.parametrize("width", [80, 140])
def test_a_position_shows_shares_gain_and_its_stop(tmp_path: Path, width: int) -> None:
    text = shown(take(three(tmp_path), NOW), width)
    for fact in ("146", "338.01", "341.20", "+465.74", "330.50"):
        assert fact in text
    assert "order: sell 146 TSLA stop 330.50 (not in the journal), new since 10:05 ET" in text


def test_24_rows_of_80_hold_the_verdict_and_every_symbol(tmp_path: Path) -> None:
    lines = shown(take(three(tmp_path), NOW), 80, 24).splitlines()
    assert len(lines) == 24
    symbols = {row.split()[0] for row in lines if row.startswith("  ")}
    assert {"MULN", "GOOGL", "IWM", "TSLA", "NVDA"} <= symbols
    assert lines[-1].startswith("\N{HORIZONTAL ELLIPSIS} ")


def test_trouble_comes_first_and_the_gravest_of_it_before_the_rest(tmp_path: Path) -> None:
    desks = [station(tmp_path, Desk(), [HALT]), station(tmp_path, Desk(), [], "daily_trend")]
    lines = shown(take(desks, NOW), 80).splitlines()
    assert lines[1].startswith(" 3 PROBLEMS ")
    assert (
        lines[2] == "!! hourly_swing: HALTED since 10:31 ET (drawdown, flatten): 21.00 % below the"
    )
    assert lines[3] == "  high"
    assert lines[4].startswith("!  hourly_swing: the daemon has not been started here")


def test_a_mute_account_shows_dashes_and_the_reason_beside_the_others(tmp_path: Path) -> None:
    text = shown(take(three(tmp_path, mute=True), NOW), 140)
    (head,) = [row for row in text.splitlines() if row.startswith("bear_trap")]
    assert "equity \N{EN DASH}  " in head
    assert "account cannot be read, nothing is known: GET https://paper-api" in text
    assert "equity 100,500.00" in text


def test_old_figures_carry_their_age(tmp_path: Path) -> None:
    stations = three(tmp_path)
    lookout = Lookout(stations)
    lookout.take(NOW)
    for each in stations:
        assert isinstance(each.broker, Desk)
        each.broker.fault = Unavailable("no answer")
    text = shown(lookout.take(NOW + 7 * MINUTE), 80)
    assert text.count("7 min old") == 4
    assert "account cannot be read, figures of 10:31 ET: no answer" in text


def test_signals_and_decisions_are_told(tmp_path: Path) -> None:
    monday = at_new_york(date(2024, 12, 2), 9, 30).isoformat()
    signal = {"action": "enter", "reason": "rsi 66", "not_before": monday, "until": None}
    more = {"reference": "210.5", "dollars": "10000"}
    refused = {"action": "enter", "reason": "rsi 66", "qty": 47, "objections": ["quote too old"]}
    events = [
        line(NOW, Line.SIGNAL, "GOOGL", **signal, **more),
        line(NOW, Line.DECISION, "AAPL", numbers={}, **refused),
    ]
    text = shown(take([station(tmp_path, Desk(), events, "daily_trend")], NOW), 100)
    assert "signal: buy GOOGL at Mon 09:30 ET: rsi 66" in text
    assert "last decision 10:31 ET: enter 47 AAPL, rsi 66; REFUSED: quote too old" in text


@pytest.mark.parametrize(
    ("at", "market"),
    [
        (at_new_york(FRIDAY, 8), "market closed, opens 09:30 ET, half day to 13:00 ET"),
        (at_new_york(FRIDAY, 14), "market closed, opens Mon 12-02 09:30 ET"),
        (at_new_york(date(2024, 12, 2), 10), "market open, closes 16:00 ET"),
    ],
)
def test_the_market_names_its_next_event(tmp_path: Path, at: object, market: str) -> None:
    assert isinstance(at, type(NOW))
    first = shown(take([station(tmp_path, Desk())], at), 100).splitlines()[0]
    assert first.rstrip().endswith(market)


# -- JSON ---------------------------------------------------------------------------------------


def test_json_holds_money_as_strings_with_source_and_age(tmp_path: Path) -> None:
    told = json.loads(json.dumps(as_json(take(three(tmp_path), NOW))))
    assert told["ok"] is True
    assert told["at"] == "2024-11-29T15:31:00+00:00"
    assert told["market"] == {
        "is_open": True,
        "next_event": "closes",
        "next_event_at": "2024-11-29T18:00:00+00:00",
        "half_day": True,
    }
    swing = told["strategies"][2]
    assert swing["account"]["equity"] == {
        "value": "100500",
        "origin": {"source": "broker", "at": "2024-11-29T15:31:00+00:00", "age_seconds": 0.0},
        "why": "",
    }
    assert swing["positions"][0]["unrealised"] == "465.74"
    assert swing["symbols"][1]["numbers"] == {"rsi": "51.0", "waits for": "rsi > 55"}
    assert swing["symbols"][1]["bar"]["close"] == 136.1


def test_json_says_null_and_why_for_what_is_not_known(tmp_path: Path) -> None:
    told = as_json(take(three(tmp_path, mute=True), NOW))
    text = json.loads(json.dumps(told))
    assert text["ok"] is False
    assert text["totals"]["equity"]["value"] is None
    assert text["totals"]["equity"]["why"] == "not known of bear_trap"


def test_who_can_press_keys_is_told_which(tmp_path: Path) -> None:
    """Also where not everything fits; who reads a pipe is told of options instead."""
    snapshot = take(three(tmp_path), NOW)
    for height in (24, 60):
        last = picture(snapshot, 80, height, keys=True)[-1].plain
        assert last.lower().endswith("keys: n next strategy alone, a all, p pause, q end")
    assert "--strategy NAME" in picture(snapshot, 80, 24)[-1].plain


def test_a_missing_journal_says_why_before_where(tmp_path: Path) -> None:
    desk = station(tmp_path, Desk(), [])
    desk.journal.unlink(missing_ok=True)
    [problem] = take([desk], NOW).strategies[0].problems[:1]
    assert problem.text.startswith("journal cannot be read: ")
    assert problem.text.endswith(f"({desk.journal})")


# -- beside a run -------------------------------------------------------------------------------


def test_without_a_terminal_a_look_prints_a_short_picture(tmp_path: Path) -> None:
    out = StringIO()
    with Watch(Console(file=out, width=80), three(tmp_path)) as watch:
        assert not watch.live
        watch.look(NOW, "Fri 2024-11-29 10:31 ET")
    text = out.getvalue()
    assert text.startswith("Fri 2024-11-29 10:31 ET")
    assert len(text.splitlines()) <= COMPACT
    assert "\x1b" not in text


def test_on_a_terminal_the_picture_is_drawn_over_itself(tmp_path: Path) -> None:
    out = StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system="truecolor")
    with Watch(console, three(tmp_path)) as watch:
        assert watch.live
        watch.look(NOW)
        drawn = len(out.getvalue())
        watch.look(NOW + timedelta(minutes=1))
    assert "\x1b[1A" in out.getvalue()[drawn:]
    assert out.getvalue().endswith("\x1b[?25h")


# -- words and lines ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "text"),
    [("12.345", "+12.34"), ("-1234.5", "-1,234.50"), ("0.004", "0.00"), ("-0.004", "0.00")],
)
def test_signed_dollars(amount: str, text: str) -> None:
    assert signed(Decimal(amount)) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert signed(None) == price(None) == "\N{EN DASH}"
    assert ago(Origin("broker"), NOW) == "\N{EN DASH}"


@pytest.mark.parametrize(("amount", "text"), [("1234.5", "1,234.50"), ("0.5311", "0.5311")])
def test_prices_follow_the_venues_ticks(amount: str, text: str) -> None:
    assert price(Decimal(amount)) == text


@pytest.mark.parametrize(("amount", "text"), [("100", "100"), ("92127", "92,127"), ("0.50", "0.5")])
def test_shares_without_trailing_zeros(amount: str, text: str) -> None:
    assert number(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "119 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_ages(seconds: int, text: str) -> None:
    assert ago(Origin("broker", NOW - timedelta(seconds=seconds)), NOW) == text


@pytest.mark.parametrize(("days", "text"), [(0, ""), (1, "Thu"), (6, "Sat"), (7, "11-22")])
def test_days_are_named_within_the_week(days: int, text: str) -> None:
    assert short_day(NOW - timedelta(days=days), NOW) == text


def test_a_low_window_loses_the_least_important_lines_first() -> None:
    ranks = [Rank.ALWAYS, Rank.SPACE, Rank.BUSY, Rank.QUIET, Rank.QUIET, Rank.DETAIL, Rank.ALWAYS]
    lines = [Row(rank, Text(f"{n}")) for n, rank in enumerate(ranks)]
    assert [t.plain for t in fit(lines, 7, "{}")] == ["0", "1", "2", "3", "4", "5", "6"]
    assert [t.plain for t in fit(lines, 6, "{}")] == ["0", "2", "3", "4", "5", "6"]
    assert [t.plain for t in fit(lines, 5, "{} more")] == ["0", "2", "3", "6", "2 more"]
    assert [t.plain for t in fit(lines, 3, "{} more")] == ["0", "6", "4 more"]


def test_cells_stand_under_their_columns_and_the_last_folds_or_is_cut() -> None:
    row = [Cell("TSLA"), Cell("1.5", right=True), Cell("rsi 57.3, waits for rsi > 60")]
    columns = widths([row, [Cell("symbol"), Cell("12.25"), Cell("")]])
    assert columns[:2] == [6, 5]
    folded = aligned(row, columns, 34, gap=1, fold=True)
    assert [t.plain for t in folded] == [
        "  TSLA     1.5 rsi 57.3, waits for",
        " " * 15 + "rsi > 60",
    ]
    (cut,) = aligned(row, columns, 34, gap=1, fold=False)
    assert cell_len(cut.plain) == 34
    assert cut.plain.endswith("\N{HORIZONTAL ELLIPSIS}")
