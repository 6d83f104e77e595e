"""Conduct a demonstration: exchange, daemons and dashboard, from first session to last."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from rich.console import Console

from magellan_core.errors import ClockError, ExitCode, MagellanError, Unavailable
from magellan_core.market_hours import Session, label, new_york, sessions_between
from magellan_core.operations.children import Children, Unit, read_unit
from magellan_core.operations.open_stations import open_stations
from magellan_core.operations.stations import Station
from magellan_core.operations.summary import AccountSummary, show, summarise, write_json
from magellan_core.operations.watch import Watch
from magellan_core.paper.clock import ExchangeClock
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST
from magellan_core.ports import Woken

UNITS = {
    "bear_trap": ("bear_trap", "magellan-bear-trap.service"),
    "daily_trend": ("daily_trend_hysteresis", "magellan-daily-trend.service"),
    "hourly_swing": ("hourly_swing", "magellan-hourly-swing.service"),
}
EXPECTED_ENDS = {int(ExitCode.OK), int(ExitCode.HALTED)}
# Seconds between two pictures of scaled time, and stepped time between two of a stepped one.
REFRESH = 2.0
BETWEEN_PICTURES = timedelta(minutes=10)
BEFORE_OPEN = timedelta(minutes=10)
AFTER_CLOSE = timedelta(minutes=30)
START_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Market:
    """Which bars to trade. `data` None: the synthetic market of `seed`."""

    data: Path | None
    first: date | None
    last: date | None
    seed: int | None

    def arguments(self) -> list[str]:
        words = ["--synthetic"] if self.data is None else ["--data", str(self.data)]
        for flag, value in (("--from", self.first), ("--to", self.last), ("--seed", self.seed)):
            words += [] if value is None else [flag, str(value)]
        return words


@dataclass(frozen=True, slots=True)
class Opened:
    """The exchange's ready file: where it listens, the days it plays, whose accounts it has."""

    base_url: str
    first: date
    last: date
    keys: dict[str, tuple[str, str]]


class ChildFailed(MagellanError):
    """A process of the demonstration ended with an error of its own."""

    def __init__(self, exit_code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.code = exit_code


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """The wall's seconds, for patience with processes only: no decision depends on them."""

    now: Callable[[], float]
    pause: Callable[[float], None]


class Demo:
    """One run. Everything it starts has ended when `run` returns or raises."""

    def __init__(
        self,
        root: Path,
        out: Path,
        market: Market,
        speed: float | None,
        port: int,
        console: Console,
        environ: Mapping[str, str],
        watch: Stopwatch,
    ) -> None:
        self.root, self.out, self.market = root, out, market
        self.speed, self.port, self.console = speed, port, console
        self.environ, self.watch = environ, watch
        self.units = {
            name: read_unit(root / "deployable_strategies" / folder / "aws_deployment" / unit, name)
            for name, (folder, unit) in UNITS.items()
        }

    def run(self) -> int:
        """Trade all sessions; return the exit code. Raise MagellanError if anything fails."""
        began = self.watch.now()
        with Children(self.root, self.environ) as children:
            opened = self._open_exchange(children)
            for unit in self.units.values():
                self._start_daemon(children, unit, opened)
            configs = {name: unit.config for name, unit in self.units.items()}
            stations = open_stations(configs, opened.base_url, opened.keys, self.out / "state")
            with self._conduct(children, opened) as clock:
                self._watch(clock, opened, stations)
                memory = children.peak_memory()
                for name in self.units:
                    if name in children.running:
                        children.stop(name)
                summaries = [summarise(station) for station in stations]
        write_json(self.out / "summary.json", summaries)
        show(self.console, summaries)
        self._tell_figures(self.watch.now() - began, memory)
        return self._verdict(summaries)

    def _tell_figures(self, seconds: float, memory: Mapping[str, float]) -> None:
        """What the run cost; not part of the summary, which is the same in every run."""
        figures = {"wall_seconds": round(seconds, 1), "peak_memory_mb": dict(memory)}
        (self.out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
        said = ", ".join(f"{name} {mb:.0f}" for name, mb in memory.items())
        self.console.print(f"\n{seconds:.1f} s; peak memory in MB: {said or 'not known here'}")
        self.console.print(f"journals, logs and summary.json are in {self.out}", soft_wrap=True)

    def _verdict(self, summaries: list[AccountSummary]) -> int:
        idle = [s.strategy for s in summaries if not s.fills]
        apart = [s.strategy for s in summaries if not s.reconciled]
        for name in idle:
            self.console.print(f"{name}: no order was filled", style="red")
        for name in apart:
            self.console.print(f"{name}: journal and exchange disagree", style="red")
        return ExitCode.NOT_RECONCILED if idle or apart else ExitCode.OK

    # -- starting ----------------------------------------------------------------------------

    def _open_exchange(self, children: Children) -> Opened:
        ready = self.out / "exchange.json"
        log = self.out / "logs" / "exchange.log"
        pace = ["--step"]
        if self.speed is not None:
            # Nobody wants to watch a night in real time before the first bar.
            days = sessions_between(self.market.first or DEMO_FIRST, self.market.last or DEMO_LAST)
            start = [(day.open - BEFORE_OPEN).isoformat() for day in days[:1]]
            pace = ["--speed", str(self.speed), *(("--start", *start) if start else ())]
        children.start(
            "exchange",
            [
                "scripts/paper_exchange.py",
                *self.market.arguments(),
                *pace,
                *("--roster", ",".join(["conductor", *self.units])),
                *("--configs", *(str(u.config) for u in self.units.values())),
                *("--port", str(self.port)),
                *("--ready-file", str(ready)),
                "--quiet",
            ],
            {},
            log,
        )
        deadline = self.watch.now() + START_PATIENCE
        while not ready.exists():
            code = children.ended().get("exchange")
            if code is not None:
                raise failed(code, _last_line(log))
            if self.watch.now() > deadline:
                raise Unavailable(f"the paper exchange did not start: see {log}")
            self.watch.pause(0.02)
        told = json.loads(ready.read_text())
        return Opened(
            f"http://127.0.0.1:{told['port']}",
            self.market.first or DEMO_FIRST,
            self.market.last or DEMO_LAST,
            {a["strategy"]: (a["key"], a["secret"]) for a in told["accounts"]},
        )

    def _start_daemon(self, children: Children, unit: Unit, opened: Opened) -> None:
        key, secret = opened.keys[unit.strategy]
        environ = {
            "APCA_API_BASE_URL": opened.base_url,
            "APCA_API_KEY_ID": key,
            "APCA_API_SECRET_KEY": secret,
            "MAGELLAN_CLOCK": "exchange",
            "MAGELLAN_CONFIG": str(unit.config),
            "MAGELLAN_STATE_DIR": str(self.out / "state"),
        }
        children.start(unit.strategy, unit.arguments, environ, self._log(unit.strategy))

    def _log(self, strategy: str) -> Path:
        return self.out / "logs" / f"{strategy}.log"

    # -- conducting --------------------------------------------------------------------------

    @contextmanager
    def _conduct(self, children: Children, opened: Opened) -> Iterator[ExchangeClock]:
        """The first seat of the roster; a daemon that ends by surprise ends the wait."""
        clock = ExchangeClock(opened.base_url, "conductor")
        over = Event()

        def guard() -> None:
            while not over.wait(0.1):
                if any(code not in EXPECTED_ENDS for code in children.ended().values()):
                    clock.inbox.put(Woken.STOP)
                    return

        thread = Thread(target=guard, name="guard", daemon=True)
        thread.start()
        try:
            yield clock
        except (ClockError, Unavailable):
            self._blame(children)
            raise
        finally:
            over.set()
            thread.join()

    def _watch(self, clock: ExchangeClock, opened: Opened, stations: list[Station]) -> None:
        """Let time go by to half an hour after the last close, looking in now and then."""
        sessions = sessions_between(opened.first, opened.last)
        with Watch(self.console, stations) as watch:
            now = clock.now()
            pace = None if self.speed is None else timedelta(seconds=REFRESH * self.speed)
            for until in stops(sessions, often=watch.live, pace=pace):
                if until <= now:
                    continue
                if clock.wait(until, wake_on_update=False) is Woken.STOP:
                    raise Unavailable("a process of the demonstration ended by surprise")
                now = clock.now()
                watch.look(now, f"{new_york(now):%a %Y-%m-%d} {label(now)}")

    def _blame(self, children: Children) -> None:
        """A process that died is the better explanation. Raises ChildFailed for the first one."""
        for name, code in children.ended().items():
            if code in EXPECTED_ENDS and name != "exchange":
                continue
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            log = self._log(name)
            raise failed(code, f"{name} {how}: {_last_line(log)} (its log: {log})")


def stops(sessions: list[Session], *, often: bool, pace: timedelta | None = None) -> list[datetime]:
    """When to look: after each close, and through the session for a live picture.

    `pace` is how much time goes by between two pictures of scaled time, nights included.
    """
    instants = [session.close + AFTER_CLOSE for session in sessions]
    if often and pace is not None:
        start = sessions[0].open - BEFORE_OPEN
        pictures = int((instants[-1] - start) / pace)
        instants += [start + pace * n for n in range(1, pictures + 1)]
    elif often:
        for session in sessions:
            pictures = int((session.close - session.open) / BETWEEN_PICTURES)
            instants += [session.open + BETWEEN_PICTURES * n for n in range(pictures)]
    return sorted(instants)


def failed(code: int, text: str) -> MagellanError:
    """A child's named error, told again with its exit code."""
    try:
        exit_code = ExitCode(code)
    except ValueError:
        exit_code = ExitCode.CRASH
    return ChildFailed(exit_code, text)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else f"ended without a word: see {log}"
