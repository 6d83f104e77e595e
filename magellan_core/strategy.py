"""What a strategy is: a pure fold of bars that returns intents, and the view it decides from.

LAW: no I/O, no clock, no log, no global in a strategy. Same bars and views in, same intents out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from magellan_core.market_hours import Session
from magellan_core.model import Bar, DataNeeds, Holding, Intent


@dataclass(slots=True)
class View:
    """What a strategy may know besides bars, as of `now`. Strategies read it and keep none of it:
    whoever shows it may show the same object again, brought up to date.

    `session` is the session of today's New York date, if there is one. `pending` holds signals
    that wait for their instant. `busy` are symbols with an order or exit under way: no new
    decision is taken for them. `last_exit` is the time of the latest closing fill per symbol.
    `equity` is dollars a new position may be sized on. `bars_complete` is False while a bar that
    should be there is still waited for: what follows from bars is not decided then.
    """

    now: datetime
    session: Session | None
    equity: Decimal
    live_since: datetime
    holdings: Mapping[str, Holding]
    pending: Mapping[str, Intent]
    last_exit: Mapping[str, datetime]
    busy: frozenset[str]
    bars_complete: bool = True


class Strategy(Protocol):
    """The object that trades live, on paper, in replay and in the backtest."""

    @property
    def name(self) -> str:
        """Short name: the journal's, and the prefix of order ids."""
        ...

    @property
    def needs(self) -> DataNeeds: ...

    def warm(self, bar: Bar) -> None:
        """Fold an earlier bar into the indicators; triggers stay flat, nothing is decided."""
        ...

    def on_bar(self, bar: Bar, view: View) -> Sequence[Intent]:
        """Fold one completed bar and decide. Bars of a symbol come oldest first, each once."""
        ...

    def on_time(self, view: View) -> Sequence[Intent]:
        """Decide what time alone makes due: scheduled checks, holds that ran out, the close."""
        ...

    def next_due(self, view: View) -> datetime | None:
        """The first instant after `view.now` at which `on_time` or a bar is due; None: never.

        Strategies on minute bars need not name bar ends: the engine knows those.
        """
        ...

    def in_play(self, view: View) -> Sequence[str]:
        """Symbols close to an entry: the next bar or instant may well buy them.

        A hint that makes their quotes be looked at ahead; signals that wait for their instant are
        looked at anyway. Others may be bought all the same.
        """
        ...

    def explain(self, symbol: str) -> Mapping[str, str]:
        """Current numbers in words, e.g. {"rsi": "57.3", "waits for": "rsi > 60"}."""
        ...

    def memory(self, symbol: str) -> Mapping[str, bool | float | str]:
        """What bars alone cannot rebuild after a restart; journaled with each decision."""
        ...

    def keep(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Manage the exits of a symbol that is held but not configured any more, as if it were.

        From then on `needs` names it. `memory` is what was journaled of it last; may be empty.
        """
        ...

    def recall(self, symbol: str, memory: Mapping[str, bool | float | str]) -> None:
        """Take back what `memory` gave, after warming up and before the next bar."""
        ...
