"""The exchange on a socket: routes, and the thread that serves them.

`serve` is the way in for tests and scripts: it listens when it yields, and has stopped and closed
its port when it returns.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

import uvicorn
from starlette.routing import Route, Router, WebSocketRoute

from magellan_core.errors import MagellanError, PortInUse, Unavailable, UsageError
from magellan_core.paper import data_routes, trading_routes, wire
from magellan_core.paper.connection import ResettableProtocol, ResettableStream
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.gate import Gate, Receive, Scope, Send, respond
from magellan_core.paper.service import Mode, Scaled, Service, Stepped
from magellan_core.paper.sim_routes import COMMANDS, Command, Waits

__all__ = ["Mode", "Running", "Scaled", "Stepped", "application", "running", "serve"]

_IDLE_SECONDS = 3600  # uvicorn's default of 5 s breaks clients that idle between ticks
_START_SECONDS = 10.0
_NOT_FOUND = wire.dumps({"code": 40410000, "message": "endpoint not found."})


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens. `failures` receives the error that ends a run early."""

    service: Service
    base_url: str
    port: int
    failures: SimpleQueue[MagellanError]


def application(service: Service) -> Router:
    """The ASGI application of that service."""
    routes: list[Route | WebSocketRoute] = [Route("/sim/wait", Waits(service), methods=["GET"])]
    for method, path, handler in (*trading_routes.ROUTES, *data_routes.ROUTES):
        routes.append(Route(path, Gate(service, handler), methods=[method]))
    for method, path, command in COMMANDS:
        routes.append(Route(path, Command(service, command), methods=[method]))
    routes.append(WebSocketRoute("/stream", service.updates.endpoint))
    routes.append(WebSocketRoute("/v2/{feed}", service.data.endpoint))

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        task = asyncio.create_task(service.run())
        yield
        service.close()
        await task

    return Router(routes, default=_not_found, redirect_slashes=False, lifespan=lifespan)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await respond(send, 404, _NOT_FOUND, [])


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 picks a free one. Raise PortInUse, UsageError for no host of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen()
    except OSError as error:
        bound.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"--host {host}: is no address of this machine ({error.strerror})"
            ) from error
        raise PortInUse(
            f"cannot listen on {host}:{port} ({error.strerror}): "
            "stop what listens there or choose another --port (0: any)"
        ) from error
    return bound


@contextlib.contextmanager
def running(
    exchange: Exchange,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    mode: Mode | None = None,
    rate_limit: int | None = None,
) -> Iterator[Running]:
    """Serve in a thread of its own. Raises PortInUse; ClockError for an empty roster.

    `rate_limit`: requests a virtual minute and account, None: unlimited.
    """
    service = Service(exchange, mode or Stepped(), rate_limit)
    failures: SimpleQueue[MagellanError] = SimpleQueue()
    service.on_failure = failures.put
    bound = listening_socket(host, port)
    at = bound.getsockname()[1]
    config = uvicorn.Config(
        application(service),
        http=ResettableProtocol,
        ws=ResettableStream,
        loop="uvloop",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=1,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([bound],), name="paper-exchange", daemon=True)
    thread.start()
    try:
        if not service.started.wait(_START_SECONDS):
            raise Unavailable("the exchange's server did not start: its log says why")
        yield Running(service, f"http://{host}:{at}", at, failures)
    finally:
        service.close_from_outside()
        server.should_exit = True
        thread.join()
        bound.close()


@contextlib.contextmanager
def serve(
    exchange: Exchange,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    mode: Mode | None = None,
    rate_limit: int | None = None,
) -> Iterator[str]:
    """As `running`, yielding only the base URL."""
    with running(exchange, host=host, port=port, mode=mode, rate_limit=rate_limit) as server:
        yield server.base_url
