"""Run a backtest: options in, result out."""

from collections.abc import Callable, Sequence
from datetime import date

from magellan_core.backtest import bars
from magellan_core.backtest.fills import POLICIES
from magellan_core.backtest.judge import Judge
from magellan_core.backtest.options import DEFAULTS, BacktestOptions
from magellan_core.backtest.per_symbol import SymbolRun, Terms
from magellan_core.backtest.result import AccountRun, Result
from magellan_core.backtest.strategies import maker
from magellan_core.compose import settings_of
from magellan_core.engine.source import is_anchored, stored
from magellan_core.errors import UnknownSymbol, UsageError
from magellan_core.market_hours import FIRST_DAY, LAST_DAY, sessions_between
from magellan_core.paper.market_files import read_splits
from magellan_core.store.memory import MemoryJournal

Progress = Callable[[int, int], None]
_BASIS_POINT = 10_000


def silent(_done: int, _total: int) -> None:
    """Tells nobody."""


def run(options: BacktestOptions, tell: Progress = silent) -> Result:
    """Backtest as asked, telling how many steps of how many are done.

    Raise DataError, UnknownSymbol, ConfigError or UsageError.
    """
    check(options)
    if options.accounts == "shared":
        # The engine and the exchange are imported only where they run.
        from magellan_core.backtest.shared import shared

        return shared(options, tell)
    return per_symbol(options, tell)


def check(options: BacktestOptions) -> None:
    """Raise UsageError for what cannot be asked together."""
    name = options.config.name
    if options.first > options.last:
        raise UsageError(f"--from {options.first} lies after --to {options.last}")
    if options.fill == "rth_open" and name != "hourly_swing":
        raise UsageError(f"--fill rth_open: {name} fills at next_open or close")
    if options.accounts == "shared":
        as_deployed = DEFAULTS[name]
        if (options.fill, options.bars) != (as_deployed.fill, as_deployed.bars):
            raise UsageError(
                f"--accounts shared: {name} is live on {as_deployed.bars} bars and fills at "
                f"{as_deployed.fill}: ask for those, or for --accounts per-symbol"
            )
        if not options.history:
            raise UsageError("--no-history: --accounts shared warms up as live, by all history")
    if options.capital <= 0 or options.cost_bps < 0 or options.warmup_bars < 0:
        raise UsageError("--capital must be above 0, --cost-bps and --warmup-bars not below")
    if options.symbols is not None and not options.symbols:
        raise UsageError("--symbols names no symbol")


def per_symbol(options: BacktestOptions, tell: Progress = silent) -> Result:
    """Each symbol on an account of its own."""
    make = maker(options)
    symbols = options.symbols or options.config.symbols
    needs = make(symbols).needs
    series, warnings = bars.load(
        options.data,
        stored(needs),
        symbols,
        adjusted=options.bars == "adjusted",
        first=None if options.history else options.first,
        last=options.last,
    )
    if is_anchored(needs):
        series = {symbol: bars.anchor(rows) for symbol, rows in series.items()}
    if warnings and options.symbols is not None:
        raise UnknownSymbol(f"{'; '.join(warnings)}: leave them out of --symbols")
    terms = Terms(
        capital=options.capital,
        cost=options.cost_bps / _BASIS_POINT,
        policy=POLICIES[options.fill],
        warmup_bars=options.warmup_bars,
        first=bars.midnight(options.first),
    )
    limits = settings_of(options.config, patrol=None, patrol_closed=None).entry
    sessions = sessions_between(max(options.first, FIRST_DAY), min(options.last, LAST_DAY))
    accounts: list[AccountRun] = []
    for done, (symbol, rows) in enumerate(series.items(), start=1):
        bars.require_days(rows, options.first, options.last)
        warnings += _gaps(symbol, bars.absent_sessions(rows, sessions))
        judge = Judge(limits, MemoryJournal())
        accounts.append(SymbolRun(make((symbol,)), rows, terms, judge).run())
        tell(done, len(series))
    return Result(
        strategy=options.config.name,
        options=options.assumptions(),
        first=options.first,
        last=options.last,
        capital=options.capital,
        accounts=tuple(accounts),
        warnings=tuple(warnings),
        cost_bps=options.cost_bps,
        splits={} if options.bars == "adjusted" else read_splits(options.data),
    )


def _gaps(symbol: str, absent: Sequence[date]) -> list[str]:
    if not absent:
        return []
    days = f"{absent[0]}" if len(absent) == 1 else f"{absent[0]} to {absent[-1]}"
    return [f"{symbol}: {len(absent)} sessions have no bar ({days})"]
