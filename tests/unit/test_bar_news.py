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
from magellan_core.engine.told_halts import ToldHalts
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
from magellan_core.ports import Level, ToldBar, ToldStatus
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore
from tests.engine.rig import Said

SHIPPED = Path(__file__).resolve().parents[2] / "deployable_strategies"
MINUTE = timedelta(minutes=1)
NUMBER = "PA3DDLQCBJSE"


def config(strategy: str = "bear_trap", **data: object) -> Config:
    path = SHIPPED / strategy / "aws_deployment/config.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["data_requirements"].update(data)
    if data.get("feed") == "sip_delayed":
        raw["risk_management"]["max_quote_age_seconds"] = 1000
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

    def watch(self, symbols: Sequence[str]) -> None:
        """It tells no quotes."""


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
        self.rest, self.stream, self.journal = Rest(), Said(), MemoryJournal()
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
    polled.stream.next = [ToldBar(minute(2, volume=7), revised=False)]
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
    polled.stream.next = [ToldBar(minute(1), revised=True)]
    assert not polled.feed.promised()
    polled.stream.next = [ToldBar(minute(2), revised=False)]
    assert polled.feed.promised()
    assert not polled.feed.promised()  # one tick is enough, which hears it
    polled.rest.rows.append(minute(2))
    assert polled.poll(3 * MINUTE + timedelta(seconds=1)) == [minute(2)]
    assert not polled.feed.promised()


def test_a_hint_that_rest_does_not_bear_out_costs_no_retry() -> None:
    polled = Polled()
    for second in (1, 2, 3):
        polled.stream.next = [ToldBar(minute(2), revised=False)]
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
    polled.stream.next = [
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


def status(code: str, at: datetime, *, halted: bool | None, reason: str = "") -> ToldStatus:
    words = "Volatility Trading Pause" if reason else ""
    return ToldStatus("AMC", at, halted, code, "as told", reason, words)


class Alerted:
    """ports.Alerts that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Level, str, str]] = []

    def alert(self, level: Level, key: str, message: str) -> None:
        self.told.append((level, key, message))


class Halts:
    """What a feed that hears statuses says of AMC, at a time since the open."""

    def __init__(self) -> None:
        self.journal, self.alerts = MemoryJournal(), Alerted()
        self.ledger = Ledger(self.journal)
        self.halts = ToldHalts(self.ledger, self.alerts)

    def hear(self, *told: ToldStatus) -> list[str]:
        for each in told:
            self.halts.hear(each, OPEN)
        return self.lines()

    def lines(self) -> list[str]:
        self.halts.settle(OPEN)
        self.ledger.flush()
        return [str(event.data["what"]) for event in self.journal.events()]

    @property
    def why(self) -> str | None:
        return self.halts.why("AMC", OPEN)


AT = OPEN + 97 * timedelta(seconds=1)
PAUSE = status("P", AT, halted=True, reason="LUDP")


def test_a_told_halt_is_a_line_an_alert_and_a_reason() -> None:
    said = Halts()
    assert said.hear(PAUSE, PAUSE) == ["halt"]  # told twice, it is heard once
    assert said.why == "since 09:31:37 ET (LUDP Volatility Trading Pause)"
    [(level, _, message)] = said.alerts.told
    assert level is Level.WARNING
    assert message.startswith("AMC is told to be halted since 09:31:37 ET (LUDP")
    assert said.halts.why("GME", OPEN) is None
    [line] = said.journal.events()
    assert line.data["reason_code"] == "LUDP"
    assert said.halts.why("AMC", OPEN + timedelta(days=1)) == (
        f"since {DEMO_FIRST} 09:31:37 ET (LUDP Volatility Trading Pause)"
    )


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("then", "halted", "whats"),
    [
        ([status("T", AT + SECOND, halted=False)], False, ["halt", "resume"]),
        ([status("T", AT, halted=False)], False, ["halt", "resume"]),
        # Told late, of an earlier halt.
        ([status("T", AT - SECOND, halted=False)], True, ["halt", "seen"]),
        # Quotes come back before trades do; its reason stays the first.
        ([status("Q", AT + SECOND, halted=True)], True, ["halt", "halt"]),
        (
            [status("Q", AT + SECOND, halted=True), status("T", AT, halted=False)],
            True,
            ["halt", "halt", "seen"],
        ),
        ([status("?", AT + SECOND, halted=None)], True, ["halt", "seen"]),
        (
            [status("T", AT + SECOND, halted=False), status("H", AT, halted=True)],
            False,
            ["halt", "resume", "seen"],
        ),
        (
            [status("T", AT + SECOND, halted=False), status("H", AT + SECOND, halted=True)],
            True,
            ["halt", "resume", "halt"],
        ),
    ],
)
def test_what_ends_a_told_halt(then: list[ToldStatus], halted: bool, whats: list[str]) -> None:
    said = Halts()
    assert said.hear(PAUSE, *then) == whats
    assert (said.why is not None) is halted


@pytest.mark.parametrize(("minutes", "halted"), [((0, 1), True), ((0, 1, 2), False)])
def test_a_bar_that_begins_after_a_halt_ends_it(minutes: tuple[int, ...], halted: bool) -> None:
    """So a resume that was missed keeps nothing back for ever. The bar before proves nothing."""
    said = Halts()
    said.hear(PAUSE)
    for n in minutes:
        said.halts.traded(minute(n))
    assert (said.why is not None) is halted
    assert said.lines() == (["halt"] if halted else ["halt", "traded"])
    # Told again afterwards, it is over already.
    said.hear(PAUSE._replace(code="H"))
    assert (said.why is not None) is halted


def test_codes_that_nobody_knows_are_on_record_and_change_nothing() -> None:
    said = Halts()
    assert said.hear(status("Z", AT, halted=None), status("3", AT, halted=False)) == ["seen"] * 2
    assert said.why is None
    assert said.alerts.told == []


def test_a_halt_and_its_end_are_worth_a_tick_and_other_statuses_are_not() -> None:
    polled = Polled()
    for told, worth in ((PAUSE, True), (status("5", AT, halted=None), False)):
        polled.stream.next = [told, told._replace(symbol="XYZ")]
        assert polled.feed.promised() is worth
    polled.poll(3 * MINUTE + SECOND)
    polled.feed.ledger.flush()
    lines = [e for e in polled.journal.events() if e.kind == Line.STATUS_SEEN]
    assert [(e.symbol, e.data["what"]) for e in lines] == [("AMC", "halt"), ("AMC", "seen")]
    assert polled.feed.news.halts.why("AMC", OPEN) is not None
    polled.rest.rows.append(minute(2))
    polled.poll(3 * MINUTE + 20 * SECOND)
    assert polled.feed.news.halts.why("AMC", OPEN) is None  # by REST's bar


def test_market_data_is_streamed_unless_switched_off_or_late() -> None:
    assert config().streams_data
    assert config("hourly_swing").streams_data
    assert not config(stream=False).streams_data
    assert not config("daily_trend_hysteresis", feed="sip_delayed").streams_data
    with pytest.raises(ConfigError, match="hints of sip_delayed come too late"):
        config("daily_trend_hysteresis", feed="sip_delayed", stream=True)
