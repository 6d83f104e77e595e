"""Alerts: tell a person once, not every ten seconds.

Every alert goes to the log; sinks (a mail topic, say) carry it further.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from magellan_core.errors import MagellanError
from magellan_core.ports import Level
from magellan_core.process.logs import log

# Carries one alert further: level, key, message. May raise MagellanError or OSError when it fails.
Sink = Callable[[Level, str, str], None]

LOG_LEVEL = {
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.CRITICAL: logging.CRITICAL,
}


@dataclass(slots=True)
class _Told:
    level: Level
    at: datetime
    repeats: int = 0


class LogAlerts:
    """ports.Alerts: the same key is told again only after `interval`, or when it got worse.

    What was swallowed meanwhile is counted in the next message. An alert that a sink could not
    deliver counts as untold, so its next repetition tries again. `earlier` is what lives before
    this one told, oldest first: level, key and time of each, so that no restart tells it again.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        interval: timedelta = timedelta(minutes=15),
        sinks: Sequence[Sink] = (),
        earlier: Iterable[tuple[Level, str, datetime]] = (),
    ) -> None:
        self._now, self._interval, self._sinks = now, interval, tuple(sinks)
        self._told = {key: _Told(level, at) for level, key, at in earlier}

    def alert(self, level: Level, key: str, message: str) -> None:
        now = self._now()
        told = self._told.get(key)
        if told is not None and self._is_repetition(told, level, now):
            told.repeats += 1
            return
        if told is not None and told.repeats:
            message = f"{message} (and {told.repeats} times more since {told.at:%H:%M} UTC)"
        log(LOG_LEVEL[level], "alert", message, key=key)
        if self._deliver(level, key, message):
            self._told[key] = _Told(level, now)
        else:
            self._told.pop(key, None)

    def _is_repetition(self, told: _Told, level: Level, now: datetime) -> bool:
        worse = LOG_LEVEL[level] > LOG_LEVEL[told.level]
        # A clock that was set back must not keep a matter silent until it has caught up.
        return not worse and told.at <= now < told.at + self._interval

    def _deliver(self, level: Level, key: str, message: str) -> bool:
        delivered = True
        for sink in self._sinks:
            try:
                sink(level, key, message)
            except (MagellanError, OSError) as error:
                delivered = False
                log(logging.ERROR, "alert_undelivered", str(error), key=key)
        return delivered
