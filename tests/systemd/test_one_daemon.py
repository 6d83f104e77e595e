"""One daemon under a real systemd, through everything that may happen to it."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from magellan_core.errors import ExitCode
from tests.systemd.host import Host, until
from tests.systemd.installation import PROJECT, UNITS, USER, Exchange, drop_in, shipped

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]
Boot = Callable[..., Host]
BEAR = UNITS["bear_trap"]
START_LIMIT = 4
QUICK = {"RestartSec": "100ms"}


def settle(host: Host, exchange: Exchange, strategy: str = "bear_trap", **more: str) -> None:
    """Point a daemon to the exchange, by the file that its unit reads."""
    host.write(f"/etc/magellan/{UNITS[strategy]}.env", exchange.environment(strategy, **more))


def configure(host: Host, change: Callable[[dict[str, Any]], None] | str) -> None:
    """Write /etc/magellan/bear_trap.json: a text, or the shipped settings changed."""
    if isinstance(change, str):
        text = change
    else:
        raw = shipped("bear_trap")
        change(raw)
        text = json.dumps(raw, indent=2)
    host.write("/etc/magellan/bear_trap.json", text)


def as_shipped(_: dict[str, Any]) -> None:
    """No change."""


def state(host: Host, unit: str = BEAR) -> dict[str, str]:
    return host.show(
        unit, "ActiveState", "Result", "NRestarts", "MainPID", "ExecMainStatus", "StatusText"
    )


def wait_for(host: Host, unit: str = BEAR, seconds: float = 20, **wanted: str) -> dict[str, str]:
    """Until the unit's properties are these."""
    until(
        lambda: wanted.items() <= state(host, unit).items(),
        seconds,
        lambda: f"{wanted}: {state(host, unit)}\n{host.journal()[-4000:]}",
    )
    return state(host, unit)


def alerts(host: Host) -> list[str]:
    return [row for row in host.journal("-t", "magellan-alert").splitlines() if "failed (" in row]


def journal_has(host: Host, words: str) -> bool:
    return words in host.journal("-u", BEAR)


def test_a_crash_is_followed_by_a_new_start_in_seconds(boot: Boot, exchange: Exchange) -> None:
    host = boot()
    settle(host, exchange)
    drop_in(host, BEAR, **QUICK)
    host.run("systemctl", "start", BEAR)
    first = state(host)["MainPID"]
    host.run("kill", "-KILL", first)
    until(
        lambda: state(host)["MainPID"] not in (first, "0") and state(host)["NRestarts"] == "1",
        20,
        lambda: str(state(host)),
    )
    wait_for(host, ActiveState="active")
    assert alerts(host) == []


def test_a_hung_daemon_is_killed_with_a_traceback_and_started_again(
    boot: Boot, exchange: Exchange
) -> None:
    host = boot()
    settle(host, exchange, MAGELLAN_PATROL_SECONDS="30")
    drop_in(host, BEAR, **QUICK, WatchdogSec="3s")
    host.run("systemctl", "start", BEAR)
    first = state(host)["MainPID"]
    # Fed by its ticks, it outlives the watchdog's patience.
    time.sleep(4)
    assert state(host)["MainPID"] == first
    host.run("kill", "-STOP", first)
    wait_for(host, NRestarts="1")
    wait_for(host, ActiveState="active")
    for words in ("Watchdog timeout", "Fatal Python error: Aborted", "magellan_core/daemon.py"):
        until(partial(journal_has, host, words), 10, partial(host.journal, "-u", BEAR))


def no_keys(host: Host, exchange: Exchange) -> None:
    keys = {"APCA_API_KEY_ID": "", "APCA_API_SECRET_KEY": "", "MAGELLAN_KEYS_FILE": "/nowhere"}
    settle(host, exchange, **keys)


def wrong_keys(host: Host, exchange: Exchange) -> None:
    settle(host, exchange, APCA_API_SECRET_KEY="not the secret")


def another_account(host: Host, exchange: Exchange) -> None:
    settle(host, exchange)

    def change(raw: dict[str, Any]) -> None:
        raw["account_info"]["account_id"] = "PA0000000000"

    configure(host, change)


def broken_config(host: Host, exchange: Exchange) -> None:
    settle(host, exchange)
    configure(host, '{"symbols": [')


def no_config(host: Host, exchange: Exchange) -> None:
    settle(host, exchange, MAGELLAN_CONFIG="/etc/magellan/nowhere.json")


def full_disk(host: Host, exchange: Exchange) -> None:
    settle(host, exchange)
    small_disk(host, leave=0)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (no_keys, ExitCode.CREDENTIALS),
        (wrong_keys, ExitCode.CREDENTIALS),
        (another_account, ExitCode.CREDENTIALS),
        (broken_config, ExitCode.CONFIG),
        (no_config, ExitCode.CONFIG_MISSING),
        (full_disk, ExitCode.JOURNAL),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_a_person_must_mend_fails_once_with_one_alert(
    boot: Boot, exchange: Exchange, spoil: Callable[[Host, Exchange], None], code: ExitCode
) -> None:
    host = boot()
    drop_in(host, BEAR, **QUICK)
    spoil(host, exchange)
    assert host.run("systemctl", "start", BEAR, check=False).returncode != 0
    told = wait_for(host, ActiveState="failed")
    assert (told["ExecMainStatus"], told["NRestarts"]) == (str(int(code)), "0")
    until(lambda: len(alerts(host)) > 0, 10, host.journal)
    time.sleep(0.5)
    assert len(alerts(host)) == 1
    assert f"exited {int(code)}" in alerts(host)[0]
    assert state(host)["NRestarts"] == "0"


def small_disk(host: Host, leave: int) -> None:
    """A state directory on a disk of its own, filled up to `leave` bytes."""
    host.run("mkdir", "-p", "/var/lib/magellan")
    host.run("mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", "/var/lib/magellan")
    host.run("chown", f"{USER}:{USER}", "/var/lib/magellan")
    fill(host, leave)


def fill(host: Host, leave: int = 0) -> None:
    command = "cat /dev/zero > /var/lib/magellan/ballast 2> /dev/null"
    host.run("sh", "-c", f"{command}; truncate -s -{leave} /var/lib/magellan/ballast", check=False)


def test_a_disk_that_fills_up_in_the_day_is_told_and_survived(
    boot: Boot, exchange: Exchange
) -> None:
    host = boot()
    settle(host, exchange)
    small_disk(host, leave=0)
    host.run("rm", "/var/lib/magellan/ballast")
    host.run("systemctl", "start", BEAR)
    pid = state(host)["MainPID"]
    fill(host)
    until(lambda: "JOURNAL NOT WRITABLE" in state(host)["StatusText"], 20, lambda: str(state(host)))
    host.run("rm", "/var/lib/magellan/ballast")
    until(lambda: state(host)["StatusText"].startswith("trading"), 20, lambda: str(state(host)))
    assert (state(host)["MainPID"], state(host)["ActiveState"]) == (pid, "active")


def test_a_start_that_keeps_crashing_gives_up_with_one_alert(boot: Boot) -> None:
    host = boot()
    drop_in(host, BEAR, section="Unit", StartLimitBurst=str(START_LIMIT))
    crash = f"{PROJECT}/.venv/bin/python -c 'raise SystemExit(1)'"
    host.write(
        f"/etc/systemd/system/{BEAR}.service.d/crash.conf",
        f"[Service]\nRestartSec=50ms\nExecStart=\nExecStart={crash}\n",
    )
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", BEAR, check=False)
    until(
        lambda: "Start request repeated too quickly" in host.journal("-u", BEAR), 20, host.journal
    )
    wait_for(host, ActiveState="failed")
    until(lambda: len(alerts(host)) > 0, 10, host.journal)
    time.sleep(0.5)
    assert len(alerts(host)) == 1
    assert host.journal("-u", BEAR).count("Main process exited") == START_LIMIT


def test_a_halt_ends_the_service_for_good_and_its_status_says_why(
    boot: Boot, exchange: Exchange
) -> None:
    host = boot()
    strategy, unit = "hourly_swing", UNITS["hourly_swing"]
    settle(host, exchange, strategy, MAGELLAN_PATROL_SECONDS="30")
    drop_in(host, unit, **QUICK)
    host.run("systemctl", "start", unit)
    halt = f"{PROJECT}/scripts/halt_trading.py --strategy {strategy} --reason drill".split()
    host.run(f"{PROJECT}/.venv/bin/python", *halt, user=USER)
    told = wait_for(host, unit, ActiveState="failed", seconds=30)
    assert (told["ExecMainStatus"], told["NRestarts"]) == (str(int(ExitCode.HALTED)), "0")
    shown = host.run("systemctl", "status", unit, "--no-pager", check=False).stdout
    assert "halted and flat" in shown
    assert "resume_trading.py" in shown
    assert exchange.get("/v2/positions", strategy) == []
    until(lambda: len(alerts(host)) == 1, 10, host.journal)


def test_a_stop_is_clean_quick_and_trades_nothing(boot: Boot, exchange: Exchange) -> None:
    host = boot()
    settle(host, exchange)
    host.run("systemctl", "start", BEAR)
    before = exchange.orders("bear_trap")
    began = time.monotonic()
    host.run("systemctl", "stop", BEAR)
    assert time.monotonic() - began < 10
    told = state(host)
    assert (told["ActiveState"], told["Result"]) == ("inactive", "success")
    assert "stopped as asked; 0 positions open" in host.journal("-u", BEAR)
    assert exchange.orders("bear_trap") == before
    assert alerts(host) == []


def test_a_broker_out_of_reach_extends_the_start(boot: Boot, exchange: Exchange) -> None:
    host = boot()
    # The daemon's patience is counted in the exchange's time.
    settle(host, exchange, MAGELLAN_START_PATIENCE="80000")
    drop_in(host, BEAR, TimeoutStartSec="8s")
    exchange.post("/sim/faults", {"kind": "refuse", "path": "/v2/account", "count": 100000})
    try:
        host.run("systemctl", "start", "--no-block", BEAR)
        time.sleep(12)
        assert state(host)["ActiveState"] == "activating"
    finally:
        exchange.clear_faults()
    wait_for(host, ActiveState="active", NRestarts="0")


def test_an_outage_in_the_day_is_survived_and_told(boot: Boot, exchange: Exchange) -> None:
    host = boot()
    settle(host, exchange, MAGELLAN_PATROL_SECONDS="30")
    host.run("systemctl", "start", BEAR)
    pid = state(host)["MainPID"]
    exchange.post("/sim/faults", {"kind": "refuse", "path": "/v2/*", "count": 100000})
    try:
        until(
            lambda: state(host)["StatusText"].startswith("broker unreachable"),
            20,
            lambda: str(state(host)),
        )
    finally:
        exchange.clear_faults()
    until(lambda: state(host)["StatusText"].startswith("trading"), 20, lambda: str(state(host)))
    assert state(host)["MainPID"] == pid
    events = host.journal("-u", BEAR, "MAGELLAN_EVENT=outage", "+", "MAGELLAN_EVENT=back")
    assert len(events.splitlines()) >= 2


def limit(dollars: int) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        raw["risk_management"]["max_position_dollars"] = dollars
        raw["symbols"] = ["MULN", "AMC"]

    return change


def told_reload(host: Host) -> str:
    return host.journal("-u", BEAR, "MAGELLAN_EVENT=reload")


def test_a_reload_takes_limits_and_symbols_over_and_is_journaled(
    boot: Boot, exchange: Exchange
) -> None:
    host = boot()
    settle(host, exchange)
    configure(host, as_shipped)
    host.run("systemctl", "start", BEAR)
    pid = state(host)["MainPID"]
    until(lambda: "5/5 symbols" in state(host)["StatusText"], 20, lambda: str(state(host)))
    configure(host, limit(4321))
    host.run("systemctl", "reload", BEAR)
    until(lambda: "is in force" in told_reload(host), 20, lambda: host.journal("-u", BEAR))
    assert "risk_management.max_position_dollars" in told_reload(host)
    until(lambda: "2/2 symbols" in state(host)["StatusText"], 30, lambda: str(state(host)))
    assert (state(host)["MainPID"], state(host)["ActiveState"]) == (pid, "active")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"symbols": [', "not JSON"),
        (json.dumps({**shipped("bear_trap"), "symbol": ["MULN"]}), "did you mean symbols?"),
    ],
)
def test_a_reload_of_a_bad_file_fails_and_keeps_the_old_one(
    boot: Boot, exchange: Exchange, text: str, reason: str
) -> None:
    host = boot()
    settle(host, exchange)
    host.run("systemctl", "start", BEAR)
    pid = state(host)["MainPID"]
    configure(host, text)
    # The daemon reads its path anew, so its file must be the one that is checked.
    drop_in(host, BEAR, Environment="MAGELLAN_CONFIG=/etc/magellan/bear_trap.json")
    assert host.run("systemctl", "reload", BEAR, check=False).returncode != 0
    assert reason in host.journal("-u", BEAR)
    assert (state(host)["MainPID"], state(host)["ActiveState"]) == (pid, "active")
    assert told_reload(host) == ""


def test_a_reload_that_would_change_the_account_needs_a_restart(
    boot: Boot, exchange: Exchange
) -> None:
    host = boot()
    settle(host, exchange)
    configure(host, as_shipped)
    host.run("systemctl", "start", BEAR)
    configure(host, lambda raw: raw["account_info"].update(account_id="PA0000000000"))
    host.run("systemctl", "reload", BEAR)
    wanted = "account_info.account_id changed: restart the service for it"
    until(lambda: wanted in told_reload(host), 20, lambda: host.journal("-u", BEAR))
    assert state(host)["ActiveState"] == "active"


def test_a_reload_without_data_keeps_the_old_settings(boot: Boot, exchange: Exchange) -> None:
    host = boot()
    settle(host, exchange)
    configure(host, as_shipped)
    host.run("systemctl", "start", BEAR)
    configure(host, limit(4321))
    exchange.post("/sim/faults", {"kind": "refuse", "path": "/v2/stocks/bars*", "count": 100000})
    try:
        host.run("systemctl", "reload", BEAR)
        wanted = "reload refused, the old configuration stay"
        until(lambda: wanted in told_reload(host), 30, lambda: host.journal("-u", BEAR))
    finally:
        exchange.clear_faults()
    # What was asked for the new symbols must not have stuck: all five are tradable as before.
    until(lambda: "5/5 symbols" in state(host)["StatusText"], 30, lambda: str(state(host)))


def test_time_goes_on_while_a_daemon_waits(boot: Boot, exchange: Exchange) -> None:
    host = boot()
    settle(host, exchange)
    host.run("systemctl", "start", BEAR)
    seen = exchange.now()
    first = state(host)["StatusText"]

    def went_on() -> bool:
        return exchange.now() - seen > timedelta(minutes=1) and state(host)["StatusText"] != first

    until(went_on, 30, lambda: first)
