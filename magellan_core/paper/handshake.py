"""What fault switches do to the handshake of a websocket: refuse it, or leave it half open.

A switch matches by method WS and the socket's path. It is `refuse` (reset), `status` or `html`
(a denial with that HTTP status), or `hang` (accepted, and silent for `seconds`).
"""

import asyncio
from contextlib import suppress

from starlette.responses import HTMLResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from magellan_core.paper.connection import reset
from magellan_core.paper.faults import HTML_PAGE, Faults, Kind, error_body


async def spoiled(websocket: WebSocket, faults: Faults, account: str | None) -> bool:
    """Whether a switch spoilt this handshake; the connection is then over."""
    fault = faults.for_request(account, "WS", websocket.url.path)
    if fault is None:
        return False
    match fault.kind:
        case Kind.STATUS:
            denial = Response(
                error_body(fault.status, fault.code, fault.message),
                fault.status,
                media_type="application/json",
            )
            await websocket.send_denial_response(denial)
        case Kind.HTML:
            page = HTML_PAGE.format(status=fault.status, reason="Error")
            await websocket.send_denial_response(HTMLResponse(page, fault.status))
        case Kind.HANG:
            await websocket.accept()
            with suppress(WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(fault.seconds):
                    while (await websocket.receive())["type"] != "websocket.disconnect":
                        pass
            reset(websocket.scope)
        case _:
            reset(websocket.scope)
    return True
