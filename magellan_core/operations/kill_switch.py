"""Flatten one account and prove it: cancel, wait, close, look again, until flat or the deadline.

LAW: standard library only; knows no engine, no journal, no strategy. It believes nothing but what
the broker answers, and closes by symbol, so that the broker counts the shares. A write that got no
answer is found out by looking again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from urllib.parse import quote

from magellan_core.errors import CredentialsError, Unavailable

# A broker's positions may tell of a fill up to so many seconds late.
LAG_SECONDS = 10.0
PAUSE_SECONDS = 0.5
ASK_AGAIN_SECONDS = 3.0
# After so long in vain an order that will not be cancelled no longer keeps us from closing.
STUCK_SECONDS = 10.0
LONGEST_BACK_OFF = 5.0

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """A broker's answer: status, parsed body (None: none that is JSON), seconds to hold off."""

    status: int
    body: object
    retry_after: float | None = None


# Sends one request (method, path below /v2). Raises Unavailable when there is no answer in time.
Wire = Callable[[str, str], Answer]
# Says and keeps what was done: the event's name, then its facts.
Tell = Callable[[str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended. `open` names what is not closed, or why nobody knows; empty: flat."""

    flat: bool
    open: Sequence[str]
    seconds: float


@dataclass(slots=True)
class Look:
    """Everything open and held, as of one look; orders are read first, so a fill is not lost."""

    orders: list[Row]
    positions: list[Row]

    @property
    def nothing(self) -> bool:
        return not self.orders and not self.positions

    def closing(self, order: Row) -> bool:
        """A plain market order that reduces the position it is for."""
        for held in self.positions:
            if held.get("symbol") == order.get("symbol"):
                qty = number(held.get("qty"))
                side = "sell" if qty > 0 else "buy"
                left = number(order.get("qty")) - number(order.get("filled_qty"))
                plain = order.get("type") == "market" and order.get("order_class") in ("", "simple")
                leaving = order.get("status") == "pending_cancel"
                return plain and not leaving and order.get("side") == side and left <= abs(qty)
        return False

    def names(self) -> list[str]:
        """What is open, in words."""
        held = [f"{p.get('symbol')}: {p.get('qty')} shares" for p in self.positions]
        orders = [
            f"{o.get('symbol')}: {o.get('side')} {o.get('type')} order of {o.get('qty')} "
            f"is {o.get('status')} ({o.get('id')})"
            for o in self.orders
        ]
        return held + orders


@dataclass(slots=True)
class KillSwitch:
    """One account. `now` and `sleep` are in seconds of whatever time the broker lives by."""

    wire: Wire
    now: Callable[[], float]
    sleep: Callable[[float], None]
    tell: Tell
    patience: float
    _asked: dict[str, float] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    _doubt: float = 0.0
    _last: Look | None = None
    _why: str = "the broker has not answered"
    _said: set[str] = field(default_factory=set)

    def dry_run(self) -> Verdict:
        """One look, nothing touched."""
        began = self.now()
        look = self._look()
        if look is None:
            return Verdict(False, [f"unknown: {self._why}"], self.now() - began)
        for order in look.orders:
            self.tell("would_cancel", brief(order))
        for held in look.positions:
            self.tell("would_close", brief(held))
        return Verdict(look.nothing, look.names(), self.now() - began)

    def run(self) -> Verdict:
        """Until flat is proven or the patience is over. Raise CredentialsError: keys refused."""
        began = self._doubt = self.now()
        until = began + self.patience
        while True:
            look = self._look()
            now = self.now()
            if look is not None:
                self._last = look
                if look.nothing and now >= self._doubt + LAG_SECONDS:
                    self.tell("flat", {"seconds": round(now - began, 1)})
                    return Verdict(True, [], now - began)
                if not look.nothing and self._act(look) and self._queued(look):
                    return Verdict(False, self._open(" (market closed: queued)"), now - began)
            if self.now() >= until:
                return Verdict(False, self._open(""), self.now() - began)
            self.sleep(PAUSE_SECONDS)

    def _open(self, note: str) -> list[str]:
        if self._last is None:
            return [f"unknown: {self._why}"]
        if self._last.nothing:
            return [f"unknown: nothing was open, but that could not be verified: {self._why}"]
        return [name + note for name in self._last.names()]

    # -- looking -----------------------------------------------------------------------------

    def _look(self) -> Look | None:
        orders = self._rows("/orders?status=open&limit=500&nested=false")
        positions = None if orders is None else self._rows("/positions")
        if orders is None or positions is None:
            return None
        look = Look(orders, positions)
        if any(not look.closing(order) for order in orders):
            self._doubt = self.now()
        return look

    def _rows(self, path: str) -> list[Row] | None:
        answer = self._ask("GET", path)
        if answer is None:
            return None
        if answer.status != HTTPStatus.OK or not isinstance(answer.body, list):
            self._complain(f"GET {path} answered {answer.status}: {message(answer.body)}")
            return None
        return [row for row in answer.body if isinstance(row, Mapping)]

    def _ask(self, method: str, path: str) -> Answer | None:
        """One request; None: no answer, or one that says to come back later."""
        try:
            answer = self.wire(method, path)
        except Unavailable as fault:
            self._complain(str(fault))
            return None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise CredentialsError("the broker refuses the keys: check the account's API keys")
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._complain("the broker asks to slow down (429)")
            self.sleep(min(answer.retry_after or 1.0, LONGEST_BACK_OFF))
            return None
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._complain(f"{method} {path} answered {answer.status}: {message(answer.body)}")
            return None
        return answer

    def _complain(self, why: str) -> None:
        self._why = why
        if why not in self._said:
            self._said.add(why)
            self.tell("trouble", {"why": why})

    # -- acting ------------------------------------------------------------------------------

    def _act(self, look: Look) -> bool:
        """Cancel what is in the way, close what is free. True: nothing is left to be sent."""
        in_the_way = [order for order in look.orders if not look.closing(order)]
        for order in in_the_way:
            self._since.setdefault(str(order.get("id")), self.now())
        if in_the_way and len(in_the_way) == len(look.orders) and self._due("all"):
            self._write("cancel_all", "DELETE", "/orders", {"orders": len(in_the_way)})
        else:
            for order in in_the_way:
                if order.get("status") != "pending_cancel" and self._due(str(order.get("id"))):
                    where = f"/orders/{quote(str(order.get('id')), safe='')}"
                    self._write("cancel", "DELETE", where, brief(order))
        closing = {str(o.get("symbol")) for o in look.orders if look.closing(o)}
        waiting = {str(o.get("symbol")) for o in in_the_way if not self._stuck(o)}
        for held in look.positions:
            symbol = str(held.get("symbol"))
            if symbol not in closing | waiting and self._due(f"close {symbol}"):
                self._write("close", "DELETE", f"/positions/{quote(symbol, safe='')}", brief(held))
        return not in_the_way and {str(p.get("symbol")) for p in look.positions} <= closing

    def _stuck(self, order: Row) -> bool:
        return self.now() - self._since[str(order.get("id"))] >= STUCK_SECONDS

    def _due(self, what: str) -> bool:
        """Ask once, and again only after a while."""
        asked = self._asked.get(what)
        if asked is not None and self.now() - asked < ASK_AGAIN_SECONDS:
            return False
        self._asked[what] = self.now()
        return True

    def _write(self, event: str, method: str, path: str, facts: Mapping[str, object]) -> None:
        answer = self._ask(method, path)
        if answer is None:
            said = f"no answer: {self._why}"
            # Not even known to have been asked: the next look decides, at once.
            self._asked.clear()
        else:
            said = f"{answer.status} {message(answer.body)}".strip()
        self._doubt = self.now()
        self.tell(event, {**facts, "answer": said})

    def _queued(self, look: Look) -> bool:
        """Everything that can be done is done, and the market is closed until its open."""
        answer = self._ask("GET", "/clock")
        told = None if answer is None else answer.body
        if not isinstance(told, Mapping) or told.get("is_open") is not False:
            return False
        self.tell("queued", {"orders": len(look.orders), "opens": told.get("next_open")})
        return True


def brief(row: Row) -> dict[str, object]:
    """What a person wants to know of an order or a position."""
    names = ("symbol", "side", "qty", "type", "status", "id", "client_order_id", "market_value")
    return {name: row[name] for name in names if name in row}


def number(value: object) -> Decimal:
    """A number of the broker's; 0 where it makes no sense."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def message(body: object) -> str:
    """The broker's own words."""
    if isinstance(body, Mapping):
        return str(body.get("message", ""))[:200]
    return ""
