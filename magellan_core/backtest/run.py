"""Run a backtest: options in, result out."""

from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.result import Result
from magellan_core.errors import UsageError


def run(options: BacktestOptions) -> Result:
    """Backtest as asked. Raise DataError, UnknownSymbol, ConfigError or UsageError."""
    raise UsageError(f"{options.config.name}: --accounts {options.accounts} is not available")
