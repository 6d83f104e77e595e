"""Messages of Alpaca's market data websocket -> what was told: bars, trading statuses, quotes.

Sources: Alpaca's "Real-time Stock Data" page, whose status codes are those of CTA (tapes A and B)
and UTP (tapes C and O). No code means one thing to one and another to the other.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from websockets.exceptions import InvalidStatus

from magellan_core.alpaca import parse
from magellan_core.alpaca.fields import Fields
from magellan_core.errors import Unavailable
from magellan_core.model import Bar, Quote
from magellan_core.ports import Told, ToldBar, ToldStatus

_log = logging.getLogger(__name__)
_MINUTE = timedelta(minutes=1)
QUOTE = "q"
_BAR, _REVISED, _STATUS = "b", "u", "s"
Message = Mapping[str, object]

# Whether it trades: CTA's halt and resume; UTP's halt, volatility pause, and quotes without trades
# (which end before trading does); resumed trading. Any other code is of something else.
_HALTED: Mapping[str, bool] = {"2": True, "3": False, "H": True, "P": True, "Q": True, "T": False}


class Refused(Exception):
    """The server's own word that it will not serve us."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(f"refused with {code} ({message})")


def messages(frame: str | bytes) -> Sequence[Message]:
    """The messages of a frame. Raise Unavailable unless it is an array of objects."""
    try:
        told = json.loads(frame)
    except ValueError as error:
        raise Unavailable(f"the stream sent no JSON: {error}") from error
    if not isinstance(told, list):
        raise Unavailable("the stream sent no array of messages")
    return [message for message in told if isinstance(message, dict)]


def refusal(message: Message) -> Refused | None:
    """What an error message says; None: it is none."""
    if message.get("T") != "error":
        return None
    code = message.get("code")
    return Refused(code if isinstance(code, int) else 0, str(message.get("msg")))


def code_of(error: Exception) -> int | None:
    """The code with which the server, or the handshake, refused; None: it did not."""
    if isinstance(error, Refused):
        return error.code
    if isinstance(error, InvalidStatus):
        return error.response.status_code
    return None


def read(message: Message) -> Told | None:
    """What is told; None: nothing of ours, or only half a quote. Raise Unavailable.

    Only a bar must be readable: of statuses and quotes nothing else depends.
    """
    kind = message.get("T")
    if kind in (_BAR, _REVISED):
        return ToldBar(_bar(message), revised=kind == _REVISED)
    try:
        if kind == _STATUS:
            return _status(message)
        if kind == QUOTE:
            return _quote(message)
    except Unavailable as fault:
        _log.warning("market data: a message is passed over: %s", fault)
    return None


def _bar(message: Message) -> Bar:
    row = Fields(message, "bar message")
    at = row.moment("t")
    return Bar(row.text("S"), at, at + _MINUTE, *row.reals("ohlcv"))


def _status(message: Message) -> ToldStatus:
    row = Fields(message, "status message")
    code = row.word("sc").strip()
    said = (row.word(name).strip() for name in ("sm", "rc", "rm"))
    return ToldStatus(row.text("S"), row.moment("t"), _HALTED.get(code), code, *said)


def _quote(message: Message) -> Quote | None:
    return parse.quote(Fields(message, "quote message").text("S"), message)
