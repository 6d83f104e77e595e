"""What a person should know first: the answer to "are we OK?", and why not."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from magellan_core.operations.broker_eye import Reading
from magellan_core.operations.looks import (
    DaemonLook,
    HaltLook,
    PositionLook,
    Problem,
    Run,
    SymbolLook,
)
from magellan_core.operations.reasons import when
from magellan_core.ports import Level

ACTIVE = "ACTIVE"


def problems(
    name: str,
    now: datetime,
    reading: Reading | None,
    broker_fault: str,
    journal_fault: str,
    daemon: DaemonLook,
    halts: Sequence[HaltLook],
    symbols: Sequence[SymbolLook],
    held: Sequence[PositionLook],
    wrong_account: str | None,
) -> Iterator[Problem]:
    """Of one strategy, the gravest first."""

    def grave(text: str) -> Problem:
        return Problem(name, Level.CRITICAL, text)

    def warning(text: str) -> Problem:
        return Problem(name, Level.WARNING, text)

    for halt in halts:
        since = when(halt.at, now)
        yield grave(f"HALTED since {since} ({halt.limit}, {halt.policy}): {halt.why}")
    if broker_fault:
        known = "nothing is known" if reading is None else f"figures of {when(reading.at, now)}"
        yield grave(f"account cannot be read, {known}: {broker_fault}")
    if reading is not None and wrong_account is not None:
        number = reading.account.number
        yield grave(f"the keys open account {number}, the config names {wrong_account}")
    if reading is not None and (
        reading.account.trading_blocked or reading.account.status != ACTIVE
    ):
        yield grave(f"the broker lets this account not trade: {reading.account.status}")
    for position in held:
        if position.uncovered:
            yield grave(f"{position.symbol}: {position.uncovered:f} shares without a stop")
    if journal_fault:
        yield grave(f"journal cannot be read: {journal_fault}")
    yield from _of_daemon(name, now, daemon)
    for symbol in symbols:
        if symbol.blocked:
            yield grave(f"{symbol.symbol} takes no entries: {symbol.blocked}")
    for symbol in symbols:
        if symbol.untradable:
            yield warning(f"{symbol.symbol} is {symbol.untradable}")


def _of_daemon(name: str, now: datetime, daemon: DaemonLook) -> Iterator[Problem]:
    at = daemon.origin.at
    since = "" if at is None else f" since {when(at, now)}"
    if daemon.run is Run.SILENT:
        yield Problem(name, Level.CRITICAL, f"the daemon is silent{since}: see systemctl status")
    elif daemon.run is Run.STOPPED:
        yield Problem(name, Level.WARNING, f"the daemon was stopped at {when(at or now, now)}")
    elif daemon.run is Run.NEVER:
        yield Problem(name, Level.WARNING, "the daemon has never been started here")
    out, back = daemon.outage_at, daemon.back_at
    if out is not None and (back is None or back < out):
        yield Problem(
            name,
            Level.CRITICAL,
            f"its daemon is without broker since {when(out, now)}: {daemon.outage}",
        )
