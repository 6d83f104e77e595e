"""Returns month by month, compounded from the last mark of each."""

from dataclasses import dataclass

from magellan_core.backtest.metrics import Points, daily


@dataclass(frozen=True, slots=True)
class Year:
    """`months` holds twelve returns in per cent, None where there was no session."""

    year: int
    months: tuple[float | None, ...]
    total: float


def monthly_returns(equity: Points, capital: float) -> dict[tuple[int, int], float]:
    """(year, month) -> return in per cent, the first from the starting capital."""
    ends: dict[tuple[int, int], float] = {}
    for day, value in daily(equity):
        ends[day.year, day.month] = value
    returns: dict[tuple[int, int], float] = {}
    before = capital
    for month, value in ends.items():
        returns[month] = (value / before - 1) * 100
        before = value
    return returns


def monthly_table(equity: Points, capital: float) -> list[Year]:
    """A row a year, oldest first."""
    returns = monthly_returns(equity, capital)
    table: list[Year] = []
    for year in sorted({year for year, _ in returns}):
        months = tuple(returns.get((year, month)) for month in range(1, 13))
        growth = 1.0
        for month in months:
            growth *= 1 + (month or 0.0) / 100
        table.append(Year(year, months, (growth - 1) * 100))
    return table
