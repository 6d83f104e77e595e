#!/usr/bin/env python3
"""Ship the daemons' log lines from the system journal to CloudWatch Logs.

Runs beside the daemons as magellan-logs.service; they neither know nor need it. Each strategy goes
to its monitoring.cloudwatch_log_group, what Magellan's own units say to --operations-group.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import os
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.aws.logs import CloudWatchLogs
from magellan_core.operations.installed import region_of
from magellan_core.operations.lanes import lanes_of
from magellan_core.operations.options import add_state_dir
from magellan_core.operations.shipping import Shipper, Watchman
from magellan_core.process.beside import Look, Looked, serve
from magellan_core.process.logs import log
from magellan_core.store.shipping import ShippingState


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_state_dir(parser, os.environ)
    parser.add_argument("--file", type=Path, help="a MAGELLAN_LOG_FILE instead of the journal")
    parser.add_argument("--namespace", help="of the journal")
    parser.add_argument("--stream", default=socket.gethostname(), help="default: %(default)s")
    parser.add_argument(
        "--region",
        default=os.environ.get("AWS_REGION"),
        help="default: AWS_REGION, then ssm_parameters.region of the configs",
    )
    parser.add_argument("--operations-group", default="/magellan/operations")
    parser.add_argument("--retention-days", type=int, default=90, help="of groups made here")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--once", action="store_true", help="ship what there is, then end")
    return parser.parse_args(arguments)


def begin(asked: argparse.Namespace) -> Look:
    """Open the lanes and what was shipped of each. Raise MagellanError."""
    region = asked.region or region_of(ROOT)
    logs = CloudWatchLogs(region, retention_days=asked.retention_days)
    state = ShippingState(asked.state_dir / "log_shipper.sqlite3")
    lanes = lanes_of(ROOT, asked.file, asked.namespace, asked.stream, asked.operations_group)
    shipper = Shipper(logs, state, lambda: datetime.now(UTC))
    watchman = Watchman(asked.every)

    def look() -> Looked:
        trips = {lane.name: shipper.step(lane) for lane in lanes}
        nap = watchman.heard(trips, time.monotonic())
        for level, event, text in watchman.sayings():
            log(level, event, text)
        return Looked(watchman.status, nap, watchman.busy, watchman.exit_code)

    return look


def main(arguments: Sequence[str] | None = None) -> int:
    asked = options(arguments)
    return serve("logs", "shipping", partial(begin, asked), once=asked.once)


if __name__ == "__main__":
    sys.exit(main())
