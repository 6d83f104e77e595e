"""What fills cost against the model that a backtest fills by, in basis points, split by cause.

LAW: pure. Positive is a cost. The model is the backtest's (`--fill next_open`): a market order
fills at the open of the first bar after it was sent, a stop at its price or the open beyond it, a
target at its price or the open beyond it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from magellan_core.lines import instant
from magellan_core.model import Bar, Side
from magellan_core.operations.reporting.facts import Facts
from magellan_core.prices import to_decimal
from magellan_core.records import OrderRecord, Role

BPS = Decimal(10000)


@dataclass(frozen=True, slots=True)
class Slip:
    """One fill. Prices in dollars; basis points of the model's price, None where not known.

    `total` is the fill against the model. Of an entry the way from the decision's price to the
    fill is split: `delay` to the quote's middle when the order left, `spread` to the side traded
    at, `price` the rest.
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
    delay: Decimal | None = None
    spread: Decimal | None = None
    rest: Decimal | None = None


def slips(facts: Facts) -> Sequence[Slip]:
    """Every fill of ours in the period, in the journal's order."""
    decisions = {str(d.data["id"]): d.data for d in facts.decisions if "id" in d.data}
    found: list[Slip] = []
    for fill in facts.fills:
        record = facts.book.orders.get(str(fill.data["order"]))
        if record is None:
            continue
        at, price = instant(fill.data["filled_at"]), Decimal(str(fill.data["price"]))
        model = modelled(record, at, facts.bars.get(record.symbol, ()))
        sign = 1 if record.side is Side.BUY else -1
        parts = _parts(decisions.get(record.decision), price) if record.role is Role.ENTRY else None
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
                delay=None if parts is None else parts[0],
                spread=None if parts is None else parts[1],
                rest=None if parts is None else parts[2],
            )
        )
    return found


def modelled(record: OrderRecord, at: datetime, bars: Sequence[Bar]) -> Decimal | None:
    """The price at which a backtest fills the order; None: no bar tells."""
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
    decision: Mapping[str, object] | None, price: Decimal
) -> tuple[Decimal, Decimal, Decimal] | None:
    """Delay, spread and rest of a buy; None without the quote that it was decided on."""
    quote = None if decision is None else decision.get("quote")
    if decision is None or not isinstance(quote, Mapping):
        return None
    reference = Decimal(str(decision["reference"]))
    bid, ask = Decimal(str(quote["bid"])), Decimal(str(quote["ask"]))
    middle = (bid + ask) / 2
    if reference <= 0:
        return None
    per = BPS / reference
    return (middle - reference) * per, (ask - middle) * per, (price - ask) * per


@dataclass(frozen=True, slots=True)
class SlipFigures:
    """Means over fills, weighted by dollars, in basis points; `count` fills rest behind `mean`."""

    count: int
    mean: Decimal | None
    worst: Decimal | None
    delay: Decimal | None
    spread: Decimal | None
    rest: Decimal | None
    dollars: Decimal


def slip_figures(every: Sequence[Slip]) -> SlipFigures:
    """Weighted by the dollars of each fill, so that they add up to what was paid."""
    told = [s for s in every if s.total is not None]
    split = [s for s in every if s.delay is not None]
    cost = sum(((s.total or 0) / BPS * (s.model or 0) * s.qty for s in told), Decimal(0))
    return SlipFigures(
        count=len(told),
        mean=_mean(told, [s.total for s in told]),
        worst=max((s.total for s in told if s.total is not None), default=None),
        delay=_mean(split, [s.delay for s in split]),
        spread=_mean(split, [s.spread for s in split]),
        rest=_mean(split, [s.rest for s in split]),
        dollars=cost,
    )


def _mean(fills: Sequence[Slip], values: Sequence[Decimal | None]) -> Decimal | None:
    weights = [s.qty * s.price for s in fills]
    whole = sum(weights, Decimal(0))
    if not whole:
        return None
    return sum((w * (v or 0) for w, v in zip(weights, values, strict=True)), Decimal(0)) / whole
