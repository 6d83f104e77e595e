"""JSON forms of what the exchange answers, spelled as Alpaca spells them.

Money and quantities are strings, trimmed of trailing zeros; trading times are RFC 3339 with Z, the
clock's carry New York's offset. Sources: Alpaca's OpenAPI files and recordings of a paper account.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from magellan_core.market_hours import (
    new_york_date,
)
from magellan_core.model import OrderClass
from magellan_core.paper.accounts import AccountState, Configuration, EquityPoint, PositionState
from magellan_core.paper.orders import Execution, Order, Update
from magellan_core.paper.rules import AssetState, Rejected
from magellan_core.risk.account import Transfer

Json = dict[str, Any]

_NINE_PLACES = Decimal("1e-9")
_ZERO = Decimal(0)


def dumps(body: object) -> bytes:
    """Compact JSON text."""
    return json.dumps(body, separators=(",", ":")).encode()


def loads(text: bytes) -> object:
    """JSON text as plain values; no text is null."""
    return json.loads(text) if text else None


def money(amount: Decimal) -> str:
    """A decimal as Alpaca's string: at most nine places, no exponent, no trailing zeros."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -9:
        amount = amount.quantize(_NINE_PLACES)
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def maybe_money(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount)


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def maybe_stamp(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


@lru_cache(maxsize=4096)
def asset_id(symbol: str) -> str:
    """The asset's UUID: the same for a symbol in every run."""
    return str(uuid5(NAMESPACE_URL, f"magellan:asset:{symbol}"))


def account(state: AccountState, *, pdt_fields: bool) -> Json:
    """GET /v2/account."""
    form = {
        "id": state.id,
        "account_number": state.number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": money(state.cash),
        "portfolio_value": money(state.equity),
        "equity": money(state.equity),
        "last_equity": money(state.last_equity),
        "balance_asof": f"{state.balance_asof:%Y-%m-%d}",
        "buying_power": money(state.buying_power),
        "effective_buying_power": money(state.buying_power),
        "regt_buying_power": money(state.regt_buying_power),
        "non_marginable_buying_power": money(state.non_marginable_buying_power),
        "options_buying_power": "0",
        "multiplier": str(state.multiplier),
        "long_market_value": money(state.long_market_value),
        "short_market_value": money(state.short_market_value),
        "position_market_value": money(state.position_market_value),
        "initial_margin": money(state.initial_margin),
        "maintenance_margin": money(state.maintenance_margin),
        "last_maintenance_margin": money(state.last_maintenance_margin),
        "sma": "0",
        "accrued_fees": "0",
        "shorting_enabled": state.shorting_enabled,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": state.trade_suspended,
        "created_at": stamp(state.created_at),
    }
    if pdt_fields:
        form |= {
            "daytrade_count": 0,
            "daytrading_buying_power": money(state.buying_power),
            "pattern_day_trader": False,
        }
    return form


def configuration(settings: Configuration) -> Json:
    """GET /v2/account/configurations."""
    return {
        "fractional_trading": settings.fractional_trading,
        "max_margin_multiplier": str(settings.max_margin_multiplier),
        "max_options_trading_level": None,
        "no_shorting": settings.no_shorting,
        "ptp_no_exception_entry": False,
        "suspend_trade": settings.suspend_trade,
        "trade_confirm_email": settings.trade_confirm_email,
    }


def asset(state: AssetState, *, easy_to_borrow: bool = True) -> Json:
    """GET /v2/assets/{symbol}; `easy_to_borrow`: the field of that name is still told."""
    form = {
        "id": asset_id(state.symbol),
        "class": "us_equity",
        "exchange": state.exchange,
        "symbol": state.symbol,
        "name": state.name or state.symbol,
        "status": state.status,
        "tradable": state.tradable,
        "marginable": state.marginable,
        "shortable": state.shortable,
        "borrow_status": "easy_to_borrow" if state.shortable else "not_borrowable",
        "fractionable": state.fractionable,
        "margin_requirement_long": "30",
        "margin_requirement_short": "100",
        "attributes": [],
    }
    return form | {"easy_to_borrow": state.shortable} if easy_to_borrow else form


def order(state: Order, *, nested: bool) -> Json:
    """An order; its legs too if `nested`, else null."""
    qty = state.qty if state.notional is None else None
    legs = [order(leg, nested=True) for leg in state.legs] if nested and state.legs else None
    return {
        "id": state.id,
        "client_order_id": state.client_order_id,
        "created_at": stamp(state.created_at),
        "updated_at": stamp(state.updated_at),
        "submitted_at": stamp(state.submitted_at),
        "filled_at": maybe_stamp(state.filled_at),
        "expired_at": maybe_stamp(state.expired_at),
        "expires_at": maybe_stamp(state.expires_at),
        "canceled_at": maybe_stamp(state.canceled_at),
        "failed_at": maybe_stamp(state.failed_at),
        "replaced_at": maybe_stamp(state.replaced_at),
        "replaced_by": state.replaced_by,
        "replaces": state.replaces,
        "asset_id": asset_id(state.symbol),
        "symbol": state.symbol,
        "asset_class": "us_equity",
        "notional": maybe_money(state.notional),
        "qty": maybe_money(qty),
        "filled_qty": money(state.filled_qty),
        "filled_avg_price": maybe_money(state.filled_avg_price),
        "order_class": "" if state.order_class is OrderClass.SIMPLE else state.order_class.value,
        "order_type": state.type.value,
        "type": state.type.value,
        "side": state.side.value,
        "position_intent": state.position_intent,
        "time_in_force": state.time_in_force.value,
        "limit_price": maybe_money(state.limit_price),
        "stop_price": maybe_money(state.stop_price),
        "status": state.status,
        "extended_hours": state.extended_hours,
        "legs": legs,
        "trail_percent": maybe_money(state.trail_percent),
        "trail_price": maybe_money(state.trail_price),
        "hwm": maybe_money(state.hwm),
    }


def position(state: PositionState, listing: AssetState) -> Json:
    """GET /v2/positions: fractions (…pc, change_today) are of 1, not percent."""
    cost, last = abs(state.cost_basis), state.lastday_price
    opened_at = abs(state.market_value - state.unrealized_intraday_pl)
    intraday = state.unrealized_intraday_pl / opened_at if opened_at else _ZERO
    return {
        "asset_id": asset_id(state.symbol),
        "symbol": state.symbol,
        "exchange": listing.exchange,
        "asset_class": "us_equity",
        "asset_marginable": listing.marginable,
        "avg_entry_price": money(state.avg_entry_price),
        "qty": money(state.qty),
        "qty_available": money(state.qty_available),
        "side": "long" if state.qty > 0 else "short",
        "market_value": money(state.market_value),
        "cost_basis": money(state.cost_basis),
        "unrealized_pl": money(state.unrealized_pl),
        "unrealized_plpc": money(state.unrealized_pl / cost if cost else _ZERO),
        "unrealized_intraday_pl": money(state.unrealized_intraday_pl),
        "unrealized_intraday_plpc": money(intraday),
        "current_price": money(state.current_price),
        "lastday_price": money(last),
        "change_today": money(state.current_price / last - 1 if last else _ZERO),
    }


def activity(fill: Execution, account_id: str) -> Json:
    """One line of GET /v2/account/activities/FILL."""
    return {
        "id": fill.id,
        "account_id": account_id,
        "activity_type": "FILL",
        "transaction_time": stamp(fill.at),
        "type": fill.type,
        "price": money(fill.price),
        "qty": money(fill.qty),
        "cum_qty": money(fill.cum_qty),
        "leaves_qty": money(fill.leaves_qty),
        "side": fill.side.value,
        "symbol": fill.symbol,
        "order_id": fill.order_id,
        "order_status": fill.order_status,
    }


def cash_kind(transfer: Transfer) -> str:
    """Alpaca's activity type: cash deposit or cash withdrawal."""
    return "CSD" if transfer.amount >= 0 else "CSW"


def cash_activity(transfer: Transfer, account_id: str) -> Json:
    """One line of GET /v2/account/activities of cash paid in or out."""
    return {
        "id": transfer.id,
        "account_id": account_id,
        "activity_type": cash_kind(transfer),
        "date": f"{new_york_date(transfer.at):%Y-%m-%d}",
        "net_amount": money(transfer.amount),
        "status": "executed",
    }


def trade_update(update: Update, frame: int) -> bytes:
    """One message of the trade_updates stream; `frame` is ours, clients of Alpaca ignore it."""
    data: Json = {
        "event": update.event,
        "timestamp": stamp(update.at),
        "order": order(update.order, nested=True),
        "frame": frame,
    }
    if update.execution_id is not None:
        # An execution's id is time::uuid; here Alpaca tells the uuid alone.
        data["execution_id"] = update.execution_id.rpartition("::")[2]
    for name in ("price", "qty", "position_qty"):
        amount = getattr(update, name)
        if amount is not None:
            data[name] = money(amount)
    return dumps({"stream": "trade_updates", "data": data})


def history(points: Sequence[EquityPoint], timeframe: str) -> Json:
    """GET /v2/account/portfolio/history: profit is measured from the first point."""
    base = points[0].equity if points else _ZERO
    return {
        "timestamp": [int(point.at.timestamp()) for point in points],
        "equity": [float(point.equity) for point in points],
        "profit_loss": [float(point.equity - base) for point in points],
        "profit_loss_pct": [
            float((point.equity - base) / base) if base else None for point in points
        ],
        "base_value": float(base),
        "base_value_asof": f"{new_york_date(points[0].at):%Y-%m-%d}" if points else None,
        "timeframe": timeframe,
    }


def refusal(rejected: Rejected) -> Json:
    """The error body: code, message and whatever else the refusal tells."""
    body: Json = {} if rejected.code is None else {"code": rejected.code}
    extra = {
        name: money(value) if isinstance(value, Decimal) else value
        for name, value in rejected.extra.items()
    }
    return {**body, "message": rejected.message, **extra}


def orders(states: Iterable[Order], *, nested: bool) -> list[Json]:
    return [order(state, nested=nested) for state in states]
