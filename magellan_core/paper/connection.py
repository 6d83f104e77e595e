"""The server's hold on a TCP connection: uvicorn's protocol, with the transport in the scope.

ASGI has no way to reset a connection; a fault switch needs one.
"""

import socket
import struct
from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_TRANSPORT = "magellan.transport"
_NO_LINGER = struct.pack("ii", 1, 0)


class ResettableProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol; each request's scope carries its transport."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][_TRANSPORT] = self.transport


class ResettableStream(WebSocketsSansIOProtocol):
    """Uvicorn's websocket protocol; the scope carries its transport."""

    async def run_asgi(self) -> None:
        self.scope["state"][_TRANSPORT] = self.transport
        await super().run_asgi()


def reset(scope: Mapping[str, Any]) -> None:
    """Reset the connection of that request, as a crashed peer would: RST, nothing more sent."""
    transport = scope["state"][_TRANSPORT]
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def drop(scope: Mapping[str, Any]) -> None:
    """Close the connection of that request after what was sent, without a word: FIN."""
    scope["state"][_TRANSPORT].close()
