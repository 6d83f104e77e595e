"""Fault switches: what the exchange does wrong on purpose, to whom, where and how often.

A fault is armed by POST /sim/faults and fires on the requests, websocket handshakes (method WS),
trade updates (method UPDATE, path: the event) or data messages (path: data/bars, data/quotes, ...)
that it matches: the first `skip` of them pass, the next `count` are spoiled, then it is spent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any

from magellan_core.errors import UsageError
from magellan_core.paper.wire import dumps


class Kind(StrEnum):
    """How a request or a trade update is spoiled."""

    REFUSE = "refuse"  # the connection is reset before the request is read
    RESET = "reset"  # ... after the request took effect
    HANG = "hang"  # no answer for `seconds` of wall time, then a reset
    DRIP = "drip"  # the body comes one byte at a time over `seconds`
    STATUS = "status"  # an Alpaca-like error of `status`
    HTML = "html"  # a proxy's HTML page of `status`
    MUTATE = "mutate"  # the answer's `field`s are replaced by `value` (null: removed meaning)
    PARK = "park"  # the request is held and the conductor released, to kill the sender
    DROP = "drop"  # the trade update is never sent
    DUPLICATE = "duplicate"  # ... sent twice
    REORDER = "reorder"  # ... sent after the next one
    LATE = "late"  # ... sent when `delay` has passed, in the exchange's time
    CUT = "cut"  # the stream's connection ends without a close frame before it


STREAM_KINDS = frozenset({Kind.DROP, Kind.DUPLICATE, Kind.REORDER, Kind.LATE, Kind.CUT})
_DATA = "data/"
_OF_DATA = frozenset({Kind.DROP, Kind.DUPLICATE, Kind.CUT})
_HANDLED = frozenset({Kind.RESET, Kind.DRIP, Kind.MUTATE})
_STATUS = {Kind.STATUS: 504, Kind.HTML: 502}


@dataclass(slots=True)
class Fault:
    """One armed switch. None in `account` or `method`: any. `path` is a glob, e.g. /v2/orders*.

    `code` and `message` replace those that Alpaca would send with `status`.
    `handled` says whether a spoiled request takes effect all the same; by default it does for
    reset, drip and mutate, and for status 504, and does not otherwise. `seconds` are wall time,
    `delay` is seconds of the exchange's. A handshake is spoiled only by a switch of method WS, a
    trade update is mutated only by one of method UPDATE, and a data message is dropped, doubled or
    cut off only by one whose path starts with data/.
    """

    kind: Kind
    account: str | None = None
    method: str | None = None
    path: str = "*"
    count: int = 1
    skip: int = 0
    seconds: float = 3600.0
    delay: float = 10.0
    status: int = 0
    code: int = 0
    message: str = ""
    handled: bool | None = None
    field: str = "status"
    value: object = None
    fired: int = 0

    def __post_init__(self) -> None:
        self.status = self.status or _STATUS.get(self.kind, 0)
        if self.handled is None:
            gateway_timeout = self.kind is Kind.STATUS and self.status == 504
            self.handled = self.kind in _HANDLED or gateway_timeout

    @property
    def spoils_streams(self) -> bool:
        return self.kind in STREAM_KINDS or (self.kind is Kind.MUTATE and self.method == "UPDATE")

    def matches(self, account: str | None, method: str, path: str) -> bool:
        return (
            self.account in (None, account)
            and self.method in (None, method)
            and fnmatchcase(path, self.path)
        )


@dataclass(slots=True)
class Faults:
    """All armed switches; a match uses one up."""

    armed: list[Fault] = field(default_factory=list)

    def arm(self, told: Mapping[str, Any]) -> Fault:
        """Arm one from its JSON form. Raises UsageError naming what is wrong."""
        known = {f.name for f in fields(Fault)} - {"fired"}
        if unknown := sorted(set(told) - known):
            raise UsageError(f"a fault has no {', '.join(unknown)}: it knows {sorted(known)}")
        try:
            fault = Fault(**{**told, "kind": Kind(told["kind"])})
        except (KeyError, ValueError) as error:
            raise UsageError(f"fault of unknown kind {error}: use one of {[*Kind]}") from error
        if fault.path.startswith(_DATA) and fault.kind not in _OF_DATA:
            raise UsageError(f"{fault.path}: data messages take {', '.join(sorted(_OF_DATA))} only")
        self.armed.append(fault)
        return fault

    def clear(self) -> None:
        self.armed.clear()

    def for_request(self, account: str | None, method: str, path: str) -> Fault | None:
        """The switch that spoils this request, used up by one; None: none does."""
        return self._take(account, method, path, stream=False)

    def for_update(self, account: str, event: str) -> Fault | None:
        """The switch that spoils this trade update; its `path` is matched with the event."""
        return self._take(account, "UPDATE", event, stream=True)

    def describe(self) -> list[dict[str, object]]:
        return [asdict(fault) for fault in self.armed]

    def _take(self, account: str | None, method: str, path: str, *, stream: bool) -> Fault | None:
        for fault in self.armed:
            if fault.spoils_streams is not stream:
                continue
            if method == "WS" and fault.method != "WS":
                continue
            if path.startswith(_DATA) and not fault.path.startswith(_DATA):
                continue
            if not fault.matches(account, method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.fired += 1
            fault.count -= 1
            if fault.count <= 0:
                self.armed.remove(fault)
            return fault
        return None


HTML_PAGE = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)

ERROR_MESSAGES: Mapping[int, tuple[int, str]] = {
    429: (42910000, "too many requests."),
    500: (50010000, "internal server error occurred"),
    503: (50310000, "service unavailable"),
    504: (50410000, "gateway timeout"),
}


def error_body(status: int, code: int = 0, message: str = "") -> bytes:
    """Alpaca's error body for a status that no handler chose, unless told otherwise."""
    usual = ERROR_MESSAGES.get(status, (status * 100_000, HTTPStatus(status).phrase))
    return dumps({"code": code or usual[0], "message": message or usual[1]})


def mutate(body: object, path: str, value: object) -> object:
    """The body with every value at `path` replaced: names joined by dots, lists taken whole."""
    steps: Sequence[str] = re.split(r"\.", path)
    if isinstance(body, list):
        return [mutate(item, path, value) for item in body]
    if not isinstance(body, dict) or steps[0] not in body:
        return body
    rest = ".".join(steps[1:])
    changed = mutate(body[steps[0]], rest, value) if rest else value
    return {**body, steps[0]: changed}
