"""A broker in bad weather, under virtual time: the exchange's core behind a wire that fails.

Everything is drawn from one seed: what is held and ordered, when the broker answers and how it
fails when it does not, how late it cancels and how late its positions tell of a fill.
"""

import json
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote

from magellan_core.errors import Unavailable
from magellan_core.model import Bar, OrderClass, OrderType, Side, Timeframe, TimeInForce
from magellan_core.operations.kill_switch import Answer, KillSwitch, Verdict
from magellan_core.paper import trading_routes, wire
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.gate import Call
from magellan_core.paper.market import Market
from magellan_core.paper.orders import OrderForm
from magellan_core.paper.rules import Rejected, Rules
from tests.unit.paper.exchange_support import OPEN, PA

SYMBOLS = ("AMC", "GME", "ONDS")
HOUR = 3600
ROUND_TRIP = 0.05
TIME_OUT = 6.0
FAULTS = ("refuse", "hang", "reset", "429", "500", "502", "504")


def a_bar_each_second(symbol: str, first: datetime, seconds: int) -> list[Bar]:
    """A price that wanders a little; a bar of a second, so that a market order fills at once."""
    bars = []
    for n in range(seconds):
        start = first + timedelta(seconds=n)
        price = round(10 + 0.01 * (n % 17), 2)
        bars.append(
            Bar(symbol, start, start + timedelta(seconds=1), price, price, price, price, 1000.0)
        )
    return bars


@dataclass
class Weather:
    """When the broker answers. `edges` are seconds at which it changes; it begins answering or not.

    `lag` is how late positions tell of fills, `slow_cancel` how long a cancel is pending.
    """

    edges: list[float]
    begins_fair: bool
    faults: list[str]
    lag: float = 0.0
    slow_cancel: float = 0.0

    def fault(self, at: float) -> str | None:
        """What goes wrong now; None: nothing."""
        stretch = bisect_right(self.edges, at)
        if (stretch % 2 == 0) == self.begins_fair:
            return None
        return self.faults[stretch % len(self.faults)]

    def fair_seconds(self, until: float) -> float:
        bounds = [0.0, *(e for e in self.edges if e < until), until]
        spans = [b - a for a, b in pairwise(bounds)]
        return sum(spans[0 if self.begins_fair else 1 :: 2])


@dataclass
class Bench:
    """The exchange, a clock that is its time, and the wire between them."""

    exchange: Exchange
    weather: Weather
    calls: int = 0
    _seconds: float = 0.0
    _positions: list[tuple[float, object]] = field(default_factory=list)
    _cancels: list[tuple[float, str]] = field(default_factory=list)
    _began: datetime = OPEN

    def __post_init__(self) -> None:
        self._began = self.exchange.now

    def now(self) -> float:
        return self._seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time."""
        target = self._seconds + seconds
        while self._seconds < target - 1e-9:
            self._seconds = min(target, self._seconds + 0.1)
            for due, order_id in [c for c in self._cancels if c[0] <= self._seconds]:
                self._cancels.remove((due, order_id))
                self._cancel(order_id)
            self.exchange.step(self._began + timedelta(seconds=self._seconds))
            self._positions.append((self._seconds, self._told("/positions")))

    def __call__(self, method: str, path: str) -> Answer:
        self.calls += 1
        fault = self.weather.fault(self._seconds)
        if fault == "hang":
            self.sleep(TIME_OUT)
            raise Unavailable(f"{method} {path}: no answer")
        self.sleep(ROUND_TRIP)
        if fault == "refuse":
            raise Unavailable(f"{method} {path}: ConnectionError")
        if fault == "429":
            return Answer(429, {"message": "too many requests."}, 1.0)
        if fault in ("500", "502"):
            return Answer(int(fault), None)
        answer = self._answer(method, path)
        if fault == "reset":
            raise Unavailable(f"{method} {path}: reset")
        if fault == "504":
            return Answer(504, {"message": "gateway timeout"})
        return answer

    def _answer(self, method: str, path: str) -> Answer:
        if (method, path) == ("GET", "/positions"):
            old = [told for at, told in self._positions if at <= self._seconds - self.weather.lag]
            return Answer(200, old[-1] if old else self._told("/positions"))
        if method == "DELETE" and path.startswith("/orders") and self.weather.slow_cancel:
            return self._ask_slowly(path)
        return self._call(method, path)

    def _ask_slowly(self, path: str) -> Answer:
        """The cancel is taken, and carried out later."""
        open_now = self.exchange.orders(PA, "open", limit=500)
        wanted = [o.id for o in open_now if path == "/orders" or path.endswith(o.id)]
        known = {order_id for _, order_id in self._cancels}
        due = self._seconds + self.weather.slow_cancel
        self._cancels += [(due, order_id) for order_id in wanted if order_id not in known]
        return Answer(207 if path == "/orders" else 204, [])

    def _cancel(self, order_id: str) -> None:
        try:
            self.exchange.cancel(PA, order_id)
        except Rejected:
            return

    def _told(self, path: str) -> object:
        return self._call("GET", path).body

    def _call(self, method: str, path: str) -> Answer:
        """Through the server's own handlers and JSON."""
        bare, _, query = path.partition("?")
        for verb, pattern, handler in trading_routes.ROUTES:
            names = matched(pattern, f"/v2{bare}") if verb == method else None
            if names is None:
                continue
            call = Call(self.exchange, PA, dict(parse_qsl(query)), names, b"")
            try:
                answer = handler(call)
            except Rejected as refusal:
                return Answer(refusal.status, json.loads(wire.dumps(wire.refusal(refusal))))
            body = answer.body
            text = body if isinstance(body, bytes) else wire.dumps(body)
            return Answer(answer.status, None if body is None else json.loads(text))
        raise AssertionError(f"no route for {method} {path}")


def matched(pattern: str, path: str) -> dict[str, str] | None:
    """Names in braces take one part of the path."""
    wanted, given = pattern.replace(":path", "").split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    names: dict[str, str] = {}
    for w, g in zip(wanted, given, strict=True):
        if w.startswith("{"):
            names[w.strip("{}")] = unquote(g)
        elif w != g:
            return None
    return names


@cache
def market() -> Market:
    """The same for every case, and only read: made once."""
    bars = {(s, Timeframe.MINUTE): a_bar_each_second(s, OPEN, HOUR) for s in SYMBOLS}
    return Market.from_bars(bars)


def venue(start: datetime = OPEN + timedelta(minutes=5)) -> Exchange:
    """Three symbols that trade every second for an hour from the open."""
    spec = AccountSpec(PA, f"key-{PA}", "secret", Timeframe.MINUTE)
    return Exchange(market(), [spec], start=start, rules=Rules(seed=1))


def form(symbol: str, side: Side, qty: int, **more: Any) -> OrderForm:
    return OrderForm(symbol=symbol, side=side, qty=Decimal(qty), **more)


def take_up(exchange: Exchange, draw: Random) -> None:
    """Positions with brackets, plain ones, resting and half-born orders, as a bad day has them."""

    def order(asked: OrderForm) -> None:
        """Some are refused, as a wash trade say: a bad day has those too."""
        with suppress(Rejected):
            exchange.submit(PA, asked)

    for symbol in SYMBOLS:
        for _ in range(draw.randrange(3)):
            match draw.choice(("plain", "bracket", "limit", "stop", "fresh")):
                case "plain" | "fresh":
                    order(form(symbol, Side.BUY, draw.randint(1, 500)))
                case "bracket":
                    order(
                        form(
                            symbol,
                            Side.BUY,
                            draw.randint(3, 300),
                            time_in_force=TimeInForce.GTC,
                            order_class=OrderClass.BRACKET,
                            take_profit=Decimal("12.00"),
                            stop_loss=Decimal("8.00"),
                        ),
                    )
                case "limit":
                    low = Decimal("7.50")
                    order(form(symbol, Side.BUY, 50, type=OrderType.LIMIT, limit_price=low))
                case "stop":
                    held = {p.symbol: int(p.qty_available) for p in exchange.positions(PA)}
                    if held.get(symbol, 0) > 0:
                        stop = Decimal("8.50")
                        qty = held[symbol]
                        order(form(symbol, Side.SELL, qty, type=OrderType.STOP, stop_price=stop))
            if draw.random() < 0.7:
                exchange.step(exchange.now + timedelta(seconds=2))


def weather(draw: Random) -> Weather:
    """Stretches of 4 to 15 seconds, fair and foul in turn."""
    edges, at = [], 0.0
    while at < 600:
        at += draw.uniform(4, 15)
        edges.append(round(at, 1))
    return Weather(
        edges=edges,
        begins_fair=draw.random() < 0.5,
        faults=[draw.choice(FAULTS) for _ in range(7)],
        lag=draw.choice((0.0, 0.0, 2.0, 5.0)),
        slow_cancel=draw.choice((0.0, 0.0, 1.5, 4.0)),
    )


@dataclass(frozen=True)
class Case:
    """What came of one seed. `held` and `orders` are what the exchange knows at the end."""

    seed: int
    verdict: Verdict
    held: list[str]
    orders: int
    fair_in_a_minute: float
    halted: str | None
    calls: int
    events: list[str]


def case(seed: int, patience: float = 300.0) -> Case:
    """Play one seed: a tenth of them with a symbol that does not trade."""
    draw = Random(seed)
    exchange = venue()
    take_up(exchange, draw)
    halted = draw.choice(SYMBOLS) if draw.random() < 0.1 else None
    if halted is not None:
        exchange.halt(halted)
    bench = Bench(exchange, weather(draw))
    events: list[str] = []
    switch = KillSwitch(
        wire=bench,
        now=bench.now,
        sleep=bench.sleep,
        tell=lambda event, facts: events.append(f"{bench.now():6.1f} {event} {dict(facts)}"),
        patience=patience,
    )
    verdict = switch.run()
    return Case(
        seed,
        verdict,
        [f"{p.symbol} {p.qty}" for p in exchange.positions(PA)],
        len(exchange.orders(PA, "open", limit=500)),
        bench.weather.fair_seconds(60.0),
        halted if halted and any(p.symbol == halted for p in exchange.positions(PA)) else None,
        bench.calls,
        events,
    )
