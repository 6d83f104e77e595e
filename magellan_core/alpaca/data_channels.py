"""What a market data connection should carry, what of it was asked for, and what was refused.

Bars must be had. Statuses and quotes are asked for after them, each by itself: a plan that refuses
them costs neither the bars nor the connection.
"""

import json
import logging
from collections import deque
from collections.abc import Sequence

from magellan_core.alpaca.data_messages import Refused

_log = logging.getLogger(__name__)
Group = tuple[str, ...]
BARS: Group = ("bars", "updatedBars")
STATUSES: Group = ("statuses",)
QUOTES: Group = ("quotes",)
EVERY: Sequence[Group] = (BARS, STATUSES, QUOTES)
# Too many symbols, not in the plan, not on this feed: the rest of the connection stands.
_SPARED = frozenset({405, 409, 410})


class Channels:
    """Set `symbols` and `watched` from any thread; all else belongs to the connection's own."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols: Sequence[str] = symbols
        self.watched: Sequence[str] = ()
        self._stands: dict[Group, frozenset[str]] = {}
        self._asked: deque[Group] = deque()
        self._refused: set[Group] = set()

    def begin(self) -> None:
        """A new connection carries nothing and has refused nothing."""
        self._stands.clear()
        self._asked.clear()
        self._refused.clear()

    def requests(self, groups: Sequence[Group]) -> list[str]:
        """What to say, in order, so that the connection carries what it should of these groups."""
        wanted = {BARS: self.symbols, STATUSES: self.symbols, QUOTES: self.watched}
        said = []
        for group in groups:
            now = frozenset(wanted[group])
            before = self._stands.get(group, frozenset())
            if group in self._refused:
                continue
            # What goes makes room for what comes: symbols are counted.
            for action, symbols in (("unsubscribe", before - now), ("subscribe", now - before)):
                if symbols:
                    channels = dict.fromkeys(group, sorted(symbols))
                    said.append(json.dumps({"action": action, **channels}))
                    self._asked.append(group)
            self._stands[group] = now
        return said

    def answered(self, refused: Refused | None) -> None:
        """The server's answer to the oldest request. Raise Refused if we cannot do without it."""
        group = self._asked.popleft() if self._asked else None
        if refused is None:
            return
        if group in (None, BARS) or refused.code not in _SPARED:
            raise refused
        self._refused.add(group)
        _log.warning("market data: no %s: %s; bars go on", " or ".join(group), refused)
