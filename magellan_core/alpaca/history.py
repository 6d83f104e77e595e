"""Past bars and splits for downloads: raw prices, page by page, as the broker stamps them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import NamedTuple

from magellan_core.alpaca.fields import Fields
from magellan_core.alpaca.transport import Rest
from magellan_core.errors import Unavailable
from magellan_core.model import Timeframe

Split = tuple[date, Fraction]
_BARS_A_PAGE = 10_000
_ACTIONS_A_PAGE = 1_000


class Stamped(NamedTuple):
    """A bar under the broker's own stamp: of a daily bar New York's midnight."""

    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


class History:
    """Reads of the data API. `pause` is called before each request and keeps to the rate."""

    def __init__(
        self,
        data: Rest,
        actions: Rest,
        feed: str,
        pause: Callable[[], None],
        page: int = _BARS_A_PAGE,
    ) -> None:
        self._data, self._actions, self._feed, self._pause = data, actions, feed, pause
        self._page = page

    def bars(
        self, symbol: str, timeframe: Timeframe, start: datetime, end: datetime
    ) -> Iterator[Stamped]:
        """Bars that start from `start` to `end`, oldest first. Raise Unavailable, RateLimited."""
        query = {
            "symbols": symbol,
            "timeframe": timeframe.value,
            "start": start.isoformat().replace("+00:00", "Z"),
            "end": end.isoformat().replace("+00:00", "Z"),
            "limit": str(self._page),
            "adjustment": "raw",
            "feed": self._feed,
            "sort": "asc",
        }
        for told in self._pages(self._data, "/stocks/bars", query):
            table = told.table("bars")
            if table.get(symbol) is None:
                continue
            for row in Fields(table, "bars answer").list(symbol):
                bar = Fields(row, f"bar of {symbol}")
                yield Stamped(bar.moment("t"), *bar.reals("ohlcv"))

    def splits(self, symbols: tuple[str, ...], first: date, last: date) -> dict[str, list[Split]]:
        """Splits by symbol with an ex-date in those days, oldest first."""
        query = {
            "symbols": ",".join(symbols),
            "types": "forward_split,reverse_split",
            "start": first.isoformat(),
            "end": last.isoformat(),
            "limit": str(_ACTIONS_A_PAGE),
            "sort": "asc",
        }
        found: dict[str, list[Split]] = {}
        for told in self._pages(self._actions, "/corporate-actions", query):
            actions = told.table("corporate_actions")
            for kind in ("forward_splits", "reverse_splits"):
                if actions.get(kind) is None:
                    continue
                for row in Fields(actions, "corporate actions").list(kind):
                    split = Fields(row, "split")
                    ratio = Fraction(split.number("new_rate")) / Fraction(split.number("old_rate"))
                    day = date.fromisoformat(split.text("ex_date"))
                    found.setdefault(split.text("symbol"), []).append((day, ratio))
        return {symbol: sorted(rows) for symbol, rows in found.items()}

    def _pages(self, rest: Rest, path: str, query: Mapping[str, str]) -> Iterator[Fields]:
        seen: set[str] = set()
        while True:
            self._pause()
            told = Fields(rest.get(path, query), f"{path} answer")
            yield told
            token = told.word("next_page_token")
            if not token:
                return
            if token in seen:
                raise Unavailable(f"GET {path}: the pages repeat: try again later")
            seen.add(token)
            query = {**query, "page_token": token}
