"""Quotes asked for beside bars: one round trip less, never an older or a worse answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, get_ident

import pytest

from magellan_core.alpaca import parse, quotes_beside
from magellan_core.alpaca.quotes_beside import HOLDS, MOST, WARM, QuotesBeside
from magellan_core.errors import Unavailable
from magellan_core.model import Bar, Quote, Timeframe

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
BID = {"data": 10.0, "beside": 20.0}


class Market:
    """ports.MarketData whose quotes tell by their bid who was asked."""

    def __init__(self, name: str) -> None:
        self.name, self.asked, self.threads = name, list[Sequence[str]](), set[int]()
        self.fault: Exception | None = None
        self.lacks: set[str] = set()
        self.spoilt: Mapping[str, object] = {}
        self.hold: Event | None = None
        self.answered = Event()

    def bars(
        self,
        _symbols: Sequence[str],
        _timeframe: Timeframe,
        _start: datetime,
        _end: datetime,
        *,
        split_adjusted: bool,  # noqa: ARG002  # the port's name
    ) -> Mapping[str, Sequence[Bar]]:
        return {}

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        rows = self.rows(symbols)
        told = (parse.quote(symbol, row) for symbol, row in rows.items())
        return {quote.symbol: quote for quote in told if quote is not None}

    def rows(self, symbols: Sequence[str]) -> Mapping[str, object]:
        self.asked.append(tuple(symbols))
        self.threads.add(get_ident())
        try:
            if self.hold is not None:
                self.hold.wait(10)
            if self.fault is not None:
                raise self.fault
            bid = BID[self.name]
            row = {"t": "2026-03-02T17:00:00Z", "bp": bid, "ap": bid, "bs": 1, "as": 1}
            return {
                symbol: {**row, **self.spoilt} for symbol in symbols if symbol not in self.lacks
            }
        finally:
            self.answered.set()


class Stage:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.beside = Market("data"), Market("beside")
        self.in_play: Sequence[str] = ("AMC", "GME")
        self.now = 1000.0
        monkeypatch.setattr(quotes_beside, "monotonic", lambda: self.now)
        self.market = QuotesBeside(self.data, self.beside.rows, lambda: self.in_play)

    def poll(self) -> None:
        self.market.bars(["AMC"], Timeframe.MINUTE, NOON, NOON, split_adjusted=True)
        if self.in_play and self.beside.hold is None:
            assert self.beside.answered.wait(10)

    def who_tells(self, symbol: str) -> str | None:
        quote = self.market.quotes([symbol]).get(symbol)
        return None if quote is None else {10: "data", 20: "beside"}[int(quote.bid)]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(monkeypatch)
    with closing_late(made):
        yield made


@contextmanager
def closing_late(stage: Stage) -> Iterator[None]:
    try:
        yield
    finally:
        if stage.beside.hold is not None:
            stage.beside.hold.set()
        stage.market.close()


def test_symbols_in_play_are_asked_for_once_beside_the_bars_in_another_thread(
    stage: Stage,
) -> None:
    stage.poll()
    assert [stage.who_tells(symbol) for symbol in ("AMC", "GME")] == ["beside", "beside"]
    assert stage.beside.asked == [("AMC", "GME")]
    assert stage.data.asked == []
    assert get_ident() not in stage.beside.threads


def test_of_many_in_play_the_first_ten_are_asked_for(stage: Stage) -> None:
    stage.in_play = [f"S{n}" for n in range(12)]
    stage.poll()
    assert stage.beside.asked == [tuple(stage.in_play[:MOST])]
    assert [stage.who_tells(symbol) for symbol in ("S9", "S10")] == ["beside", "data"]


def test_each_quote_serves_once(stage: Stage) -> None:
    stage.poll()
    assert [stage.who_tells("AMC") for _ in range(2)] == ["beside", "data"]


@pytest.mark.parametrize(("later", "who"), [(HOLDS - 0.01, "beside"), (HOLDS + 0.01, "data")])
def test_it_serves_while_it_is_as_good_as_new(stage: Stage, later: float, who: str) -> None:
    stage.poll()
    stage.now += later
    assert stage.who_tells("AMC") == who


def out_of_play(stage: Stage) -> None:
    stage.in_play = ()


def unanswered(stage: Stage) -> None:
    stage.beside.fault = Unavailable("no answer")


def unquoted(stage: Stage) -> None:
    stage.beside.lacks = {"AMC"}


def one_sided(stage: Stage) -> None:
    stage.beside.spoilt = {"bp": 0.0}


def senseless(stage: Stage) -> None:
    stage.beside.spoilt = {"t": "soon"}


def hanging(stage: Stage) -> None:
    stage.beside.hold = Event()


@pytest.mark.parametrize(
    "trouble", [out_of_play, unanswered, unquoted, one_sided, senseless, hanging]
)
def test_whatever_goes_wrong_beside_the_quote_is_asked_for_as_ever(
    stage: Stage, trouble: Callable[[Stage], None]
) -> None:
    trouble(stage)
    stage.poll()
    assert stage.who_tells("AMC") == "data"
    assert stage.data.asked == [("AMC",)]


def test_an_outage_of_quotes_is_told_by_the_question_of_ones_own(stage: Stage) -> None:
    stage.beside.fault = stage.data.fault = Unavailable("no answer")
    stage.poll()
    with pytest.raises(Unavailable, match="no answer"):
        stage.market.quotes(["AMC"])


def test_a_bug_beside_is_no_outage(stage: Stage) -> None:
    stage.beside.fault = KeyError("a bug")
    stage.poll()
    with pytest.raises(KeyError):
        stage.market.quotes(["AMC"])


@pytest.mark.parametrize(("idle", "asks"), [(WARM - 1, 1), (WARM + 1, 2)])
def test_a_connection_long_idle_is_used_so_that_it_stays_open(
    stage: Stage, idle: float, asks: int
) -> None:
    """The look at the account before a bar asks for a quote, which nobody waits for."""
    stage.poll()
    stage.beside.answered.clear()
    stage.now += idle
    stage.market.quotes(["SPY"])
    if asks == 2:
        assert stage.beside.answered.wait(10)
    assert len(stage.beside.asked) == asks
