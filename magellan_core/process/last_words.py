"""What a daemon leaves behind when it dies: why, where it stood, and no image of its memory."""

import faulthandler
import sys

from magellan_core.process.logs import say_crash
from magellan_core.process.secrecy import forbid_core_dumps


def prepare() -> None:
    """From now on every death tells its cause.

    An unexpected exception becomes one critical line; a fatal signal, the watchdog's SIGABRT among
    them, leaves the main thread's traceback on stderr; none leaves a core file.
    """
    sys.excepthook = say_crash
    # Of the main thread alone: the others run on while theirs are read, and reading them may crash
    # before the one that hangs is told (PYTHONFAULTHANDLER=1 would ask for all).
    faulthandler.enable(all_threads=False)
    forbid_core_dumps()
