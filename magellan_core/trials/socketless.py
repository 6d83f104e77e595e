"""The broker adapter without a socket: requests go straight to the exchange's own routes.

Everything above the TCP connection is the real thing: alpaca-py, the deadline session's attempts,
the routes with keys and JSON. What would happen on the wire is made here, by urllib3's errors.
"""

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3

from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.alpaca.data import AlpacaData
from magellan_core.alpaca.deadline import DeadlineSession, Limits
from magellan_core.alpaca.transport import Rest, data_rest, trading_rest
from magellan_core.paper import wire
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.faults import HTML_PAGE, error_body
from magellan_core.paper.server import application
from magellan_core.paper.service import Service, Stepped
from magellan_core.trials.faults import TAKES_EFFECT, TAKES_TIME, Answer, Killed

ADDRESS = "http://127.0.0.1:1"
# A GET is repeated as ever, but without pauses of wall time.
LIMITS = Limits(pause=0.0)
REFUSAL = b'{"code":40310000,"message":"refused, as the trial wants it"}'


@dataclass(frozen=True, slots=True)
class Reply:
    """What urllib3 hands to the session."""

    status: int
    data: bytes
    headers: Mapping[str, str]
    reason: str = ""


class Wire:
    """In place of urllib3's pool manager: calls the routes, and spoils what it is told to."""

    def __init__(self, exchange: Exchange) -> None:
        self.service = Service(exchange, Stepped())
        self._routes = application(self.service)
        self.answer, self.dies = Answer.HONEST, False
        self.tamper: Callable[[Any], Any] | None = None
        self.requests = 0

    def clear(self) -> None:
        """Nothing is kept open."""

    def connection_from_url(self, _url: str) -> Self:
        """The pool of any host is this one; its `urlopen` gets the path alone."""
        return self

    def urlopen(
        self, verb: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **_: Any
    ) -> Reply:
        self.requests += 1
        answer, parts = self.answer, urlsplit(url)
        reply = None
        if answer in TAKES_EFFECT:
            reply = self._ask(verb, parts.path, parts.query, body or b"", headers)
        if self.dies:
            raise Killed
        if reply is not None and answer is Answer.TORN:
            return replace(reply, data=reply.data[: len(reply.data) // 2])
        if reply is None or answer is not Answer.HONEST:
            return _spoiled(answer, url)
        if self.tamper is not None and verb == "GET" and reply.status == HTTPStatus.OK:
            return replace(reply, data=wire.dumps(self.tamper(wire.loads(reply.data))))
        return reply

    def spoil(
        self,
        answer: Answer,
        do: Callable[[], Any],
        *,
        writes: bool,
        dies: bool,
        hang: Callable[[], None],
    ) -> Any:
        """interposer.Spoiler: every request of this call fares so, repeated ones too."""
        del writes
        self.answer, self.dies = answer, dies
        try:
            if answer in TAKES_TIME:
                hang()
            return do()
        finally:
            self.answer, self.dies = Answer.HONEST, False

    def _ask(
        self, verb: str, path: str, query: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "state": {},
        }
        handler = self._routes(scope, receive, send)
        # The trading routes never suspend, so one step takes them to their end.
        with suppress(StopIteration):
            handler.send(None)
        head, *rest = sent
        told = {name.decode(): value.decode() for name, value in head["headers"]}
        return Reply(head["status"], b"".join(m.get("body", b"") for m in rest), told)


def _spoiled(answer: Answer, url: str) -> Reply:
    """What the session gets to see instead of an honest reply; raises what urllib3 would."""
    match answer:
        case Answer.GATEWAY:
            return Reply(504, error_body(504), {})
        case Answer.REFUSED:
            return Reply(HTTPStatus.FORBIDDEN, REFUSAL, {})
        case Answer.HTML:
            page = HTML_PAGE.format(status=502, reason="Bad Gateway")
            return Reply(502, page.encode(), {"content-type": "text/html"})
        case Answer.SLOW_DOWN:
            return Reply(429, error_body(429), {})
        case Answer.RESET:
            raise urllib3.exceptions.ProtocolError("connection reset by peer")
        case Answer.CUT:
            raise urllib3.exceptions.IncompleteRead(partial=1, expected=100)
        case Answer.DRIP:
            raise TimeoutError("the call's time is used up")
    pool = urllib3.HTTPConnectionPool("127.0.0.1")
    raise urllib3.exceptions.ReadTimeoutError(pool, url, "timed out")


def adapters(line: Wire, spec: AccountSpec) -> tuple[AlpacaBroker, AlpacaData]:
    """The adapters that trade live, for that account, over that wire."""
    trading = trading_rest(spec.key, spec.secret, ADDRESS, LIMITS)
    data = data_rest(spec.key, spec.secret, ADDRESS, LIMITS)
    return AlpacaBroker(_over(line, trading)), AlpacaData(_over(line, data), "sip")


def _over(line: Wire, rest: Rest) -> Rest:
    session = DeadlineSession(LIMITS)
    pools: Any = line
    session._pools = pools
    rest._client._session = session
    return rest
