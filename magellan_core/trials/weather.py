"""Bad weather, drawn from a seed: what goes wrong at which call, and how often.

LAW: every draw comes from one Random of the seed and the daemon's name, so that a seed is a day.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from magellan_core.model import Bar, BrokerOrder
from magellan_core.trials.faults import Answer, Call, Fault, Kill, Place, Tally

UNKNOWN_WORD = "replaced_pending_review"
# Fields that hold one of a list of words, which may grow.
WORDS = frozenset(
    {"status", "type", "order_type", "side", "order_class", "time_in_force", "position_intent"}
)
HALF = 0.5
FILLS_MORE = 10
LISTED_WITHIN = timedelta(seconds=8)
ANSWERS = (
    Answer.LOST,
    Answer.GATEWAY,
    Answer.RESET,
    Answer.REFUSED,
    Answer.SLOW_DOWN,
    Answer.HTML,
    Answer.HANG,
    Answer.LATE,
)
# Seeds that are older than these three stay the days that they were.
MORE_ANSWERS = (*ANSWERS, Answer.DRIP, Answer.CUT, Answer.TORN)
KILLS = (Kill.BEFORE, Kill.DURING, Kill.AFTER, Kill.NEXT_WRITE, Kill.PAST_WRITE)
BURST = (Answer.SLOW_DOWN, Answer.RESET, Answer.HTML, Answer.LOST)


@dataclass(frozen=True, slots=True)
class Climate:
    """Chances: of a spoiled read, a spoiled order, a death at either, a full disk, a bad answer."""

    read: float
    order: float
    kill: float
    disk: float
    tamper: float
    burst: float

    @classmethod
    def drawn(cls, rng: Random) -> "Climate":
        """From a breeze to a storm: each kind is sometimes absent, sometimes frequent."""
        return cls(
            read=rng.choice((0.0, 0.002, 0.01, 0.04)),
            order=rng.choice((0.0, 0.1, 0.3, 0.6)),
            kill=rng.choice((0.0, 0.0005, 0.002, 0.006)),
            disk=rng.choice((0.0, 0.0, 0.002, 0.01)),
            tamper=rng.choice((0.0, 0.005, 0.03)),
            burst=rng.choice((0.0, 0.0005, 0.003)),
        )


@dataclass(slots=True)
class Weather(Tally):
    """A Tally whose faults are drawn. `calm` ends all of it, so that the day can settle.

    `full`: all kinds of faults are drawn, those too that the first seeds were played without.
    """

    rng: Random = field(default_factory=Random)
    climate: Climate = field(default_factory=lambda: Climate(0, 0, 0, 0, 0, 0))
    calm: bool = False
    full: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    burst: Answer = Answer.HONEST
    burst_calls: int = 0
    lag_until: datetime | None = None
    lagging: dict[str, Any] = field(default_factory=dict)

    def calm_down(self) -> None:
        """From here on nothing goes wrong, not even what was drawn before: deaths, full disks."""
        self.calm, self.doomed, self.full_for = True, None, 0

    def call_fault(self, call: Call) -> Fault | None:
        if self.calm:
            return None
        fault = self._drawn(call)
        if fault is not None:
            self.fired += 1
            self._count(fault)
        return fault

    def _drawn(self, call: Call) -> Fault | None:
        rng, climate = self.rng, self.climate
        kill = None
        if rng.random() < climate.kill * (40 if call.writes else 1):
            kill = rng.choice(KILLS)
        answer = Answer.HONEST
        if self.burst_calls > 0:
            self.burst_calls -= 1
            answer = self.burst
        elif rng.random() < climate.burst:
            self.burst, self.burst_calls = rng.choice(BURST), rng.randint(2, 60)
        elif rng.random() < (climate.order if call.writes else climate.read):
            answer = rng.choice(MORE_ANSWERS if self.full else ANSWERS)
        if kill is None and answer is Answer.HONEST:
            return None
        return Fault(Place.CALL, call.number, answer, kill)

    def append_fault(self) -> Fault | None:
        if self.calm:
            return None
        kill, full = None, 0
        if self.rng.random() < self.climate.kill:
            kill = self.rng.choice((Kill.BEFORE, Kill.AFTER))
        elif self.full_for == 0 and self.rng.random() < self.climate.disk:
            full = self.rng.randint(1, 40)
            self.disk_was_full = True
        if kill is None and not full:
            return None
        fault = Fault(Place.APPEND, self.appends, kill=kill, disk_full=full)
        self.fired += 1
        self._count(fault)
        return fault

    def _count(self, fault: Fault) -> None:
        if fault.kill is not None:
            self.counts["kill"] += 1
        if fault.disk_full:
            self.counts["disk full"] += 1
        if fault.answer is not Answer.HONEST:
            self.counts[fault.answer.value] += 1

    # -- answers that arrive, but wrong ----------------------------------------------------------

    def tamper(self, method: str, told: Any) -> Any:
        """What the call tells after the weather has been at it."""
        if self.calm:
            return told
        if method == "positions":
            return self._late_positions(told)
        # Fills are asked for seldom: their chance is greater, or none would ever be listed late.
        chance = self.climate.tamper * (FILLS_MORE if self.full and method == "fills" else 1)
        if self.rng.random() >= chance:
            return told
        if method == "bars":
            return self._poor_bars(told)
        if method in ("open_orders", "order", "find"):
            if self.full and self.rng.random() < HALF:
                return self._listed_late(told)
            return self._strange_words(told)
        if method == "fills" and self.full and told:
            self.counts["fill listed late"] += 1
            late = self.rng.randrange(len(told))
            return [fill for number, fill in enumerate(told) if number != late]
        return told

    def _listed_late(self, told: Any) -> Any:
        """What was submitted some seconds ago is not found yet."""
        orders = told if isinstance(told, Sequence) else () if told is None else (told,)
        old = [o for o in orders if self.now() - o.submitted_at >= LISTED_WITHIN]
        if len(old) < len(orders):
            self.counts["order listed late"] += 1
        if isinstance(told, Sequence):
            return old
        return told if old else None

    def _late_positions(self, told: Any) -> Any:
        """Positions lag behind orders, by ten seconds at most."""
        now = self.now()
        if self.lag_until is not None and now < self.lag_until:
            return self.lagging["positions"]
        self.lag_until = None
        if self.rng.random() < self.climate.tamper:
            self.lag_until = now + timedelta(seconds=self.rng.uniform(1, 10))
            self.lagging["positions"] = told
            self.counts["positions lag"] += 1
        return told

    def _poor_bars(self, told: Any) -> Any:
        """The newest bars are missing, or another than they will be in half a minute."""
        poor: dict[str, Sequence[Bar]] = {}
        for symbol, bars in told.items():
            kinds = ("missing", "revised", "good", *(("stale",) if self.full else ()))
            kind = self.rng.choice(kinds)
            kept = list(bars)
            if kept and kind == "missing":
                kept.pop()
            elif kind == "stale":
                del kept[-self.rng.randint(2, 20) :]
            elif kept and kind == "revised":
                kept[-1] = kept[-1]._replace(volume=kept[-1].volume * 0.9)
            if kind != "good":
                self.counts[f"bar {kind}"] += 1
            if kept:
                poor[symbol] = kept
        return poor

    def _strange_words(self, told: Any) -> Any:
        """A status that nobody has heard of."""
        self.counts["unknown word"] += 1
        if isinstance(told, BrokerOrder):
            return replace(told, status=UNKNOWN_WORD)
        if isinstance(told, Sequence) and told:
            pick = self.rng.randrange(len(told))
            return [
                replace(order, status=UNKNOWN_WORD) if n == pick else order
                for n, order in enumerate(told)
            ]
        return told

    def null_fields(self, body: Any) -> Any:
        """One field of an answer is null that never was before, or says a new word."""
        if self.calm or self.rng.random() >= self.climate.tamper:
            return body
        rows = body if isinstance(body, list) else [body]
        rows = [row for row in rows if isinstance(row, dict) and row]
        if self.full:
            rows += [leg for row in rows for leg in row.get("legs") or ()]
        if not rows:
            return body
        row = self.rng.choice(rows)
        name = self.rng.choice(sorted(row))
        if self.full and name in WORDS and self.rng.random() < HALF:
            row[name] = UNKNOWN_WORD
            self.counts["unknown word"] += 1
            return body
        row[name] = None
        self.counts["null field"] += 1
        return body
