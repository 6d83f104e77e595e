"""Bars and splits downloaded through the official client from the exchange's own data API."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from magellan_core.alpaca.history import History
from magellan_core.alpaca.transport import actions_rest, data_rest
from magellan_core.backtest.fetch import Order, fetch
from magellan_core.errors import CredentialsError
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.market_files import read_splits
from magellan_core.paper.server import Running, Scaled, running
from tests.contract.server_support import ANN, BOB, MONDAY, small_market

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 7, 12, tzinfo=UTC)
SPLIT = date(2025, 12, 30)


def market() -> Market:
    plain = small_market()
    frames = [(s, f) for s in ("AMC", "GME") for f in Timeframe if plain.series(s, f) is not None]
    bars: dict[tuple[str, Timeframe], list[Bar]] = {}
    for symbol, frame in frames:
        rows = plain.series(symbol, frame)
        assert rows is not None
        bars[symbol, frame] = [rows.bar(i) for i in range(len(rows))]
    return Market.from_bars(bars, {"AMC": [(SPLIT, Fraction(1, 20))]})


@pytest.fixture
def server() -> Iterator[Running]:
    """The exchange two days after the market's Monday, time passing as on the wall."""
    exchange = Exchange(market(), [ANN, BOB], start=NOW)
    with running(exchange, mode=Scaled(1.0, {"conductor": None})) as up:
        yield up


def history(server: Running, page: int, asked: list[int]) -> History:
    keys = ANN.key, ANN.secret, server.base_url
    return History(data_rest(*keys), actions_rest(*keys), "sip", lambda: asked.append(1), page)


@pytest.mark.parametrize(("timeframe", "page"), [(Timeframe.MINUTE, 100), (Timeframe.DAY, 10_000)])
def test_what_is_downloaded_is_what_the_market_has(
    server: Running, tmp_path: Path, timeframe: Timeframe, page: int
) -> None:
    asked: list[int] = []
    first = MONDAY - timedelta(days=14)
    order = Order(tmp_path, ("AMC",), timeframe, first, MONDAY, NOW)
    written = fetch(order, history(server, page, asked), lambda: None, lambda _: None)
    assert written
    there, here = market(), Market.load(tmp_path, first=first, last=MONDAY)
    begin, end = at_new_york(first, 0), NOW
    for adjusted in (False, True):
        told = [
            one.bars("AMC", timeframe, begin, end, as_of=NOW, split_adjusted=adjusted)
            for one in (there, here)
        ]
        assert told[0]
        assert told[0] == told[1]
    assert read_splits(tmp_path) == {"AMC": [(SPLIT, Fraction(1, 20))]}
    # One request a file and its further pages, and one for the splits.
    minutes = timeframe is Timeframe.MINUTE
    assert len(asked) == (1 + 4 + 1 if minutes else 2)


def test_refused_keys_are_named(server: Running, tmp_path: Path) -> None:
    keys = "nobody", "nothing", server.base_url
    source = History(data_rest(*keys), actions_rest(*keys), "sip", lambda: None)
    order = Order(tmp_path, ("AMC",), Timeframe.DAY, MONDAY, MONDAY, NOW)
    with pytest.raises(CredentialsError, match="refused"):
        fetch(order, source, lambda: None, lambda _: None)
    assert list(tmp_path.glob("*/*")) == []


def run(server: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}
    keys = {"APCA_API_KEY_ID": ANN.key, "APCA_API_SECRET_KEY": ANN.secret}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**clean, **keys, "APCA_API_BASE_URL": server.base_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.timeout(120)
def test_the_backtest_downloads_what_it_needs_and_the_script_goes_on(
    server: Running, tmp_path: Path
) -> None:
    out = tmp_path / "trades.json"
    day = str(MONDAY)
    done = run(
        server, "scripts/backtest.py", "--strategy", "bear_trap", "--symbols", "AMC",
        "--data", "alpaca", "--cache", str(tmp_path / "bars"), "--from", day, "--to", day,
        "--json", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())["symbols"]["AMC"]["bars"] == 390
    again = run(
        server, "scripts/fetch_market_data.py", "--symbols", "AMC", "--timeframe", "minute",
        "--from", "2026-01-01", "--to", day, "--out", str(tmp_path / "bars"),
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "is there" in again.stderr
    assert again.stdout.startswith("0 files written")


def test_without_keys_nothing_is_asked(tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}
    words = [
        "--symbols",
        "AMC",
        "--timeframe",
        "day",
        "--from",
        "2026-01-02",
        "--to",
        "2026-01-05",
        "--out",
    ]
    done = subprocess.run(
        [sys.executable, "scripts/fetch_market_data.py", *words, str(tmp_path)],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 77
    assert "APCA_API_KEY_ID" in done.stderr
