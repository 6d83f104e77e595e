"""What the paper exchange does where Alpaca leaves a choice, and how it says no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from magellan_core.errors import MagellanError

# Alpaca's error codes: "messages may change, codes won't".
INVALID = 40010001
FORBIDDEN = 40310000
UNPROCESSABLE = 42210000
ABSENT = 40410000


class Rejected(MagellanError):
    """The exchange refuses a request, as Alpaca does: HTTP status, code, message, extra fields."""

    def __init__(
        self,
        status: int,
        code: int | None,
        message: str,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        self.status, self.code, self.message = status, code, message
        self.extra: dict[str, object] = dict(extra or {})
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Rules:
    """Switches of the matching core; the defaults are Alpaca's paper behaviour, made repeatable.

    seed: enters every id and every random draw, with the account and the client_order_id.
    spread_bps: width of the quoted spread, in basis points of the last price.
    quote_size: shares shown at bid and ask; fills do not depend on it (Alpaca's paper does not).
    partial_fill_probability: chance that a fill is a random part; Alpaca's paper has 0.1. The rest
        is tried again on the next bar.
    slippage_bps: added to the price of market and triggered stop orders, against them.
    fee_bps: per side, of the notional, taken from cash with the fill.
    entry_beyond_stop: what happens to a bracket or OTO entry whose first price is already at or
        beyond its own stop: "fill" as Alpaca would (the stop then triggers at once), or "cancel".
    price_ticks: "venue" refuses sub-penny prices and legs nearer than $0.01; "exact" takes any.
    whole_cents: cash moves in whole cents, as Alpaca books it; False keeps every digit.
    day_end: status in which an unfilled DAY order ends ("canceled" per the time-in-force page).
    split_orders: resting orders are adjusted by a split, or canceled.
    unique_ids: a client_order_id is refused for ever, or only while its first order is open.
    notional_limit: orders for dollars may be limit or stop orders, not only market orders.
    pdt_fields: show the pattern-day-trader fields that Alpaca removed on 2026-07-06.
    margin_minimum: equity in dollars below which the multiplier is 1.
    opg_cutoff_minutes, cls_cutoff_minutes: before the session's open (close), half days too.
    gtc_days: calendar days after which a GTC order expires.
    half_day_cutoffs: on half days the auction cut-offs are before that day's close; False: they
        stay at those of a whole day, so that a half day has none for the closing auction.
    suspended_code: the code of a refusal while the account's trading is suspended.
    buying_power: "equity" (multiplier x equity less positions and open entries), or the older
        "last_equity" of a 4x account: 4 x (last equity - last maintenance margin) less what was
        bought since that close and open entries.
    easy_to_borrow: whether assets still carry the field, whose removal was announced.
    data_plan: "paid" sees real-time SIP data, "free" does not: REST refuses it while younger than
        15 minutes, the stream answers 409.
    recent_sip_status: HTTP status of that refusal, 403 or 422.
    recent_sip_coded: whether that refusal carries a code.
    start_inside_bar: bars are told from the first that starts at or after `start` ("next"), or
        from the one that contains it ("containing").
    stream_symbols: symbols that one data stream may have on the free plan.
    stream_symbols_of_bars: bars count against that limit, as quotes and trades do.
    rate_limit_body: a 429 carries Alpaca's "json" error, or plain "text".
    """

    seed: int = 0
    spread_bps: Decimal = Decimal(5)
    quote_size: int = 1000
    partial_fill_probability: float = 0.0
    slippage_bps: Decimal = Decimal(0)
    fee_bps: Decimal = Decimal(0)
    entry_beyond_stop: Literal["fill", "cancel"] = "fill"
    price_ticks: Literal["venue", "exact"] = "venue"
    whole_cents: bool = True
    day_end: Literal["expired", "canceled"] = "expired"
    split_orders: Literal["adjust", "cancel"] = "adjust"
    unique_ids: Literal["forever", "open"] = "forever"
    notional_limit: bool = True
    pdt_fields: bool = False
    margin_minimum: Decimal = Decimal(2000)
    opg_cutoff_minutes: int = 2
    cls_cutoff_minutes: int = 10
    gtc_days: int = 90
    half_day_cutoffs: bool = True
    suspended_code: int = FORBIDDEN
    buying_power: Literal["equity", "last_equity"] = "equity"
    easy_to_borrow: bool = True
    data_plan: Literal["paid", "free"] = "paid"
    recent_sip_status: int = 403
    recent_sip_coded: bool = True
    start_inside_bar: Literal["next", "containing"] = "next"
    stream_symbols: int = 30
    stream_symbols_of_bars: bool = False
    rate_limit_body: Literal["json", "text"] = "json"


@dataclass(frozen=True, slots=True)
class AssetState:
    """A symbol as the exchange lists it."""

    symbol: str
    tradable: bool = True
    status: str = "active"
    fractionable: bool = True
    shortable: bool = True
    marginable: bool = True
    name: str = ""
    exchange: str = field(default="NASDAQ")
