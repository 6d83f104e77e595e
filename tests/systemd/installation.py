"""Magellan as an instance has it: user, folder, interpreter, units, and a paper exchange."""

import compileall
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import requests

from tests.systemd.host import Host, until

ROOT = Path(__file__).resolve().parents[2]
USER, UID = "ec2-user", 1201
HOME = "/home/ec2-user"
PROJECT = f"{HOME}/magellan"
RELEASES = f"{PROJECT}-releases"
# Where the interpreter is mounted: one below /root, say, is out of a service user's sight.
PYTHON = "/opt/magellan-python"
PARTS = ("magellan_core", "deployable_strategies", "scripts", "deploy")
FILES = ("pyproject.toml", "requirements.txt")
UNITS = {
    "bear_trap": "magellan-bear-trap",
    "daily_trend": "magellan-daily-trend",
    "hourly_swing": "magellan-hourly-swing",
}
FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}
SESSION = "2025-11-25"


def copy_project(target: Path) -> None:
    """The product as a release holds it, compiled."""
    target.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, target)
    compileall.compile_dir(target, quiet=1)


def make_venv(target: Path) -> None:
    """A virtual environment's skeleton; its site-packages are mounted, see `binds`."""
    (target / "bin").mkdir(parents=True)
    (target / "bin" / "python").symlink_to(f"{PYTHON}/bin/python3.12")
    (target / "pyvenv.cfg").write_text(f"home = {PYTHON}/bin\nversion = 3.12\n")
    (target / "lib" / "python3.12" / "site-packages").mkdir(parents=True)


def binds(venv: str = f"{PROJECT}/.venv") -> list[str]:
    packages = sysconfig.get_path("purelib")
    return [f"{sys.base_prefix}:{PYTHON}", f"{packages}:{venv}/lib/python3.12/site-packages"]


def add_account(layer: Path, user: str, uid: int, home: str) -> None:
    """The user, in copies of the machine's own account files."""
    etc = layer / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    rows = {
        "passwd": f"{user}:x:{uid}:{uid}::{home}:/bin/bash\n",
        "group": f"{user}:x:{uid}:\n",
    }
    for name, row in rows.items():
        known = etc / name
        text = (known if known.exists() else Path("/etc") / name).read_text()
        known.write_text(text + row)


def make_layer(layer: Path) -> Path:
    """Everything but units and settings: what the guide's steps before them leave behind."""
    add_account(layer, USER, UID, HOME)
    copy_project(layer / PROJECT[1:])
    make_venv(layer / PROJECT[1:] / ".venv")
    for name in Path(sys.base_prefix, "lib").glob("libpython3.12.so*"):
        # The loader looks here without a cache.
        (layer / "usr" / "lib").mkdir(parents=True, exist_ok=True)
        (layer / "usr" / "lib" / name.name).symlink_to(f"{PYTHON}/lib/{name.name}")
    (layer / "usr" / "local" / "bin").mkdir(parents=True)
    (layer / "usr" / "local" / "bin" / "python3.12").symlink_to(f"{PYTHON}/bin/python3.12")
    home = layer / HOME[1:]
    subprocess.run(["chown", "-R", f"{UID}:{UID}", str(home)], check=True)
    home.chmod(0o700)
    return layer


@dataclass(frozen=True)
class Exchange:
    """A paper exchange outside the host, on the loopback that both share."""

    url: str
    keys: Mapping[str, tuple[str, str]]
    numbers: Mapping[str, str]

    def post(self, path: str, body: Mapping[str, object]) -> None:
        requests.post(self.url + path, json=body, timeout=10).raise_for_status()

    def clear_faults(self) -> None:
        requests.delete(f"{self.url}/sim/faults", timeout=10).raise_for_status()

    def get(self, path: str, strategy: str) -> Any:
        key, secret = self.keys[strategy]
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        answer = requests.get(self.url + path, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def orders(self, strategy: str) -> list[dict[str, Any]]:
        """Every order with its legs, oldest first."""
        path = "/v2/orders?status=all&nested=true&direction=asc&limit=500"
        rows: list[dict[str, Any]] = self.get(path, strategy)
        return rows

    def now(self) -> datetime:
        told = requests.get(f"{self.url}/sim/state", timeout=10).json()
        return datetime.fromisoformat(told["now"])

    def environment(self, strategy: str, **more: str) -> str:
        """An EnvironmentFile that sends a daemon here."""
        key, secret = self.keys[strategy]
        told = {
            "APCA_API_BASE_URL": self.url,
            "APCA_API_KEY_ID": key,
            "APCA_API_SECRET_KEY": secret,
            "MAGELLAN_CLOCK": "exchange",
            **more,
        }
        return "".join(f"{name}={value}\n" for name, value in told.items() if value)


@contextmanager
def open_exchange(folder: Path, *pace: str, roster: str | None = None) -> Iterator[Exchange]:
    """One made-up session; `pace` is --step, or --speed N with --start."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "exchange.json"
    members = ["--roster", roster] if roster else []
    with (folder / "exchange.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "scripts/paper_exchange.py", "--synthetic", "--quiet"),
                *("--from", SESSION, "--to", "2025-11-26", "--port", "0"),
                *("--ready-file", str(ready), *pace, *members),
            ],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={k: v for k, v in os.environ.items() if not k.startswith(("APCA", "MAGELLAN"))},
        )
    try:
        until(ready.exists, 60, lambda: (folder / "exchange.log").read_text())
        told = json.loads(ready.read_text())
        accounts = told["accounts"]
        yield Exchange(
            f"http://127.0.0.1:{told['port']}",
            {a["strategy"]: (a["key"], a["secret"]) for a in accounts},
            {a["strategy"]: a["number"] for a in accounts},
        )
    finally:
        process.terminate()
        process.wait(20)


def install(host: Host) -> None:
    """As the guide says."""
    host.run(
        "sh",
        "-c",
        f"cp {PROJECT}/deployable_strategies/*/aws_deployment/*.service {PROJECT}/deploy/*.service"
        " /etc/systemd/system/ && systemctl daemon-reload",
    )


def shipped(strategy: str) -> dict[str, Any]:
    path = ROOT / "deployable_strategies" / FOLDERS[strategy] / "aws_deployment" / "config.json"
    raw: dict[str, Any] = json.loads(path.read_text())
    return raw


def as_release(layer: Path, target: Path, name: str = "v1") -> Path:
    """A copy of the layer with the project as a release behind a link, as deploy.sh leaves it."""
    subprocess.run(["cp", "-a", str(layer), str(target)], check=True)
    home = target / HOME[1:]
    releases = home / "magellan-releases"
    (releases / "venvs").mkdir(parents=True)
    shutil.move(home / "magellan", releases / name)
    venv = releases / "venvs" / lock_id()
    shutil.move(releases / name / ".venv", venv)
    (venv / ".complete").touch()
    (releases / name / ".venv").symlink_to(f"{RELEASES}/venvs/{lock_id()}")
    (home / "magellan").symlink_to(f"{RELEASES}/{name}")
    subprocess.run(
        ["chown", "-hR", f"{UID}:{UID}", str(releases), str(home / "magellan")], check=True
    )
    return target


def lock_id() -> str:
    """Which virtual environment deploy.sh looks for: one for each lock and interpreter."""
    version = f"Python {sys.version.split()[0]}\n".encode()
    return sha256(version + (ROOT / "requirements.txt").read_bytes()).hexdigest()[:12]


def release_binds() -> list[str]:
    return binds(f"{RELEASES}/venvs/{lock_id()}")


def drop_in(host: Host, unit: str, section: str = "Service", **settings: str) -> None:
    """Settings over a unit's, as `systemctl edit` makes them; "" clears a list first."""
    rows = "".join(f"{name}={value}\n" for name, value in settings.items())
    host.write(
        f"/etc/systemd/system/{unit}.service.d/{section.lower()}.conf", f"[{section}]\n{rows}"
    )
    host.run("systemctl", "daemon-reload")
