"""One run of a sweep, told in numbers that a file and a network carry."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from magellan_core.backtest.grid import Point, Task
from magellan_core.backtest.metrics import Floats, daily
from magellan_core.backtest.run import run
from magellan_core.backtest.whole import whole

ROOT = Path(__file__).resolve().parents[2]
DIGITS = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """What a run came to. `values` are dollars at the end of each of `days`, from `capital`."""

    key: str
    point: Point
    days: tuple[date, ...]
    values: tuple[float, ...]
    held: tuple[float, ...]
    capital: float
    return_pct: float
    sharpe: float | None
    max_drawdown_pct: float
    trades: int
    win_rate_pct: float | None
    costs: float

    def to_json(self) -> str:
        """One line."""
        told = asdict(self)
        told["days"] = [day.isoformat() for day in self.days]
        return json.dumps(told)

    @classmethod
    def from_json(cls, line: str) -> "Trial":
        """Raise ValueError, KeyError or TypeError for a line that holds no trial."""
        told: dict[str, Any] = json.loads(line)
        told["days"] = tuple(date.fromisoformat(day) for day in told["days"])
        told["values"], told["held"] = tuple(told["values"]), tuple(told["held"])
        return cls(**told)


def attempt(task: Task) -> tuple[str, str]:
    """Run it where it is called, on a worker of any machine. Return its line and the code's digest.

    Raise DataError, UnknownSymbol or UsageError.
    """
    one = whole(run(task.options))
    days = daily(one.equity)
    metrics = one.strategy
    trial = Trial(
        key=task.key,
        point=task.point,
        days=tuple(day for day, _ in days),
        values=tuple(round(value, DIGITS) for _, value in days),
        held=_at(daily(one.held_equity), [day for day, _ in days], one.capital),
        capital=one.capital,
        return_pct=metrics.total_return_pct.value or 0.0,
        sharpe=metrics.sharpe.value,
        max_drawdown_pct=metrics.max_drawdown_pct.value or 0.0,
        trades=len(one.trades),
        win_rate_pct=metrics.win_rate_pct.value,
        costs=metrics.costs_dollars.value or 0.0,
    )
    return trial.to_json(), source_digest()


def _at(held: list[tuple[date, float]], days: list[date], capital: float) -> tuple[float, ...]:
    """Holding's mark on each of those days, the last one known."""
    known, value, told = dict(held), capital, []
    for day in days:
        value = known.get(day, value)
        told.append(round(value, DIGITS))
    return tuple(told)


@cache
def source_digest() -> str:
    """Of every Python file that can change a result."""
    files = sorted(
        file
        for folder in ("magellan_core", "deployable_strategies")
        for file in (ROOT / folder).rglob("*.py")
    )
    digest = sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:20]


def returns_of(values: Sequence[float], capital: float) -> Floats:
    """Simple returns, one a mark, the first from the capital."""
    marks = np.array([capital, *values], np.float64)
    return np.asarray(marks[1:] / marks[:-1] - 1, np.float64)
