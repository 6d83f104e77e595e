"""A strategy's figures as a log line that CloudWatch turns into metrics.

Embedded metric format, so that they travel with the logs and need no connection of their own:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

from magellan_core.process.logs import ROOT, log_document

NAMESPACE = "Magellan"


@dataclass(frozen=True, slots=True)
class Figures:
    """Dollars; `drawdown_used` and `daily_loss_used` in per cent of their limits.

    `bar_age` is seconds since the newest bar's end while the market is open, else None. `errors`
    and `tick_time` (the longest, milliseconds) count since the last line.
    """

    equity: Decimal
    pnl_today: Decimal
    drawdown_used: Decimal
    daily_loss_used: Decimal
    positions: int
    halted: int
    bar_age: float | None
    errors: int
    tick_time: float


# CloudWatch's names and units, by field.
METRICS = {
    "equity": ("Equity", "None"),
    "pnl_today": ("PnlToday", "None"),
    "drawdown_used": ("DrawdownUsed", "Percent"),
    "daily_loss_used": ("DailyLossUsed", "Percent"),
    "positions": ("Positions", "Count"),
    "halted": ("Halted", "Count"),
    "bar_age": ("BarAge", "Seconds"),
    "errors": ("Errors", "Count"),
    "tick_time": ("TickTime", "Milliseconds"),
}


def emf(strategy: str, at: datetime, figures: Figures) -> str:
    """One line of embedded metric format, with the strategy as its dimension."""
    values = {f.name: getattr(figures, f.name) for f in fields(figures)}
    known = {name: value for name, value in values.items() if value is not None}
    head = {
        "Timestamp": int(at.timestamp() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [["Strategy"]],
                "Metrics": [{"Name": METRICS[name][0], "Unit": METRICS[name][1]} for name in known],
            }
        ],
    }
    told = {METRICS[name][0]: round(float(value), 4) for name, value in known.items()}
    return json.dumps({"_aws": head, "Strategy": strategy, "event": "metrics", **told})


class ErrorCounter(logging.Handler):
    """Counts what this process has logged at ERROR or above."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        del record
        self.count += 1


class Reporter:
    """Writes the figures down every `interval`, from what each tick tells."""

    def __init__(self, strategy: str, interval: timedelta, wall: Callable[[], datetime]) -> None:
        """`wall` stamps the metrics: CloudWatch has no use for an exchange's made-up time."""
        self._strategy, self._interval, self._wall = strategy, interval, wall
        self._errors = ErrorCounter()
        logging.getLogger(ROOT).addHandler(self._errors)
        self._due: datetime | None = None
        self._told_errors = 0
        self._slowest = 0.0

    @property
    def errors(self) -> int:
        """Since the last line."""
        return self._errors.count - self._told_errors

    def ticked(self, seconds: float) -> None:
        """A tick took that long."""
        self._slowest = max(self._slowest, seconds)

    @property
    def tick_time(self) -> float:
        """The longest since the last line, in milliseconds."""
        return self._slowest * 1000

    def due(self, now: datetime) -> bool:
        """Whether the interval is over: at the first tick, and then once each interval."""
        return self._due is None or now >= self._due

    def report(self, now: datetime, figures: Figures, status: str) -> None:
        """Write the line, and begin to count anew."""
        document = emf(self._strategy, self._wall(), figures)
        said = f"{status}; equity {figures.equity:.2f}, P&L today {figures.pnl_today:+.2f}"
        log_document(logging.INFO, "metrics", said, document)
        self._due = now + self._interval
        self._told_errors, self._slowest = self._errors.count, 0.0

    def close(self) -> None:
        logging.getLogger(ROOT).removeHandler(self._errors)
