"""The clock of a process that trades on the paper exchange: its nap is a long poll.

The poll runs in a thread of its own and answers into the inbox, into which signal handlers put
STOP and RELOAD too: a SimpleQueue's put is re-entrant, so that a signal can end the nap at any
moment, and the main thread never sits in a socket.
"""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from queue import SimpleQueue
from signal import SIG_BLOCK, SIGABRT, pthread_sigmask
from threading import Thread
from time import monotonic
from typing import NoReturn
from urllib.parse import urlencode, urlsplit

from magellan_core.errors import ClockError
from magellan_core.ports import Woken

Drain = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the exchange said to the wait of that number; `fault` set: it did not say."""

    number: int
    status: int
    body: bytes
    fault: str = ""


class _Poller(Thread):
    """Sends one wait after the other on one connection; retired when left with an open one."""

    def __init__(self, host: str, port: int, inbox: "SimpleQueue[Woken | _Answer]") -> None:
        super().__init__(name="exchange-clock", daemon=True)
        self.questions: SimpleQueue[tuple[int, str] | None] = SimpleQueue()
        self._connection = http.client.HTTPConnection(host, port)
        self._inbox = inbox

    def run(self) -> None:
        # The watchdog's SIGABRT is for the main thread, which then tells where it hangs.
        pthread_sigmask(SIG_BLOCK, {SIGABRT})
        while (question := self.questions.get()) is not None:
            number, path = question
            try:
                self._connection.request("GET", path)
                response = self._connection.getresponse()
                self._inbox.put(_Answer(number, response.status, response.read()))
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                fault = str(error) or type(error).__name__
                self._inbox.put(_Answer(number, 0, b"", fault))
        self._connection.close()


class ExchangeClock:
    """ports.Clock over GET /sim/wait, in stepped and in scaled time.

    `member` is this process's name on the exchange's roster. With `stream`, time moves only while
    this process's trade_updates stream listens. `drain(lo, hi)` is called before `wait` returns,
    to take the trade updates of those frame numbers off the stream first; (0, 0) means none.
    The first call of `now` asks the exchange, which answers when it is this member's turn.
    Raises ClockError if the exchange is gone, aborted, or does not know the member.
    """

    def __init__(
        self,
        base_url: str,
        member: str,
        *,
        stream: bool = False,
        drain: Drain | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.hostname is None or parts.port is None:
            raise ClockError(f"{base_url!r} is no exchange address: give http://HOST:PORT")
        self._host, self._port = parts.hostname, parts.port
        self.member, self.stream, self.drain = member, stream, drain
        self.inbox: SimpleQueue[Woken | _Answer] = SimpleQueue()
        """Signal handlers put Woken.STOP or Woken.RELOAD here."""
        self.last_frames = (0, 0)
        self._number = 0
        self._pending = False
        self._poller: _Poller | None = None
        self._now: datetime | None = None
        self._reason = Woken.TIME
        self._stopping = False
        self._read_at = 0.0
        self._speed: float | None = None

    def now(self) -> datetime:
        """The time of the last release; in scaled time, plus what has passed since."""
        if self._now is None and self._stopping:
            return self._peek()
        if self._now is None:
            signal = self._ask(None, wake=False)
            if signal is not None:  # the first wait is to find it; until then, any time will do
                self.inbox.put(signal)
                return self._peek()
        if self._now is None:
            raise ClockError("the exchange released this process without telling the time")
        if self._speed is None:
            return self._now
        return self._now + timedelta(seconds=(monotonic() - self._read_at) * self._speed)

    def wait(self, until: datetime, *, wake_on_update: bool) -> Woken:
        """Nap until then; a signal ends it at once.

        After RELOAD this member is released in its turn, so that the time is exact again.
        """
        signal = self._ask(until, wake=wake_on_update)
        if signal is None:
            return self._reason
        if signal is Woken.BARS:
            return signal
        if signal is Woken.RELOAD and self._ask(None, wake=False) is not Woken.STOP:
            return Woken.RELOAD
        self._stopping = True
        return Woken.STOP

    def leave(self) -> None:
        """Tell the exchange that this process is done, so that time goes on without it."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        try:
            connection.request("POST", "/sim/leave", json.dumps({"name": self.member}))
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            # The exchange has gone first: nobody is left to be held up.
            return
        finally:
            connection.close()
        if self._poller is not None:
            self._poller.questions.put(None)
            self._poller = None

    def _ask(self, until: datetime | None, *, wake: bool) -> Woken | None:
        """Wait once. Returns the signal that ended it, or None when released."""
        if not self._pending and (signal := self._signal_so_far()) is not None:
            return signal
        self._number += 1
        query = {
            "member": self.member,
            "until": until.astimezone(UTC).isoformat() if until else "",
            "wake": int(wake),
            "stream": int(self.stream),
        }
        self._fresh_poller().questions.put((self._number, f"/sim/wait?{urlencode(query)}"))
        self._pending = True
        while True:
            item = self.inbox.get()
            if isinstance(item, Woken):
                return item
            if item.number == self._number:
                self._pending = False
                self._released(item)
                return None
            if item.status == HTTPStatus.OK:  # a release that a signal overtook
                self._released(item)

    def _signal_so_far(self) -> Woken | None:
        """The first signal in the inbox; answers to superseded waits are dropped."""
        while not self.inbox.empty():
            item = self.inbox.get()
            if isinstance(item, Woken):
                return item
        return None

    def steps(self) -> bool:
        """Whether the exchange's time is stepped, not scaled. Raises ClockError."""
        return self._state().get("speed") is None

    def _peek(self) -> datetime:
        """The exchange's time without waiting for a turn."""
        try:
            return datetime.fromisoformat(str(self._state()["now"]))
        except (ValueError, KeyError) as error:
            raise ClockError(f"the exchange at {self._host} tells no time: {error}") from error

    def _state(self) -> dict[str, object]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        where = f"http://{self._host}:{self._port}/sim/state"
        try:
            connection.request("GET", "/sim/state")
            told = json.loads(connection.getresponse().read())
            return dict(told)
        except (OSError, http.client.HTTPException, ValueError, TypeError) as error:
            raise ClockError(
                f"{where} does not answer ({error}): is the exchange running?"
            ) from error
        finally:
            connection.close()

    def _fresh_poller(self) -> _Poller:
        """The thread to ask with; one whose wait is still open is left to end by itself."""
        if self._poller is not None and self._pending:
            self._poller.questions.put(None)
            self._poller = None
        if self._poller is None:
            self._poller = _Poller(self._host, self._port, self.inbox)
            self._poller.start()
        return self._poller

    def _released(self, answer: _Answer) -> None:
        where = f"http://{self._host}:{self._port}/sim/wait"
        if answer.fault:
            raise ClockError(f"{where} does not answer ({answer.fault}): is the exchange running?")
        if answer.status != HTTPStatus.OK:
            self._refused(where, answer)
        try:
            told = json.loads(answer.body)
            self._now = datetime.fromisoformat(told["now"])
            self._reason = Woken(told["reason"]) if told["reason"] != "parked" else Woken.TIME
            self._speed = float(told["speed"]) if told.get("speed") else None
            low, high = told["frames"]
            self.last_frames = (int(low), int(high))
        except (ValueError, KeyError, TypeError) as error:
            raise ClockError(f"{where} answered what no exchange says: {error}") from error
        self._read_at = monotonic()
        if self.drain is not None:
            self.drain(*self.last_frames)

    def _refused(self, where: str, answer: _Answer) -> NoReturn:
        try:
            message = str(json.loads(answer.body)["message"])
        except (ValueError, KeyError, TypeError):
            message = answer.body[:200].decode(errors="replace")
        raise ClockError(f"{where} refused {self.member!r}: {message}")
