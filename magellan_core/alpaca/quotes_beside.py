"""Quotes of the symbols close to an entry, asked for in the same moment as the bars.

LAW: such a quote serves once, and only while it is as good as new; whatever goes wrong with it, the
quote is asked for as ever.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from signal import SIG_BLOCK, SIGABRT, pthread_sigmask
from time import monotonic

from magellan_core.alpaca import parse
from magellan_core.errors import MagellanError
from magellan_core.model import Bar, Quote, Timeframe
from magellan_core.ports import MarketData

# Seconds from the question to its use: some orders sent before it, no more.
HOLDS = 0.25
# Symbols at once: more would be told too late to be of use, and hold up the answer with the bars.
MOST = 10
# An idle connection may be closed by now; seconds after which it is used for nothing.
WARM = 20.0


@dataclass(eq=False, slots=True)
class _Asked:
    """One question under way. `waiting`: symbols whose quote was not given out yet."""

    at: float
    waiting: set[str]
    answer: Future[Mapping[str, object]]


class QuotesBeside:
    """ports.MarketData that spares an entry the round trip for its quote.

    `beside` asks for quotes as AlpacaData.quote_rows does; it has connections of its own, and gives
    up soon: it is called in a thread, while `data` is asked for bars. Only what is wanted is read,
    and by who wants it: reading in the thread would hold up the reading of bars. `in_play` names
    the symbols whose quotes may be wanted next.
    """

    def __init__(
        self,
        data: MarketData,
        beside: Callable[[Sequence[str]], Mapping[str, object]],
        in_play: Callable[[], Sequence[str]],
    ) -> None:
        self._data, self._beside, self._in_play = data, beside, in_play
        self._asked: _Asked | None = None
        # The watchdog's SIGABRT is for the main thread, which then tells where it hangs.
        self._worker = ThreadPoolExecutor(
            1, "quotes", initializer=pthread_sigmask, initargs=(SIG_BLOCK, {SIGABRT})
        )

    def bars(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        start: datetime,
        end: datetime,
        *,
        split_adjusted: bool,
    ) -> Mapping[str, Sequence[Bar]]:
        if in_play := self._in_play():
            self._ask(in_play)
        return self._data.bars(symbols, timeframe, start, end, split_adjusted=split_adjusted)

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        asked = self._asked
        if asked is not None and asked.waiting.issuperset(symbols):
            told = self._told(asked, symbols)
            if len(told) == len(symbols):
                return told
        in_play = self._in_play()
        if in_play and (asked is None or monotonic() - asked.at > WARM):
            self._ask(in_play)
        return self._data.quotes(symbols)

    def close(self) -> None:
        """End the thread, when a question under way is answered or given up."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _ask(self, symbols: Sequence[str]) -> None:
        few = symbols[:MOST]
        answer = self._worker.submit(self._beside, few)
        self._asked = _Asked(monotonic(), set(few), answer)

    @staticmethod
    def _told(asked: _Asked, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """What is known of them while it is as good as new; nothing is asked a second time."""
        asked.waiting.difference_update(symbols)
        left = asked.at + HOLDS - monotonic()
        if left <= 0:
            return {}
        try:
            rows = asked.answer.result(left)
            told = {s: parse.quote(s, row) for s in symbols if (row := rows.get(s)) is not None}
        except (TimeoutError, MagellanError):
            return {}  # who needs it asks again, and hears what is wrong
        return {symbol: quote for symbol, quote in told.items() if quote is not None}
