"""One HTTP exchange with a deadline: what alpaca-py's session lacks.

LAW: a call ends within `Limits.call` seconds, whatever the peer does; only a GET is ever repeated.
"""

import http.client
import io
import json
import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import certifi
import urllib3
from requests import PreparedRequest, Response, Session
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from magellan_core.errors import Unavailable

_ENDS_AT: ContextVar[float] = ContextVar("deadline of the call under way, on time.monotonic")
_LEAST = 0.001
_ONCE = urllib3.Retry(False, redirect=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds a call may take, and how often a GET is tried within them.

    connect: to reach one of the host's addresses; read: silence while answering; call: all of it,
    pauses and repeats included. pause: before the second attempt, doubled before each later one.
    """

    connect: float = 4.0
    read: float = 10.0
    call: float = 20.0
    attempts: int = 3
    pause: float = 0.25


class _TimedSocketFile(io.RawIOBase):
    """What a response reads from: every receive gets only what is left of the call's time.

    A read time-out counts the silence between two bytes, so a body that drips outlives it.
    """

    def __init__(self, sock: socket.socket, file: io.RawIOBase) -> None:
        self._sock, self._file = sock, file
        self._silence = sock.gettimeout()
        self._ends_at = _ENDS_AT.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's time is used up")
        self._sock.settimeout(left if self._silence is None else min(left, self._silence))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """http.client's response, reading through the deadline: status line, headers and body."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_TimedSocketFile(sock, self.fp.detach()))


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedTlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


class DeadlineSession(Session):
    """A requests session whose every call ends in time, without proxies, .netrc or redirects.

    It stands in for the session inside an alpaca-py client. It goes to urllib3 directly, which
    halves the cost of a call; the Response is requests' own. Raises Unavailable when there is no
    answer; an error answered by the server is a Response as any other.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.trust_env = False
        self._limits = limits
        self._pools = urllib3.PoolManager(
            num_pools=2, maxsize=2, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where()
        )
        self._pools.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedTlsPool}
        self._by_origin: dict[str, HTTPConnectionPool] = {}

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Response:
        """Send it; a GET again after a lost connection or a 5xx, while time lasts."""
        if args:
            raise TypeError("alpaca-py passes a request's options by name")
        verb, address = str(method).upper(), str(url)
        headers = {**kwargs["headers"], "Accept-Encoding": "gzip"}
        if query := kwargs.get("params"):
            known = {name: value for name, value in dict(query).items() if value is not None}
            address = f"{address}?{urlencode(known, doseq=True)}"
        body: bytes | None = None
        if (form := kwargs.get("json")) is not None:
            body = json.dumps(form).encode()
            headers["Content-Type"] = "application/json"
        ends_at = time.monotonic() + self._limits.call
        token = _ENDS_AT.set(ends_at)
        try:
            return self._within(ends_at, verb, address, body, headers)
        finally:
            _ENDS_AT.reset(token)

    def close(self) -> None:
        self._by_origin.clear()
        self._pools.clear()
        super().close()

    def _within(
        self, ends_at: float, verb: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> Response:
        """Attempt after attempt until one settles it: the last answer, or Unavailable."""
        attempts = self._limits.attempts if verb == "GET" else 1
        pause = self._limits.pause
        while True:
            attempts -= 1
            try:
                response = self._once(ends_at, verb, url, body, headers)
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
                if attempts == 0 or time.monotonic() + pause >= ends_at:
                    raise Unavailable(_no_answer(verb, url, error)) from error
            else:
                healthy = response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
                if healthy or attempts == 0 or time.monotonic() + pause >= ends_at:
                    return response
            time.sleep(pause)
            pause *= 2

    def _once(
        self, ends_at: float, verb: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> Response:
        left = max(ends_at - time.monotonic(), _LEAST)
        pool, target = self._pool_of(url)
        answer = pool.urlopen(
            verb,
            target,
            body=body,
            headers=headers,
            redirect=False,
            retries=_ONCE,
            timeout=urllib3.Timeout(
                connect=min(self._limits.connect, left), read=min(self._limits.read, left)
            ),
        )
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
            raise Unavailable(
                f"{place(verb, url)}: redirected ({answer.status}): check the base URL"
            )
        response = Response()
        response.status_code = answer.status
        response.reason = answer.reason or ""
        response.url = url
        response.encoding = "utf-8"
        response.headers.update(answer.headers)
        response._content = answer.data
        response.request = PreparedRequest()
        return response

    def _pool_of(self, url: str) -> tuple[HTTPConnectionPool, str]:
        """The host's connections, and what is asked of it.

        The manager would parse the address and compare all settings for every call.
        """
        cut = url.find("/", url.find("//") + 2)
        origin, target = (url, "/") if cut < 0 else (url[:cut], url[cut:])
        pool = self._by_origin.get(origin)
        if pool is None:
            pool = self._by_origin[origin] = self._pools.connection_from_url(origin)
        return pool, target


def place(verb: str, url: str) -> str:
    """The request as messages name it: without its query."""
    parts = urlsplit(url)
    return f"{verb} {parts.scheme}://{parts.netloc}{parts.path}"


def _no_answer(verb: str, url: str, error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        fault = "timed out"
    else:
        fault = " ".join(str(error).split()) or type(error).__name__
    return f"{place(verb, url)}: no answer ({fault}): check the network and the broker's status"
