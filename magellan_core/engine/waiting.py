"""Entries that were refused and wait for another try: would this quote do for one of them?

LAW: a told quote buys nothing. It says at most that it is time to try again, and what is judged
then is the quote that REST tells.
"""

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from magellan_core.model import Quote
from magellan_core.risk.pre_trade import (
    PREDICATES,
    EntryLimits,
    Question,
    objections,
    quote_size,
)

# A stream may count sizes in lots: they say nothing here.
_ASKED = tuple(predicate for predicate in PREDICATES if predicate is not quote_size)


class Waiting:
    """The newest refused question of each symbol whose entry holds for a while."""

    def __init__(self) -> None:
        self._questions: dict[str, tuple[Question, EntryLimits]] = {}
        self._tried: dict[str, tuple[Decimal, Decimal]] = {}

    def judged(self, question: Question, limits: EntryLimits, *, refused: bool) -> None:
        """An entry has been tried. Without an end to its time, it is not tried again."""
        symbol = question.intent.symbol
        if refused and question.intent.until is not None:
            self._questions[symbol] = (question, limits)
        else:
            self._questions.pop(symbol, None)

    def keep(self, pending: Collection[str]) -> None:
        """Forget all entries but these: their signals are gone, executed or too late."""
        for symbol in self._questions.keys() - {*pending}:
            del self._questions[symbol]

    def would_do(self, quote: Quote) -> bool:
        """Whether nothing would be objected to one of them any more, were this the quote, and this
        is asked of these prices for the first time."""
        found = self._questions.get(quote.symbol)
        if found is None or self._tried.get(quote.symbol) == (quote.bid, quote.ask):
            return False
        question, limits = found
        question = replace(question, now=max(question.now, quote.at), quote=quote)
        until = question.intent.until
        if until is None or question.now > until or objections(question, limits, _ASKED):
            return False
        self._tried[quote.symbol] = (quote.bid, quote.ask)
        return True
