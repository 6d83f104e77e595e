"""Read the journals and the portfolio store of this machine into a report. Changes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from magellan_core.config import Config
from magellan_core.errors import DataError, JournalError, JournalUnwritable, Unavailable
from magellan_core.lines import Event
from magellan_core.market_hours import Session, new_york_date, previous_session, session_on
from magellan_core.operations.reporting.facts import gather
from magellan_core.operations.reporting.report import Report, Section, section
from magellan_core.operations.reporting.second_run import SecondRun
from magellan_core.store.journal import read_only
from magellan_core.store.portfolio import SqlitePortfolioStore

# A config, its journal's lines and days to trade again: a run of each, or why there is none.
TradeAgain = Callable[
    [Config, Callable[[], Iterable[Event]], Sequence[date]], Iterable[SecondRun | DataError]
]


def sessions_up_to(day: date | None, count: int, now: datetime) -> Sequence[Session]:
    """The last `count` sessions up to that day; None: up to today's or the latest before.

    Raise DataError for a day without a session, naming the one before it.
    """
    if day is None:
        today = new_york_date(now)
        session = session_on(today)
        if session is None or now < session.open:
            session = previous_session(today)
    else:
        session = session_on(day)
        if session is None:
            before = previous_session(day).date
            raise DataError(f"{day} has no session: the one before it is {before}")
    found = [session]
    while len(found) < count:
        found.append(previous_session(found[-1].date))
    return found[::-1]


def report_of(
    configs: Sequence[Config],
    state: Path,
    sessions: Sequence[Session],
    now: datetime,
    trade_again: TradeAgain,
) -> Report:
    """One section a strategy; a journal that cannot be read is told, and hides no other."""
    latest = _latest(configs, state)
    return Report(
        now, sessions, [_section(c, state, sessions, latest, trade_again) for c in configs]
    )


def _section(
    config: Config,
    state: Path,
    sessions: Sequence[Session],
    latest: Mapping[str, tuple[date, Decimal]],
    trade_again: TradeAgain,
) -> Section:
    path = state / f"{config.name}.sqlite3"
    try:
        with read_only(path) as journal:
            facts = gather(config.name, journal.events(), sessions, latest.get(config.name))
            days = [session.date for session in sessions]
            told = list(trade_again(config, journal.events, days))
    except (JournalError, JournalUnwritable) as fault:
        return section(config, None, str(fault))
    except (KeyError, ValueError, TypeError) as fault:
        why = f"{path}: a line cannot be read: {fault!r}; restore the journal from a backup"
        return section(config, None, why)
    runs = [each for each in told if not isinstance(each, DataError)]
    not_run = [str(each) for each in told if isinstance(each, DataError)]
    return section(config, facts, runs=runs, not_run=not_run)


def _latest(configs: Sequence[Config], state: Path) -> Mapping[str, tuple[date, Decimal]]:
    """The daemons' newest published equity, by strategy; empty where there is no store."""
    for path in {state / c.portfolio.store for c in configs}:
        if not path.exists():
            continue
        store = SqlitePortfolioStore(path, patience=0.5)
        try:
            rows = store.rows()
        except Unavailable:
            continue
        finally:
            store.close()
        return {r.strategy: (r.session, r.equity) for r in rows if r.session is not None}
    return {}
