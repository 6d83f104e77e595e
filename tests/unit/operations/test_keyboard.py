"""Keys from a real pseudo-terminal, which is left as it was."""

import os
import pty
import termios
import time
from pathlib import Path

from magellan_core.operations.keyboard import Keyboard


def test_a_key_is_read_without_enter_and_the_terminal_is_put_back() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as stream:
        before = termios.tcgetattr(stream)
        with Keyboard(stream) as keyboard:
            assert keyboard.wait(0) == ""
            os.write(ours, b"Pq")
            assert keyboard.wait(5) == "p"
            assert keyboard.wait(0) == "q"
            # The upward arrow.
            os.write(ours, b"\x1b[A")
            assert keyboard.wait(5) == ""
        assert termios.tcgetattr(stream) == before
    os.close(ours)


def test_without_a_terminal_only_time_passes() -> None:
    with Path(os.devnull).open() as stream, Keyboard(stream) as keyboard:
        began = time.monotonic()
        assert keyboard.wait(0.05) == ""
        assert time.monotonic() - began >= 0.05
