"""The broker's addresses: which hosts may be given API keys, and which of them trade real money.

LAW: keys leave this machine encrypted only, and trade a live account only by the config's word.
"""

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from magellan_core.errors import ConfigError

PAPER_URL = "https://paper-api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
REST = ("http", "https")
STREAM = ("ws", "wss")

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


class Hosts(NamedTuple):
    """Where the broker is: host roots for REST, the complete address for order updates."""

    trading: str
    data: str
    stream: str


class Named(NamedTuple):
    """Addresses as the environment names them, above the configuration's; None: it does not."""

    base: str | None
    data: str | None
    stream: str | None


def settle(named: Named, base_url: str, data_url: str, *, live: bool) -> Hosts:
    """The environment's addresses over the configuration's, fit to be sent keys.

    An exchange on loopback serves its own data unless told otherwise: real prices and made-up
    fills must not meet by accident. `live` allows an account that is not paper trading. Raise
    ConfigError for an address that is none, or that must not get the keys.
    """
    trading = root(named.base or base_url)
    data = root(named.data or (trading if named.base and is_loopback(trading) else data_url))
    stream = named.stream or stream_of(trading)
    checks = {
        "APCA_API_BASE_URL" if named.base else "base_url": trading_faults(trading, live=live),
        "APCA_API_DATA_URL" if named.data else "data_url": faults_of(data),
    }
    if named.stream:
        checks["APCA_API_STREAM_URL"] = trading_faults(stream, STREAM, live=live)
    if faults := [f"{name}: {fault}" for name, found in checks.items() for fault in found]:
        raise ConfigError("the broker's address", faults)
    return Hosts(trading, data, stream)


def root(url: str) -> str:
    """Of a REST address, the host root: alpaca-py adds /v2 itself."""
    return url.strip().rstrip("/").removesuffix("/v2").rstrip("/")


def stream_of(trading: str) -> str:
    """The trade_updates address of a host root: the same host, /stream."""
    return "ws" + trading.removeprefix("http") + "/stream"


def trading_faults(url: str, schemes: tuple[str, str] = REST, *, live: bool) -> list[str]:
    """Why orders must not be sent there, or order updates heard there; empty: they may."""
    faults = faults_of(url, schemes)
    if not faults and not live and not is_paper(url):
        faults.append(
            f"{url} is not a paper account's; set account_info.live_trading_allowed to true only "
            "if real money is meant"
        )
    return faults


def faults_of(url: str, schemes: tuple[str, str] = REST) -> list[str]:
    """Why API keys must not be sent there; empty: they may. A stream's address has a path."""
    plain, secret = schemes
    parts = _split(url)
    if parts is None or parts.scheme not in schemes or (parts.path and schemes is REST):
        example = PAPER_URL if schemes is REST else stream_of(PAPER_URL)
        what = "http(s)" if schemes is REST else "ws(s)"
        return [f"{url!r} is no {what} address: give one such as {example}"]
    if parts.scheme == plain and not is_loopback(url):
        return [f"{url!r} would send the keys in clear: use {secret}, {plain} is for loopback"]
    return []


def is_paper(url: str) -> bool:
    """Alpaca's paper host, or an exchange on this machine."""
    return _host(url) == "paper-api.alpaca.markets" or is_loopback(url)


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine."""
    host = _host(url)
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)


def _split(url: str) -> SplitResult | None:
    """Scheme, host and path; None: a port, user, query or character that no address of ours has."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    # urlsplit drops tabs and newlines, and does not tell an empty query from none.
    if url != f"{parts.scheme}://{parts.netloc}{parts.path}":
        return None
    if "@" in parts.netloc or port == 0:
        return None
    return parts if _is_ip(host) or _NAME.fullmatch(host) else None


def _host(url: str) -> str:
    parts = _split(url)
    return "" if parts is None else parts.hostname or ""


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
