"""One JSON object of Alpaca's, read field by field: lenient in form, strict in what is needed.

LAW: a missing or senseless field that is needed raises Unavailable naming it, since a guess would
be traded on.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from magellan_core.errors import Unavailable
from magellan_core.model import Side


class Fields:
    """One JSON object of an answer; `what` names it in messages, e.g. "account answer"."""

    def __init__(self, row: object, what: str) -> None:
        self._what = what
        # Asked of a dict, which JSON gives, an abstract class takes ten times as long.
        if type(row) is not dict and not isinstance(row, Mapping):
            raise Unavailable(
                f"the broker's {what} is {_kind(row)}, not an object: try again later"
            )
        self._row: Mapping[str, object] = row

    def text(self, name: str) -> str:
        value = self._row.get(name)
        if not isinstance(value, str) or not value:
            raise self._fault(name)
        return value

    def word(self, name: str) -> str:
        """Text that may be missing: then it is empty."""
        value = self._row.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> Decimal:
        value = self.maybe_number(name)
        if value is None:
            raise self._fault(name)
        return value

    def maybe_number(self, name: str) -> Decimal | None:
        """A finite decimal, sent as a string or a number; None: missing, null or empty."""
        value = self._row.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._fault(name)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise self._fault(name) from None
        if not number.is_finite():
            raise self._fault(name)
        return number

    def price(self, name: str, *, needed: bool) -> Decimal | None:
        """A price that an order of that type has, or may lack."""
        return self.number(name) if needed else self.maybe_number(name)

    def real(self, name: str) -> float:
        """A finite float: prices and volumes of bars."""
        value = self._row.get(name)
        # A bool is an int to isinstance.
        if type(value) is float:
            number = value
        elif type(value) is int:
            number = float(str(value))
        else:
            raise self._fault(name)
        if not math.isfinite(number):
            raise self._fault(name)
        return number

    def reals(self, names: str) -> Sequence[float]:
        """Finite floats, of which each has a letter for its name: `real`, many at a time."""
        row, told = self._row, list[float]()
        for name in names:
            value = row.get(name)
            # Only what is no float is looked at closely: this stands between a bar and its order.
            told.append(value if type(value) is float else self.real(name))
        return told if math.isfinite(sum(told)) else [self.real(name) for name in names]

    def flag(self, name: str) -> bool:
        value = self._row.get(name)
        if not isinstance(value, bool):
            raise self._fault(name)
        return value

    def is_set(self, name: str) -> bool:
        """A flag that may be missing: then it is not set."""
        return self._row.get(name) is True

    def moment(self, *names: str) -> datetime:
        """The first of these times that is there: RFC 3339, any precision, as aware UTC."""
        told = self._row.get(names[0])
        if not told:
            told = next((value for name in names if (value := self._row.get(name))), None)
        if not isinstance(told, str):
            raise self._fault(names[0])
        try:
            at = datetime.fromisoformat(told)
        except ValueError:
            raise self._fault(names[0]) from None
        if at.tzinfo is None:
            raise self._fault(names[0])
        return at if at.tzinfo is UTC else at.astimezone(UTC)

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self._fault(name) from None

    def maybe_day(self, name: str) -> date | None:
        """A date that may be missing or of another form: then it is None."""
        try:
            return date.fromisoformat(self.word(name)[:10])
        except ValueError:
            return None

    def wall_time(self, name: str) -> tuple[int, int]:
        """HH:MM as (hour, minute)."""
        hour, _, minute = self.text(name).partition(":")
        if not (hour.isdecimal() and minute.isdecimal()):
            raise self._fault(name)
        return int(hour), int(minute)

    def side(self, name: str) -> Side:
        """Buy or sell; Alpaca marks the sale that opens a short as sell_short."""
        word = self.text(name)
        if word not in ("buy", "sell", "sell_short"):
            raise self._fault(name)
        return Side.BUY if word == "buy" else Side.SELL

    def list(self, name: str) -> Sequence[object]:
        """A list; missing or null counts as empty."""
        value = self._row.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._fault(name)
        return value

    def table(self, name: str) -> Mapping[str, object]:
        """An object of objects by symbol; null counts as empty, missing does not."""
        if name not in self._row:
            raise self._fault(name)
        value = self._row[name]
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self._fault(name)
        return value

    def _fault(self, name: str) -> Unavailable:
        if name not in self._row:
            return Unavailable(
                f"the broker's {self._what} lacks '{name}': nothing is decided without it; see "
                "Alpaca's changelog if it stays so"
            )
        told = repr(self._row[name])[:60]
        return Unavailable(
            f"the broker's {self._what} has '{name}' {told}, which makes no sense: nothing is "
            "decided on it; see Alpaca's changelog if it stays so"
        )


def rows(answer: object, what: str) -> Sequence[object]:
    """The answer as a list. Raises Unavailable if it is none."""
    if not isinstance(answer, list):
        raise Unavailable(f"the broker's {what} is {_kind(answer)}, not a list: try again later")
    return answer


def _kind(value: object) -> str:
    return "empty" if value is None else f"a {type(value).__name__}"
