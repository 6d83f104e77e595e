"""Draw a snapshot: are we OK, what is held, and why does nothing trade. Times are New York's."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from rich.console import Group
from rich.text import Text

from magellan_core.market_hours import label, new_york
from magellan_core.operations.bars import sparkline
from magellan_core.operations.columns import (
    Cell,
    Line,
    Rank,
    aligned,
    cut,
    fit,
    paragraph,
    widths,
)
from magellan_core.operations.details import (
    details,
    exits_in_words,
    held_in_words,
    usage_in_words,
)
from magellan_core.operations.looks import (
    MarketClock,
    Origin,
    PositionLook,
    Run,
    Snapshot,
    StrategyLook,
    SymbolLook,
)
from magellan_core.operations.reasons import in_words
from magellan_core.operations.wording import (
    UNKNOWN,
    ago,
    dollars,
    gain_style,
    is_stale,
    number,
    price,
    prices,
    short_day,
    signed,
)
from magellan_core.ports import Level

WIDE = 120
# From here on a limit is shown in red.
NEAR = Decimal("0.8")
NOTE = "… {} lines more: make the window higher, or give --strategy NAME"
KEYS_NOTE = "… {} lines more. Keys: n next strategy alone, a all, p pause, q end"
KEYS = "keys: n next strategy alone, a all, p pause, q end"
MOST_PROBLEMS = 6
FULLY_TOLD = 2
RUN_STYLE = {
    Run.RUNNING: "green",
    Run.STARTED: "green",
    Run.SILENT: "bold red",
    Run.HALTED: "bold red",
}
HEADINGS = ("symbol", "close", "bar ET", "shares", "gain", "why it does not trade now")
WIDE_HEADINGS = (
    *("symbol", "close", "bar ends", "age", "position", "last", "gain", "stop", "target"),
    "why it does not trade now",
)
RIGHT = frozenset({"close", "age", "shares", "position", "last", "gain", "stop", "target"})


def dashboard(
    snapshot: Snapshot,
    width: int,
    height: int | None = None,
    title: str = "",
    *,
    keys: bool = False,
) -> Group:
    """The picture as one renderable; `keys`: somebody can press them."""
    return Group(*picture(snapshot, width, height, title, keys=keys))


def picture(
    snapshot: Snapshot,
    width: int,
    height: int | None = None,
    title: str = "",
    *,
    keys: bool = False,
) -> list[Text]:
    """The lines, none wider than `width`. With a height, the least important are left out."""
    fold = height is None
    lines = [
        Line(Rank.ALWAYS, cut(_heading(snapshot, title), width)),
        Line(Rank.ALWAYS, cut(_verdict(snapshot), width)),
        *(Line(Rank.ALWAYS, text) for text in _problems(snapshot, width, fold)),
        _limits(snapshot, width),
        *_strategies(snapshot, width, fold),
    ]
    if fold:
        lines += [Line(Rank.DETAIL, text) for text in _sources(snapshot, width)]
    if keys:
        lines.append(Line(Rank.DETAIL, Text(KEYS, "dim")))
    return [cut(text, width) for text in fit(lines, height, KEYS_NOTE if keys else NOTE)]


def _heading(snapshot: Snapshot, title: str) -> Text:
    at = new_york(snapshot.at)
    heading = title or f"Magellan  {at:%a %Y-%m-%d} {label(snapshot.at)}"
    line = Text().append(f"{heading}   ", "bold")
    line.append(
        _market(snapshot.market, snapshot.at), "bold green" if snapshot.market.is_open else ""
    )
    return line


def _market(clock: MarketClock, now: datetime) -> str:
    """E.g. "market open, closes 13:00 ET, half day"."""
    session = clock.session
    half = f", half day to {label(session.close)}" if session.is_half_day else ""
    if clock.is_open:
        return f"market open, closes {label(session.close)}" + (", half day" if half else "")
    day = f"{new_york(session.open):%a %m-%d} " if short_day(session.open, now) else ""
    return f"market closed, opens {day}{label(session.open)}{half}"


def _verdict(snapshot: Snapshot) -> Text:
    """One glance: all well or not, and the money."""
    count, totals = len(snapshot.problems), snapshot.totals
    runs = sum(1 for s in snapshot.strategies if s.daemon.run in (Run.RUNNING, Run.STARTED))
    if count:
        grave = any(p.level is Level.CRITICAL for p in snapshot.problems)
        verdict = f"{count} PROBLEM{'S' if count > 1 else ''}"
        style = "bold white on red" if grave else "bold black on yellow"
        line = Text().append(f" {verdict} ", style)
    else:
        line = Text().append(" OK ", "bold black on green")
        line.append(f" {runs} of {len(snapshot.strategies)} run, no halt")
    line.append(f"  equity {dollars(totals.equity.value)}", "bold")
    for name, figure in (("today", totals.today), ("total", totals.total)):
        line.append(f"  {name} ")
        line.append(signed(figure.value), gain_style(figure.value))
    if is_stale(totals.equity.origin, snapshot.at):
        line.append(f"  {ago(totals.equity.origin, snapshot.at)} old", "dim")
    return line


def _limits(snapshot: Snapshot, width: int) -> Line:
    """How much of the portfolio's limits is used, and how the day went; shown first when near."""
    line, rank = Text(" "), Rank.DETAIL
    for usage in snapshot.totals.usages:
        used, limit = usage.used.value, usage.limit.value
        near = used is not None and limit is not None and used >= limit * NEAR
        rank = Rank.ALWAYS if near else rank
        line.append(f" {usage_in_words(usage, 10 if width >= WIDE else 5)}", "red" if near else "")
        line.append(" ")
    curve = [value for _, value in snapshot.totals.curve]
    if len(curve) > 1:
        line.append(" today ")
        style = "green" if curve[-1] >= curve[0] else "red"
        line.append(sparkline(curve, 40 if width >= WIDE else 16), style)
    return Line(rank, cut(line, width))


def _problems(snapshot: Snapshot, width: int, fold: bool) -> Iterator[Text]:
    found = snapshot.problems
    shown = found if fold else found[:MOST_PROBLEMS]
    # One or two are told in full wherever there is room for a second line.
    fold = fold or len(found) <= FULLY_TOLD
    for problem in shown:
        style = "red" if problem.level is Level.CRITICAL else "yellow"
        mark = "!!" if problem.level is Level.CRITICAL else "! "
        yield from paragraph(
            f"{mark} {problem.strategy}: {problem.text}", width, style, fold=fold, indent=""
        )
    if len(found) > len(shown):
        yield Text(f"!  and {len(found) - len(shown)} more", style="yellow")


def _strategies(snapshot: Snapshot, width: int, fold: bool) -> Iterator[Line]:
    """Per strategy a head, its symbols and, where there is room, the rest."""
    wide, now = width >= WIDE, snapshot.at
    gap = 2 if wide else 1
    aged = any(is_stale(s.account.equity.origin, now) for s in snapshot.strategies)
    heads = [_head(s, now, wide, aged) for s in snapshot.strategies]
    names = WIDE_HEADINGS if wide else HEADINGS
    titles = [Cell(name, "dim", name in RIGHT) for name in names]
    rows = [[_row(s, look, now, wide) for look in s.symbols] for s in snapshot.strategies]
    head_columns = widths(heads)
    columns = widths([titles, *(row for each in rows for row in each)])
    for n, strategy in enumerate(snapshot.strategies):
        yield Line(Rank.SPACE, Text())
        if n == 0:
            yield Line(Rank.QUIET, aligned(titles, columns, width, gap=gap, fold=False)[0])
        head = aligned(heads[n], head_columns, width + 2, gap=gap, fold=False)[0]
        yield Line(Rank.ALWAYS, cut(head[2:], width))
        for look, row in zip(strategy.symbols, rows[n], strict=True):
            rank = Rank.BUSY if look.state else Rank.QUIET
            for text in aligned(row, columns, width, gap=gap, fold=fold):
                yield Line(rank, text)
            held = next((p for p in strategy.positions if p.symbol == look.symbol), None)
            if held is not None and not wide:
                for text in paragraph(
                    held_in_words(held, now), width, "dim", fold=fold, indent="    "
                ):
                    yield Line(Rank.DETAIL, text)
        for sentence in details(strategy, now, with_account=not wide):
            for text in paragraph(sentence, width, "dim", fold=fold):
                yield Line(Rank.DETAIL, text)


def _head(strategy: StrategyLook, now: datetime, wide: bool, aged: bool) -> list[Cell]:
    """Name, state and money of a strategy; `aged`: some strategy's figures are old."""
    account, run = strategy.account, strategy.daemon.run
    stale = is_stale(account.equity.origin, now)
    style = "dim" if stale else ""
    today, total = account.today.value, account.total.value
    cells = [
        Cell(strategy.name, "bold"),
        Cell(run.value, RUN_STYLE.get(run, "yellow")),
        Cell(f"equity {dollars(account.equity.value)}", style, right=True),
        Cell(f"{ago(account.equity.origin, now)} old" if stale else "", "dim"),
        Cell(f"today {signed(today)}", style or gain_style(today), right=True),
        Cell(f"total {signed(total)}", style or gain_style(total), right=True),
    ]
    if not aged:
        del cells[3]
    if wide:
        cells += [
            Cell(f"cash {dollars(account.cash.value)}", style, right=True),
            Cell(f"account {account.number or UNKNOWN} {account.status}".rstrip(), style),
        ]
    return cells


def _row(strategy: StrategyLook, look: SymbolLook, now: datetime, wide: bool) -> list[Cell]:
    bar = look.bar
    held = next((p for p in strategy.positions if p.symbol == look.symbol), None)
    full, *shorter = in_words(look, held is not None)
    if held is not None and held.stops and not wide:
        full, shorter = f"{look.state}; {exits_in_words(held)}", []
    style = "yellow" if look.blocked or look.untradable else ""
    why = Cell(full, style, shorter=tuple(shorter))
    if bar is None:
        close, ends, age = UNKNOWN, UNKNOWN, UNKNOWN
    else:
        close = price(Decimal(str(bar.close)))
        day = short_day(bar.end, now)
        ends = label(bar.end) if wide else f"{new_york(bar.end):%H:%M}"
        ends = f"{day} {label(bar.end)}" if wide and day else day or ends
        age = ago(Origin("", bar.end), now)
    style = "dim" if bar is not None and short_day(bar.end, now) else ""
    head = [Cell(look.symbol), Cell(close, style, right=True), Cell(ends, style)]
    if not wide:
        return [*head, *_position(held, wide), why]
    position, gain = _position(held, wide)
    return [
        *head,
        Cell(age, "dim", right=True),
        position,
        Cell(price(held.last) if held else "", right=True),
        gain,
        Cell(prices([s.price for s in held.stops]) if held else "", right=True),
        Cell(prices([t.price for t in held.targets]) if held else "", right=True),
        why,
    ]


def _position(held: PositionLook | None, wide: bool) -> list[Cell]:
    if held is None:
        return [Cell(""), Cell("")]
    at = f" @ {price(held.average)}" if wide else ""
    return [
        Cell(f"{number(held.qty)}{at}", "bold", right=True),
        Cell(signed(held.unrealised), gain_style(held.unrealised), right=True),
    ]


def _sources(snapshot: Snapshot, width: int) -> Sequence[Text]:
    asked = ago(snapshot.totals.equity.origin, snapshot.at)
    age = "never" if asked == UNKNOWN else f"{asked} ago"
    text = (
        f"money, positions and orders: the broker, asked {age}; bars, reasons, signals and halts: "
        "the journals; daemons: the portfolio store; limits and initial capital: the configs"
    )
    return [Text(), *paragraph(text, width, "dim", fold=True, indent="")]
