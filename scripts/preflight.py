#!/usr/bin/env python3
"""Check everything that must be true before the daemons are started: green and red lines.

Reads configurations, keys, accounts, market data, calendar, clock, disk, units and halts; changes
nothing. The settings in /etc/magellan/magellan-*.env hold here as they do for the units.

exit codes: 0 all may start, 79 something is red, 64 wrong arguments.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console

from magellan_core.arguments import Parser
from magellan_core.config import Config
from magellan_core.connections import Connections
from magellan_core.environment import Environment
from magellan_core.errors import ConfigMissing, ExitCode, MagellanError
from magellan_core.operations.demo import UNITS
from magellan_core.operations.open_stations import chosen
from magellan_core.operations.options import add_state_dir
from magellan_core.operations.preflight.findings import Colour, Finding, as_json, red
from magellan_core.operations.preflight.strategy import StrategyCheck, judge_service
from magellan_core.operations.services import ServiceEye

NEEDED_BYTES, WANTED_BYTES = 200 * 2**20, 2 * 2**30
STYLE = {Colour.GREEN: "green", Colour.YELLOW: "yellow", Colour.RED: "red"}


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--strategy", action="append", help="only this one; may be repeated (default: all three)"
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument(
        "--name-red",
        action="store_true",
        help="the lines to standard error, the names of strategies with red lines to output",
    )
    parser.add_argument(
        "--allow-halts",
        action="store_true",
        help="a halt on record holds nothing up (for deploy.sh)",
    )
    parser.add_argument("--no-units", action="store_true", help="do not look at systemd's units")
    add_state_dir(parser, os.environ)
    parser.add_argument(
        "--env-dir", type=Path, default=Path("/etc/magellan"), help="folder of magellan-*.env"
    )
    return parser.parse_args(arguments)


def environment_of(unit: str, folder: Path) -> dict[str, str]:
    """Our environment with the unit's EnvironmentFile over it. Raise ConfigMissing."""
    environ = dict(os.environ)
    path = folder / f"{unit.removesuffix('.service')}.env"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return environ
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise ConfigMissing(f"{path}: cannot be read ({why}): correct it") from fault
    for row in text.splitlines():
        name, _, value = row.strip().partition("=")
        if value and not name.startswith("#"):
            environ[name] = value.strip("\"'")
    return environ


def disk(state: Path) -> Finding:
    """Room for the journals: a full disk stops entries."""
    there = next(path for path in (state, *state.resolve().parents) if path.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 2**30:.1f} GB free at {there}"
    if free < NEEDED_BYTES:
        return Finding("host", "disk", Colour.RED, f"{said}: free some, entries would stop")
    return Finding("host", "disk", Colour.YELLOW if free < WANTED_BYTES else Colour.GREEN, said)


def checks(asked: argparse.Namespace) -> Iterator[Finding]:
    """Every finding, in the order of the checklist. Raise UsageError for an unknown strategy."""
    wanted = asked.strategy or [None]
    names = [name for only in wanted for name in chosen(UNITS, only)]
    state = asked.state_dir
    yield disk(state)
    eye = ServiceEye(names)
    if not asked.no_units:
        eye.look(now())
    for name in names:
        folder, unit = UNITS[name]
        beside = ROOT / "deployable_strategies" / folder / "aws_deployment" / "config.json"
        halts = Colour.YELLOW if asked.allow_halts else Colour.RED
        try:
            environ = environment_of(unit, asked.env_dir)
            check = StrategyCheck(name, beside, environ, state, now, connect, halts)
        except MagellanError as fault:
            yield Finding(name, "environment", Colour.RED, str(fault))
        else:
            yield from check.run()
        if not asked.no_units:
            yield judge_service(name, eye.services.get(name), eye.why)


def connect(
    config: Config, path: Path, environment: Environment, environ: Mapping[str, str]
) -> tuple[Connections, str]:
    """As a daemon does it. Raises CredentialsError or Unavailable."""
    connections = Connections(config, path, environment, environ)
    return connections, connections.ring.keys.source


def now() -> datetime:
    return datetime.now(UTC)


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    console = Console(highlight=False, soft_wrap=True, stderr=asked.name_red)
    found: list[Finding] = []
    try:
        for finding in checks(asked):
            found.append(finding)
            if not asked.json:
                console.print(finding.line(), style=STYLE[finding.colour], markup=False)
    except MagellanError as fault:
        sys.stderr.write(f"preflight: {fault}\n")
        return fault.exit_code
    if asked.json:
        sys.stdout.write(json.dumps(as_json(found), indent=2) + "\n")
    else:
        bad = len(red(found))
        if asked.name_red:
            names = dict.fromkeys(f.strategy for f in red(found))
            sys.stdout.write(" ".join(names) + "\n")
        console.print(f"{bad} of {len(found)} checks failed" if bad else "all may start")
    return ExitCode.PREFLIGHT if red(found) else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
