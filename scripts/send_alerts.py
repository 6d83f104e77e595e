#!/usr/bin/env python3
"""Send the strategies' alerts to people: SNS topics, and what Apprise knows.

Runs beside the daemons as magellan-alerts.service; they neither know nor need it. Alerts are lines
of the strategies' journals; each is sent to its strategy's monitoring.alert_topic_arn, and to the
addresses in the file that MAGELLAN_APPRISE_CONFIG names.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.operations.alert_desks import desks_of
from magellan_core.operations.alerting import Sender
from magellan_core.operations.options import add_state_dir
from magellan_core.operations.unsent import write_unsent
from magellan_core.process.beside import Look, Looked, serve
from magellan_core.process.logs import log
from magellan_core.store.outbox import Outbox


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_state_dir(parser, os.environ)
    parser.add_argument("--config", type=Path, action="append", help="default: the installed ones")
    parser.add_argument("--every", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--once", action="store_true", help="one look, then end")
    return parser.parse_args(arguments)


def begin(asked: argparse.Namespace) -> Look:
    """Open the outbox and the channels. Raise MagellanError."""
    named = os.environ.get("MAGELLAN_APPRISE_CONFIG")
    desks = desks_of(ROOT, asked.state_dir, asked.config, Path(named) if named else None)
    for desk in desks:
        if not desk.channels:
            log(logging.WARNING, "no_channel", f"{desk.strategy}: alerts stay in the journal")
    outbox = Outbox(asked.state_dir / "alerts.sqlite3")
    sender = Sender(outbox, desks)

    def look() -> Looked:
        late = sender.step(datetime.now(UTC))
        write_unsent(asked.state_dir, late)
        counts = outbox.counts()
        status = f"{counts.get('sent', 0)} alerts sent, {counts.get('waiting', 0)} wait"
        if late:
            status = f"{len(late)} CRITICAL ALERTS NOT SENT: {late[0].error}"
        return Looked(status, asked.every)

    return look


def main(arguments: Sequence[str] | None = None) -> int:
    asked = options(arguments)
    return serve("alerts", "sending", partial(begin, asked), once=asked.once)


if __name__ == "__main__":
    sys.exit(main())
