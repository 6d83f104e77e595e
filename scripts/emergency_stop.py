#!/usr/bin/env python3
"""Flatten every account now, and prove it: halt, cancel all, close all, verify, repeat.

Works with the daemons running, hung or dead; it asks the brokers itself, with keys of its own
finding. It goes on until each account is verified flat or the deadline is over.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import getpass
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.aws.credentials import (
    FILE_NAME,
    KEY_NAME,
    SECRET_NAME,
    Keys,
    Parameters,
    fetch,
)
from magellan_core.environment import INSTALLED_CONFIGS
from magellan_core.errors import (
    ConfigMissing,
    CredentialsError,
    ExitCode,
    MagellanError,
    UsageError,
)
from magellan_core.operations.kill_record import Record, halt, into_journal
from magellan_core.operations.kill_switch import KillSwitch, Verdict
from magellan_core.operations.kill_wire import HttpWire
from magellan_core.operations.options import add_state_dir
from magellan_core.risk.notice import EVERYBODY

SHIPPED = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}
EPILOG = """\
keys: --exchange-file (a paper exchange's), --keys FILE (JSON, of yours alone to read:
{"bear_trap": {"APCA_API_KEY_ID": "...", "APCA_API_SECRET_KEY": "..."}, ...}), else where each
strategy's daemon takes them: the environment (with one --strategy), else SSM Parameter Store.

exit codes: 0 every account is verified flat; 72 one is not, or nobody knows: named in the last
lines; 64 wrong arguments. What was done is kept in STATE/emergency/.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One account to flatten; `fault` says why it cannot even be tried."""

    strategy: str
    base_url: str
    keys: Keys | None
    fault: str = ""


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategy", default=EVERYBODY, help="this one only (default: all)")
    parser.add_argument("--reason", default="emergency stop", help="goes on record")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--dry-run", action="store_true", help="look and tell, touch nothing")
    parser.add_argument("--deadline", type=float, default=300.0, metavar="SECONDS")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="keys by strategy")
    parser.add_argument("--exchange-file", type=Path, metavar="FILE", help="a paper exchange's")
    parser.add_argument("--base-url", metavar="URL", help="of the trading API, for all accounts")
    add_state_dir(parser, os.environ)
    return parser.parse_args(arguments)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def names_of(strategy: str) -> list[str]:
    if strategy == EVERYBODY:
        return list(SHIPPED)
    if strategy not in SHIPPED:
        raise UsageError(f"--strategy {strategy}: use one of {', '.join(SHIPPED)}, or {EVERYBODY}")
    return [strategy]


def target(strategy: str, asked: argparse.Namespace, alone: bool) -> Target:
    """Where its account is and how to get in; a fault of one must not stop the others."""
    try:
        if asked.exchange_file is not None:
            told = read_json(asked.exchange_file)
            keys = {a["strategy"]: Keys(a["key"], a["secret"], "file") for a in told["accounts"]}
            url = asked.base_url or f"http://127.0.0.1:{told['port']}"
            return Target(strategy, url, keys[strategy])
        ssm = read_json(config_of(strategy))["ssm_parameters"]
        url = asked.base_url or os.environ.get("APCA_API_BASE_URL") or ssm["base_url"]
        if asked.keys is not None:
            if asked.keys.stat().st_mode & 0o077:
                raise CredentialsError(f"{asked.keys}: others may read it: chmod 600 {asked.keys}")
            row = read_json(asked.keys)[strategy]
            return Target(strategy, url, Keys(row[KEY_NAME], row[SECRET_NAME], "file"))
        mine = {KEY_NAME, SECRET_NAME, FILE_NAME}
        environ = {k: v for k, v in os.environ.items() if alone or k not in mine}
        wanted = Parameters(ssm["api_key_path"], ssm["api_secret_path"], ssm.get("region"))
        return Target(strategy, url, fetch(wanted, environ))
    except (MagellanError, OSError) as fault:
        return Target(strategy, "", None, str(fault))
    except (ValueError, KeyError, TypeError) as fault:
        return Target(strategy, "", None, f"its keys or address cannot be read: {fault!r}")


def config_of(strategy: str) -> Path:
    installed = INSTALLED_CONFIGS / f"{strategy}.json"
    shipped = ROOT / "deployable_strategies" / SHIPPED[strategy] / "aws_deployment/config.json"
    named = os.environ.get("MAGELLAN_CONFIG")
    if named and strategy in Path(named).read_text(encoding="utf-8"):
        return Path(named)
    return installed if installed.exists() else shipped


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigMissing(f"{path}: cannot be read ({fault.strerror})") from fault


def confirmed(names: list[str]) -> bool:
    say(f"This halts {', '.join(names)}, cancels every order and sells every share of them.")
    sys.stdout.write('Type "flatten" to go on: ')
    sys.stdout.flush()
    return sys.stdin.readline().strip() == "flatten"


def flatten(name: str, asked: argparse.Namespace, alone: bool, record: Record) -> Verdict:
    """One account, to its verdict."""
    to = target(name, asked, alone)
    if to.keys is None:
        return Verdict(False, [f"unknown: {to.fault}"], 0.0)
    switch = KillSwitch(
        wire=HttpWire(to.base_url, to.keys.key, to.keys.secret),
        now=time.monotonic,
        sleep=time.sleep,
        tell=record.of(to.strategy),
        patience=asked.deadline,
    )
    try:
        return switch.dry_run() if asked.dry_run else switch.run()
    except CredentialsError as fault:
        return Verdict(False, [f"unknown: {fault}"], 0.0)


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    try:
        names = names_of(asked.strategy)
    except UsageError as fault:
        sys.stderr.write(f"emergency_stop: {fault}\n")
        return fault.exit_code
    if not (asked.dry_run or asked.yes or confirmed(names)):
        say("nothing was done")
        return ExitCode.NOT_FLAT
    state = asked.state_dir
    began = datetime.now(UTC)
    record = Record(
        state / "emergency" / f"{began:%Y%m%dT%H%M%S}.jsonl", lambda: datetime.now(UTC), say
    )
    by = f"{getpass.getuser()} ({Path(__file__).name})"
    if not asked.dry_run:
        halt(state, asked.strategy, asked.reason, by, began, record)
    alone = len(names) == 1
    with ThreadPoolExecutor(len(names)) as pool:
        verdicts = list(pool.map(lambda name: flatten(name, asked, alone, record), names))
    for name, verdict in zip(names, verdicts, strict=True):
        facts = {"flat": verdict.flat, "seconds": round(verdict.seconds, 1)}
        record.tell(name, "verdict", {**facts, "open": list(verdict.open)})
        if not asked.dry_run:
            outcome = "flat, verified" if verdict.flat else f"NOT FLAT: {'; '.join(verdict.open)}"
            told = f"emergency stop ({asked.reason}) by {by}: {outcome}"
            into_journal(state, name, told, datetime.now(UTC), record)
    say("")
    for name, verdict in zip(names, verdicts, strict=True):
        say(f"{name}: {'flat, verified' if verdict.flat else 'NOT FLAT'}")
        for each in verdict.open:
            say(f"  {each}")
    return ExitCode.OK if all(v.flat for v in verdicts) else ExitCode.NOT_FLAT


if __name__ == "__main__":
    sys.exit(main())
