"""The scripted days: for each strategy a stretch of time in which everything it does happens.

Bars are the synthetic market's; each stretch starts shortly before its signal, as a daemon that is
started then would, and ends when all that follows from the signal is over.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from deployable_strategies.bear_trap.build import build as build_bear_trap
from deployable_strategies.daily_trend_hysteresis.build import build as build_daily_trend
from deployable_strategies.hourly_swing.build import build as build_hourly_swing
from magellan_core.config import Config, parse
from magellan_core.market_hours import at_new_york
from magellan_core.model import Bar, Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.market import Market
from magellan_core.paper.rules import Rules
from magellan_core.paper.synthetic import generate
from magellan_core.trials.stage import Scenario

STRATEGIES = Path(__file__).resolve().parents[2] / "deployable_strategies"
TUESDAY, WEDNESDAY, HALF_DAY = date(2025, 11, 25), date(2025, 11, 26), date(2025, 11, 28)
MONDAY, LAST_DAY = date(2025, 12, 1), date(2025, 12, 2)


def config_of(folder: str, *symbols: str) -> Config:
    """The shipped configuration, for some of its symbols only."""
    raw = json.loads((STRATEGIES / folder / "aws_deployment" / "config.json").read_text())
    raw["symbols"] = list(symbols)
    if "symbol_parameters" in raw:
        raw["symbol_parameters"] = {s: raw["symbol_parameters"][s] for s in symbols}
    return parse(json.dumps(raw), folder)


@cache
def bars() -> Mapping[tuple[str, Timeframe], Sequence[Bar]]:
    """Five sessions and the history before them, the third a half day."""
    return generate(
        first=TUESDAY,
        last=LAST_DAY,
        minute_symbols=("MULN", "ONDS", "AMC", "WKHS"),
        daily_symbols=("META", "AMZN"),
    )


def market(timeframe: Timeframe, symbols: Sequence[str], since: datetime) -> Market:
    """Those symbols alone, without the long history that a start would read every time."""
    kept = {(s, timeframe): [b for b in bars()[s, timeframe] if b.start >= since] for s in symbols}
    return Market.from_bars(kept)


def account(name: str, timeframe: Timeframe) -> AccountSpec:
    return AccountSpec(f"PA{name.upper()}", f"PK-{name}", f"secret-{name}", timeframe)


def _bear_trap(
    name: str, symbol: str, start: datetime, minutes: int, rules: Rules | None = None
) -> Scenario:
    return Scenario(
        name=name,
        config=config_of("bear_trap", symbol),
        build=build_bear_trap,
        market=market(Timeframe.MINUTE, [symbol], start.replace(hour=0)),
        account=account("trap", Timeframe.MINUTE),
        start=start,
        end=start + timedelta(minutes=minutes),
        rules=rules or Rules(),
    )


@cache
def scenarios() -> dict[str, Scenario]:
    """All of them, by name."""
    made = [
        # Three tranches, both targets, the runner's stop moved up to the support, stopped out.
        _bear_trap("targets", "MULN", at_new_york(TUESDAY, 10, 57), 40),
        # Stopped out at once.
        _bear_trap("stopped", "AMC", at_new_york(TUESDAY, 12, 16), 25),
        # Entries left partly filled are cancelled and get a stand-alone stop.
        _bear_trap(
            "partial fill",
            "MULN",
            at_new_york(TUESDAY, 10, 57),
            40,
            Rules(seed=3, partial_fill_probability=0.7),
        ),
        # The venue ends two stops alone, beside their resting targets.
        replace(
            _bear_trap("stops die", "MULN", at_new_york(TUESDAY, 10, 57), 45),
            venue=(
                (at_new_york(TUESDAY, 11, 7) + timedelta(seconds=5), 1, "rejected"),
                (at_new_york(TUESDAY, 11, 13) + timedelta(seconds=25), 2, "canceled"),
            ),
        ),
        _bear_trap("time exit", "ONDS", at_new_york(WEDNESDAY, 11, 32), 45),
        _bear_trap("end-of-day exit", "WKHS", at_new_york(HALF_DAY, 12, 31), 31),
        Scenario(
            # Signals after the close, kept over night, executed at the open; one sold again.
            name="kept overnight",
            config=config_of("daily_trend_hysteresis", "META", "AMZN"),
            build=build_daily_trend,
            market=market(Timeframe.DAY, ["META", "AMZN"], at_new_york(date(2025, 6, 2), 0)),
            account=account("trend", Timeframe.DAY),
            start=at_new_york(TUESDAY, 15, 58),
            end=at_new_york(LAST_DAY, 9, 45),
        ),
        Scenario(
            # Hourly entries and exits, held over nights and a weekend.
            name="hourly",
            config=config_of("hourly_swing", "TSLA", "NVDA"),
            build=build_hourly_swing,
            market=market(Timeframe.HOUR, ["TSLA", "NVDA"], at_new_york(date(2025, 11, 3), 0)),
            account=account("swing", Timeframe.HOUR),
            start=at_new_york(TUESDAY, 9, 50),
            end=at_new_york(MONDAY, 15, 30),
        ),
    ]
    return {scenario.name: scenario for scenario in made}
