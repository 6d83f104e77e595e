"""The end of a demonstration: per account, what was traded, and journal against exchange."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from magellan_core.alpaca.broker import AlpacaBroker
from magellan_core.book import Book
from magellan_core.errors import Unavailable
from magellan_core.fold import apply
from magellan_core.operations.reconciliation import BrokerSide, Matched, compare, shares
from magellan_core.operations.stations import Station


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """One strategy's account at the end. Money in dollars."""

    strategy: str
    account: str
    orders: int
    fills: int
    trades: int
    positions: dict[str, Decimal]
    equity: Decimal
    realised: Decimal
    unrealised: Decimal
    lines: Sequence[Matched]

    @property
    def differences(self) -> list[str]:
        return [
            f"{m.what}: journal {m.journal}, exchange {m.broker}"
            for m in self.lines
            if not m.agrees
        ]

    @property
    def reconciled(self) -> bool:
        return not self.differences


def summarise(station: Station) -> AccountSummary:
    """Read account and journal, compare them line by line. Raise Unavailable if either is mute."""
    broker = station.broker
    if not isinstance(broker, AlpacaBroker):
        raise Unavailable(f"{station.strategy}: the account cannot be read: {station.why}")
    with station.reader() as journal:
        if journal is None:
            raise Unavailable(f"{station.strategy}: no journal at {station.journal}")
        events = list(journal.events())
    book = Book()
    for event in events:
        apply(book, event)
    side = BrokerSide(
        broker.account(),
        broker.positions(),
        broker.all_orders(),
        broker.fills(None),
        station.config.account_info.initial_capital_dollars,
    )
    unrealised = sum(
        ((p.current_price or p.avg_entry_price) - p.avg_entry_price) * p.qty for p in side.positions
    )
    realised = sum((t.pnl for t in book.trades), Decimal(0))
    realised += sum((p.realised for p in book.positions.values()), Decimal(0))
    return AccountSummary(
        strategy=station.strategy,
        account=side.account.number,
        orders=len(side.orders),
        fills=len(side.fills),
        trades=len(book.trades),
        positions={p.symbol: p.qty for p in side.positions},
        equity=side.account.equity or Decimal(0),
        realised=realised,
        unrealised=Decimal(unrealised),
        lines=compare(book, events, side),
    )


def write_json(path: Path, summaries: Sequence[AccountSummary]) -> None:
    """One object per strategy; money as JSON numbers in dollars and cents."""
    told = {
        s.strategy: {
            "account": s.account,
            "orders": s.orders,
            "fills": s.fills,
            "trades": s.trades,
            "positions": {symbol: int(qty) for symbol, qty in s.positions.items()},
            "equity": cents(s.equity),
            "realised_pnl": cents(s.realised),
            "unrealised_pnl": cents(s.unrealised),
            "reconciled": s.reconciled,
            "differences": s.differences,
        }
        for s in summaries
    }
    path.write_text(json.dumps(told, indent=2) + "\n")


def cents(money: Decimal) -> float:
    """For JSON only: a number with two decimals, which a float writes as such."""
    return float(round(money, 2))


def show(console: Console, summaries: Sequence[AccountSummary]) -> None:
    """Print every line of the comparison, then the accounts; readable at 80 columns."""
    for summary in summaries:
        console.print(_lines(summary))
    table = Table(
        title="Accounts",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("strategy")
    for name in ("orders", "fills", "realised", "unrealised", "equity"):
        table.add_column(name, justify="right")
    table.add_column("reconciled")
    for s in summaries:
        table.add_row(
            s.strategy,
            str(s.orders),
            str(s.fills),
            f"{s.realised:+,.2f}",
            f"{s.unrealised:+,.2f}",
            f"{s.equity:,.2f}",
            f"yes, {len(s.lines)}" if s.reconciled else f"NO, {len(s.differences)} differ",
            style=None if s.reconciled else "red",
        )
    console.print(table)
    for s in summaries:
        held = ", ".join(f"{shares(qty)} {symbol}" for symbol, qty in s.positions.items())
        console.print(f"{s.strategy:13} account {s.account}, open positions: {held or 'none'}")


def _lines(summary: AccountSummary) -> Table:
    title = f"{summary.strategy}: journal against exchange"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=0)
    for name in ("what ", "journal ", "exchange ", ""):
        table.add_column(name, overflow="fold")
    for m in summary.lines:
        mark = "=" if m.agrees else "DIFFERS"
        what = _short(m.what, summary.strategy)
        table.add_row(
            f"{what} ", f"{m.journal} ", f"{m.broker} ", mark, style=None if m.agrees else "red"
        )
    return table


def _short(what: str, strategy: str) -> str:
    """Without what the table's title says, and without the random part of a fill's id."""
    kind, _, rest = what.partition(" ")
    number = rest.partition("::")[2].partition("-")[0]
    if kind == "fill" and number:
        return f"fill #{int(number, 16)}"
    return rest.removeprefix(f"{strategy}-") if kind == "order" else what
