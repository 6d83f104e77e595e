"""Messages of the market data websocket: what a client may say, and how each answer is spelled.

Sources: Alpaca's websocket pages, and alpaca-py, which needs `t` as msgpack's Timestamp.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgpack

from magellan_core.model import Bar, Quote
from magellan_core.paper.wire import Json, stamp

CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
# Answered with every subscription; nobody can ask for them.
_ALONGSIDE = ("corrections", "cancelErrors")
# Alpaca's codes.
SYNTAX, NOT_AUTHENTICATED, AUTH_FAILED, AGAIN, TIMEOUT = 400, 401, 402, 403, 404
SYMBOLS, CONNECTIONS, SLOW, SUBSCRIPTION, ACTION = 405, 406, 407, 409, 410
_WORDS = {
    SYNTAX: "invalid syntax",
    NOT_AUTHENTICATED: "not authenticated",
    AUTH_FAILED: "auth failed",
    AGAIN: "already authenticated",
    TIMEOUT: "auth timeout",
    SYMBOLS: "symbol limit exceeded",
    CONNECTIONS: "connection limit exceeded",
    SLOW: "slow client",
    SUBSCRIPTION: "insufficient subscription",
    ACTION: "invalid subscribe action for this feed",
}
CONNECTED: Json = {"T": "success", "msg": "connected"}
AUTHENTICATED: Json = {"T": "success", "msg": "authenticated"}


def error(code: int) -> Json:
    return {"T": "error", "code": code, "msg": _WORDS[code]}


def encode(messages: Sequence[Json], *, packed: bool) -> str | bytes:
    """One frame: an array of messages, as msgpack or as JSON text; times are datetimes in both."""
    if packed:
        body: bytes = msgpack.packb(list(messages), datetime=True)
        return body
    return json.dumps(list(messages), separators=(",", ":"), default=_spell)


def _spell(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} has no place in a message")
    return stamp(value)


def decode(frame: str | bytes, *, packed: bool) -> dict[str, Any] | None:
    """What a client says; None: no message at all."""
    try:
        binary = packed and isinstance(frame, bytes)
        told = msgpack.unpackb(frame) if binary else json.loads(frame)
    except (ValueError, msgpack.UnpackException):
        return None
    return told if isinstance(told, dict) else None


def subscription(symbols: Mapping[str, set[str]]) -> Json:
    """All channels, those without symbols too."""
    channels = {name: sorted(symbols.get(name, ())) for name in CHANNELS}
    return {"T": "subscription", **channels, **dict.fromkeys(_ALONGSIDE, channels["trades"])}


def asked(message: Mapping[str, Any]) -> dict[str, set[str]] | int:
    """Symbols by channel of a subscribe or unsubscribe; else the code of what is wrong."""
    wanted: dict[str, set[str]] = {}
    for name, symbols in message.items():
        if name in ("action", *_ALONGSIDE):
            continue
        if name not in CHANNELS:
            return ACTION
        if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            return SYNTAX
        wanted[name] = {symbol.upper() for symbol in symbols}
    return wanted


def bar(value: Bar, *, revised: bool) -> Json:
    """A minute bar; `n` and `vw` are guessed as in the REST answer."""
    return {
        "T": "u" if revised else "b",
        "S": value.symbol,
        "o": value.open,
        "h": value.high,
        "l": value.low,
        "c": value.close,
        "v": int(value.volume),
        "t": value.start,
        "n": max(1, int(value.volume) // 100),
        "vw": round((value.high + value.low + value.close) / 3, 6),
    }


def quote(value: Quote, at: datetime) -> Json:
    return {
        "T": "q",
        "S": value.symbol,
        "bx": "V",
        "bp": float(value.bid),
        "bs": value.bid_size,
        "ax": "V",
        "ap": float(value.ask),
        "as": value.ask_size,
        "c": ["R"],
        "z": "C",
        "t": at,
    }


def status(symbol: str, at: datetime, *, halted: bool) -> Json:
    """A trading status in Nasdaq's (UTP's) words."""
    return {
        "T": "s",
        "S": symbol,
        "sc": "H" if halted else "T",
        "sm": "Trading Halt" if halted else "Trading Resumption",
        "rc": "T12" if halted else "",
        "rm": "Trading Halted; For information requested by NASDAQ" if halted else "",
        "t": at,
        "z": "C",
    }
