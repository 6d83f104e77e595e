"""/sim: stepped time's protocol, and what a test or an operator may do to the exchange.

No keys are asked for: whoever reaches this port may move time.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from magellan_core.errors import ClockError, MagellanError, UsageError
from magellan_core.paper import forms, wire
from magellan_core.paper.gate import (
    Receive,
    Scope,
    Send,
    read_body,
    respond,
    wait_for_disconnect,
)
from magellan_core.paper.rules import Rejected
from magellan_core.paper.service import Service
from magellan_core.paper.sim import Release, Superseded, UnknownMember, Wait

_GONE = {"message": "the exchange has stopped"}


class Waits:
    """GET /sim/wait: answers when it is the member's turn."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        await read_body(receive)
        service, loop = self._service, asyncio.get_running_loop()
        released: asyncio.Future[Release | Superseded] = loop.create_future()

        def answer(outcome: Release | Superseded) -> None:
            if not released.done():
                released.set_result(outcome)

        try:
            member = query.get("member", "")
            until = forms.instant(query, "until")
            skew = service.skew.get(member, timedelta(0))
            wait = Wait(
                until=None if until is None else until - skew,
                wake=forms.flag(query, "wake"),
                stream=forms.flag(query, "stream"),
                answer=answer,
            )
            if service.failure is None:
                service.time.wait(member, wait)
        except UnknownMember as error:
            await respond(send, 404, wire.dumps({"message": str(error)}), [])
            return
        except Rejected as error:
            await respond(send, 422, wire.dumps({"message": str(error)}), [])
            return
        except ClockError as error:
            service.fail(error)
        if not released.done():
            await self._pause(released, receive)
        await self._tell(member, wait, released, send)

    async def _pause(
        self, released: "asyncio.Future[Release | Superseded]", receive: Receive
    ) -> None:
        """Until released, or the client is gone, or the exchange closes."""
        gone = asyncio.ensure_future(wait_for_disconnect(receive))
        closing = asyncio.ensure_future(self._service.closing.wait())
        ends: set[asyncio.Future[Any]] = {released, gone, closing}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        closing.cancel()

    async def _tell(
        self,
        member: str,
        wait: Wait,
        released: "asyncio.Future[Release | Superseded]",
        send: Send,
    ) -> None:
        service = self._service
        if not released.done():
            if service.closing.is_set():
                message = {"message": str(service.failure)} if service.failure else _GONE
                await respond(send, 503, wire.dumps(message), [])
            else:
                service.time.disconnected(member, wait)
            return
        outcome = released.result()
        if isinstance(outcome, Superseded):
            message = {"message": f"a newer wait of {member} replaced this one"}
            await respond(send, 409, wire.dumps(message), [])
            return
        told = {
            "now": wire.stamp(outcome.now + service.skew.get(member, timedelta(0))),
            "reason": outcome.reason,
            "frames": list(outcome.frames),
            "speed": service.speed,
        }
        await respond(send, 200, wire.dumps(told), [])


class Command:
    """A POST or GET under /sim with a JSON body: `do` takes it and returns what to answer."""

    def __init__(self, service: Service, do: str) -> None:
        self._service, self._do = service, do

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        try:
            body = wire.loads(await read_body(receive)) or {}
            if not isinstance(body, dict):
                raise UsageError("the body must be a JSON object")
            told = _COMMANDS[self._do](self._service, body)
        except UnknownMember as error:
            await respond(send, 404, wire.dumps({"message": str(error)}), [])
        except ClockError as error:
            self._service.fail(error)
            await respond(send, 503, wire.dumps({"message": str(error)}), [])
        except (MagellanError, ValueError, KeyError) as error:
            await respond(send, 400, wire.dumps({"message": str(error)}), [])
        else:
            await respond(send, 200, wire.dumps(told), [])


Body = dict[str, Any]


def _absent(service: Service, body: Body) -> object:
    until = body.get("until")
    service.time.absent(body["name"], datetime.fromisoformat(until) if until else None)
    return {}


def _leave(service: Service, body: Body) -> object:
    service.time.leave(body["name"])
    return {}


def _state(service: Service, _: Body) -> object:
    upcoming = service.exchange.next_event()
    return {
        "now": wire.stamp(service.now()),
        "next_event": wire.maybe_stamp(upcoming),
        "speed": service.speed,
        "members": service.time.describe(),
        "faults": service.faults.describe(),
        "failure": str(service.failure) if service.failure else None,
    }


def _faults(service: Service, body: Body) -> object:
    service.faults.arm(body)
    return {"faults": service.faults.describe()}


def _clear(service: Service, _: Body) -> object:
    service.faults.clear()
    return {"faults": []}


def _halt(service: Service, body: Body) -> object:
    symbol, halted = str(body["symbol"]).upper(), bool(body.get("halted", True))
    if halted:
        service.exchange.halt(symbol)
    else:
        service.exchange.resume(symbol)
    service.data.tell_status(symbol, halted=halted)
    return {"symbol": symbol, "halted": halted}


def _status(service: Service, body: Body) -> object:
    """A status alone, true or not: what trades goes on trading."""
    symbol, message = str(body["symbol"]).upper(), body["message"]
    if not isinstance(message, dict):
        raise ValueError("message must be an object")
    service.data.tell_status(symbol, halted=True, instead=message)
    return {"symbol": symbol, "message": message}


def _bars(service: Service, body: Body) -> object:
    """A switch of what is told of a symbol's bars."""
    switch = service.exchange.tape.switch(body)
    return {"symbol": switch.symbol, "kind": switch.kind}


def _end(service: Service, body: Body) -> object:
    """The venue ends one order of an account alone."""
    number, order_id = str(body["account"]), str(body["order"])
    service.exchange.end_order(number, order_id, str(body.get("status", "rejected")))
    return {"order": order_id}


def _clear_bars(service: Service, _: Body) -> object:
    service.exchange.tape.clear()
    return {}


def _clock(service: Service, body: Body) -> object:
    """Step a member's clock: from its next release on it is told another time."""
    name, seconds = str(body["name"]), float(body["seconds"])
    service.skew[name] = service.skew.get(name, timedelta(0)) + timedelta(seconds=seconds)
    return {"name": name, "ahead": service.skew[name].total_seconds()}


def _transfer(service: Service, body: Body) -> object:
    amount = forms.number({"amount": str(body["amount"])}, "amount")
    if amount is None:
        raise UsageError("amount must be a number of dollars")
    service.exchange.transfer(str(body["account"]), amount)
    return {}


def _asset(service: Service, body: Body) -> object:
    changes = {name: body[name] for name in body if name != "symbol"}
    return wire.asset(service.exchange.set_asset(str(body["symbol"]).upper(), **changes))


_COMMANDS = {
    "absent": _absent,
    "leave": _leave,
    "state": _state,
    "faults": _faults,
    "clear": _clear,
    "halt": _halt,
    "status": _status,
    "end": _end,
    "bars": _bars,
    "clear_bars": _clear_bars,
    "clock": _clock,
    "transfer": _transfer,
    "asset": _asset,
}

COMMANDS: list[tuple[str, str, str]] = [
    ("POST", "/sim/absent", "absent"),
    ("POST", "/sim/leave", "leave"),
    ("GET", "/sim/state", "state"),
    ("POST", "/sim/faults", "faults"),
    ("DELETE", "/sim/faults", "clear"),
    ("POST", "/sim/halt", "halt"),
    ("POST", "/sim/status", "status"),
    ("POST", "/sim/end", "end"),
    ("POST", "/sim/bars", "bars"),
    ("DELETE", "/sim/bars", "clear_bars"),
    ("POST", "/sim/clock", "clock"),
    ("POST", "/sim/transfer", "transfer"),
    ("POST", "/sim/asset", "asset"),
]
