"""Runs of a sweep on Dask: processes of this machine, or a cluster; what is done stays done.

Every finished run is one line of the results file, on disk before the next is asked for, so a
sweep that was stopped goes on where it was. A worker that dies has its run given to another.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from distributed import Client, KilledWorker, LocalCluster, as_completed

from magellan_core.backtest.grid import Task
from magellan_core.backtest.trial import Trial, attempt
from magellan_core.errors import DataError, Unavailable, UsageError

Progress = Callable[[int, int], None]
CONNECT_SECONDS = 10
WORKERS_SECONDS = 60
RETRIES = 3


def results(path: Path) -> dict[str, Trial]:
    """The finished runs of a results file by key; none if there is no file.

    A last line that a crash cut short is dropped. Raise DataError for any other damage.
    """
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found: dict[str, Trial] = {}
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not line.endswith("\n"):
            break
        try:
            trial = Trial.from_json(line)
        except (ValueError, KeyError, TypeError) as fault:
            raise DataError(
                f"{path}:{number}: is no result of a sweep: delete the file to start anew"
            ) from fault
        found[trial.key] = trial
    return found


@contextmanager
def client_of(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of the scheduler at that address, or of as many processes here.

    Raise Unavailable if the scheduler or its workers do not come.
    """
    if scheduler is None:
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            ) as cluster,
            Client(cluster, timeout=WORKERS_SECONDS) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as fault:
        raise Unavailable(
            f"--scheduler {scheduler}: does not answer: start one with `dask scheduler`"
        ) from fault
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError as fault:
            raise Unavailable(
                f"--scheduler {scheduler}: has no worker: start `dask worker {scheduler}` in a "
                "checkout of this version"
            ) from fault
        yield client


def sweep(client: Client, tasks: Sequence[Task], path: Path, tell: Progress) -> list[Trial]:
    """The trials of all tasks, in their order; those already in the file are not run again.

    Raise UsageError for a worker that runs other code, Unavailable for a run that killed every
    worker it was given to, and whatever error a run raises.
    """
    done = results(path)
    _drop_torn_line(path)
    # Two combinations may come to one and the same run.
    waiting = {task.key: task for task in tasks if task.key not in done}
    total = len({task.key for task in tasks})
    tell(total - len(waiting), total)
    keys = list(waiting)
    futures = client.map(attempt, list(waiting.values()), key=keys, retries=RETRIES, pure=False)
    with path.open("a", encoding="utf-8") as out:
        for future in as_completed(futures):
            try:
                line, source = future.result()
            except KilledWorker as fault:
                point = dict(waiting[future.key].point)
                raise Unavailable(
                    f"{point}: every worker that ran it died; more memory, or fewer workers"
                ) from fault
            if source != waiting[future.key].source:
                raise UsageError("a worker runs other code than this: update its checkout")
            out.write(line + "\n")
            out.flush()
            os.fsync(out.fileno())
            done[future.key] = Trial.from_json(line)
            future.release()
            tell(total - len(waiting) + sum(key in done for key in keys), total)
    return [done[task.key] for task in tasks]


def _drop_torn_line(path: Path) -> None:
    """What a crash left of a line would spoil the next one."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
