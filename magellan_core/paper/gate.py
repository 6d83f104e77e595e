"""The door every REST request passes: keys, fault switches, rate limit; then its handler.

A handler is a plain function from a Call to an Answer; a Rejected becomes Alpaca's error body.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from decimal import InvalidOperation
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from magellan_core.paper import wire
from magellan_core.paper.connection import reset
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.faults import HTML_PAGE, Fault, Kind, error_body, mutate
from magellan_core.paper.limits import Allowance
from magellan_core.paper.rules import INVALID, Rejected
from magellan_core.paper.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[MutableMapping[str, Any]], Any]
Headers = list[tuple[bytes, bytes]]

_JSON = b"application/json; charset=UTF-8"
_HTML = b"text/html"


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request. `account` is the account number that its keys open."""

    exchange: Exchange
    account: str
    query: Mapping[str, str]
    path: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body; bytes are JSON text already, None is no body."""

    status: int
    body: object


Handler = Callable[[Call], Answer]


class Gate:
    """The ASGI end of one route."""

    def __init__(self, service: Service, handler: Handler) -> None:
        self._service, self._handler = service, handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        account = self._account(scope)
        fault = service.faults.for_request(account, scope["method"], scope["path"])
        if fault is not None and fault.kind is Kind.REFUSE:
            reset(scope)
            return
        body = await read_body(receive)
        if fault is None:
            status, text, headers = self._answer(scope, account, body)
            await respond(send, status, text, headers)
            return
        if fault.handled:
            status, text, headers = self._answer(scope, account, body)
        else:
            status, text, headers = 200, b"", []
        await self._spoil(fault, scope, receive, send, (status, text, headers))

    def _account(self, scope: Scope) -> str | None:
        key = secret = ""
        for name, value in scope["headers"]:
            if name == b"apca-api-key-id":
                key = value.decode("latin-1")
            elif name == b"apca-api-secret-key":
                secret = value.decode("latin-1")
        spec = self._service.by_key.get(key)
        return spec.number if spec is not None and spec.secret == secret else None

    def _answer(self, scope: Scope, account: str | None, body: bytes) -> tuple[int, bytes, Headers]:
        if account is None:
            return 401, b'{"message":"unauthorized."}', []
        service, headers = self._service, []
        if service.rate_limit is not None:
            allowance = service.rate_limit.take(account, service.now())
            headers = _limit_headers(allowance)
            if not allowance.allowed:
                plain = service.exchange.rules.rate_limit_body == "text"
                return 429, b"rate limit exceeded" if plain else error_body(429), headers
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = Call(service.exchange, account, query, scope.get("path_params", {}), body)
        try:
            answer = self._handler(call)
        except (OverflowError, InvalidOperation, RecursionError):
            # A number or time that nothing here can reckon with.
            rejected = Rejected(422, INVALID, "a value of the request is out of range")
            return rejected.status, wire.dumps(wire.refusal(rejected)), headers
        except Rejected as rejected:
            return rejected.status, wire.dumps(wire.refusal(rejected)), headers
        if answer.body is None:
            return answer.status, b"", headers
        text = answer.body if isinstance(answer.body, bytes) else wire.dumps(answer.body)
        return answer.status, text, headers

    async def _spoil(
        self,
        fault: Fault,
        scope: Scope,
        receive: Receive,
        send: Send,
        honest: tuple[int, bytes, Headers],
    ) -> None:
        status, text, headers = honest
        match fault.kind:
            case Kind.RESET:
                reset(scope)
            case Kind.HANG | Kind.PARK:
                if fault.kind is Kind.PARK:
                    self._service.time.park()
                await self._until_gone(receive, fault.seconds)
                reset(scope)
            case Kind.STATUS:
                text = error_body(fault.status, fault.code, fault.message)
                await respond(send, fault.status, text, headers)
            case Kind.HTML:
                reason = HTTPStatus(fault.status).phrase
                page = HTML_PAGE.format(status=fault.status, reason=reason).encode()
                await respond(send, fault.status, page, headers, content_type=_HTML)
            case Kind.DRIP:
                await respond(send, status, text, headers, drip=fault.seconds)
            case Kind.MUTATE:
                changed = mutate(wire.loads(text), fault.field, fault.value)
                await respond(send, status, wire.dumps(changed), headers)
            case _:
                await respond(send, status, text, headers)

    async def _until_gone(self, receive: Receive, seconds: float) -> None:
        """Until the client gives up, the time is over, or the exchange closes."""
        gone = asyncio.ensure_future(wait_for_disconnect(receive))
        closing = asyncio.ensure_future(self._service.closing.wait())
        await asyncio.wait({gone, closing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        closing.cancel()


async def read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def respond(
    send: Send,
    status: int,
    text: bytes,
    headers: Headers,
    *,
    content_type: bytes = _JSON,
    drip: float = 0.0,
) -> None:
    """Send a whole answer; with `drip`, byte by byte over that many seconds of wall time."""
    length = str(len(text)).encode()
    plain: Headers = [(b"content-length", length), (b"content-type", content_type)]
    if status == HTTPStatus.NO_CONTENT:
        plain = []
    await send({"type": "http.response.start", "status": status, "headers": plain + headers})
    if drip and text:
        for n in range(len(text)):
            await send({"type": "http.response.body", "body": text[n : n + 1], "more_body": True})
            await asyncio.sleep(drip / len(text))
        text = b""
    await send({"type": "http.response.body", "body": text})


def _limit_headers(allowance: Allowance) -> Headers:
    return [
        (b"x-ratelimit-limit", str(allowance.limit).encode()),
        (b"x-ratelimit-remaining", str(allowance.remaining).encode()),
        (b"x-ratelimit-reset", str(int(allowance.reset.timestamp())).encode()),
    ]
