"""What an engine is told at its composition: plain values out of the configuration."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from magellan_core.engine.tend import Patience
from magellan_core.risk.account import AccountLimits
from magellan_core.risk.portfolio import PortfolioLimits
from magellan_core.risk.pre_trade import EntryLimits


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers the engine runs on. `policies` maps each limit to "flatten" or "hold".

    `patrol` is how often a tick looks at the account while the market is open and nothing else
    is due, `patrol_closed` the same while it is closed; None: not at all. `whole_history`: of a
    symbol with fewer bars than its indicators need nothing is decided; a second run of a past day,
    whose journal may hold fewer, goes without.
    `look_ahead` is how long before something is due the account is looked at; None: just then.
    """

    entry: EntryLimits
    account: AccountLimits
    portfolio: PortfolioLimits
    policies: dict[str, str]
    patience: Patience
    alert_on_loss: Decimal
    position_buffer_pct: Decimal
    unknown_grace: timedelta
    reconcile_grace: timedelta
    loop_interval: timedelta
    bar_retries: tuple[timedelta, ...]
    patrol: timedelta | None
    patrol_closed: timedelta | None
    whole_history: bool = True
    look_ahead: timedelta | None = None
