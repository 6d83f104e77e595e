#!/usr/bin/env python3
"""Download bars from Alpaca with your keys: raw prices and a table of splits.

The folder is what scripts/backtest.py --data and the paper exchange read. Started again after it
was cut short, it goes on where it stopped. Keys: APCA_API_KEY_ID and APCA_API_SECRET_KEY;
APCA_API_DATA_URL names another host.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.alpaca.history import History
from magellan_core.alpaca.transport import actions_rest, data_rest
from magellan_core.arguments import Parser, day
from magellan_core.backtest.fetch import Order, fetch
from magellan_core.environment import hosts_without_config
from magellan_core.errors import CredentialsError, ExitCode, MagellanError
from magellan_core.model import Timeframe

FRAMES = {"minute": Timeframe.MINUTE, "hour": Timeframe.HOUR, "day": Timeframe.DAY}
# Plans without real-time data refuse the newest quarter of an hour.
DELAY = timedelta(minutes=16)


class Pace:
    """At most so many requests a minute, evenly; and a minute's rest when the broker asks."""

    def __init__(self, per_minute: float) -> None:
        self._between = 60 / per_minute
        self._next = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._between

    @staticmethod
    def rest() -> None:
        time.sleep(60)


def history(environ: Mapping[str, str], feed: str, pace: Pace) -> History:
    """The data API with the caller's keys. Raise CredentialsError, ConfigError."""
    key, secret = environ.get("APCA_API_KEY_ID"), environ.get("APCA_API_SECRET_KEY")
    if not key or not secret:
        raise CredentialsError(
            "no keys: set APCA_API_KEY_ID and APCA_API_SECRET_KEY to a paper account's"
        )
    url = hosts_without_config(environ).data
    return History(data_rest(key, secret, url), actions_rest(key, secret, url), feed, pace)


def download(
    environ: Mapping[str, str],
    folder: Path,
    symbols: tuple[str, ...],
    timeframe: Timeframe,
    first: date,
    last: date,
    *,
    feed: str = "sip",
    per_minute: float = 180,
    now: datetime | None = None,
) -> int:
    """Bring a folder up to date; return how many files were written."""
    pace = Pace(per_minute)
    until = (now or datetime.now(UTC)) - DELAY
    order = Order(folder, symbols, timeframe, first, last, until)

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    return len(fetch(order, history(environ, feed, pace), pace.rest, say))


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--symbols", required=True, metavar="A,B")
    add("--timeframe", required=True, choices=sorted(FRAMES))
    add("--from", dest="first", required=True, type=day, metavar="DATE")
    add("--to", dest="last", required=True, type=day, metavar="DATE")
    add("--out", type=Path, default=ROOT / "var" / "marketdata", metavar="DIR", help="%(default)s")
    add("--feed", choices=("sip", "iex"), default="sip", help="iex has one venue's trades only")
    add("--per-minute", type=float, default=180.0, metavar="N", help="requests (%(default)s)")
    asked = parser.parse_args(arguments)
    symbols = tuple(dict.fromkeys(s.strip() for s in asked.symbols.split(",") if s.strip()))
    if not symbols or asked.per_minute <= 0 or asked.first > asked.last:
        parser.error("name symbols, a rate above 0, and --from not after --to")
    try:
        written = download(
            os.environ,
            asked.out,
            symbols,
            FRAMES[asked.timeframe],
            asked.first,
            asked.last,
            feed=asked.feed,
            per_minute=asked.per_minute,
        )
    except MagellanError as fault:
        sys.stderr.write(f"fetch_market_data: {fault}\n")
        return fault.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run it again to go on\n")
        return 130
    sys.stdout.write(f"{written} files written to {asked.out}\n")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
