"""What a person should know first: the answer to "are we OK?", and why not."""

from collections.abc import Iterator
from datetime import datetime

from magellan_core.market_hours import new_york_date
from magellan_core.operations.looks import Problem, Run, StrategyLook
from magellan_core.operations.reasons import when
from magellan_core.ports import Level

ACTIVE = "ACTIVE"


def problems(look: StrategyLook, account_id: str | None, now: datetime) -> Iterator[Problem]:
    """Of one strategy, the gravest first. `account_id` None: the config names none yet."""
    for text in (*_trading(look, account_id, now), *_records(look, now)):
        yield Problem(look.name, Level.CRITICAL, text)
    for text in _notices(look, now):
        yield Problem(look.name, Level.WARNING, text)


def _trading(look: StrategyLook, account_id: str | None, now: datetime) -> Iterator[str]:
    """Halts, the account, and what is held."""
    for halt in look.halts:
        yield f"HALTED since {when(halt.at, now)} ({halt.limit}, {halt.policy}): {halt.why}"
    account = look.account
    if account.fault:
        at = account.equity.origin.at
        known = "nothing is known" if at is None else f"figures of {when(at, now)}"
        yield f"account cannot be read, {known}: {account.fault}"
    if account.number and account_id not in (None, account.number):
        yield f"the keys open account {account.number}, the config names {account_id}"
    if account.number and account.status != ACTIVE:
        yield f"the broker says that the account is not {ACTIVE}: {account.status}"
    for position in look.positions:
        if position.uncovered:
            yield f"{position.symbol}: {position.uncovered:f} shares without a stop"


def _records(look: StrategyLook, now: datetime) -> Iterator[str]:
    """The journal, and the daemon that writes it."""
    daemon, service = look.daemon, look.service
    if service is not None and service.failed:
        yield f"its service has failed: {service.state}; see systemctl status {service.unit}"
    if look.journal_fault:
        # The fault leads with the file's path, which would fill a narrow line.
        file, _, why = look.journal_fault.partition(": ")
        yield f"journal cannot be read: {why or file} ({file})"
    if daemon.run is Run.SILENT and daemon.origin.at is not None:
        yield f"the daemon is silent since {when(daemon.origin.at, now)}: see systemctl status"
    out, back = daemon.outage_at, daemon.back_at
    if out is not None and (back is None or back < out):
        yield f"its daemon is without {daemon.outage_of} since {when(out, now)}: {daemon.outage}"
    for symbol in look.symbols:
        if symbol.blocked:
            yield f"{symbol.symbol} takes no entries: {symbol.blocked}"


def _notices(look: StrategyLook, now: datetime) -> Iterator[str]:
    """What a person may have meant to be so."""
    daemon = look.daemon
    if daemon.run is Run.STOPPED and daemon.origin.at is not None:
        yield f"the daemon was stopped at {when(daemon.origin.at, now)}"
    started = daemon.started
    if daemon.crashed and started is not None and new_york_date(started) == new_york_date(now):
        yield f"the daemon started at {when(started, now)} {daemon.crashed}"
    if daemon.run is Run.NEVER:
        yield "the daemon has not been started here"
    service = look.service
    if service is not None and service.errors:
        yield f"{service.errors} errors in the last hour: journalctl -p err -u {service.unit}"
    for symbol in look.symbols:
        if symbol.untradable:
            yield f"{symbol.symbol} is {symbol.untradable}"
