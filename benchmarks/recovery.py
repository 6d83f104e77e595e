#!/usr/bin/env python3
"""How long a start takes to read its journal: after a day, and after a year of such days.

The day is Bear Trap's on the made-up market, traded in process into a journal; a year is that day
252 times over, every date and id moved on. The floor reads the same rows without folding them.
"""

import argparse
import json
import re
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.floor import tell
from benchmarks.rig import CONFIG, Nobody
from deployable_strategies.bear_trap.build import build
from magellan_core.backtest.drive import drive
from magellan_core.compose import settings_of
from magellan_core.config import parse
from magellan_core.engine.engine import Engine
from magellan_core.engine.ledger import Ledger
from magellan_core.lines import Event
from magellan_core.market_hours import at_new_york, sessions_between
from magellan_core.model import Timeframe
from magellan_core.paper.accounts import AccountSpec
from magellan_core.paper.broker import CoreBroker, CoreData
from magellan_core.paper.exchange import Exchange
from magellan_core.paper.market import Market
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_SEED, generate
from magellan_core.store.journal import SqliteJournal
from magellan_core.store.memory import MemoryJournal, MemoryPortfolioStore

_DAYS_A_YEAR = 252
_ONCE = frozenset({"live"})


def a_day() -> list[Event]:
    """Bear Trap's journal of the first made-up day."""
    raw = json.loads(CONFIG.read_text(encoding="utf-8"))
    raw["portfolio"]["strategies"] = ["bear_trap"]
    config = parse(json.dumps(raw), str(CONFIG))
    bars = generate(seed=DEMO_SEED, first=DEMO_FIRST, last=DEMO_FIRST)
    spec = AccountSpec("PABENCH", "key", "secret", Timeframe.MINUTE)
    exchange = Exchange(Market.from_bars(bars), [spec], start=at_new_york(DEMO_FIRST, 4))
    journal = MemoryJournal()
    engine = Engine(
        lambda: build(config),
        CoreBroker(exchange, spec.number),
        CoreData(exchange, spec.number),
        journal,
        MemoryPortfolioStore(),
        Nobody(),
        settings_of(config, patrol=timedelta(minutes=5), patrol_closed=None),
    )
    drive(engine, exchange, spec.number, at_new_york(DEMO_FIRST, 17))
    return list(journal.events())


def moved(events: Sequence[Event], to: date) -> list[Event]:
    """The same day on another date, with ids of its own."""
    days = to - DEMO_FIRST
    old = ((f"{DEMO_FIRST:%F}", f"{to:%F}"), (f"{DEMO_FIRST:%Y%m%d}", f"{to:%Y%m%d}"))
    mark = f"{to:%Y%m%d}"
    uuid = re.compile(r'"([0-9a-f]{8})(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")')
    rows = []
    for event in events:
        text = json.dumps(dict(event.data))
        for before, after in old:
            text = text.replace(before, after)
        text = uuid.sub(rf'"{mark}\2', text)
        rows.append(Event(event.at + days, event.kind, event.symbol, json.loads(text)))
    return rows


def write(path: Path, day: Sequence[Event], dates: Sequence[date]) -> int:
    journal, count = SqliteJournal(path), 0
    for n, each in enumerate(dates):
        rows = [e for e in moved(day, each) if n == 0 or e.kind not in _ONCE]
        journal.append(rows)
        count += len(rows)
    journal.close()
    return count


def fold(path: Path) -> float:
    """Seconds to open the journal and fold every line."""
    begun = time.perf_counter()
    journal = SqliteJournal(path)
    Ledger(journal).load()
    took = time.perf_counter() - begun
    journal.close()
    return took


def read_rows(path: Path) -> float:
    """Seconds to read every row and decode nothing."""
    begun = time.perf_counter()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as rows:
        for _ in rows.execute("select * from events order by 1"):
            pass
    rows.close()
    return time.perf_counter() - begun


def measure(day: Sequence[Event], dates: Sequence[date], runs: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite3"
        lines = write(path, day, dates)
        took = [fold(path) for _ in range(runs)]
        floor = statistics.median(read_rows(path) for _ in range(runs))
        size = path.stat().st_size
    median = statistics.median(took)
    return {
        "days": len(dates),
        "lines": lines,
        "journal_mb": round(size / 1e6, 2),
        "fold_seconds": round(median, 3),
        "fold_spread": [round(min(took), 3), round(max(took), 3)],
        "floor_read_rows_seconds": round(floor, 3),
        "fold_to_floor": round(median / floor, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--days", type=int, default=_DAYS_A_YEAR, help="of the longer journal")
    asked = parser.parse_args()
    day = a_day()
    year = [s.date for s in sessions_between(DEMO_FIRST, DEMO_FIRST + timedelta(days=380))]
    told: dict[str, object] = {
        "one_day": measure(day, year[:1], asked.runs),
        "long": measure(day, year[: asked.days], asked.runs),
    }
    sys.stdout.write(tell(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
