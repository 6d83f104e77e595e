"""A stream of bars hints and is put on record; it never decides and never changes a decision."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deployable_strategies.bear_trap.build import build
from magellan_core.backtest.drive import drive
from magellan_core.compose import settings_of
from magellan_core.config import Config, parse
from magellan_core.engine.engine import Engine
from magellan_core.engine.feed import Feed
from magellan_core.engine.ledger import Ledger
from magellan_core.errors import ConfigError, Unavailable
from magellan_core.lines import Event, Line
from magellan_core.market_hours import at_new_york, session_on
from magellan_core.model import Bar, Quote, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_SEED, generate
from magellan_core.ports import Level, ToldBar
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore

SHIPPED = Path(__file__).resolve().parents[2] / "deployable_strategies"
MINUTE = timedelta(minutes=1)
NUMBER = "PA3DDLQCBJSE"


def config(strategy: str = "bear_trap", **data: object) -> Config:
    path = SHIPPED / strategy / "aws_deployment/config.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["data_requirements"].update(data)
    raw["portfolio"]["strategies"] = [raw["strategy"]["name"]]
    return parse(json.dumps(raw), str(path))


class Silent:
    """ports.Alerts that nobody reads."""

    def alert(self, level: Level, key: str, message: str) -> None:
        """Nothing to tell."""


class Stream:
    """ports.BarNews that repeats what the feed has used, as `change` makes of it."""

    def __init__(self, feed: Feed, change: Callable[[Bar], Bar]) -> None:
        self._feed, self._change = feed, change
        self._said: set[tuple[str, datetime]] = set()

    def told(self) -> Sequence[ToldBar]:
        told = []
        for bars in self._feed.news._used.values():
            for bar in bars.values():
                if (bar.symbol, bar.start) not in self._said:
                    self._said.add((bar.symbol, bar.start))
                    told.append(ToldBar(self._change(bar), revised=True))
        return told

    def follow(self, symbols: Sequence[str]) -> None:
        """It repeats what the feed has used, whatever that is."""


def trade_a_day(change: Callable[[Bar], Bar] | None) -> tuple[list[Event], Exchange]:
    """A made-up day of Bear Trap in process; its journal, and the exchange afterwards."""
    told = config()
    market = Market.from_bars(generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_FIRST))
    start = at_new_york(DEMO_FIRST, 4)
    spec = AccountSpec(NUMBER, "key", "secret", Timeframe.MINUTE)
    exchange, journal = Exchange(market, [spec], start=start, rules=Rules()), MemoryJournal()
    engine = Engine(
        lambda: build(told),
        CoreBroker(exchange, NUMBER),
        CoreData(exchange, NUMBER),
        journal,
        MemoryPortfolioStore(),
        Silent(),
        settings_of(told, patrol=timedelta(minutes=5), patrol_closed=None),
    )
    if change is not None:
        engine.feed.news.source = Stream(engine.feed, change)
    drive(engine, exchange, NUMBER, at_new_york(DEMO_FIRST, 16, 30))
    return list(journal.events()), exchange


def without_news(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.kind != Line.BAR_SEEN]


def test_a_day_with_every_bar_revised_afterwards_is_traded_as_it_was() -> None:
    plain, before = trade_a_day(None)
    assert any(event.kind == Line.FILL for event in plain)

    def twice_the_volume(bar: Bar) -> Bar:
        return bar._replace(volume=bar.volume * 2 + 1, close=bar.low)

    noisy, after = trade_a_day(twice_the_volume)
    seen = [event for event in noisy if event.kind == Line.BAR_SEEN]
    assert len(seen) > 300
    assert {event.data["what"] for event in seen} == {"revised"}
    assert without_news(noisy) == plain
    assert after.fills(NUMBER) == before.fills(NUMBER)


def test_a_bar_told_again_as_it_was_is_no_news() -> None:
    events, _ = trade_a_day(lambda bar: bar)
    assert not any(event.kind == Line.BAR_SEEN for event in events)


class Told:
    """ports.BarNews that says what it is given."""

    def __init__(self) -> None:
        self.bars: list[ToldBar] = []
        self.followed: Sequence[str] = ()

    def follow(self, symbols: Sequence[str]) -> None:
        self.followed = symbols

    def told(self) -> Sequence[ToldBar]:
        told, self.bars = self.bars, []
        return told


SESSION = session_on(DEMO_FIRST)
OPEN = at_new_york(DEMO_FIRST, 9, 30)


def minute(n: int, volume: float = 100.0) -> Bar:
    at = OPEN + n * MINUTE
    return Bar("AMC", at, at + MINUTE, 5.0, 5.1, 4.9, 5.0, volume)


class Rest:
    """ports.MarketData whose bars are there when they are put there; counts how often asked."""

    def __init__(self) -> None:
        self.rows: list[Bar] = []
        self.since: list[datetime] = []

    @property
    def asked(self) -> int:
        return len(self.since)

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> dict[str, Sequence[Bar]]:
        assert (timeframe, split_adjusted) == (Timeframe.MINUTE, True)
        self.since.append(start)
        told = [bar for bar in self.rows if start <= bar.start and bar.end <= end]
        return {symbol: told for symbol in symbols if symbol == "AMC"}

    def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        raise Unavailable(f"no quotes of {symbols} here")


class Polled:
    """A feed of AMC at the end of the session's third minute, whose bar REST does not have yet."""

    def __init__(self) -> None:
        told = config()
        self.rest, self.stream, self.journal = Rest(), Told(), MemoryJournal()
        retries = tuple(timedelta(seconds=s) for s in (20, 40))
        self.feed = Feed(lambda: build(told), self.rest, Ledger(self.journal), retries)
        self.feed.news.source = self.stream
        self.rest.rows = [minute(0), minute(1)]
        self.feed.rebuild(OPEN + 2 * MINUTE, [])
        self.poll(2 * MINUTE)
        assert self.poll(3 * MINUTE) == []

    def poll(self, since_open: timedelta) -> list[Bar]:
        return self.feed.poll(OPEN + since_open, SESSION, due=False, active=["AMC"])

    def seen(self) -> list[Event]:
        return [event for event in self.journal.events() if event.kind == Line.BAR_SEEN]


def test_a_hint_makes_the_feed_ask_before_its_retry_is_due() -> None:
    polled, soon = Polled(), 3 * MINUTE + timedelta(seconds=1)
    asked = polled.rest.asked
    assert polled.poll(soon) == []
    assert polled.rest.asked == asked  # its retry is due after 20 seconds
    polled.rest.rows.append(minute(2))
    polled.stream.bars = [ToldBar(minute(2, volume=7), revised=False)]
    assert polled.poll(soon) == [minute(2)]  # REST's word, not the stream's
    assert polled.seen() == []


def test_a_poll_asks_for_new_bars_only() -> None:
    """Every bar told again is one more to parse between the newest bar and its order."""
    polled = Polled()
    assert polled.rest.since[-1] == OPEN + 2 * MINUTE


def test_a_bar_that_was_under_way_when_the_strategy_went_live_counts() -> None:
    polled = Polled()
    polled.feed.rebuild(OPEN + 2 * MINUTE + timedelta(seconds=30), [])
    polled.rest.rows.append(minute(2))
    assert polled.poll(3 * MINUTE) == [minute(2)]


def test_only_a_bar_that_was_not_seen_yet_is_a_promise() -> None:
    polled = Polled()
    polled.stream.bars = [ToldBar(minute(1), revised=True)]
    assert not polled.feed.promised()
    polled.stream.bars = [ToldBar(minute(2), revised=False)]
    assert polled.feed.promised()
    assert polled.feed.promised()  # until it is heard
    polled.rest.rows.append(minute(2))
    assert polled.poll(3 * MINUTE + timedelta(seconds=1)) == [minute(2)]
    assert not polled.feed.promised()


def test_a_hint_that_rest_does_not_bear_out_costs_no_retry() -> None:
    polled = Polled()
    for second in (1, 2, 3):
        polled.stream.bars = [ToldBar(minute(2), revised=False)]
        assert polled.poll(3 * MINUTE + timedelta(seconds=second)) == []
    polled.rest.rows.append(minute(2))
    assert polled.poll(3 * MINUTE + timedelta(seconds=19)) == []
    assert polled.poll(3 * MINUTE + timedelta(seconds=20)) == [minute(2)]


def test_a_mute_stream_changes_nothing() -> None:
    polled = Polled()
    polled.rest.rows.append(minute(2))
    assert polled.poll(3 * MINUTE + timedelta(seconds=20)) == [minute(2)]


def test_what_is_told_after_the_decision_is_on_record_as_seen() -> None:
    polled = Polled()
    polled.rest.rows = [minute(0), minute(1), minute(3)]  # the third minute never came
    assert polled.poll(4 * MINUTE) == [minute(3)]
    asked = polled.rest.asked
    polled.stream.bars = [
        ToldBar(minute(2), revised=False),
        ToldBar(minute(3, volume=150.0), revised=True),
        ToldBar(minute(3), revised=False),
    ]
    assert polled.poll(4 * MINUTE + timedelta(seconds=30)) == []
    assert [(e.data["what"], e.data["volume"]) for e in polled.seen()] == [
        ("late", 100.0),
        ("revised", 150.0),
    ]
    used = polled.seen()[1].data["used"]
    assert isinstance(used, dict)
    assert used["volume"] == 100.0
    assert polled.rest.asked == asked


def test_bars_are_streamed_for_minute_bars_unless_switched_off() -> None:
    assert config().streams_bars
    assert not config(stream=False).streams_bars
    assert not config("hourly_swing").streams_bars
    with pytest.raises(ConfigError, match="1Day bars are not streamed"):
        config("daily_trend_hysteresis", stream=True)
