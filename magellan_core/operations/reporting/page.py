"""A report as one self-contained HTML page: no script, nothing loaded from elsewhere."""

from collections.abc import Iterator, Sequence
from html import escape

from magellan_core.market_hours import label, new_york, new_york_date
from magellan_core.operations.reporting.charts import equity_chart, price_chart
from magellan_core.operations.reporting.report import Check, Report, Section
from magellan_core.operations.reporting.words import (
    basis_points,
    described,
    duration,
    per_cent,
    sentences,
)
from magellan_core.operations.wording import UNKNOWN, number, price, signed

STYLE = """
:root{color-scheme:light dark;--good:#1a7f37;--bad:#c0272d;--dim:#6b7280;--line:#2563eb}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.6rem 0 1.2rem;width:100%}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8884}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}.dim{color:var(--dim)}
h1{margin-bottom:.2rem}h2{margin-top:2.2rem;border-bottom:2px solid #8886}
figure{margin:1rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:currentColor;opacity:.75}
.grid{stroke:currentColor;opacity:.15}.line{fill:none;stroke:var(--line);stroke-width:1.6}
.buy{fill:var(--good)}.sell{fill:var(--bad)}
"""
WORDS = {True: ("yes", "good"), False: ("NO", "bad"), None: ("not yet", "dim")}
MOST_ROWS = 60


def page(report: Report) -> str:
    """The whole page."""
    first, last = report.sessions[0].date, report.sessions[-1].date
    span = f"{last:%A %Y-%m-%d}" if first == last else f"{first} to {last}"
    body = [
        f"<h1>{escape(report.title)}</h1>",
        f"<p>{span}; P&amp;L {_signed(signed(report.pnl))}; made "
        f"{new_york(report.made_at):%Y-%m-%d} {label(report.made_at)}</p>",
        _checks(report.checks),
        _money(report.sections),
        *(part for section in report.sections for part in _section(section)),
    ]
    title = escape(f"Magellan {report.title} {last}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; titles that end in > are of numbers."""
    kinds = [' class="n"' if title.endswith(">") else "" for title in titles]
    head = "".join(
        f"<th{kind}>{escape(title.removesuffix('>'))}</th>"
        for kind, title in zip(kinds, titles, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _checks(checks: Sequence[Check]) -> str:
    rows = []
    for check in checks:
        word, kind = WORDS[check.ok]
        rows.append((escape(check.name), f'<span class="{kind}">{word}</span>', escape(check.why)))
    return _rows(("check", "ok", "why"), rows)


def _signed(told: str) -> str:
    kind = {"+": "good", "-": "bad"}.get(told[:1], "")
    return f'<span class="{kind}">{escape(told)}</span>'


def _money(sections: Sequence[Section]) -> str:
    titles = ("strategy", "P&L $>", "trades>", "won>", "mean $>", "slippage bps>", "drawdown>")
    rows = []
    for each in sections:
        facts, figures, mean = each.facts, each.trades, each.slippage.mean
        if facts is None:
            rows.append((escape(each.strategy), "unknown", *[""] * 5))
            continue
        rows.append(
            (
                escape(each.strategy),
                _signed(signed(facts.pnl)),
                str(figures.count),
                per_cent(figures.win_rate, 0),
                _signed(signed(figures.expectancy)),
                basis_points(mean) or UNKNOWN,
                per_cent(each.drawdown, 2),
            )
        )
    return _rows(titles, rows)


def _section(section: Section) -> Iterator[str]:
    facts = section.facts
    yield f"<h2>{escape(section.strategy)}</h2>"
    if facts is None:
        yield f'<p class="bad">{escape(section.fault)}</p>'
        return
    yield "<ul>" + "".join(f"<li>{escape(s)}</li>" for s in sentences(section)) + "</ul>"
    if facts.days:
        points = [("start", facts.days[0].start)]
        points += [(f"{d.session:%m-%d}", d.end) for d in facts.days if d.end is not None]
        yield equity_chart(f"{section.strategy}: equity at the sessions' closes, $", points)
    for symbol in dict.fromkeys(fill.symbol for fill in section.fills):
        fills = [fill for fill in section.fills if fill.symbol == symbol]
        dates = {new_york_date(fill.at) for fill in fills}
        bars = facts.bars.get(symbol, [])
        shown = [bar for bar in bars if new_york_date(bar.start) in dates]
        yield price_chart(
            f"{symbol}: closes with our fills", shown if len(shown) > 1 else bars, fills
        )
    if section.fills:
        yield "<h3>Fills against the same day's backtest</h3>" + _fills(section)
    if section.strays:
        yield "<h3>Orders that only one side filled</h3>" + _strays(section)


def _fills(section: Section) -> str:
    money = ("price>", "backtest>", "by", "late>", "bps>", "delay>", "spread>", "price bps>")
    titles = ("fill", "order", "what", *money)
    rows = []
    for slip in section.fills[-MOST_ROWS:]:
        parts = [slip.total, slip.delay, slip.spread, slip.rest]
        told = [basis_points(part) for part in parts]
        what = f"{slip.side} {number(slip.qty)} {slip.symbol} ({slip.role})"
        at = f"{new_york(slip.at):%m-%d} {label(slip.at)}"
        late = "" if slip.late is None else duration(slip.late)
        prices = (price(slip.price), price(slip.model))
        rows.append((at, escape(slip.order), escape(what), *prices, slip.by or "", late, *told))
    return _rows(titles, rows)


def _strays(section: Section) -> str:
    rows = []
    for stray in section.strays[-MOST_ROWS:]:
        order = stray.order
        why = (
            escape(stray.why) if stray.expected else f'<span class="bad">{escape(stray.why)}</span>'
        )
        at = f"{new_york(order.at):%m-%d} {label(order.at)}"
        side = "the day" if stray.by_the_day else "the backtest"
        rows.append((at, side, escape(described(stray)), price(order.price), why))
    return _rows(("filled", "only by", "what", "price>", "why"), rows)
