"""How a daemon's lives begin and end: on record in its journal, and told to a person.

A start that follows no stop on record was a crash, a kill or a loss of power.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from magellan_core.engine.engine import Engine
from magellan_core.engine.ledger import Ledger
from magellan_core.engine.words import spell
from magellan_core.errors import MEANING, ExitCode, MagellanError, Unavailable
from magellan_core.lines import Line, line
from magellan_core.ports import Level, PortfolioStore
from magellan_core.store.journal import JournalReader

# So many crashes within so long are no accident any more.
LOOP, WINDOW = 3, timedelta(minutes=15)
# Scripts write alerts into the journal of a daemon that is down: no sign of life.
SIGNS = frozenset(Line) - {Line.ALERT}
DONE = frozenset({ExitCode.OK, ExitCode.HALTED})


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier lives left. `ended` is None for a first life, "stop" or "crash" else.

    `crashes` are the starts on record that followed no stop, `alerts` what was told.
    """

    ended: str | None
    last_seen: datetime | None
    crashes: Sequence[datetime]
    alerts: Sequence[tuple[Level, str, datetime]]


def before(journal: JournalReader, store: PortfolioStore, strategy: str) -> Before:
    """Look back, before this life writes its first line. Raise JournalError."""
    running, ended = False, None
    crashes: list[datetime] = []
    alerts: list[tuple[Level, str, datetime]] = []
    for _, event in journal.since(0, kinds={Line.START, Line.STOP, Line.ALERT}):
        if event.kind == Line.ALERT:
            data = event.data
            alerts.append((Level(str(data["level"])), str(data["key"]), event.at))
            continue
        if event.kind == Line.START and running:
            crashes.append(event.at)
        running = event.kind == Line.START
        ended = "crash" if running else "stop"
    newest = (journal.last(kind) for kind in SIGNS)
    seen = [sign.at for sign in newest if sign is not None]
    with suppress(Unavailable):
        # The figures are told at every tick, also in hours in which nothing is worth a line.
        seen += [row.at for row in store.rows() if row.strategy == strategy and seen]
    return Before(ended, max(seen, default=None), crashes, alerts)


def journaled(ledger: Ledger, now: datetime, level: Level, key: str, message: str) -> None:
    """An alert as a line of the journal: from there it is sent on (docs/aws.md)."""
    ledger.write(line(now, Line.ALERT, None, level=level.value, key=key, message=message))


class Lives:
    """One life of a daemon: what it says when it begins, goes on and ends."""

    def __init__(
        self, strategy: str, engine: Engine, earlier: Before, facts: Mapping[str, object]
    ) -> None:
        self.strategy, self.engine, self.earlier = strategy, engine, earlier
        seen = None if earlier.last_seen is None else earlier.last_seen.isoformat()
        self.facts = {**facts, "follows": earlier.ended or "nothing", "last_seen": seen}

    def begin(self, now: datetime) -> None:
        """Fold the journal; tell of a crash at once, lest this life end like the one before."""
        if self.engine.loaded:
            return
        self.engine.load(now, self.facts)
        if self.earlier.ended != "crash":
            return
        recent = 1 + sum(1 for at in self.earlier.crashes if now - WINDOW < at <= now)
        often = f"; {recent} times within {WINDOW.seconds // 60} minutes" if recent > 1 else ""
        level = Level.CRITICAL if recent >= LOOP else Level.WARNING
        self._tell(
            level,
            "crash",
            "started after no stop on record (crash, kill or power loss): "
            f"{self._away(now)}{often}; {self._open()}",
        )

    def go_on(self, now: datetime) -> None:
        """Recovered, and about to trade."""
        if self.earlier.ended == "crash":
            return
        away = "for the first time" if self.earlier.ended is None else self._away(now)
        version = self.facts.get("version", "")
        key = f"start-{now.isoformat(timespec='seconds')}"
        self._tell(Level.INFO, key, f"started, {away}: version {version}; {self._open()}")

    def stop(self, now: datetime) -> str:
        """Asked to stop. Nothing is sold; what stays open is said."""
        said = f"stopped as asked; {self._open()}"
        self._end(Level.INFO, "stop", said, now, ExitCode.OK)
        return said

    def end_halted(self, now: datetime) -> str:
        """Halted, and nothing is left to look after."""
        halts = self.engine.ledger.book.halts.values()
        why = "; ".join(f"{h.limit} at {h.at:%Y-%m-%d %H:%M} UTC: {h.why}" for h in halts)
        said = (
            f"halted and flat ({why}); resume with scripts/resume_trading.py "
            f"--strategy {self.strategy} --reason ..."
        )
        self._end(Level.INFO, "stop", said, now, ExitCode.HALTED)
        return said

    def give_up(self, fault: MagellanError, now: datetime) -> None:
        """A named fault ends this life; whatever else is wrong, it must not hide the fault."""
        code = fault.exit_code
        level = Level.WARNING if code is ExitCode.UNAVAILABLE else Level.CRITICAL
        said = f"ended with code {code.value} ({MEANING[code]}): {fault}; {self._open()}"
        with suppress(MagellanError):
            self._end(level, f"ended-{code.value}", said, now, code)

    def _end(self, level: Level, key: str, said: str, now: datetime, code: ExitCode) -> None:
        if not self.engine.loaded:
            return
        if code in DONE:
            key = f"{key}-{now.isoformat(timespec='seconds')}"
        self._tell(level, key, said)
        self.engine.stop(now, {"exit": code.value, "why": said})

    def _tell(self, level: Level, key: str, message: str) -> None:
        self.engine.alerts.alert(level, key, message)

    def _away(self, now: datetime) -> str:
        seen = self.earlier.last_seen
        if seen is None or seen > now:
            return "away for nobody knows how long (the clock was set back)"
        return f"away for {spell(now - seen)} since {seen:%Y-%m-%d %H:%M:%S} UTC"

    def _open(self) -> str:
        book = self.engine.ledger.book
        held = [f"{s} {p.qty:f}" for s, p in sorted(book.positions.items()) if p.qty]
        many = "1 position" if len(held) == 1 else f"{len(held)} positions"
        return f"{many} open{': ' if held else ''}{', '.join(held)}"
