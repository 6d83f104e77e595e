"""A real systemd as a throw-away host: PID 1 of its own namespaces on an overlay of this machine.

Nothing is installed or written on the machine itself: all of the host is gone when its PID 1 dies.
It shares the machine's loopback, so that daemons inside reach a paper exchange outside.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

BOOT = Path(__file__).with_name("boot_host.sh")
TOOLS = ("unshare", "nsenter", "setpriv", "pivot_root", "systemctl", "dbus-daemon")
# Beyond its namespaces the host must not reach: clock, modules, network settings, kernel log.
DROPPED = (
    "-sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-net_admin,"
    "-audit_control,-audit_read,-mac_admin,-mac_override"
)
UNSHARE = ("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork")
ENTER = (
    *("-m", "-u", "-i", "-p", "-C", "--", "setpriv", f"--bounding-set={DROPPED}"),
    *("sh", "-c", 'cd /; exec "$@"', "sh"),
)
BOOT_SECONDS = 60.0


def obstacle() -> str | None:
    """Why no host can be booted here; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd not installed"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlayfs"
    if _cgroup2() is None:
        return "no cgroup2 mount"
    trial = [*UNSHARE, "--cgroup", "true"]
    if subprocess.run(trial, capture_output=True, check=False).returncode != 0:
        return "namespaces may not be made here"
    return None


def _cgroup2() -> Path | None:
    for row in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = row.split()
        if kind == "cgroup2":
            return Path(where)
    return None


def until(true: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    """Look again and again until it is true. Raise AssertionError, telling `what`, after that."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what()}")
        time.sleep(0.05)


@dataclass
class Host:
    """One boot. `layer` is laid over the root; `binds` are SOURCE:DESTINATION, read-only."""

    folder: Path
    layer: Path
    binds: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0
    booted_in: float = 0.0

    def __enter__(self) -> Self:
        began = time.monotonic()
        (self.folder / "root").mkdir(parents=True)
        (self.folder / "console").touch()
        mount = _cgroup2()
        assert mount is not None
        self._cgroup = mount / f"magellan-{os.getpid()}-{self.folder.name}"
        self._cgroup.mkdir()
        self._log = (self.folder / "boot.log").open("wb")
        self._shell = subprocess.Popen(
            [
                *UNSHARE,
                str(BOOT),
                str(self.folder),
                str(self._cgroup),
                str(self.layer),
                *self.binds,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MAGELLAN_HOST_DROP": DROPPED},
            start_new_session=True,
        )
        try:
            until(self._is_up, BOOT_SECONDS, self._told)
        except BaseException:
            self.down()
            raise
        self.booted_in = time.monotonic() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def down(self) -> None:
        """Kill PID 1: the kernel kills the rest of its namespace and drops its mounts."""
        if self.pid:
            subprocess.run(["kill", "-KILL", str(self.pid)], check=False, capture_output=True)
        else:
            self._shell.kill()
        self._shell.wait(30)
        self._log.close()
        until(self._swept, 20, lambda: f"processes are left in {self._cgroup}")

    def run(
        self,
        *words: str,
        check: bool = True,
        user: str | None = None,
        stdin: str | None = None,
        seconds: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root or `user`; check: it must end with 0."""
        who = ["runuser", "-u", user, "--"] if user else []
        done = subprocess.run(
            ["nsenter", "-t", str(self.pid), *ENTER, *who, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
                "SYSTEMD_PAGER": "cat",
                "SYSTEMD_COLORS": "0",
                **self.environ,
            },
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        return done

    def path(self, inside: str) -> Path:
        """A file of the host, seen from outside."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside: str, text: str) -> None:
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit, in one snapshot."""
        told = self.run("systemctl", "show", unit, *(f"-p{name}" for name in names)).stdout
        return dict(row.split("=", 1) for row in told.splitlines())

    def journal(self, *matches: str, output: str = "cat") -> str:
        return self.run("journalctl", "--no-pager", "-o", output, *matches).stdout

    def _is_up(self) -> bool:
        if self._shell.poll() is not None:
            raise AssertionError(f"the host did not boot: {self._told()}")
        if not self.pid:
            children = Path(f"/proc/{self._shell.pid}/task/{self._shell.pid}/children").read_text()
            self.pid = int(children.split()[0]) if children.strip() else 0
            return False
        try:
            command = Path(f"/proc/{self.pid}/comm").read_text().strip()
        except OSError:
            return False
        if command != "systemd":
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _told(self) -> str:
        return (self.folder / "boot.log").read_text() + (self.folder / "console").read_text()

    def _swept(self) -> bool:
        if not self._cgroup.exists():
            return True
        folders = sorted((p for p in self._cgroup.rglob("*") if p.is_dir()), reverse=True)
        try:
            for folder in [*folders, self._cgroup]:
                folder.rmdir()
        except OSError:
            return False
        return True
