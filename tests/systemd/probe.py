"""What a service in the units' sandbox can do, by attempts, as JSON. Runs inside the host."""

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
PERSONALITY_QUERY, ADDR_NO_RANDOMIZE = 0xFFFFFFFF, 0x0040000


def attempt(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as fault:
        return type(fault).__name__ if fault.errno is None else os.strerror(fault.errno)
    return "done"


def call(name: str, *arguments: object) -> Callable[[], None]:
    def act() -> None:
        if getattr(LIBC, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    return act


def set_user_id_bit() -> None:
    path = Path(os.environ["STATE_DIRECTORY"], "bit")
    path.touch()
    path.chmod(0o4700)


def main() -> None:
    state = Path(os.environ["STATE_DIRECTORY"])
    status = dict(
        row.split(":\t", 1)
        for row in Path("/proc/self/status").read_text().splitlines()
        if "\t" in row
    )
    code = Path(sys.argv[1])
    told = {
        "write /etc": attempt(lambda: Path("/etc/x").touch()),
        "write /usr": attempt(lambda: Path("/usr/x").touch()),
        "write /var": attempt(lambda: Path("/var/x").touch()),
        "write the code": attempt(lambda: (code / "magellan_core" / "x").touch()),
        "write the state": attempt(lambda: (state / "x").touch()),
        "homes": sorted(p.name for p in Path("/home").iterdir()),
        "home": sorted(p.name for p in code.parent.iterdir()),
        "/root": sorted(p.name for p in Path("/root").iterdir()),
        "temporary files": sorted(p.name for p in Path(tempfile.gettempdir()).iterdir()),
        "devices": sorted(p.name for p in Path("/dev").iterdir()),
        "processes of others": sorted(
            p.name
            for p in Path("/proc").iterdir()
            if p.name.isdecimal() and p.name != str(os.getpid())
        ),
        "/proc/meminfo": Path("/proc/meminfo").exists(),
        "capabilities": {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}
        == {"0" * 16},
        "new privileges": status["NoNewPrivs"],
        "set clock": attempt(call("clock_settime", 0, (ctypes.c_long * 2)(0, 0))),
        "set host name": attempt(call("sethostname", b"x", 1)),
        "kernel log": attempt(call("klogctl", 3, ctypes.create_string_buffer(16), 16)),
        "new namespace": attempt(call("unshare", CLONE_NEWUSER)),
        "personality": attempt(call("personality", ctypes.c_ulong(ADDR_NO_RANDOMIZE))),
        "real-time": attempt(lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))),
        "set-user-id bit": attempt(set_user_id_bit),
        "writable code pages": attempt(lambda: mmap.mmap(-1, 4096, prot=7)),
        "packet socket": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "netlink socket": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        "internet socket": attempt(
            lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
        ),
        "mount": attempt(call("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
        "raise priority": attempt(lambda: os.nice(-5)),
        "kernel settings": attempt(lambda: Path("/proc/sys/kernel/printk").write_text("1")),
        "control groups": attempt(lambda: Path("/sys/fs/cgroup/x").mkdir()),
        "core size": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "umask": os.umask(0o77),
        "kill a stranger": attempt(lambda: os.kill(1, signal.SIGTERM)),
    }
    (state / "probe.json").write_text(json.dumps(told))


main()
