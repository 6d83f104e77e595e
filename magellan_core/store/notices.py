"""The notice board: one small file per notice, in a folder beside the shared store.

LAW: standard library only, and no database: a halt must get through when nothing else works. A
file appears complete or not at all, under the next free number, and is never changed.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from magellan_core.errors import Unavailable
from magellan_core.risk.notice import Action, Notice, Numbered
from magellan_core.store.ownership import leave_to_owner

FOLDER = "notices"
_SUFFIX = ".json"
_DIGITS = 8


class NoticeBoard:
    """Notices of all strategies that share a state directory. Raises Unavailable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def post(self, notice: Notice) -> Numbered:
        """Put it up; on disk when this returns."""
        text = json.dumps(
            {
                "action": notice.action.value,
                "strategy": notice.strategy,
                "limit": notice.limit,
                "why": notice.why,
                "by": notice.by,
                "at": notice.at.isoformat(),
            }
        )
        try:
            _make(self.folder)
            return Numbered(self._publish(text), notice)
        except OSError as fault:
            raise Unavailable(
                f"{self.folder}: cannot put up a notice ({fault.strerror}): check the disk and "
                "the folder's owner"
            ) from fault

    def after(self, number: int) -> Sequence[Numbered]:
        """Notices numbered above `number`, lowest first. One that cannot be read raises."""
        try:
            new = sorted(n for n in self._numbers() if n > number)
            return [Numbered(n, self._read(n)) for n in new]
        except OSError as fault:
            message = f"{self.folder}: notices cannot be read ({fault.strerror}): check its owner"
            raise Unavailable(message) from fault

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [int(p.stem) for p in self.folder.iterdir() if p.stem.isdecimal()]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:0{_DIGITS}}{_SUFFIX}"

    def _publish(self, text: str) -> int:
        descriptor, draft = tempfile.mkstemp(dir=self.folder, prefix=".draft-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            number = self._claim(draft)
        finally:
            Path(draft).unlink()
        _sync(self.folder)
        return number

    def _claim(self, draft: str) -> int:
        """Give the file the next number. A link to a name that exists fails: nobody overwrites."""
        while True:
            number = max(self._numbers(), default=0) + 1
            with contextlib.suppress(FileExistsError):
                os.link(draft, self._path(number))
                return number

    def _read(self, number: int) -> Notice:
        path = self._path(number)
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return Notice(
                action=Action(told["action"]),
                strategy=str(told["strategy"]),
                limit=str(told["limit"]),
                why=str(told["why"]),
                by=str(told["by"]),
                at=datetime.fromisoformat(told["at"]),
            )
        except (ValueError, KeyError, TypeError) as fault:
            raise Unavailable(
                f"{path}: the notice is unreadable ({fault!r}): read it, move it away, and put "
                "it up again with scripts/halt_trading.py"
            ) from fault


def _make(folder: Path) -> None:
    """Create the folder. Made by root, it belongs to whoever owns the one above it."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    leave_to_owner(folder)


def _sync(folder: Path) -> None:
    """The name must survive a loss of power too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
