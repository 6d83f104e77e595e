"""One scenario played by one daemon, with listed faults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from magellan_core.config import Config
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.store.memory import MemoryPortfolioStore
from magellan_core.strategy import Strategy
from magellan_core.trials.faults import Fault, Tally
from magellan_core.trials.player import Player

# What a run may need after its end to learn of everything that is under way.
SETTLING_TURNS = 40


@dataclass(frozen=True, slots=True)
class Scenario:
    """A strategy, a market and the stretch of time that is played.

    `venue`: at some instants the venue ends the stop of that tranche alone, with that status.
    """

    name: str
    config: Config
    build: Callable[[Config], Strategy]
    market: Market
    account: AccountSpec
    start: datetime
    end: datetime
    rules: Rules = field(default_factory=Rules)
    venue: Sequence[tuple[datetime, int, str]] = ()
    look_ahead: timedelta | None = None


class Stage:
    """One run of one scenario. `downtime` is how long the daemon stays dead after each kill.

    `tally` may be a kind of Tally that draws its own faults.
    """

    def __init__(
        self,
        scenario: Scenario,
        faults: Sequence[Fault] = (),
        *,
        adapter: bool = False,
        journal: Path | None = None,
        downtime: timedelta = timedelta(0),
        tally: type[Tally] = Tally,
    ) -> None:
        self.scenario = scenario
        self.exchange = Exchange(
            scenario.market, [scenario.account], start=scenario.start, rules=scenario.rules
        )
        self.tally = tally(lambda: self.exchange.now, faults)
        self.player = Player(
            scenario.config,
            scenario.build,
            self.exchange,
            scenario.account,
            self.tally,
            MemoryPortfolioStore(),
            adapter=adapter,
            journal=journal,
            alone=True,
            look_ahead=scenario.look_ahead,
        )
        self.player.downtime = lambda: downtime
        self._venue = list(scenario.venue)

    def play(self) -> None:
        """From start to end, and on until all is settled; then the last checks. Raise Broken."""
        self.play_until(self.scenario.end)
        player = self.player
        for _ in range(SETTLING_TURNS):
            if player.settled:
                break
            player.turn()
            self._pass_time(player.due)
        player.finish()

    def play_until(self, end: datetime) -> None:
        """Part of the way."""
        while self.exchange.now < end and not self.player.finished:
            self.player.turn()
            self._pass_time(min(self.player.due, end))

    def _pass_time(self, until: datetime) -> None:
        wake = (self.player.number,) if self.player.watching else ()
        while self._venue and self._venue[0][0] <= until:
            at, tranche, status = self._venue[0]
            self.exchange.step(max(at, self.exchange.now), wake)
            if self.exchange.now < at:
                return
            del self._venue[0]
            self._end_stop(tranche, status)
            if wake:
                return
        self.exchange.step(max(until, self.exchange.now), wake)

    def _end_stop(self, tranche: int, status: str) -> None:
        """As a venue does that rejects a stop when it wakes, or loses it."""
        number = self.player.number
        for group in self.exchange.open_groups(number):
            if f"-t{tranche}-" in group.client_order_id:
                stops = [leg for leg in group.legs if leg.stop_price is not None and not leg.ended]
                for leg in stops:
                    self.exchange.end_order(number, leg.id, status)
                    self.player.checker.ended_by_venue.add(leg.id)
