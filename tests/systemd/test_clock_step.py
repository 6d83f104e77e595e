"""A daemon on the wall clock, whose wall clock is stepped: it survives, and goes by the new time.

The kernel's clock is everybody's, so the step is made in the C library: a few lines loaded before
it add to the time of day what a file says. The monotonic clock goes on, as in a real step.
"""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.systemd.host import Host, until
from tests.systemd.installation import (
    UNITS,
    Exchange,
    binds,
    drop_in,
    install,
    open_exchange,
)

COMPILER = shutil.which("cc")
pytestmark = [
    pytest.mark.systemd,
    pytest.mark.timeout(120),
    pytest.mark.skipif(COMPILER is None, reason="no C compiler to make the step with"),
]
UNIT = UNITS["bear_trap"]
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(id, at);
    long shift = 0;
    if (id == CLOCK_REALTIME) {
        FILE *file = fopen("/etc/magellan/shift", "r");
        if (file) { if (fscanf(file, "%ld", &shift) != 1) shift = 0; fclose(file); }
        at->tv_sec += shift;
    }
    return answer;
}
"""


@pytest.fixture
def real_time(layer: Path, tmp_path: Path) -> Iterator[Exchange]:
    """A session at the clock's own pace."""
    assert layer.exists()
    pace = ("--speed", "1", "--start", "2025-11-25T12:00-05:00")
    with open_exchange(tmp_path / "exchange", *pace) as opened:
        yield opened


@pytest.fixture
def host(layer: Path, tmp_path: Path, real_time: Exchange) -> Iterator[Host]:
    """A host whose daemon's wall clock is the exchange's."""
    with Host(tmp_path / "host", layer, binds()) as booted:
        install(booted)
        source, library = tmp_path / "shim.c", tmp_path / "shim.so"
        source.write_text(SHIM)
        assert COMPILER is not None
        subprocess.run(
            [COMPILER, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True
        )
        shutil.copy(library, booted.path("/opt/shim.so"))
        told = real_time.environment("bear_trap", MAGELLAN_CLOCK="", LD_PRELOAD="/opt/shim.so")
        booted.write(f"/etc/magellan/{UNIT}.env", told)
        drop_in(booted, UNIT, WatchdogSec="20s")
        shift(booted, real_time, timedelta(0))
        booted.run("systemctl", "start", UNIT)
        yield booted


def shift(host: Host, exchange: Exchange, by: timedelta) -> None:
    """Set the daemon's wall clock to the exchange's time and `by`."""
    seconds = (exchange.now() + by - datetime.now(UTC)).total_seconds()
    host.write("/etc/magellan/next", f"{seconds:.0f}\n")
    host.run("mv", "/etc/magellan/next", "/etc/magellan/shift")


def ticks_at(host: Host, exchange: Exchange, by: timedelta) -> None:
    """Its status names the next minute of its own clock, in New York's time."""

    def told() -> bool:
        at = exchange.now() + by - timedelta(hours=5)
        near = [f"{at + timedelta(seconds=s):%H:%M} ET" for s in (-60, 0, 30, 60)]
        status = host.show(UNIT, "StatusText")["StatusText"]
        return status.startswith("trading") and any(status.endswith(each) for each in near)

    until(told, 45, lambda: str(host.show(UNIT, "StatusText", "ActiveState", "NRestarts")))


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)], ids=["on", "back"])
def test_a_step_of_the_clock_is_survived(host: Host, real_time: Exchange, step: timedelta) -> None:
    ticks_at(host, real_time, timedelta(0))
    pid = host.show(UNIT, "MainPID")["MainPID"]
    orders = real_time.orders("bear_trap")
    shift(host, real_time, step)
    ticks_at(host, real_time, step)
    shift(host, real_time, timedelta(0))
    ticks_at(host, real_time, timedelta(0))
    assert host.show(UNIT, "MainPID", "ActiveState") == {"MainPID": pid, "ActiveState": "active"}
    assert real_time.orders("bear_trap") == orders
