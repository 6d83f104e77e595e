"""Incremental indicators: one update per completed bar, no history kept beyond their window.

LAW: floats in, floats out; no pandas, no I/O. A windowed value depends on its window alone, bit
for bit, so a restart that warms up from fewer bars decides the same.
"""

from collections import deque
from math import nan
from typing import Literal

RsiMethod = Literal["ema", "wilder"]
# Closes after which an RSI of the published periods has forgotten how it began.
RSI_CONVERGED = 84


class Rsi:
    """Relative strength index of closes, 0 to 100 (J. Welles Wilder, New Concepts, 1978).

    Gains and losses are averaged by avg += a * (x - avg) from 0, where a is 2 / (period + 1) for
    "ema" (exponential mean with that span) and 1 / period for "wilder" (the original). Without
    any gain the value is 0, without any loss 100. `value` is nan before the first close; `count`
    is the number of closes seen. Raise ValueError for a period below 1 or an unknown method.
    """

    __slots__ = ("_alpha", "_gain", "_last", "_loss", "count", "value")

    def __init__(self, period: int, method: RsiMethod) -> None:
        _require_window(period)
        if method not in ("ema", "wilder"):
            raise ValueError(f'RSI method {method!r} is unknown: use "ema" or "wilder"')
        self._alpha = 2 / (period + 1) if method == "ema" else 1 / period
        self._gain = self._loss = 0.0
        self._last = nan
        self.count = 0
        self.value = nan

    def update(self, close: float) -> float:
        """Fold one close and return the new value."""
        # The first comparison is with nan, hence false: no gain and no loss, as the recurrence has.
        change = close - self._last
        self._last = close
        self.count += 1
        gain, loss, alpha = self._gain, self._loss, self._alpha
        if change > 0.0:
            self._gain = gain = gain + alpha * (change - gain)
            self._loss = loss = loss - alpha * loss
        else:
            self._gain = gain = gain - alpha * gain
            if change < 0.0:
                self._loss = loss = loss - alpha * (change + loss)
            else:
                self._loss = loss = loss - alpha * loss
        if gain == 0.0:
            self.value = 0.0
        elif loss == 0.0:
            self.value = 100.0
        else:
            # Equal to 100 - 100 / (1 + gain / loss); the ratio first keeps it within 100.
            self.value = 100.0 * (gain / (gain + loss))
        return self.value


class RollingMean:
    """Mean of the last `n` values; None until there are `n`. Raise ValueError for n below 1.

    The window is summed afresh when the mean is asked for (built-in sum, compensated since Python
    3.12): nothing can drift, and a bar whose mean nobody asks for costs one append.
    """

    __slots__ = ("_n", "_window", "push")

    def __init__(self, n: int) -> None:
        _require_window(n)
        self._n = n
        self._window: deque[float] = deque(maxlen=n)
        # Folds one value.
        self.push = self._window.append

    @property
    def value(self) -> float | None:
        window = self._window
        return sum(window) / self._n if len(window) == self._n else None

    def update(self, x: float) -> float | None:
        """Fold one value and return the new mean."""
        self.push(x)
        return self.value


class Atr:
    """Average true range: simple mean of the last `n` true ranges; None until there are `n`.

    True range is max(high - low, |high - previous close|, |low - previous close|) (Wilder 1978),
    and high - low on a session's first bar, so that no overnight gap enters. The window runs on
    across sessions and counts bars. In the unit of the prices. ValueError for n below 1.
    """

    __slots__ = ("_close", "_push", "_ranges")

    def __init__(self, n: int) -> None:
        self._ranges = RollingMean(n)
        self._push = self._ranges.push
        self._close: float | None = None

    @property
    def value(self) -> float | None:
        return self._ranges.value

    def push(self, high: float, low: float, close: float, new_session: bool) -> None:
        """Fold one bar."""
        previous = self._close
        self._close = close
        # max(h - l, |h - pc|, |l - pc|) is the span of bar and previous close taken together.
        if previous is None or new_session:
            self._push(high - low)
        else:
            self._push(
                (high if high > previous else previous) - (low if low < previous else previous)
            )

    def update(self, high: float, low: float, close: float, *, new_session: bool) -> float | None:
        """Fold one bar and return the new mean."""
        self.push(high, low, close, new_session)
        return self.value


class Hysteresis:
    """Schmitt trigger: on above `upper`, off below `lower`, else as before; starts off.

    Both tests are strict. `on` may be set, e.g. from the position held. Raise ValueError unless
    lower <= upper.
    """

    __slots__ = ("lower", "on", "upper")

    def __init__(self, upper: float, lower: float) -> None:
        if not lower <= upper:
            raise ValueError(f"lower threshold {lower} must not exceed upper threshold {upper}")
        self.upper, self.lower = upper, lower
        self.on = False

    def update(self, value: float) -> bool:
        """Fold one value and return the state; nan changes nothing."""
        if self.on:
            if value < self.lower:
                self.on = False
        elif value > self.upper:
            self.on = True
        return self.on


def _require_window(n: int) -> None:
    if n < 1:
        raise ValueError(f"a window of {n} bars is too short: use at least 1")
