#!/usr/bin/env python3
"""Figures of docs/risk.md: from a breach to flat, per limit, and the kill switch in bad weather.

Simulated seconds, so the same on every machine. `--cases N` plays N seeds of bad weather.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from magellan_core.risk.notice import EVERYBODY, Action, Notice
from tests.engine.risk_stage import ACME, Buyer, Desk, day, desk
from tests.unit.operations.chaos import case

OPEN = day(0).open
# The fourth minute opens 10 % lower; five seconds into it a person has had enough.
FALL = [10.0, 10.0, 10.0, 9.0]
BREACH = OPEN + timedelta(minutes=3)
EMERGENCY = "risk_management__emergency_stop_conditions__"


@dataclass(frozen=True)
class Play:
    """A limit, what makes it bite, and when it is breached."""

    limit: str
    changes: dict[str, Any]
    at: datetime = BREACH
    prices: dict[int, list[float]] | None = None
    buyer: Callable[[], Buyer] = Buyer
    until: datetime = OPEN + timedelta(minutes=20)


def every_third(bar: Any) -> bool:
    return bool(bar.start.minute % 3 == 2)


PLAYS = [
    Play("daily_loss", {"risk_management__max_daily_loss_dollars": 3000}),
    Play("drawdown", {f"{EMERGENCY}max_drawdown_pct": 3}),
    Play("portfolio", {"portfolio__max_daily_loss_dollars": 3000}),
    Play("manual", {}, BREACH + timedelta(seconds=5)),
    Play(
        "win_rate",
        {f"{EMERGENCY}win_rate_min_trades": 5},
        # its fifth losing trade is sold at the open of the 16th minute
        OPEN + timedelta(minutes=15),
        {0: [10.0 - 0.002 * n for n in range(40)]},
        lambda: Buyer(sell_at=every_third),
    ),
    Play(
        "losing_streak",
        {},
        # known when the fourth day is prepared, an hour before its open
        day(4).open - timedelta(hours=1),
        {n: [10.0 - 0.3 * n] for n in range(5)},
        until=day(4).open + timedelta(minutes=20),
    ),
]


def played(play: Play) -> Desk:
    on = desk(
        play.prices or {0: FALL},
        strategy=play.buyer(),
        symbols=(ACME, "WKHS"),
        risk_management__max_open_positions=1,
        **play.changes,
    )
    if play.limit == "manual":
        on.run(play.at)
        on.store.post(
            Notice(Action.HALT, EVERYBODY, "manual", "enough", "a person", on.exchange.now)
        )
    on.run(play.until)
    return on


def seconds(later: datetime | None, since: datetime) -> str:
    return "-" if later is None else f"{(later - since).total_seconds():.0f}"


def rows() -> Iterator[str]:
    for play in PLAYS:
        on = played(play)
        events = list(on.journal.events())
        halted = next(e for e in events if e.kind == "halt" and e.data["limit"] == play.limit)
        refused = next(
            (
                e.at
                for e in events
                if e.kind == "decision"
                and any(str(o).startswith("not_halted") for o in _listed(e.data["objections"]))
            ),
            None,
        )
        entered = max(e.at for e in events if e.kind == "planned" and e.data["role"] == "entry")
        if entered > halted.at:
            raise SystemExit(f"{play.limit}: an entry left after the halt")
        sold = [e.at for e in events if e.kind == "fill" and e.data["side"] == "sell"]
        flat = max(sold) if sold and not on.held() and halted.data["policy"] == "flatten" else None
        yield (
            f"| {play.limit} | {halted.data['policy']} | {seconds(halted.at, play.at)} "
            f"| {seconds(refused, play.at)} | {seconds(flat, play.at)} |"
        )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def weather(cases: int) -> str:
    done = [case(seed) for seed in range(cases)]
    fair = [c for c in done if c.halted is None and c.fair_in_a_minute >= 20]
    times = sorted(c.verdict.seconds for c in fair)
    within = sum(c.verdict.flat and c.verdict.seconds <= 60 for c in fair)
    honest = sum(c.verdict.flat is (not c.held and not c.orders) for c in done)
    return (
        f"{cases} cases, {len(fair)} of them with 20 s of answers in the first minute and every "
        f"symbol trading: {within} verified flat within 60 s "
        f"(median {statistics.median(times):.1f} s, longest {times[-1]:.1f} s). "
        f"{sum(c.halted is not None for c in done)} with shares of a halted symbol. "
        f"The verdict was true in {honest} of {cases}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    asked = parser.parse_args()
    sys.stdout.write("| limit | policy | halt on record | first entry refused | flat |\n")
    sys.stdout.write("|---|---|---|---|---|\n")
    for row in rows():
        sys.stdout.write(f"{row}\n")
    sys.stdout.write(f"\n{weather(asked.cases)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
