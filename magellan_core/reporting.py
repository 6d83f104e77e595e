"""What a daemon reports of itself, tick by tick: figures for people and alarms."""

from datetime import datetime
from decimal import Decimal

from magellan_core.config import Config
from magellan_core.engine.engine import Engine
from magellan_core.market_hours import new_york_date, session_on
from magellan_core.process.metrics import Figures, Reporter

HUNDRED = Decimal(100)


def report(reporter: Reporter, engine: Engine, config: Config, now: datetime, status: str) -> None:
    """Write the figures down if it is time, and the account is known."""
    account = engine.account
    if account is not None and account.equity is not None and reporter.due(now):
        reporter.report(now, figures(engine, account.equity, config, now, reporter), status)


def figures(
    engine: Engine, equity: Decimal, config: Config, now: datetime, since: Reporter
) -> Figures:
    """The engine's figures of this instant, with what `since` has counted."""
    book, risk = engine.ledger.book, config.risk_management
    pnl = equity - book.day_base if book.session else Decimal(0)
    down = max(book.high_water - equity, Decimal(0))
    limit = risk.emergency_stop_conditions.max_drawdown_pct
    drawdown = down / book.high_water * HUNDRED / limit * HUNDRED if book.high_water else Decimal(0)
    allowed = min(risk.max_daily_loss_dollars, book.day_start * risk.max_daily_loss_pct / HUNDRED)
    return Figures(
        equity=equity,
        pnl_today=pnl,
        drawdown_used=drawdown,
        daily_loss_used=max(-pnl, Decimal(0)) / allowed * HUNDRED if allowed else Decimal(0),
        positions=len(book.positions),
        halted=len(book.halts),
        bar_age=_bar_age(engine, now),
        errors=since.errors,
        tick_time=since.tick_time,
    )


def _bar_age(engine: Engine, now: datetime) -> float | None:
    """Seconds since the newest bar's end, or since the open before there is a newer one."""
    session = session_on(new_york_date(now))
    if session is None or not session.open <= now < session.close:
        return None
    newest = max([session.open, *engine.ledger.book.cursor.values()])
    return (now - newest).total_seconds()
