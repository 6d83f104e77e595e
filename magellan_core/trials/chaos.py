"""One day and a half of three daemons, exchange and clock under one virtual time, in bad weather.

A seed draws the market, the climate and every fault; the same seed is the same day. The last
stretch is calm: what the weather left behind must then come right by itself.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from random import Random

from deployable_strategies.bear_trap.build import build as build_bear_trap
from deployable_strategies.daily_trend_hysteresis.build import build as build_daily_trend
from deployable_strategies.hourly_swing.build import build as build_hourly_swing
from magellan_core.config import Config
from magellan_core.errors import MagellanError, Unavailable
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.orders import WAKEFUL, Update
from magellan_core.paper.rules import Rules
from magellan_core.paper.synthetic import generate
from magellan_core.paper.synthetic_shapes import stream
from magellan_core.ports import Published
from magellan_core.store.memory import MemoryPortfolioStore
from magellan_core.strategy import Strategy
from magellan_core.trials.player import Player
from magellan_core.trials.scenarios import LAST_DAY, TUESDAY, account, config_of
from magellan_core.trials.weather import Climate, Weather

MARKETS = 6
TRAPS = ("MULN", "ONDS", "AMC", "WKHS", "NKLA")
TRENDS = ("GOOGL", "META", "AMZN")
SWINGS = ("TSLA", "NVDA")
CALM = timedelta(minutes=50)
DOWN_AT_MOST = timedelta(minutes=40)
SKEW_AT_MOST = 30.0
# Seeds below this one draw from the faults that there were when they were played first.
FULL_FROM = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """How a day went. `fault`: the breach or crash that ended it, None if all held."""

    seed: int
    fault: str | None
    counts: Counter[str]
    fills: int
    lives: int


@cache
def _bars(seed: int) -> dict[tuple[str, Timeframe], list[Bar]]:
    return generate(
        seed=seed,
        first=TUESDAY,
        last=LAST_DAY,
        minute_symbols=TRAPS,
        hourly_symbols=SWINGS,
        daily_symbols=TRENDS,
    )


@cache
def _market(seed: int, start: datetime) -> Market:
    """Without the long history that every start would read."""
    since = {
        Timeframe.MINUTE: start,
        Timeframe.HOUR: start - timedelta(days=14),
        Timeframe.DAY: start - timedelta(days=170),
    }
    return Market.from_bars(
        {key: [b for b in rows if b.start >= since[key[1]]] for key, rows in _bars(seed).items()}
    )


class Flaky(MemoryPortfolioStore):
    """The shared store, which is sometimes locked for too long."""

    def __init__(self, rng: Random, chance: float) -> None:
        super().__init__()
        self.rng, self.chance = rng, chance
        self.failures = 0

    def rows(self) -> Sequence[Published]:
        if self.rng.random() < self.chance:
            self.failures += 1
            raise Unavailable("the trial keeps the portfolio store locked")
        return super().rows()


class Day:
    """One seed. `adapter`: every third day goes over the socketless wire and alpaca-py."""

    def __init__(self, seed: int, say: Callable[[str], None] | None = None) -> None:
        self.seed, self.say = seed, say
        self.rng = stream(seed, "day")
        sessions = sessions_between(TUESDAY, LAST_DAY)
        first = self.rng.randrange(len(sessions) - 1)
        start = at_new_york(sessions[first].date, 9)
        follow = sessions[first + 1]
        self.end = min(follow.open + timedelta(hours=3, minutes=45), follow.close - CALM) + CALM
        self.calm_at = self.end - CALM
        chance = self.rng.choice((0.0, 0.0, 0.05, 0.3))
        self.store = Flaky(stream(seed, "store"), self.rng.choice((0.0, 0.0, 0.01)))
        accounts = [
            account("trap", Timeframe.MINUTE),
            account("trend", Timeframe.DAY),
            account("swing", Timeframe.HOUR),
        ]
        self.exchange = Exchange(
            _market(seed % MARKETS, start),
            accounts,
            start=start,
            rules=Rules(seed=seed, partial_fill_probability=chance),
        )
        adapter = seed % 3 == 0
        parts: Sequence[tuple[str, Sequence[str], Callable[[Config], Strategy]]] = (
            ("bear_trap", TRAPS, build_bear_trap),
            ("daily_trend_hysteresis", TRENDS, build_daily_trend),
            ("hourly_swing", SWINGS, build_hourly_swing),
        )
        self.weathers = [self._weather(folder) for folder, _, _ in parts]
        self.players = [
            Player(
                config_of(folder, *symbols),
                build,
                self.exchange,
                spec,
                weather,
                self.store,
                adapter=adapter,
                patrol=timedelta(minutes=5),
            )
            for (folder, symbols, build), spec, weather in zip(
                parts, accounts, self.weathers, strict=True
            )
        ]
        for player, weather in zip(self.players, self.weathers, strict=True):
            player.due = start
            player.tally.hang = self._hang
            player.tally.defer = self._defer
            player.downtime = self._downtime
            player.checker.clock_error = timedelta(seconds=SKEW_AT_MOST)
            if player.wire is not None:
                player.wire.tamper = weather.null_fields
        self.deferred: list[tuple[datetime, Callable[[], object]]] = []
        self.events = self._events(start)
        self.counts: Counter[str] = Counter()
        self.calm = False

    def _weather(self, name: str) -> Weather:
        rng = stream(self.seed, name)
        full = self.seed >= FULL_FROM
        return Weather(lambda: self.exchange.now, rng=rng, climate=Climate.drawn(rng), full=full)

    def _events(self, start: datetime) -> list[tuple[datetime, Callable[[], None]]]:
        """Halts of symbols and steps of clocks, at their instants."""
        events: list[tuple[datetime, Callable[[], None]]] = []
        span = (self.calm_at - start).total_seconds()
        for _ in range(self.rng.choice((0, 0, 1, 4))):
            at = start + timedelta(seconds=self.rng.uniform(0, span))
            symbol = self.rng.choice(TRAPS + SWINGS)
            events.append((at, partial(self._halt, symbol)))
            back = at + timedelta(minutes=self.rng.uniform(1, 25))
            events.append((min(back, self.calm_at), partial(self.exchange.resume, symbol)))
        for _ in range(self.rng.choice((0, 0, 1, 3))):
            at = start + timedelta(seconds=self.rng.uniform(0, span))
            player = self.rng.choice(self.players)
            skew = timedelta(seconds=self.rng.uniform(-SKEW_AT_MOST, SKEW_AT_MOST))
            events.append((at, partial(self._step_clock, player, skew)))
        return sorted(events, key=lambda event: event[0])

    def _halt(self, symbol: str) -> None:
        self.counts["halt"] += 1
        self.exchange.halt(symbol)

    def _step_clock(self, player: Player, skew: timedelta) -> None:
        self.counts["clock step"] += 1
        player.skew = skew

    def _wake(self, player: Player) -> None:
        player.due = min(player.due, self.exchange.now)

    def _hang(self) -> None:
        """A call that hangs takes its ten seconds; the world goes on meanwhile."""
        self._move(self.exchange.now + timedelta(seconds=10))

    def _defer(self, do: Callable[[], object]) -> None:
        """A request that is on its way for longer than its sender waits."""
        late = timedelta(seconds=self.rng.uniform(1, 25))
        self.deferred.append((self.exchange.now + late, do))

    def _downtime(self) -> timedelta:
        worst = self.rng.choice((0.0, 20.0, DOWN_AT_MOST.total_seconds()))
        return timedelta(seconds=self.rng.uniform(0, worst))

    # -- running -------------------------------------------------------------------------------

    def run(self) -> Told:
        fault = None
        try:
            while self.exchange.now < self.end:
                self._turn()
            for player in self.players:
                player.finish()
        except MagellanError as broken:
            fault = f"{type(broken).__name__}: {broken}"
        except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as crash:
            fault = f"crash at {self.exchange.now:%F %T}: {crash!r}"
        counts = self.counts + sum((w.counts for w in self.weathers), Counter[str]())
        if self.store.failures:
            counts["store locked"] += self.store.failures
        fills = sum(len(self.exchange.fills(p.number)) for p in self.players)
        return Told(self.seed, fault, counts, fills, sum(p.tally.life for p in self.players))

    def _turn(self) -> None:
        if not self.calm and self.exchange.now >= self.calm_at:
            self._calm_down()
        wishes = [p.due for p in self.players] + [at for at, _ in self.deferred]
        wishes += [at for at, _ in self.events[:1]] + [self.end]
        if not self.calm:
            wishes.append(self.calm_at)
        self._move(max(self.exchange.now, min(wishes)))
        now = self.exchange.now
        while self.events and self.events[0][0] <= now:
            self.events.pop(0)[1]()
        arrived = [do for at, do in self.deferred if at <= now]
        self.deferred = [(at, do) for at, do in self.deferred if at > now]
        for do in arrived:
            do()
        for player in self.players:
            if player.due <= self.exchange.now and not player.finished:
                player.turn()
                if self.say is not None:
                    told = "dead" if player.engine is None else "up"
                    report = player.report.status if player.report else told
                    self.say(f"{self.exchange.now:%F %T} {player.config.name}: {report}")

    def _calm_down(self) -> None:
        self.calm = True
        for weather in self.weathers:
            weather.calm_down()
        for player in self.players:
            player.skew = timedelta(0)
        self.store.chance = 0.0

    def _move(self, limit: datetime) -> None:
        """Time goes to `limit`, or to the first update of somebody who asked to be woken."""
        wake = tuple(p.number for p in self.players if p.watching and not p.finished)
        self._deliver(self.exchange.step(limit, wake))

    def _deliver(self, updates: list[Update]) -> None:
        """Trade updates: dropped, twice, late (and so out of order), or as they should be."""
        now = self.exchange.now
        for update in updates:
            player = next(p for p in self.players if p.number == update.account)
            if update.event not in WAKEFUL or not player.watching:
                continue
            fate = (
                "good"
                if self.calm
                else self.rng.choice(("good", "good", "good", "dropped", "twice", "late"))
            )
            if fate != "good":
                self.counts[f"update {fate}"] += 1
            if fate == "late":
                player.due = min(player.due, now + timedelta(seconds=self.rng.uniform(1, 20)))
            elif fate != "dropped":
                player.due = min(player.due, now)
            if fate == "twice":
                self.events.insert(0, (now, partial(self._wake, player)))
