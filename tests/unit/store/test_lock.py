"""The lock: one holder per state directory, released by the kernel however the holder ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from magellan_core.errors import AlreadyRunning, JournalUnwritable
from magellan_core.store.lock import hold

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from pathlib import Path
from magellan_core.store.lock import hold
with hold(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def test_a_second_instance_is_refused_with_the_path_and_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    with (
        hold(path),
        pytest.raises(AlreadyRunning, match=f"{path}: process {os.getpid()} runs on this"),
        hold(path),
    ):
        pytest.fail("held twice")


def test_it_can_be_taken_again_after_release_even_by_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="boom"), hold(tmp_path / "lock"):
            raise RuntimeError("boom")


@pytest.mark.parametrize("text", ["", "not a number", "\x00\xff"])
def test_a_holder_that_left_no_number_is_another_process(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    with hold(path):
        path.write_text(text)
        with pytest.raises(AlreadyRunning, match="another process runs on this"), hold(path):
            pytest.fail("held twice")


def test_a_number_left_by_a_dead_holder_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("99999999999999999999\n")
    with hold(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_kill_9_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=f"process {holder.pid} runs"), hold(path):
            pytest.fail("held twice")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with hold(path):
            assert path.read_text() == f"{os.getpid()}\n"


def test_a_lock_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with (
        pytest.raises(JournalUnwritable, match=r"cannot open the lock \(Is a directory\)"),
        hold(tmp_path / "lock"),
    ):
        pytest.fail("held a folder")
