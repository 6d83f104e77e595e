"""The same days three ways: backtest, engines in this process, daemons over HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path

from magellan_core.backtest.drive import Seat, drive_all
from magellan_core.backtest.options import DEFAULTS, BacktestOptions
from magellan_core.backtest.shared import Told, stage
from magellan_core.backtest.strategies import BUILDERS
from magellan_core.compose import settings_of
from magellan_core.config import Config, load
from magellan_core.engine.engine import Engine
from magellan_core.lines import Event, Line
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.opening import from_configs
from magellan_core.paper.rules import Rules
from magellan_core.store.journal import read_only
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore

ROOT = Path(__file__).resolve().parents[1]
PATHS = {
    name: ROOT / "deployable_strategies" / folder / "aws_deployment" / "config.json"
    for name, folder in (
        ("bear_trap", "bear_trap"),
        ("daily_trend", "daily_trend_hysteresis"),
        ("hourly_swing", "hourly_swing"),
    )
}
TOLD = (Line.BAR, Line.SIGNAL, Line.SIGNAL_GONE, Line.DECISION, Line.PLANNED, Line.FILL, Line.EXIT)
# Ids that a broker gives; they hold nothing that was decided.
BROKERS_OWN = frozenset({"broker_id", "broker_order", "id", "replaces"})
Lines = list[tuple[object, ...]]


def configs() -> dict[str, Config]:
    return {name: load(path) for name, path in PATHS.items()}


def told(events: Iterable[Event], kinds: Iterable[Line] = TOLD) -> Lines:
    """What was seen, decided, sent and filled, with its instants and numbers."""
    wanted = {kind.value for kind in kinds}
    return [
        (
            event.at,
            event.kind,
            event.symbol,
            sorted(
                (name, repr(plain(value)))
                for name, value in event.data.items()
                if name not in BROKERS_OWN or (name == "id" and event.kind == Line.DECISION)
            ),
        )
        for event in events
        if event.kind in wanted
    ]


def plain(value: object) -> object:
    """Amounts without their trailing zeros: 0.3770 on one wire is 0.377 on another."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, str):
        try:
            return Decimal(value).normalize()
        except InvalidOperation:
            return value
    return value


def by_backtest(market: Market, name: str, config: Config, first: date, last: date) -> Lines:
    """One strategy on an exchange of its own, as --accounts shared runs it."""
    default = DEFAULTS[name]
    options = BacktestOptions(
        config=config,
        data=Path(),
        first=first,
        last=last,
        fill=default.fill,
        bars=default.bars,
        cost_bps=Decimal(0),
        accounts="shared",
        spread_bps=Rules().spread_bps / 2,
    )
    made = stage(options, market)
    drive_all([made.seat], made.exchange, made.until)
    return told(made.journal.events())


def by_engines(
    market: Market, configs: Mapping[str, Config], first: date, last: date
) -> dict[str, Lines]:
    """All three on one exchange and one portfolio store, in this process."""
    sessions = sessions_between(first, last)
    specs = {opening.strategy: opening.spec for opening in from_configs(list(PATHS.values()))}
    start = at_new_york(sessions[0].date, 4)
    exchange = Exchange(market, list(specs.values()), start=start)
    store, journals, seats = MemoryPortfolioStore(), dict[str, MemoryJournal](), list[Seat]()
    for name, config in configs.items():
        number, journals[name] = specs[name].number, MemoryJournal()
        settings = settings_of(config, patrol=timedelta(minutes=5), patrol_closed=None)
        engine = Engine(
            partial(BUILDERS[name], config),
            CoreBroker(exchange, number),
            CoreData(exchange, number),
            journals[name],
            store,
            Told(),
            replace(settings),
        )
        seats.append(Seat(engine, number))
    drive_all(seats, exchange, sessions[-1].close + timedelta(minutes=30))
    return {name: told(journal.events()) for name, journal in journals.items()}


def by_daemons(out: Path, *arguments: str) -> dict[str, Lines]:
    """All three as processes against the exchange's server, as `make demo` runs them."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN", "AWS"))}
    done = subprocess.run(
        [sys.executable, "scripts/demo.py", "--out", str(out), *arguments],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return journals_of(out)


def journals_of(out: Path) -> dict[str, Lines]:
    """What the daemons of a demonstration wrote down."""
    lines: dict[str, Lines] = {}
    for name in PATHS:
        with read_only(out / "state" / f"{name}.sqlite3") as journal:
            lines[name] = told(journal.events())
    return lines


def first_difference(one: Lines, other: Lines) -> str | None:
    """The first line that differs, in words; None: they are equal."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return f"line {number}:\n  {left}\n  {right}"
    if len(one) != len(other):
        longer = one if len(one) > len(other) else other
        return f"{len(one)} lines and {len(other)}; then {longer[min(len(one), len(other))]}"
    return None
