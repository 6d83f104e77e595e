"""A real HTTP server on loopback that misbehaves as told, request by request."""

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Reply = Callable[["Handler"], None]


@dataclass
class Script:
    """Replies in order, the last one for ever; and what was asked."""

    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    url: str = ""

    def next(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        self.script.requests.append(
            Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                dict(self.headers),
                json.loads(raw) if raw else None,
            )
        )
        self.script.next()(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def body(payload: bytes, status: int = 200, content_type: str = "application/json") -> Reply:
    def reply(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)

    return reply


def answer(value: object, status: int = 200) -> Reply:
    return body(json.dumps(value).encode(), status)


def refusal(status: int, code: int | None, message: str) -> Reply:
    return answer({"message": message} | ({} if code is None else {"code": code}), status)


def html(status: int) -> Reply:
    return body(b"<html><h1>Bad Gateway</h1></html>", status, "text/html")


def no_content(handler: Handler) -> None:
    handler.send_response(204)
    handler.end_headers()


def redirect(handler: Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "https://elsewhere.example/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def hang(handler: Handler) -> None:
    handler.script.over.wait(30)
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """RST, as a peer that crashed sends it."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    socket.close(handler.connection.detach())


def drip_body(handler: Handler) -> None:
    """A byte every 50 ms: never silent, never done."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    _drip(handler)


def drip_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler)


def _drip(handler: Handler) -> None:
    handler.close_connection = True
    with contextlib.suppress(OSError):
        while not handler.script.over.wait(0.05):
            handler.wfile.write(b"1")
            handler.wfile.flush()


@contextlib.contextmanager
def scripted(*replies: Reply) -> Iterator[Script]:
    """Serve these replies, one a request."""
    script = Script(list(replies))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"script": script}))
    script.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        script.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
