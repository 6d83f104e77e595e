"""What a service beside the daemons owes its host: signals, readiness, a status, and the last word.

It looks, tells systemd that it lives, naps, and looks again until it is told to stop.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable
from threading import Event
from typing import NamedTuple

from magellan_core.errors import ExitCode, MagellanError
from magellan_core.process.logs import log, setup
from magellan_core.process.notify import Notifier


class Looked(NamedTuple):
    """After one look: the status line, seconds to nap, and what an end now is to be called.

    `busy`: there is more to do at once.
    """

    status: str
    nap: float
    busy: bool = False
    code: ExitCode = ExitCode.OK


Look = Callable[[], Looked]


def serve(name: str, ready: str, begin: Callable[[], Look], *, once: bool) -> int:
    """Begin, then look until SIGTERM or SIGINT, which end a nap and never a look.

    `once` ends when there is no more to do at once. What MagellanError says is the last line
    logged, and its exit code is returned.
    """
    setup("INFO", name, environ=os.environ, stream=sys.stdout)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    notifier = Notifier.from_env(os.environ)
    try:
        look = begin()
        notifier.ready(ready)
        while True:
            looked = look()
            notifier.alive(looked.status)
            if stop.is_set() or (once and not looked.busy):
                return looked.code
            stop.wait(looked.nap)
    except MagellanError as fault:
        log(logging.CRITICAL, "failed", str(fault), exit=int(fault.exit_code))
        return fault.exit_code
