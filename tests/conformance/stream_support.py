"""alpaca-py's own data stream in a thread of its own, unchanged, against the exchange."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

from alpaca.data.live import StockDataStream

from magellan_core.paper.accounts import AccountSpec
from tests.contract.server_support import ANN, Floor

PATIENCE = 10.0


def address(site: Floor, feed: str = "sip") -> str:
    return f"{site.url.replace('http', 'ws')}/v2/{feed}"


def until(true: Callable[[], bool]) -> None:
    """Wait for it to be true; fail after a while."""
    ends_at = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends_at, "it did not come true"
        time.sleep(0.005)


class Listener:
    """A running stream and what it heard: (channel, message or model), in order."""

    def __init__(self, site: Floor, spec: AccountSpec, **options: Any) -> None:
        self.heard: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.site, self.spec = site, spec
        url = address(site, options.pop("feed", "sip"))
        # Any: the stream's subscribe methods are not typed.
        self.stream: Any = StockDataStream(spec.key, spec.secret, url_override=url, **options)

    def subscribe(self, channel: str, *symbols: str) -> None:
        async def take(message: Any) -> None:
            self.heard.put((channel, message))

        getattr(self.stream, f"subscribe_{channel}")(take, *symbols)

    def next(self) -> tuple[str, Any]:
        return self.heard.get(timeout=PATIENCE)


@contextmanager
def listening(site: Floor, spec: AccountSpec = ANN, **channels: Any) -> Iterator[Listener]:
    """A listener subscribed to symbols by channel; `stream` holds options of the client."""
    listener = Listener(site, spec, **channels.pop("stream", {}))
    for channel, symbols in channels.items():
        listener.subscribe(channel, *symbols)
    loop = asyncio.new_event_loop()
    # As a task: alpaca-py's own stop takes up to five seconds.
    running = loop.create_task(listener.stream._run_forever())
    thread = Thread(target=_run, args=(loop, running, listener.stream), daemon=True)
    thread.start()
    until(lambda: site.server.service.data.subscribed(spec.number))
    try:
        yield listener
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join(15)
        assert not thread.is_alive()


def _run(loop: asyncio.AbstractEventLoop, running: "asyncio.Task[None]", stream: Any) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(running)
    loop.run_until_complete(stream.close())
    loop.close()
