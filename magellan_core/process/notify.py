"""Tell systemd how we are: the sd_notify protocol, one datagram a message.

https://www.freedesktop.org/software/systemd/man/252/sd_notify.html
Without systemd every call does nothing; a socket that is gone is not our emergency.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

# PID 1 answers within milliseconds; waiting longer would cost an exit more than a lost message.
PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Notifier:
    """Messages to the service manager. Every method tells whether the message was handed over.

    `address` is a path, or "@name" in the abstract namespace; None: nobody listens.
    `watchdog` is how long systemd waits between two `alive` messages; None: it does not watch.
    """

    address: str | None = None
    watchdog: timedelta | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str], pid: int | None = None) -> Self:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; `pid` None: this process."""
        address = environ.get("NOTIFY_SOCKET", "")
        usec = environ.get("WATCHDOG_USEC", "")
        # A child inherits the variables, but only the process named in them is watched.
        named = environ.get("WATCHDOG_PID", "")
        watched = not named or named == str(os.getpid() if pid is None else pid)
        known = address.startswith(("/", "@")) and len(address) > 1
        watchdog = None
        if watched and usec.isdecimal() and int(usec) > 0:
            watchdog = timedelta(microseconds=int(usec))
        return cls(address if known else None, watchdog)

    def ready(self, status: str = "") -> bool:
        """Starting, or reloading, is done."""
        return self._send("READY=1", *_status(status))

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(*_status(status))

    def alive(self, status: str = "") -> bool:
        """Feed the watchdog."""
        return self._send("WATCHDOG=1", *_status(status))

    def reloading(self) -> bool:
        """Re-reading the configuration; `ready` ends it."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> bool:
        """Shutting down."""
        return self._send("STOPPING=1", *_status(status))

    def extend_timeout(self, by: timedelta) -> bool:
        """Ask for that much more time from now on for starting or stopping."""
        return self._send(f"EXTEND_TIMEOUT_USEC={by // timedelta(microseconds=1)}")

    def _send(self, *assignments: str) -> bool:
        if self.address is None:
            return False
        # A leading @ stands for the NUL byte of the abstract namespace.
        target = "\0" + self.address[1:] if self.address[0] == "@" else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(PATIENCE)
                channel.connect(target)
                channel.sendall("\n".join(assignments).encode(errors="replace"))
        except OSError:
            return False
        return True


def _status(text: str) -> tuple[str, ...]:
    """A line feed in a status (a broker's message, say) would be read as another assignment."""
    line = " ".join(text.split())
    return (f"STATUS={line}",) if line else ()
