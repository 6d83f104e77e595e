"""What the log shipper remembers: per lane a cursor, whether a batch is on its way, and counts.

LAW: a cursor is written only after CloudWatch has acknowledged everything up to it.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from magellan_core.store.sqlite import Schema, named_faults, open_writer, transaction

# "MGLS" in ASCII.
SHIPPING = Schema(
    noun="log shipper's state",
    application_id=0x4D474C53,
    migrations=(
        (
            "CREATE TABLE lanes (name TEXT PRIMARY KEY, cursor TEXT, doubtful INTEGER NOT NULL,"
            " shipped INTEGER NOT NULL, repeated INTEGER NOT NULL, lost INTEGER NOT NULL)"
            " WITHOUT ROWID",
        ),
    ),
)
GET = "SELECT cursor, doubtful, shipped, repeated, lost FROM lanes WHERE name = ?"
PUT = "INSERT OR REPLACE INTO lanes VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one lane. `doubtful`: a batch after the cursor was sent and its fate is not known.

    Counts since the beginning: events shipped; found there already, hence not sent again; lost,
    i.e. refused by CloudWatch for good.
    """

    cursor: str | None = None
    doubtful: bool = False
    shipped: int = 0
    repeated: int = 0
    lost: int = 0


class ShippingState:
    """On disk when a call returns. Raises JournalError or JournalUnwritable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection = open_writer(path, SHIPPING, patience=5.0)

    def get(self, lane: str) -> Progress:
        with named_faults(self._path, SHIPPING.noun):
            row = self._db.execute(GET, (lane,)).fetchone()
        return Progress() if row is None else Progress(row[0], bool(row[1]), *row[2:])

    def put(self, lane: str, to: Progress) -> None:
        row = (lane, to.cursor, int(to.doubtful), to.shipped, to.repeated, to.lost)
        with named_faults(self._path, SHIPPING.noun), transaction(self._db):
            self._db.execute(PUT, row)

    def close(self) -> None:
        self._db.close()
