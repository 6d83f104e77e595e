"""Why a symbol does not trade right now, from the journal's own words."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from magellan_core.lines import Event, instant, maybe_instant
from magellan_core.market_hours import label, new_york, new_york_date
from magellan_core.model import Enter, Exit
from magellan_core.operations.journal_eye import JournalEye
from magellan_core.operations.looks import (
    JOURNAL,
    BarLook,
    DecisionLook,
    Origin,
    SignalLook,
    SymbolLook,
)
from magellan_core.records import Role

WAITS = "waits for"
_A_WEEK = timedelta(days=6)


def when(at: datetime, now: datetime) -> str:
    """An instant as short as it stays clear: "10:31 ET", "Fri 16:00 ET", "2024-11-22 16:00 ET"."""
    days = abs(new_york_date(at) - new_york_date(now))
    if not days:
        return label(at)
    local = new_york(at)
    return f"{local:%a} {label(at)}" if days <= _A_WEEK else f"{local:%Y-%m-%d} {label(at)}"


def symbol_look(symbol: str, journal: JournalEye, untradable: str, now: datetime) -> SymbolLook:
    """One symbol, with the first thing that keeps it from trading."""
    bar = journal.bars.get(symbol)
    signal, decision = _signal(symbol, journal), _decision(journal.decisions.get(symbol))
    blocked = journal.book.blocked.get(symbol, "")
    return SymbolLook(
        symbol=symbol,
        bar=None if bar is None else _bar(bar),
        numbers={} if bar is None else _words(bar.data.get("numbers")),
        state=_state(symbol, journal, untradable, blocked, signal, decision, now),
        blocked=blocked,
        untradable=untradable,
        signal=signal,
        decision=decision,
    )


def in_words(look: SymbolLook, held: bool) -> list[str]:
    """Why it does not trade, from the full text to the shortest.

    E.g. "rsi 57.3, band 60/40, waits for rsi > 60", then "rsi 57.3, waits for rsi > 60", after
    what keeps it from trading if anything does.
    """
    waits = look.numbers.get(WAITS, "")
    # The number that is waited for goes first: journal lines keep their keys in alphabetical order.
    names = sorted((n for n in look.numbers if n != WAITS), key=lambda n: not waits.startswith(n))
    every = [f"{name} {look.numbers[name]}" for name in names]
    lead = every[:1]
    sentences = [
        [*every, waits and f"{WAITS} {waits}"],
        [*lead, waits and f"{WAITS} {waits}"],
        [*lead, waits and f"{WAITS} {_side(waits, held)}"],
    ]
    if names and waits.startswith(names[0]):
        sentences.append([*lead, f"{WAITS} {_side(waits, held).removeprefix(names[0]).lstrip()}"])
    if look.bar is None:
        sentences = [["no bar on record yet"]]
    texts = [", ".join(part for part in sentence if part) for sentence in sentences]
    texts = [
        f"{look.state}; {text}" if look.state and text else look.state or text for text in texts
    ]
    return list(dict.fromkeys(texts))


def _side(waits: str, held: bool) -> str:
    """Of "rsi > 60 to buy, < 40 to sell" the side that can happen now; else all of it."""
    buy, comma, sell = waits.partition(" to buy, ")
    if not comma or not sell.endswith(" to sell"):
        return waits
    name = buy.split(" ")[0]
    return f"{name} {sell.removesuffix(' to sell')}" if held else buy


def _state(
    symbol: str,
    journal: JournalEye,
    untradable: str,
    blocked: str,
    signal: SignalLook | None,
    decision: DecisionLook | None,
    now: datetime,
) -> str:
    book = journal.book
    if untradable:
        return untradable
    if symbol in book.exits:
        return f"closing: {book.exits[symbol].reason}"
    if blocked:
        return f"blocked: {blocked}"
    if symbol not in book.positions and book.halts:
        return f"halted: {', '.join(book.halts)}"
    moving = [o for o in book.live_orders(symbol) if o.unresolved or o.role is Role.ENTRY]
    if moving:
        return f"{moving[0].role} order {moving[0].status}"
    if signal is not None:
        verb = "buys" if signal.action == "enter" else "sells"
        at = f" {when(signal.not_before, now)}" if signal.not_before is not None else ""
        return f"signal: {verb}{at}"
    if symbol in book.positions:
        return "held"
    if decision is not None and decision.objections and _today(decision.at, now):
        return f"refused {label(decision.at)}: {'; '.join(decision.objections)}"
    return ""


def _today(at: datetime, now: datetime) -> bool:
    return new_york_date(at) == new_york_date(now)


def _bar(event: Event) -> BarLook:
    d = event.data
    return BarLook(
        start=instant(d["start"]),
        end=instant(d["end"]),
        open=_real(d["open"]),
        high=_real(d["high"]),
        low=_real(d["low"]),
        close=_real(d["close"]),
        volume=_real(d["volume"]),
        origin=Origin(JOURNAL, event.at),
    )


def _real(value: object) -> float:
    return float(str(value))


def _words(value: object) -> Mapping[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _decision(event: Event | None) -> DecisionLook | None:
    if event is None:
        return None
    d = event.data
    against = d.get("objections")
    return DecisionLook(
        symbol=event.symbol or "",
        at=event.at,
        action=str(d.get("action", "")),
        reason=str(d.get("reason", "")),
        qty=None if d.get("qty") is None else int(str(d["qty"])),
        objections=tuple(str(o) for o in against) if isinstance(against, list) else (),
        numbers=_words(d.get("numbers")),
        origin=Origin(JOURNAL, event.at),
    )


def _signal(symbol: str, journal: JournalEye) -> SignalLook | None:
    """The book knows which signals are pending; their lines say since when."""
    intent, event = journal.book.pending.get(symbol), journal.signals.get(symbol)
    if not isinstance(intent, Enter | Exit) or event is None:
        return None
    return SignalLook(
        symbol=symbol,
        action="enter" if isinstance(intent, Enter) else "exit",
        reason=intent.reason,
        not_before=intent.not_before,
        until=maybe_instant(event.data.get("until")),
        origin=Origin(JOURNAL, event.at),
    )
