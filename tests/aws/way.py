"""The way to AWS, which can be cut: a real HTTP proxy before moto's server, with fault switches."""

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

from moto.server import ThreadedMotoServer

from tests.contract.scripted_server import hang, reset

# Given the handler and a call that forwards the request: what happens on the way.
Fault = Callable[["Handler", Callable[[], None]], None]


@dataclass
class Way:
    """`faults` are met one a request, for requests whose target ends in `of`; then all is well."""

    behind: str
    of: str = ""
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    targets: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    url: str = ""

    def fault(self, target: str) -> Fault | None:
        self.targets.append(target)
        if self.always is not None:
            return self.always
        return self.faults.pop(0) if self.faults and target.endswith(self.of) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    way: Way

    @property
    def script(self) -> Way:
        """What scripted_server's replies look at."""
        return self.way

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target") or body.decode(errors="replace")

        def forward() -> None:
            self.answer(body)

        fault = self.way.fault(target)
        with contextlib.suppress(OSError):
            if fault is None:
                forward()
            else:
                fault(self, forward)

    def answer(self, body: bytes, *, tell: bool = True) -> None:
        """Ask what is behind, and tell its answer."""
        there = urlsplit(self.way.behind)
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=20)
        connection.request("POST", self.path, body, dict(self.headers))
        told = connection.getresponse()
        text = told.read()
        connection.close()
        if tell:
            self.say(told.status, text, told.headers.get("Content-Type") or "text/plain")

    def say(
        self, status: int, text: bytes, content_type: str = "application/x-amz-json-1.1"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def refuse(status: int, code: str, message: str = "no") -> Fault:
    """AWS's own refusal; nothing takes effect."""
    text = json.dumps({"__type": code, "message": message}).encode()
    return lambda handler, _: handler.say(status, text)


def hangs(handler: Handler, _: Callable[[], None]) -> None:
    hang(handler)  # type: ignore[arg-type] # it has what `hang` uses


def resets(handler: Handler, _: Callable[[], None]) -> None:
    reset(handler)  # type: ignore[arg-type] # it has what `reset` uses


def resets_after_accepting(handler: Handler, forward: Callable[[], None]) -> None:
    """The request takes effect, its answer is lost."""
    handler.say = lambda *_: None  # type: ignore[method-assign] # this one answer is not told
    forward()
    reset(handler)  # type: ignore[arg-type] # it has what `reset` uses


@contextlib.contextmanager
def moto(port: int = 0) -> Iterator[str]:
    """Moto's server. What it holds lives as long as this process, whatever server asks for it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    host, at = server.get_host_and_port()
    try:
        yield f"http://{host}:{at}"
    finally:
        server.stop()


@contextlib.contextmanager
def way_to(behind: str, *faults: Fault, of: str = "") -> Iterator[Way]:
    way = Way(behind, of, list(faults))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OnTheWay", (Handler,), {"way": way}))
    way.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield way
    finally:
        way.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
