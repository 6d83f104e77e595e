"""All three under one systemd over a day of trading: boot, trade, be killed, trade on."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from magellan_core.paper.clock import ExchangeClock
from tests.systemd.host import Host
from tests.systemd.installation import ROOT, UNITS, Exchange, binds, open_exchange

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(180)]
BEAR = UNITS["bear_trap"]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2025-11-25T{clock}-05:00")


@pytest.fixture
def stepped(layer: Path, tmp_path: Path) -> Iterator[Exchange]:
    """Time moves when all daemons and the test wait."""
    assert layer.exists()
    roster = ",".join(["conductor", *UNITS])
    with open_exchange(
        tmp_path / "exchange", "--step", "--watchdog", "120", roster=roster
    ) as opened:
        yield opened


@pytest.fixture
def host(layer: Path, tmp_path: Path, stepped: Exchange) -> Iterator[Host]:
    """Booted with the units enabled and nothing else done: the boot must bring them up."""
    own = tmp_path / "layer"
    subprocess.run(["cp", "-a", str(layer), str(own)], check=True)
    system = own / "etc" / "systemd" / "system"
    (system / "multi-user.target.wants").mkdir(parents=True)
    (own / "etc" / "magellan").mkdir()
    sources = [*ROOT.glob("deployable_strategies/*/aws_deployment/*.service")]
    for path in [*sources, *ROOT.glob("deploy/*.service")]:
        (system / path.name).write_text(path.read_text())
    for strategy, unit in UNITS.items():
        link = system / "multi-user.target.wants" / f"{unit}.service"
        link.symlink_to(f"/etc/systemd/system/{unit}.service")
        quick = system / f"{unit}.service.d" / "quick.conf"
        quick.parent.mkdir()
        quick.write_text("[Service]\nRestartSec=100ms\n")
        (own / "etc" / "magellan" / f"{unit}.env").write_text(stepped.environment(strategy))
    # A first look at stepped time is a turn like any other: somebody must let it go on.
    opening = ThreadPoolExecutor(1).submit(play, stepped, "09:25")
    with Host(tmp_path / "host", own, binds()) as booted:
        opening.result(60)
        yield booted


def play(exchange: Exchange, clock: str) -> None:
    """Let time go to that instant."""
    ExchangeClock(exchange.url, "conductor").wait(at(clock), wake_on_update=False)


def entries(exchange: Exchange) -> list[dict[str, Any]]:
    return [order for order in exchange.orders("bear_trap") if order["side"] == "buy"]


def test_a_boot_brings_all_up_and_a_killed_daemon_trades_on(host: Host, stepped: Exchange) -> None:
    for unit in UNITS.values():
        assert host.show(unit, "ActiveState")["ActiveState"] == "active"
    # MULN's trap is complete at 11:05; its position is open two minutes later.
    play(stepped, "11:07")
    bought = entries(stepped)
    assert [order["symbol"] for order in bought] == ["MULN"] * 3
    status = host.run("systemctl", "status", BEAR, "--no-pager").stdout
    assert "trading 5/5 symbols, 1 position, next " in status

    story = host.journal("-u", BEAR, "MAGELLAN_SYMBOL=MULN")
    assert "decision: MULN enter" in story
    order_id = bought[0]["client_order_id"]
    one = host.journal("-u", BEAR, f"MAGELLAN_ORDER_ID={order_id}").splitlines()
    assert [row.split(":")[0] for row in one][:2] == ["planned", "outcome"]
    assert host.journal("-u", BEAR, "MAGELLAN_SYMBOL=NOTHING") == ""

    for unit in UNITS.values():
        host.run("systemctl", "kill", "--kill-who=main", "-s", "KILL", unit)
    play(stepped, "16:30")
    for unit in UNITS.values():
        told = host.show(unit, "ActiveState", "NRestarts")
        assert told == {"ActiveState": "active", "NRestarts": "1"}
    orders = stepped.orders("bear_trap")
    ids = [order["client_order_id"] for order in orders]
    assert len(ids) == len(set(ids))
    # Three tranches a decision, each once: nothing was bought again after the kill.
    assert [o["id"] for o in entries(stepped) if o["symbol"] == "MULN"] == [o["id"] for o in bought]
    assert len(entries(stepped)) > len(bought)
    assert stepped.get("/v2/positions", "bear_trap") == []

    before = {strategy: stepped.orders(strategy) for strategy in UNITS}
    host.run("systemctl", "stop", *UNITS.values())
    for strategy, unit in UNITS.items():
        assert host.show(unit, "ActiveState", "Result") == {
            "ActiveState": "inactive",
            "Result": "success",
        }
        assert stepped.orders(strategy) == before[strategy]
    assert host.journal("-t", "magellan-alert") == ""
