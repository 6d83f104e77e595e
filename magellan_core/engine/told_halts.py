"""Trading halts that a stream told of: they keep entries back until REST or a resume says better.

LAW: a message only makes us more careful. No exit asks here, and a bar of REST that begins at or
after a halt ends it, so that a resume that was missed keeps nothing back for ever.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from magellan_core.engine.ledger import Ledger
from magellan_core.lines import Event, Line, instant, line
from magellan_core.market_hours import new_york, new_york_date
from magellan_core.model import Bar
from magellan_core.ports import Alerts, Level, ToldStatus


@dataclass(frozen=True, slots=True)
class _Halt:
    """`first` began it; `newest` is when it was told last that trading stands still."""

    first: ToldStatus
    newest: datetime


class ToldHalts:
    """By symbol. A restart knows of none, and no line is folded to any."""

    def __init__(self, ledger: Ledger, alerts: Alerts | None) -> None:
        self._ledger, self._alerts = ledger, alerts
        self._halts: dict[str, _Halt] = {}
        self._traded: dict[str, datetime] = {}
        self._resumed: dict[str, datetime] = {}
        self._last: dict[str, ToldStatus] = {}

    def traded(self, bar: Bar) -> None:
        """There is this bar: the symbol traded in it, whatever was told."""
        known = self._traded.get(bar.symbol)
        if known is None or bar.start > known:
            self._traded[bar.symbol] = bar.start

    def why(self, symbol: str, now: datetime) -> str | None:
        """Since when, and why: "since 14:31:07 ET (LUDP Volatility Trading Pause)"; None: not."""
        halt = self._halts.get(symbol)
        if halt is None or self._over(symbol, halt.newest):
            return None
        return _since(halt.first, now)

    def hear(self, told: ToldStatus, now: datetime) -> None:
        """Put a status on record, tell a person of a new halt. The same again says nothing."""
        if self._last.get(told.symbol) == told:
            return
        self._last[told.symbol] = told
        self._write(now, told.symbol, what=self._take(told, now), **status_data(told))

    def settle(self, now: datetime) -> None:
        """Put on record which halts REST's bars have ended."""
        for symbol, halt in list(self._halts.items()):
            if self._over(symbol, halt.newest):
                del self._halts[symbol]
                self._write(now, symbol, what="traded", at=self._traded[symbol].isoformat())

    def _take(self, told: ToldStatus, now: datetime) -> str:
        """What it changes: it is a "halt", a "resume", or merely "seen"."""
        symbol, known = told.symbol, self._halts.get(told.symbol)
        if told.halted is None:
            return "seen"
        if told.halted:
            if self._over(symbol, told.at):
                return "seen"  # it came too late
            if known is None:
                self._halts[symbol] = _Halt(told, told.at)
                self._tell(told, now)
            else:
                self._halts[symbol] = replace(known, newest=max(known.newest, told.at))
            return "halt"
        self._resumed[symbol] = max(told.at, self._resumed.get(symbol, told.at))
        if known is None or told.at < known.newest:
            return "seen"  # it ends nothing, or ended an earlier halt
        del self._halts[symbol]
        return "resume"

    def _over(self, symbol: str, at: datetime) -> bool:
        """A bar begins at that time or later, or a later resume was told."""
        traded, resumed = self._traded.get(symbol), self._resumed.get(symbol)
        return (traded is not None and traded >= at) or (resumed is not None and resumed > at)

    def _tell(self, told: ToldStatus, now: datetime) -> None:
        if self._alerts is not None:
            self._alerts.alert(
                Level.WARNING,
                f"told-halted-{told.symbol}-{told.at.isoformat()}",
                f"{told.symbol} is told to be halted {_since(told, now)}: no entries until it "
                "trades again; exits go out all the same",
            )

    def _write(self, now: datetime, symbol: str, **data: object) -> None:
        # Informative lines are skipped by a release that does not know their kind.
        self._ledger.later(line(now, Line.STATUS_SEEN, symbol, informative=True, **data))


def _since(told: ToldStatus, now: datetime) -> str:
    local = new_york(told.at)
    day = "" if new_york_date(told.at) == new_york_date(now) else f"{local:%Y-%m-%d} "
    why = f"{told.reason_code} {told.reason}".strip() or f"{told.code} {told.words}".strip()
    return f"since {day}{local:%H:%M:%S} ET ({why})"


def status_data(told: ToldStatus) -> dict[str, object]:
    return {
        "at": told.at.isoformat(),
        "halted": told.halted,
        "code": told.code,
        "words": told.words,
        "reason_code": told.reason_code,
        "reason": told.reason,
    }


def status_of(event: Event) -> ToldStatus | None:
    """The status of a journal's line; None: it tells of none. Raise KeyError or ValueError."""
    d = event.data
    if event.kind != Line.STATUS_SEEN or d["what"] == "traded":
        return None
    halted = None if d["halted"] is None else bool(d["halted"])
    said = (str(d[name]) for name in ("code", "words", "reason_code", "reason"))
    return ToldStatus(str(event.symbol), instant(d["at"]), halted, *said)
