"""The kill switch's own way to the broker: plain HTTP, every wait bounded, nothing repeated."""

import json
from queue import Empty, SimpleQueue
from threading import Thread

import requests

from magellan_core.addresses import root
from magellan_core.errors import Unavailable
from magellan_core.operations.kill_switch import Answer

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0
WHOLE_SECONDS = 6.0


class HttpWire:
    """One account at one address."""

    def __init__(self, base_url: str, key: str, secret: str) -> None:
        self._base_url = root(base_url)
        self._headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        self._session = self._fresh()

    def __call__(self, method: str, path: str) -> Answer:
        """Raise Unavailable when no whole answer came within WHOLE_SECONDS.

        requests bounds each read, not their sum, and a name that does not resolve not at all; so
        the exchange goes on in a thread that is left behind when its time is over.
        """
        box: SimpleQueue[Answer | Unavailable] = SimpleQueue()
        args = (self._session, method, path, box)
        Thread(target=self._send, args=args, daemon=True).start()
        try:
            told = box.get(timeout=WHOLE_SECONDS)
        except Empty:
            self._session = self._fresh()
            told = Unavailable(f"{method} {path}: no answer within {WHOLE_SECONDS:g} s")
        if isinstance(told, Unavailable):
            raise told
        return told

    def _fresh(self) -> requests.Session:
        session = requests.Session()
        # No proxy, no .netrc: nothing of this machine's settings may stand in the way.
        session.trust_env = False
        session.headers.update(self._headers)
        return session

    def _send(
        self,
        session: requests.Session,
        method: str,
        path: str,
        box: "SimpleQueue[Answer | Unavailable]",
    ) -> None:
        try:
            response = session.request(
                method,
                f"{self._base_url}/v2{path}",
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as fault:
            box.put(Unavailable(f"{method} {path}: {type(fault).__name__}"))
        else:
            box.put(Answer(response.status_code, _parsed(response.content), _hold_off(response)))


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _hold_off(response: requests.Response) -> float | None:
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isdecimal() else None
