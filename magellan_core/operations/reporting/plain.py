"""A report for programs: money as strings, times as ISO 8601 in UTC, rates in per cent."""

from decimal import Decimal

from magellan_core.operations.reporting.report import Check, Report, Section
from magellan_core.operations.reporting.second_run import Stray
from magellan_core.operations.reporting.slippage import Slip


def as_json(report: Report) -> dict[str, object]:
    """JSON-safe."""
    return {
        "title": report.title,
        "made_at": report.made_at.isoformat(),
        "sessions": [session.date.isoformat() for session in report.sessions],
        "pnl": _text(report.pnl),
        "checks": [_check(check) for check in report.checks],
        "strategies": {each.strategy: _section(each) for each in report.sections},
    }


def _section(section: Section) -> dict[str, object]:
    facts, figures, slippage = section.facts, section.trades, section.slippage
    if facts is None:
        return {"fault": section.fault}
    return {
        "pnl": _text(facts.pnl),
        "days": [
            {"session": d.session.isoformat(), "start": str(d.start), "end": _text(d.end)}
            for d in facts.days
        ],
        "trades": figures.count,
        "won": figures.won,
        "win_rate_pct": _text(figures.win_rate),
        "expectancy": _text(figures.expectancy),
        "drawdown_pct": _text(section.drawdown),
        "entries": facts.entries,
        "refused": dict(facts.refused),
        "order_ids": dict(facts.order_ids),
        "fills": [_slip(slip) for slip in section.fills],
        "slippage_bps": {
            "fills": slippage.count,
            "replayed": slippage.replayed,
            "late_seconds": None if slippage.late is None else slippage.late.total_seconds(),
            "mean": _text(slippage.mean),
            "worst": _text(slippage.worst),
            "delay": _text(slippage.delay),
            "spread": _text(slippage.spread),
            "rest": _text(slippage.rest),
            "dollars": str(slippage.dollars),
        },
        "sessions_traded_again": section.runs,
        "not_traded_again": list(section.not_run),
        "not_compared": list(section.doubted),
        "one_side_only": [_stray(stray) for stray in section.strays],
        "minutes_with_a_bar_pct": {c.symbol: _text(c.percent) for c in section.coverage},
        "sessions_without_a_bar": dict(section.missing or {}),
        "starts": facts.starts,
        "crashes": facts.crashes,
        "outages": facts.outages,
        "outage_seconds": facts.outage.total_seconds(),
        "halts": [{"limit": h.limit, "why": h.why, "at": h.at.isoformat()} for h in facts.halts],
        "alerts": [str(a.data.get("message", "")) for a in facts.alerts],
        "checks": [_check(check) for check in section.checks],
    }


def _check(check: Check) -> dict[str, object]:
    return {"name": check.name, "ok": check.ok, "why": check.why}


def _slip(slip: Slip) -> dict[str, object]:
    return {
        "order": slip.order,
        "symbol": slip.symbol,
        "role": slip.role.value,
        "side": slip.side.value,
        "qty": str(slip.qty),
        "at": slip.at.isoformat(),
        "price": str(slip.price),
        "backtest": _text(slip.model),
        "by": slip.by,
        "late_seconds": None if slip.late is None else slip.late.total_seconds(),
        "bps": _text(slip.total),
        "delay_bps": _text(slip.delay),
        "spread_bps": _text(slip.spread),
        "rest_bps": _text(slip.rest),
    }


def _stray(stray: Stray) -> dict[str, object]:
    order = stray.order
    return {
        "only_by": "day" if stray.by_the_day else "backtest",
        "decision": order.what.decision,
        "symbol": order.what.symbol,
        "role": order.what.role.value,
        "side": order.side.value,
        "qty": str(order.qty),
        "at": order.at.isoformat(),
        "price": str(order.price),
        "why": stray.why,
        "expected": stray.expected,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
