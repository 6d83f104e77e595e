"""Halt and resume by hand: put up a notice, and see whether each strategy has read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from magellan_core.config_model import MODELS
from magellan_core.errors import JournalError, JournalUnwritable, Unavailable, UsageError
from magellan_core.lines import Line
from magellan_core.risk.notice import EVERYBODY, Action, Notice, Numbered
from magellan_core.store.journal import read_only
from magellan_core.store.lock import is_held
from magellan_core.store.notices import FOLDER, NoticeBoard

POLL_SECONDS = 0.2
KEPT = (".sqlite3", ".lock")
STRATEGIES = tuple(MODELS)
OF_THE_DAY = ("daily_loss", "portfolio")


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks, and the clock and voice of the script that asks for them."""

    name: str
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    say: Callable[[str], None]


def chosen(strategy: str) -> list[str]:
    """The strategies meant. Raise UsageError for an unknown one."""
    if strategy == EVERYBODY:
        return list(STRATEGIES)
    if strategy not in STRATEGIES:
        raise UsageError(
            f"--strategy {strategy}: unknown: use one of {', '.join(STRATEGIES)}, or {EVERYBODY}"
        )
    return [strategy]


def halt(state: Path, strategy: str, reason: str, operator: Operator, patience: float) -> None:
    """Put a manual halt on record and tell what becomes of it.

    Raise UsageError where no daemon ever ran; Unavailable if it cannot be put up, or if one that
    runs has not read it within `patience` seconds (0: do not wait): it is on record all the same.
    """
    names = chosen(strategy)
    _check_state(state, names)
    notice = Notice(Action.HALT, strategy, "manual", reason, operator.name, operator.now())
    put_up = NoticeBoard(state / FOLDER).post(notice)
    operator.say(f"halt {put_up.number} of {strategy} is on record: {reason}")
    _tell(state, names, put_up, Line.HALT, operator, patience)


def resume(state: Path, strategy: str, reason: str, operator: Operator, patience: float) -> None:
    """Lift every halt of the strategies meant. Raise UsageError, Unavailable, as `halt`."""
    names = chosen(strategy)
    _check_state(state, names)
    halts = {name: standing(state, name) for name in names}
    for name, limits in halts.items():
        for limit, why in limits.items():
            operator.say(f"{name}: halted by {limit}: {why}")
    if not any(halts.values()):
        operator.say(f"no halt of {strategy} is on record in {state}: nothing to resume")
        return
    told = {limit for limits in halts.values() for limit in limits}
    if "portfolio" in told and strategy != EVERYBODY:
        raise UsageError(
            f"--strategy {strategy}: the portfolio's limit halts all strategies, and is lifted "
            f"for all together: use --strategy {EVERYBODY}"
        )
    notice = Notice(Action.RESUME, strategy, "", reason, operator.name, operator.now())
    put_up = NoticeBoard(state / FOLDER).post(notice)
    operator.say(f"resume {put_up.number} of {strategy} is on record: {reason}")
    if told & set(OF_THE_DAY):
        operator.say("a day's loss counts until the session's close: before it, it halts again")
    _tell(state, names, put_up, Line.RESUME, operator, patience)


def _check_state(state: Path, names: Sequence[str]) -> None:
    """A notice in a folder that no daemon reads would be a halt in words only."""
    try:
        is_kept = any((state / f"{name}{kept}").exists() for name in names for kept in KEPT)
    except OSError as fault:
        raise UsageError(
            f"{state}: cannot be looked into ({fault.strerror}): run this as its owner (sudo -u)"
        ) from fault
    if not is_kept:
        raise UsageError(
            f"{state}: no daemon of {', '.join(names)} ever kept its state here: give --state-dir "
            "as the unit has it (systemctl show -p Environment), or use scripts/emergency_stop.py"
        )


def standing(state: Path, strategy: str) -> dict[str, str]:
    """Halts that stand, limit to reason: of the journal, then of notices it has not read yet."""
    halts: dict[str, str] = {}
    seen = 0
    journal = state / f"{strategy}.sqlite3"
    if journal.exists():
        with read_only(journal) as reader:
            for _, event in reader.since(0, kinds=(Line.HALT.value, Line.RESUME.value)):
                seen = max(seen, int(str(event.data.get("notice") or 0)))
                if event.kind == Line.RESUME.value:
                    halts.clear()
                else:
                    halts.setdefault(str(event.data["limit"]), str(event.data["why"]))
    for numbered in NoticeBoard(state / FOLDER).after(seen):
        notice = numbered.notice
        if not notice.addresses(strategy):
            continue
        if notice.action is Action.RESUME:
            halts.clear()
        else:
            halts.setdefault(notice.limit, notice.why)
    return halts


def _tell(
    state: Path,
    names: Sequence[str],
    put_up: Numbered,
    kind: Line,
    operator: Operator,
    patience: float,
) -> None:
    """Wait a while for the daemons that run to journal the notice."""
    running = [n for n in names if is_held(state / f"{n}.lock")]
    waiting = list(running)
    waited = 0.0
    while waiting:
        waiting = [n for n in waiting if not _has_read(state / f"{n}.sqlite3", kind, put_up)]
        if not waiting or waited >= patience:
            break
        operator.pause(POLL_SECONDS)
        waited += POLL_SECONDS
    for name in names:
        if name not in running:
            begins = "it reads the notice when it starts"
            start = f"sudo systemctl start magellan-{name.replace('_', '-')}"
            remedy = f": {start}" if kind is Line.RESUME else ""
            operator.say(f"{name}: not running; {begins}{remedy}")
        elif name not in waiting:
            operator.say(f"{name}: has read it and written it into its journal")
        elif not patience:
            operator.say(f"{name}: runs, and reads it at its next tick")
    if waiting and patience:
        raise Unavailable(
            f"{', '.join(waiting)}: on record, but not read within {patience:.0f} s by a daemon "
            "that runs: look whether it hangs; scripts/emergency_stop.py closes all without it"
        )


def _has_read(journal: Path, kind: Line, put_up: Numbered) -> bool:
    try:
        with read_only(journal) as reader:
            latest = reader.last(kind.value)
    except (JournalError, JournalUnwritable):
        return False
    return latest is not None and int(str(latest.data.get("notice") or 0)) >= put_up.number
