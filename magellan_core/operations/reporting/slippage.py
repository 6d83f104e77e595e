"""What fills cost against the same day's backtest, in basis points, split by cause.

LAW: pure. Positive is a cost. The model's price of a fill is what the same order got when the day
was traded again (`backtest/same_day.py`). Where that cannot tell, it is the backtest's rule for the
order's kind (`--fill next_open`) on the journaled bars: a market order fills at the open of the
first bar after it was sent, a stop or target at its price or the open beyond it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from magellan_core.lines import instant
from magellan_core.model import Bar, Side
from magellan_core.operations.reporting.facts import Facts
from magellan_core.operations.reporting.second_run import Filled, SecondRun, What, filled, what_of
from magellan_core.prices import to_decimal
from magellan_core.records import OrderRecord, Role

BPS = Decimal(10000)


class By(StrEnum):
    """Where the model's price comes from."""

    REPLAY = "replay"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Slip:
    """One fill. Prices in dollars; basis points of the model's price, None where not known.

    `total` is the fill against the model, `late` how much later it came. Of an entry `total` is
    split by the quote it was decided on: `delay` from the model's price to the quote's middle,
    `spread` from there to the side traded at, `rest` from there to the price paid.
    """

    order: str
    symbol: str
    role: Role
    side: Side
    qty: Decimal
    at: datetime
    price: Decimal
    model: Decimal | None
    total: Decimal | None
    by: By | None = None
    late: timedelta | None = None
    delay: Decimal | None = None
    spread: Decimal | None = None
    rest: Decimal | None = None


def slips(facts: Facts, runs: Sequence[SecondRun] = ()) -> Sequence[Slip]:
    """Every fill of ours in the period, in the journal's order."""
    decisions = {str(d.data["id"]): d.data for d in facts.decisions if "id" in d.data}
    again = {f.what: f for run in runs for f in filled(run.book, run.events)}
    found: list[Slip] = []
    for fill in facts.fills:
        record = facts.book.orders.get(str(fill.data["order"]))
        if record is None:
            continue
        at, price = instant(fill.data["filled_at"]), Decimal(str(fill.data["price"]))
        model, by, late = _model(record, at, again, facts.bars.get(record.symbol, ()))
        sign = 1 if record.side is Side.BUY else -1
        parts = None
        if record.role is Role.ENTRY and model:
            parts = _parts(decisions.get(record.decision), price, model)
        found.append(
            Slip(
                order=record.key,
                symbol=record.symbol,
                role=record.role,
                side=record.side,
                qty=Decimal(str(fill.data["qty"])),
                at=at,
                price=price,
                model=model,
                total=None if not model else sign * (price - model) / model * BPS,
                by=by,
                late=late,
                delay=None if parts is None else parts[0],
                spread=None if parts is None else parts[1],
                rest=None if parts is None else parts[2],
            )
        )
    return found


def _model(
    record: OrderRecord, at: datetime, again: Mapping[What, Filled], bars: Sequence[Bar]
) -> tuple[Decimal | None, By | None, timedelta | None]:
    """Price, where it is from, and how much later than it the fill came."""
    other = again.get(what_of(record))
    if other is not None:
        return other.price, By.REPLAY, at - other.at
    price = modelled(record, at, bars)
    return price, None if price is None else By.RULE, None


def modelled(record: OrderRecord, at: datetime, bars: Sequence[Bar]) -> Decimal | None:
    """The price at which the rule fills the order; None: no bar tells."""
    sent = record.planned_at
    if record.role in (Role.ENTRY, Role.EXIT):
        bar = next((b for b in bars if b.start >= sent), None)
        return None if bar is None else to_decimal(bar.open)
    bar = next((b for b in bars if b.start <= at < b.end), None)
    if record.role is Role.STOP and record.stop is not None:
        return record.stop if bar is None else min(record.stop, to_decimal(bar.open))
    if record.limit is not None:
        return record.limit if bar is None else max(record.limit, to_decimal(bar.open))
    return None


def _parts(
    decision: Mapping[str, object] | None, price: Decimal, model: Decimal
) -> tuple[Decimal, Decimal, Decimal] | None:
    """Delay, spread and rest of a buy, which add up; None without the quote it was decided on."""
    quote = None if decision is None else decision.get("quote")
    if not isinstance(quote, Mapping):
        return None
    bid, ask = Decimal(str(quote["bid"])), Decimal(str(quote["ask"]))
    middle, per = (bid + ask) / 2, BPS / model
    return (middle - model) * per, (ask - middle) * per, (price - ask) * per


@dataclass(frozen=True, slots=True)
class SlipFigures:
    """Means over fills, weighted by dollars, in basis points; `count` fills are behind `mean`.

    `replayed` of them are told by the day traded again, the others by the rule. `late` is the
    median delay of the market orders among the replayed.
    """

    count: int
    replayed: int
    mean: Decimal | None
    worst: Decimal | None
    delay: Decimal | None
    spread: Decimal | None
    rest: Decimal | None
    dollars: Decimal
    late: timedelta | None = None


def slip_figures(every: Sequence[Slip]) -> SlipFigures:
    """Weighted by the dollars of each fill, so that they add up to what was paid."""
    told = [s for s in every if s.total is not None]
    split = [s for s in every if s.delay is not None]
    cost = sum(((s.total or 0) / BPS * (s.model or 0) * s.qty for s in told), Decimal(0))
    return SlipFigures(
        count=len(told),
        replayed=sum(1 for s in told if s.by is By.REPLAY),
        mean=_mean(told, [s.total for s in told]),
        worst=max((s.total for s in told if s.total is not None), default=None),
        delay=_mean(split, [s.delay for s in split]),
        spread=_mean(split, [s.spread for s in split]),
        rest=_mean(split, [s.rest for s in split]),
        dollars=cost,
        late=_median(s.late for s in told if s.role in (Role.ENTRY, Role.EXIT)),
    )


def _median(values: Iterable[timedelta | None]) -> timedelta | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None


def _mean(fills: Sequence[Slip], values: Sequence[Decimal | None]) -> Decimal | None:
    weights = [s.qty * s.price for s in fills]
    whole = sum(weights, Decimal(0))
    if not whole:
        return None
    return sum((w * (v or 0) for w, v in zip(weights, values, strict=True)), Decimal(0)) / whole
