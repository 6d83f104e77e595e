"""Single keys from a terminal, without Enter, and the terminal as it was afterwards."""

import os
import select
import termios
import tty
from types import TracebackType
from typing import Any, Self, TextIO

# An arrow or a function key begins so, and its letters are no keys of ours.
ESCAPE = b"\x1b"


class Keyboard:
    """Reads keys while the block lasts. Without a terminal, only the time passes."""

    def __init__(self, stream: TextIO) -> None:
        self._descriptor = stream.fileno() if stream.isatty() else None
        self._before: list[Any] | None = None
        self._typed: list[str] = []

    def __enter__(self) -> Self:
        if self._descriptor is not None:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None and self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float) -> str:
        """The key that was pressed within that time; empty: none was."""
        if self._typed:
            return self._typed.pop(0)
        watched = [] if self._descriptor is None else [self._descriptor]
        ready, _, _ = select.select(watched, [], [], max(seconds, 0.0))
        if not ready or self._descriptor is None:
            return ""
        pressed = os.read(self._descriptor, 16)
        if not pressed:
            # Nobody can press a key any more: do not spin on the end of the stream.
            self._descriptor = None
        elif not pressed.startswith(ESCAPE):
            self._typed += pressed.decode("ascii", "ignore").lower()
        return self._typed.pop(0) if self._typed else ""
