"""A report on a terminal, at 80 columns and wider."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from io import StringIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from magellan_core.market_hours import label, new_york
from magellan_core.operations.reporting.report import Check, Report, Section
from magellan_core.operations.reporting.second_run import Stray
from magellan_core.operations.wording import UNKNOWN, dollars, gain_style, number, price, signed

MOST_ROWS = 12
MARKS = {True: ("yes", "green"), False: ("NO", "bold red"), None: ("-", "yellow")}


def text(report: Report) -> Group:
    """Everything, the answer first."""
    return Group(*_parts(report))


def subject(report: Report) -> str:
    """One line: what it is of, the money, and how many checks failed."""
    failed = sum(1 for check in report.checks if check.ok is False)
    verdict = f"{failed} checks FAILED" if failed else "all checks passed"
    return f"Magellan {report.title} {report.sessions[-1].date}: {signed(report.pnl)}, {verdict}"


def in_plain_text(report: Report, width: int = 80) -> str:
    """For a message: no colour, no wider than an old terminal."""
    console = Console(file=StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(text(report))
    return "\n".join(row.rstrip() for row in captured.get().splitlines())


def _parts(report: Report) -> Iterator[RenderableType]:
    first, last = report.sessions[0].date, report.sessions[-1].date
    span = f"{last:%a %Y-%m-%d}" if first == last else f"{first} to {last}"
    head = Text(f"Magellan  {report.title}  {span}   P&L ", "bold")
    head.append(signed(report.pnl), gain_style(report.pnl))
    yield head
    yield Text(f"made {new_york(report.made_at):%Y-%m-%d} {label(report.made_at)}", "dim")
    yield _checks(report.checks)
    yield _money(report.sections)
    for section in report.sections:
        yield from _section(section)


def _table(*titles: str, title: str = "") -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for name in titles:
        right = name.endswith(">")
        table.add_column(name.removesuffix(">"), justify="right" if right else "left")
    return table


def _checks(checks: Sequence[Check]) -> Table:
    table = _table("check", "ok", "why")
    for check in checks:
        word, style = MARKS[check.ok]
        table.add_row(check.name, Text(word, style), check.why)
    return table


def _money(sections: Sequence[Section]) -> Table:
    names = ("P&L>", "trades>", "won>", "mean>", "slip bps>", "drawdown>")
    table = _table("strategy", *names)
    for each in sections:
        facts, figures = each.facts, each.trades
        if facts is None:
            table.add_row(each.strategy, "unknown", *[""] * 5)
            continue
        table.add_row(
            each.strategy,
            Text(signed(facts.pnl), gain_style(facts.pnl)),
            str(figures.count),
            per_cent(figures.win_rate, 0),
            signed(figures.expectancy),
            basis_points(each.slippage.mean) or UNKNOWN,
            per_cent(each.drawdown, 2),
        )
    return table


def basis_points(value: Decimal | None) -> str:
    """With its sign, and never a negative nothing."""
    if value is None:
        return ""
    rounded = round(value, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def per_cent(value: Decimal | None, places: int) -> str:
    return UNKNOWN if value is None else f"{value:.{places}f} %"


def _section(section: Section) -> Iterator[RenderableType]:
    facts = section.facts
    yield Text(f"\n{section.strategy}", "bold")
    if facts is None:
        yield Text(f"  {section.fault}", "red")
        return
    for sentence in sentences(section):
        yield Padding(Text(sentence), (0, 0, 0, 2))
    if facts.trades:
        table = _table("closed", "symbol", "shares>", "P&L>", title="trades")
        for trade in facts.trades[-MOST_ROWS:]:
            at = new_york(trade.exited_at)
            gain = Text(signed(trade.pnl), gain_style(trade.pnl))
            table.add_row(
                f"{at:%m-%d} {label(trade.exited_at)}", trade.symbol, f"{trade.qty:,}", gain
            )
        yield table
    if section.fills:
        yield _fills(section)
    if section.strays:
        yield _strays(section)


def _fills(section: Section) -> Table:
    titles = ("fill", "what", "price>", "backtest>", "bps>", "by")
    table = _table(*titles, title="fills against the same day's backtest")
    for slip in section.fills[-MOST_ROWS:]:
        bps = basis_points(slip.total)
        what = f"{slip.side} {number(slip.qty)} {slip.symbol} ({slip.role})"
        at = f"{new_york(slip.at):%m-%d} {label(slip.at)}"
        table.add_row(at, what, price(slip.price), price(slip.model), bps, slip.by or "")
    return table


def _strays(section: Section) -> Table:
    table = _table("filled", "only by", "what", "price>", "why", title="orders of one side only")
    for stray in section.strays[-MOST_ROWS:]:
        order = stray.order
        style = "" if stray.expected else "bold red"
        at = f"{new_york(order.at):%m-%d} {label(order.at)}"
        side = "the day" if stray.by_the_day else "backtest"
        table.add_row(at, side, described(stray), price(order.price), Text(stray.why, style))
    return table


def described(stray: Stray) -> str:
    """E.g. "buy 100 AMC (entry)"."""
    order = stray.order
    return f"{order.side} {number(order.qty)} {order.what.symbol} ({order.what.role})"


def sentences(section: Section) -> Iterator[str]:
    """What happened, in words."""
    facts = section.facts
    if facts is None:
        return
    known = len(facts.order_ids)
    yield f"{facts.entries} entries, {len(facts.fills)} fills, {known} orders at the broker"
    if facts.refused:
        told = ", ".join(f"{name} {count}" for name, count in facts.refused.most_common())
        yield f"decisions refused, by predicate: {told}"
    elif not facts.entries:
        yield "no entry was decided: scripts/explain.py --why-not says what each symbol waits for"
    yield from _against_the_backtest(section)
    low = [c for c in section.coverage if c.percent < 100]
    if low:
        told = ", ".join(f"{c.symbol} {c.percent:.0f} % (longest {c.longest} min)" for c in low)
        yield f"minutes with a bar: {told}"
    if facts.crashes or facts.starts > 1:
        yield f"{facts.starts} starts, {facts.crashes} of them after a crash"
    if facts.outages:
        yield f"{facts.outages} outages, {duration(facts.outage)} without the broker or its data"
    for halt in facts.halts:
        yield f"HALTED ({halt.limit}, {halt.policy}) {label(halt.at)}: {halt.why}"
    for alert in facts.alerts:
        yield f"alert {label(alert.at)}: {alert.data.get('message', '')}"


def _against_the_backtest(section: Section) -> Iterator[str]:
    slippage, days = section.slippage, len(section.facts.sessions) if section.facts else 0
    if section.runs:
        doubted = ", ".join(section.doubted)
        except_of = f"; not compared for want of earlier bars: {doubted}" if doubted else ""
        yield f"{section.runs} of {days} sessions were traded again by the backtest{except_of}"
    for why in dict.fromkeys(section.not_run):
        yield f"not traded again: {why}"
    if slippage.count:
        late = "" if slippage.late is None else f", market orders {duration(slippage.late)} later"
        yield (
            f"fills cost {dollars(slippage.dollars)} $ against the backtest: {slippage.replayed} "
            f"of {slippage.count} compared order by order{late}"
        )
    if slippage.delay is not None:
        yield (
            f"entries in bps: delay {basis_points(slippage.delay)}, spread "
            f"{basis_points(slippage.spread)}, price {basis_points(slippage.rest)}"
        )


def duration(span: timedelta) -> str:
    """E.g. "45 s", "12 min"."""
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
