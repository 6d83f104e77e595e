"""Put a running engine on other settings: the same book, a strategy built and warmed anew."""

from collections.abc import Callable, Mapping
from datetime import datetime

from magellan_core.engine.engine import Engine
from magellan_core.engine.settings import Settings
from magellan_core.errors import MagellanError
from magellan_core.lines import Line, line
from magellan_core.strategy import Strategy


def reconfigure(
    engine: Engine,
    make_strategy: Callable[[], Strategy],
    settings: Settings,
    now: datetime,
    facts: Mapping[str, object],
) -> None:
    """Take over limits, symbols and parameters; `facts` go into the journal's line.

    Raise Unavailable, on the old settings still, when the broker or the data cannot be asked.
    """
    old_strategy, old_settings = engine.feed.make_strategy, engine.settings
    assets, calendar_agrees = engine.assets, engine.calendar_agrees
    _put(engine, make_strategy, settings)
    try:
        engine.prepare(now)
    except MagellanError:
        _put(engine, old_strategy, old_settings)
        engine.assets, engine.calendar_agrees = assets, calendar_agrees
        raise
    # Informative lines are skipped by a release that does not know their kind.
    engine.ledger.write(line(now, Line.RELOAD, None, informative=True, **facts))


def _put(engine: Engine, make_strategy: Callable[[], Strategy], settings: Settings) -> None:
    engine.settings = engine.intake.settings = settings
    engine.limits.use(settings)
    engine.ahead.lead = settings.look_ahead
    engine.tender.patience = settings.patience
    engine.desk.unknown_grace = settings.unknown_grace
    engine.settler.grace = settings.reconcile_grace
    engine.feed.retries = settings.bar_retries
    engine.feed.make_strategy = make_strategy
    engine.symbols = engine.intake.symbols = make_strategy().needs.symbols
    if engine.feed.news.source is not None:
        engine.feed.news.source.follow(engine.symbols)
