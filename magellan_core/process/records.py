"""Log records as sources tell them: the system journal, or a file of JSON lines without systemd.

A source is read from a cursor on; what has been read stays where it is, so that whoever ships it
may stop, or be killed, at any moment and read it again.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Protocol

from magellan_core.errors import Unavailable

# journald's names, which the file of JSON lines uses too.
TIME, PRIORITY, IDENTIFIER, MESSAGE = (
    "__REALTIME_TIMESTAMP",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "MESSAGE",
)
_READ_SECONDS = 30.0
_MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """One log line; `cursor` names its place in the source. `priority` is syslog's, 0 to 7."""

    cursor: str
    at: datetime
    identifier: str
    priority: int
    message: str


class Source(Protocol):
    def read(self, cursor: str | None, limit: int) -> Sequence[Record]:
        """Up to `limit` records after the cursor, oldest first; None: from the beginning.

        Raise Unavailable if the source cannot be read now.
        """
        ...


@dataclass(frozen=True, slots=True)
class JournalSource:
    """The system journal's records of some syslog identifiers, by way of journalctl.

    `options` go to journalctl as well (--namespace=..., --directory=...). What is older than
    `oldest` is not read: CloudWatch refuses it.
    """

    identifiers: tuple[str, ...]
    options: tuple[str, ...] = ()
    oldest: str = "-13d"

    def read(self, cursor: str | None, limit: int) -> Sequence[Record]:
        command = ["journalctl", "--output=json", "--all", "--quiet", "--no-pager", *self.options]
        command += [f"--output-fields={PRIORITY},{IDENTIFIER},{MESSAGE}"]
        command += [f"--identifier={name}" for name in self.identifiers]
        command += [f"--since={self.oldest}" if cursor is None else f"--after-cursor={cursor}"]
        try:
            with subprocess.Popen(  # noqa: S603 - the system's tool, arguments of ours
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ) as child:
                return self._take(child, limit)
        except OSError as fault:
            raise Unavailable(
                f"journalctl cannot be run ({fault.strerror}): ship a file of JSON lines, --file"
            ) from fault

    def _take(self, child: subprocess.Popen[bytes], limit: int) -> list[Record]:
        """Its first lines; it is ended once they are in, or when it hangs."""
        guard = Timer(_READ_SECONDS, child.kill)
        guard.start()
        found: list[Record] = []
        said: list[str] = []
        try:
            for row in child.stdout or ():
                if not row.startswith(b"{"):
                    said.append(row.decode(errors="replace").strip())
                    continue
                told = json.loads(row)
                found.append(_record(str(told["__CURSOR"]), told))
                if len(found) == limit:
                    child.kill()
                    return found
        finally:
            guard.cancel()
        if child.wait() != 0 and not found:
            raise Unavailable(
                f"journalctl failed (exit {child.returncode}: {' '.join(said)}): see that this "
                "user is in the group systemd-journal"
            )
        return found


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of JSON lines as process/logs.py writes them, without systemd.

    A cursor is "inode:offset". A file that was replaced or cut is read from its beginning. Empty
    `identifiers`: all lines.
    """

    path: Path
    identifiers: tuple[str, ...] = ()

    def read(self, cursor: str | None, limit: int) -> Sequence[Record]:
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                inode, _, offset = (cursor or "0:0").partition(":")
                known = int(inode) == status.st_ino and int(offset) <= status.st_size
                file.seek(int(offset) if known else 0)
                return list(self._rows(file.readline, file.tell(), status.st_ino, limit))
        except FileNotFoundError:
            return []
        except OSError as fault:
            raise Unavailable(f"{self.path}: cannot be read: {fault.strerror}") from fault

    def _rows(self, readline: "ReadLine", at: int, inode: int, limit: int) -> Iterator[Record]:
        while limit:
            row = readline()
            if not row.endswith(b"\n"):
                return  # being written right now: the next read has it whole
            at += len(row)
            record = _record(f"{inode}:{at}", _told(row))
            if not self.identifiers or record.identifier in self.identifiers:
                limit -= 1
                yield record


class ReadLine(Protocol):
    def __call__(self) -> bytes: ...


def _told(row: bytes) -> Mapping[str, object]:
    """A line of the file; one that is no JSON is a message like any other."""
    try:
        told = json.loads(row)
    except ValueError:
        told = None
    if isinstance(told, dict):
        return told
    return {MESSAGE: row.decode(errors="replace").rstrip("\n")}


def _record(cursor: str, told: Mapping[str, object]) -> Record:
    priority = str(told.get(PRIORITY, "6"))
    stamp = str(told.get(TIME, "0"))
    return Record(
        cursor,
        EPOCH + int(stamp) * _MICROSECOND if stamp.isdecimal() else EPOCH,
        str(told.get(IDENTIFIER, "")),
        int(priority) if priority.isdecimal() else 6,
        _text(told.get(MESSAGE)),
    )


def _text(value: object) -> str:
    """journalctl writes what is no UTF-8 as a list of bytes."""
    if isinstance(value, list):
        return bytes(int(byte) for byte in value).decode(errors="replace")
    return "" if value is None else str(value)
