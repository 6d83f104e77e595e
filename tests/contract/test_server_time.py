"""Stepped time end to end: real clocks, real sockets, several threads."""

import json
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Thread, Timer

import pytest
import requests
from websockets.sync.client import connect

from magellan_core.errors import ClockError, ExitCode
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.clock import ExchangeClock
from magellan_core.paper.server import Scaled, Stepped
from magellan_core.ports import Woken
from tests.contract.server_support import ANN, BOB, OPEN, Floor, floor

ROSTER = {"boss": None, "ann": ANN.number, "bob": BOB.number}
ALONE = {"ann": ANN.number}


def at(minutes: float) -> datetime:
    return OPEN + timedelta(minutes=minutes)


@pytest.fixture
def site() -> Iterator[Floor]:
    """Ann is the whole roster."""
    with floor(mode=Stepped(ALONE)) as running:
        yield running


class Trader(Thread):
    """A little daemon: buys at every third minute, notes whatever it is told.

    Its updates are read by a thread of their own, with a jitter; `drain` takes the frames of a
    release before it acts on it. `board` is what all traders share, as daemons share a store.
    """

    def __init__(
        self,
        site: Floor,
        name: str,
        spec: AccountSpec,
        jitter: random.Random,
        board: list[str],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.site, self.spec, self.jitter, self.board = site, spec, jitter, board
        self.log: list[str] = []
        self.frames: SimpleQueue[dict[str, object]] = SimpleQueue()
        self.socket = connect(site.url.replace("http", "ws") + "/stream")
        login = {"key_id": spec.key, "secret_key": spec.secret}
        self.socket.send(json.dumps({"action": "authenticate", "data": login}))
        self.socket.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        self.reader = Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for text in self.socket:
            time.sleep(self.jitter.random() * 0.003)
            message = json.loads(text)
            if message["stream"] == "trade_updates":
                self.frames.put(message["data"])

    def drain(self, low: int, high: int) -> None:
        frame = 0
        while high and frame < high:
            update = self.frames.get(timeout=10)
            frame = int(str(update["frame"]))
            if frame >= low:
                self.log.append(f"frame {frame} {update['event']}")

    def run(self) -> None:
        client = self.site.trading(self.spec, raw=True)
        clock = ExchangeClock(self.site.url, self.name, stream=True, drain=self.drain)
        now = clock.now()
        while now < at(25):
            time.sleep(self.jitter.random() * 0.003)
            if now.minute % 3 == 0:
                body = {"symbol": "AMC", "qty": "1", "side": "buy", "type": "market"}
                order = client.post("/orders", {**body, "time_in_force": "day"})
                self.log.append(f"sent {order['id']} {order['client_order_id']}")
            self.board.append(f"{self.name} {now:%H:%M:%S}")
            account = client.get("/account")
            self.log.append(f"{now:%H:%M:%S} {account['equity']} after {self.board[-1]}")
            woken = clock.wait(now + timedelta(minutes=1), wake_on_update=True)
            now = clock.now()
            self.log.append(f"{woken} {now:%H:%M:%S}")
        clock.leave()
        self.socket.close()


def one_day(seed: int) -> list[list[str]]:
    """Two traders and a conductor, with that jitter: what each was told."""
    jitter, board = random.Random(seed), list[str]()
    with floor(mode=Stepped(ROSTER)) as site:
        traders = [
            Trader(site, "ann", ANN, jitter, board),
            Trader(site, "bob", BOB, jitter, board),
        ]
        jitter.shuffle(traders)
        for trader in traders:
            trader.start()
        boss = ExchangeClock(site.url, "boss")
        for minutes in range(10, 31, 5):
            boss.wait(at(minutes), wake_on_update=False)
        boss.leave()
        for trader in traders:
            trader.join(30)
            assert not trader.is_alive()
        return [board, *(trader.log for trader in sorted(traders, key=lambda t: t.name))]


def test_a_day_is_the_same_whatever_the_sockets_do() -> None:
    first = one_day(1)
    assert any("frame" in line for line in first[1])
    assert any(line.startswith("update") for line in first[1])
    assert [one_day(seed) for seed in (2, 3, 4)] == [first] * 3


def test_a_wait_tells_reason_time_and_frames(site: Floor) -> None:
    clock = ExchangeClock(site.url, "ann")
    assert clock.now() == at(10)
    assert clock.wait(at(11), wake_on_update=True) is Woken.TIME
    assert clock.now() == at(11)
    body = {"symbol": "AMC", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    site.trading(raw=True).post("/orders", body)
    assert clock.wait(at(60), wake_on_update=True) is Woken.UPDATE
    assert clock.now() < at(12)
    assert clock.last_frames == (0, 0)  # it has no stream


def test_a_wish_in_the_past_is_granted_now(site: Floor) -> None:
    clock = ExchangeClock(site.url, "ann")
    clock.wait(at(20), wake_on_update=False)
    assert clock.wait(at(15), wake_on_update=False) is Woken.TIME
    assert clock.now() == at(20)


def test_a_signal_ends_the_nap_at_once() -> None:
    with floor(mode=Stepped(ROSTER)) as site:
        clock = ExchangeClock(site.url, "ann")
        Timer(0.1, clock.inbox.put, [Woken.STOP]).start()
        begun = time.monotonic()
        assert clock.wait(at(60), wake_on_update=False) is Woken.STOP  # bob never comes
        assert time.monotonic() - begun < 5
        assert clock.now() == at(10)  # told without a turn
        clock.leave()


def test_a_signal_between_naps_is_not_lost(site: Floor) -> None:
    clock = ExchangeClock(site.url, "ann")
    clock.now()
    clock.inbox.put(Woken.STOP)
    assert clock.wait(at(60), wake_on_update=False) is Woken.STOP
    assert clock.wait(at(12), wake_on_update=False) is Woken.TIME


def test_after_a_reload_the_time_is_exact_and_naps_go_on() -> None:
    roster = {"boss": None, "ann": ANN.number}
    with floor(mode=Stepped(roster)) as site:
        boss, ann = ExchangeClock(site.url, "boss"), ExchangeClock(site.url, "ann")
        assert boss.now() == at(10)
        told: SimpleQueue[tuple[Woken, datetime]] = SimpleQueue()

        def nap() -> None:
            ann.now()
            for minutes in (40, 41):
                told.put((ann.wait(at(minutes), wake_on_update=False), ann.now()))
            ann.leave()

        napping = Thread(target=nap, daemon=True)
        napping.start()
        boss.wait(at(15), wake_on_update=False)
        ann.inbox.put(Woken.RELOAD)
        while site.get("/sim/state")["members"][1]["until"]:  # until its new wish is there
            time.sleep(0.01)
        Thread(target=lambda: boss.wait(at(50), wake_on_update=False), daemon=True).start()
        assert told.get(timeout=10) == (Woken.RELOAD, at(15))
        assert told.get(timeout=10) == (Woken.TIME, at(41))
        napping.join(10)


def test_an_exchange_that_is_gone_is_one_clear_line() -> None:
    with floor(mode=Stepped(ALONE)) as site:
        clock = ExchangeClock(site.url, "ann")
        clock.now()
    with pytest.raises(ClockError, match=r"/sim/wait does not answer .*is the exchange running"):
        clock.wait(at(20), wake_on_update=False)


def test_a_stranger_is_refused_by_name(site: Floor) -> None:
    with pytest.raises(ClockError, match="'eve' is not on the roster"):
        ExchangeClock(site.url, "eve").now()


def test_the_watchdog_names_the_member_that_holds_time() -> None:
    with floor(mode=Stepped(ROSTER, watchdog=0.4)) as site:
        boss = ExchangeClock(site.url, "boss")
        boss.now()
        with pytest.raises(ClockError, match=r"ann \(absent\) has held time at 2026-01-05 14:40"):
            boss.wait(at(20), wake_on_update=False)
        failure = site.server.failures.get(timeout=5)
        assert failure.exit_code is ExitCode.CLOCK


def test_a_member_whose_connection_drops_holds_time_until_declared_absent() -> None:
    roster = {"boss": None, "ann": ANN.number}
    with floor(mode=Stepped(roster)) as site:
        boss = ExchangeClock(site.url, "boss")
        boss.now()
        with pytest.raises(requests.Timeout):  # ann arrives and dies waiting
            requests.get(f"{site.url}/sim/wait?member=ann&until=", timeout=0.2)
        Thread(target=lambda: boss.wait(at(30), wake_on_update=False), daemon=True).start()
        time.sleep(0.2)
        assert site.get("/sim/state")["now"] == "2026-01-05T14:40:00Z"
        site.post("/sim/absent", name="ann", until=at(12).isoformat())
        again = ExchangeClock(site.url, "ann")
        assert again.now() == at(12)
        again.leave()


def test_a_parked_request_lets_the_conductor_kill_its_sender() -> None:
    roster = {"boss": None, "ann": ANN.number}
    with floor(mode=Stepped(roster)) as site:
        boss, ann = ExchangeClock(site.url, "boss"), ExchangeClock(site.url, "ann")
        boss.now()
        site.post("/sim/faults", kind="park", method="POST", path="/v2/orders", handled=True)

        def trade() -> None:
            ann.now()
            body = {"symbol": "AMC", "qty": 1, "side": "buy", "type": "market"}
            headers = {"APCA-API-KEY-ID": ANN.key, "APCA-API-SECRET-KEY": ANN.secret}
            with pytest.raises(requests.Timeout):  # the kill
                requests.post(
                    f"{site.url}/v2/orders",
                    json={**body, "time_in_force": "day"},
                    headers=headers,
                    timeout=1,
                )

        trading = Thread(target=trade)
        trading.start()
        boss.wait(at(30), wake_on_update=False)
        assert boss.now() == at(10)
        trading.join(10)
        site.post("/sim/absent", name="ann", until=at(11).isoformat())
        Thread(target=lambda: boss.wait(at(30), wake_on_update=False), daemon=True).start()
        again = ExchangeClock(site.url, "ann")
        assert again.now() == at(11)
        assert len(site.ask("GET", "/v2/positions").json()) == 1  # it had taken effect
        again.leave()


def test_scaled_time_flows_by_itself_and_wakes_on_updates() -> None:
    with floor(mode=Scaled(600.0, ALONE)) as site:
        clock = ExchangeClock(site.url, "ann")
        begun = time.monotonic()
        assert clock.wait(at(15), wake_on_update=True) is Woken.TIME
        assert at(15) <= clock.now() < at(25)
        assert time.monotonic() - begun > 0.3
        body = {"symbol": "AMC", "qty": "1", "side": "buy", "type": "market"}
        site.trading(raw=True).post("/orders", {**body, "time_in_force": "day"})
        assert clock.wait(at(300), wake_on_update=True) is Woken.UPDATE
        clock.inbox.put(Woken.STOP)
        assert clock.wait(at(300), wake_on_update=True) is Woken.STOP
