"""One instance per state directory: an flock that the kernel drops with its process.

The file stays behind on purpose: removing it would let two processes lock two files of one name.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from magellan_core.errors import AlreadyRunning, JournalUnwritable
from magellan_core.store.ownership import leave_to_owner


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock for the length of the block.

    Raise AlreadyRunning, with the holder's process id if known, when another process (or another
    `hold` in this one) has it; JournalUnwritable when the file cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        # Not truncated by opening: the file names the holder.
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if is_new:
            leave_to_owner(path)
    except OSError as error:
        raise JournalUnwritable(
            f"{path}: cannot open the lock ({error.strerror}): check the folder and its owner"
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"{path}: {_holder(file)} runs on this state directory: stop it first"
            ) from error
        # The number is a courtesy: a full disk must not keep an exit from being managed.
        with suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock now. A file that cannot be opened counts as not held."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _holder(file: int) -> str:
    text = os.pread(file, 32, 0).decode(errors="replace").strip()
    return f"process {text}" if text.isdecimal() else "another process"
