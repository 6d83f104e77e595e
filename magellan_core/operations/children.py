"""Start the daemons as their units would, and stop them all, whatever happens."""

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from magellan_core.errors import ConfigMissing

INSTALLED_AT = "/home/ec2-user/magellan/"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit file says of the process it starts."""

    strategy: str
    folder: Path
    arguments: tuple[str, ...]

    @property
    def config(self) -> Path:
        return self.folder / "config.json"


def read_unit(path: Path, strategy: str) -> Unit:
    """The arguments after the interpreter of ExecStart. Raise ConfigMissing without one."""
    try:
        text = path.read_text()
    except OSError as fault:
        raise ConfigMissing(f"{path}: {fault.strerror}: the unit file must be there") from fault
    for row in text.splitlines():
        key, _, value = row.partition("=")
        if key.strip() == "ExecStart":
            words = [w.removeprefix(INSTALLED_AT) for w in shlex.split(value)]
            return Unit(strategy, path.parent, tuple(words[1:]))
    raise ConfigMissing(f"{path}: no ExecStart line: the unit file must say what it starts")


class Children:
    """Processes of ours, each with its output in a file; none outlives the block."""

    def __init__(self, root: Path, environ: Mapping[str, str], patience: float = 10.0) -> None:
        self.root, self.environ, self.patience = root, environ, patience
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()

    def start(
        self, name: str, arguments: Sequence[str], environ: Mapping[str, str], output: Path
    ) -> subprocess.Popen[bytes]:
        """Start one, in a session of its own: the terminal's Ctrl-C reaches us, who stop it."""
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.root,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[name] = child
        return child

    def ended(self) -> dict[str, int]:
        """Exit codes of those that have ended."""
        codes = {name: child.poll() for name, child in self.running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def peak_memory(self) -> dict[str, float]:
        """Largest resident set of each so far, in MB; empty where the system does not tell."""
        told: dict[str, float] = {}
        for name, child in self.running.items():
            status = Path(f"/proc/{child.pid}/status")
            rows = status.read_text().splitlines() if status.exists() else []
            for row in rows:
                if row.startswith("VmHWM:"):
                    told[name] = int(row.split()[1]) / 1024
        return told

    def stop(self, name: str) -> int:
        """SIGTERM, then SIGKILL if it does not go; return its exit code."""
        child = self.running.pop(name)
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(self.patience)
            except subprocess.TimeoutExpired:
                child.kill()
        return child.wait()

    def stop_all(self) -> None:
        for name in reversed(list(self.running)):
            self.stop(name)
