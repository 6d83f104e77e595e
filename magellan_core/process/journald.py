"""journald's native protocol: a log line with fields that journalctl filters by.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: one datagram of KEY=value lines; a value with a line
feed has its length before it; what is too big for a datagram travels as a sealed memory file.
"""

import errno
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
# An entry that journald cannot take must not hold an exit up.
PATIENCE = 1.0
# <linux/fcntl.h>, as every Python on Linux has them only from 3.13 on.
_ADD_SEALS, _ALL_SEALS = 1033, 15


def datagram(fields: Mapping[str, str]) -> bytes:
    """The entry as the protocol wants it. Names must be upper case letters, digits and _."""
    parts: list[bytes] = []
    for name, value in fields.items():
        key, told = name.encode("ascii"), value.encode("utf-8", "replace")
        if b"\n" in told:
            parts += [key, b"\n", struct.pack("<Q", len(told)), told, b"\n"]
        else:
            parts += [key, b"=", told, b"\n"]
    return b"".join(parts)


def field_name(key: str) -> str:
    """MAGELLAN_SYMBOL for `symbol`; journald drops names with anything but A-Z, 0-9 and _."""
    clean = "".join(c if c.isascii() and c.isalnum() else "_" for c in key.upper())
    return f"MAGELLAN_{clean}"


class Journald:
    """A connection to the journal. Raises OSError when there is none."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def send(self, fields: Mapping[str, str]) -> None:
        """One entry. Raises OSError when journald does not take it."""
        data = datagram(fields)
        try:
            self._socket.send(data)
        except OSError as fault:
            if fault.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_file(data)

    def close(self) -> None:
        self._socket.close()

    def _send_file(self, data: bytes) -> None:
        descriptor = os.memfd_create("journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(data)
            fcntl.fcntl(descriptor, _ADD_SEALS, _ALL_SEALS)
            socket.send_fds(self._socket, [b""], [descriptor])
        finally:
            os.close(descriptor)


class JournaldHandler(logging.Handler):
    """Sends records as entries; what journald does not take goes to the handler `otherwise`."""

    def __init__(self, journal: Journald, identifier: str, otherwise: logging.Handler) -> None:
        super().__init__()
        self._journal, self._identifier, self._otherwise = journal, identifier, otherwise

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._journal.send(self._entry(record))
        except OSError:
            self._otherwise.handle(record)

    def close(self) -> None:
        self._journal.close()
        super().close()

    def _entry(self, record: logging.LogRecord) -> dict[str, str]:
        formatter = self._otherwise.formatter
        text = record.getMessage() if formatter is None else formatter.format(record)
        # The formatter's severity prefix is for lines through a pipe; here it is a field.
        lines = [line.split(">", 1)[-1] if line[:1] == "<" else line for line in text.split("\n")]
        severity = text[1] if text[:1] == "<" and text[2:3] == ">" else "6"
        entry = {
            "MESSAGE": "\n".join(lines),
            "PRIORITY": severity,
            "SYSLOG_IDENTIFIER": self._identifier,
            "MAGELLAN_EVENT": str(getattr(record, "event", record.name)),
        }
        fields = getattr(record, "fields", {})
        if isinstance(fields, Mapping):
            hide = getattr(formatter, "veil", str)
            entry |= {field_name(k): hide(str(v)) for k, v in fields.items() if v is not None}
        return entry
