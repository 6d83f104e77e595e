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
    """A strategy, a market and the stretch of time that is played."""

    name: str
    config: Config
    build: Callable[[Config], Strategy]
    market: Market
    account: AccountSpec
    start: datetime
    end: datetime
    rules: Rules = field(default_factory=Rules)


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
        )
        self.player.downtime = lambda: downtime

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
        self.exchange.step(max(until, self.exchange.now), wake)
