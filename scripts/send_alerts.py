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
import signal
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.errors import MagellanError
from magellan_core.operations.alert_desks import desks_of
from magellan_core.operations.alerting import Sender
from magellan_core.operations.unsent import write_unsent
from magellan_core.process.logs import log, setup
from magellan_core.process.notify import Notifier
from magellan_core.store.outbox import Outbox


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    state = os.environ.get("STATE_DIRECTORY") or os.environ.get("MAGELLAN_STATE_DIR") or "var/state"
    parser.add_argument("--state", type=Path, default=Path(state), help="default: %(default)s")
    parser.add_argument("--config", type=Path, action="append", help="default: the installed ones")
    parser.add_argument("--every", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--once", action="store_true", help="one look, then end")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    asked = options(arguments)
    setup("INFO", "alerts", environ=os.environ, stream=sys.stdout)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    notifier = Notifier.from_env(os.environ)
    named = os.environ.get("MAGELLAN_APPRISE_CONFIG")
    try:
        desks = desks_of(ROOT, asked.state, asked.config, Path(named) if named else None)
        for desk in desks:
            if not desk.channels:
                log(logging.WARNING, "no_channel", f"{desk.strategy}: alerts stay in the journal")
        outbox = Outbox(asked.state / "alerts.sqlite3")
        sender = Sender(outbox, desks)
        notifier.ready("sending")
        while True:
            late = sender.step(datetime.now(UTC))
            write_unsent(asked.state, late)
            counts = outbox.counts()
            status = f"{counts.get('sent', 0)} alerts sent, {counts.get('waiting', 0)} wait"
            if late:
                status = f"{len(late)} CRITICAL ALERTS NOT SENT: {late[0].error}"
            notifier.alive(status)
            if asked.once or stop.is_set():
                return 0
            stop.wait(asked.every)
    except MagellanError as fault:
        log(logging.CRITICAL, "failed", str(fault), exit=int(fault.exit_code))
        return fault.exit_code


if __name__ == "__main__":
    sys.exit(main())
