"""The rest of what is known of a strategy, one sentence a line: account, daemon, orders, alerts."""

from collections.abc import Iterator
from datetime import datetime

from magellan_core.operations.bars import gauge
from magellan_core.operations.looks import (
    DecisionLook,
    OrderLook,
    PositionLook,
    StrategyLook,
    Usage,
)
from magellan_core.operations.reasons import when
from magellan_core.operations.wording import UNKNOWN, dollars, number, price, prices


def details(look: StrategyLook, now: datetime, *, with_account: bool) -> Iterator[str]:
    """Every sentence, the most asked for first. The account may have been told already."""
    for signal in (s.signal for s in look.symbols):
        if signal is not None:
            verb = "buy" if signal.action == "enter" else "sell"
            at = "" if signal.not_before is None else f" at {when(signal.not_before, now)}"
            until = "" if signal.until is None else f", until {when(signal.until, now)}"
            yield f"signal: {verb} {signal.symbol}{at}{until}: {signal.reason}"
    for order in look.orders:
        yield order_in_words(order, now)
    newest = max((s.decision for s in look.symbols if s.decision), key=lambda d: d.at, default=None)
    if newest is not None:
        yield decision_in_words(newest, now)
    parts = [usage_in_words(usage, 4) for usage in look.usages]
    if with_account:
        account = look.account
        called = f"account {account.number or UNKNOWN} {account.status}".rstrip()
        parts = [called, f"cash {dollars(account.cash.value)}", *parts]
    yield "; ".join(parts)
    yield _daemon(look, now)
    yield _service(look, now)
    for alert in look.alerts:
        yield f"alert: {alert}"


def order_in_words(order: OrderLook, now: datetime) -> str:
    """E.g. "order: sell 40 AMC limit 6.20 (target), new since 10:05 ET"."""
    done = f"{number(order.filled)}/" if order.filled else ""
    at = "".join(
        f" {name} {price(value)}"
        for name, value in (("limit", order.limit), ("stop", order.stop))
        if value is not None
    )
    role = f" ({order.role})" if order.role else " (not in the journal)"
    what = f"{order.side} {done}{number(order.qty)} {order.symbol}{at or f' {order.type}'.rstrip()}"
    return f"order: {what}{role}, {order.status} since {when(order.since, now)}"


def held_in_words(held: PositionLook, now: datetime) -> str:
    """E.g. "100 at 5.24, last 5.31; stop 100 at 5.10; target 40 at 5.60; since 10:05 ET"."""
    parts = [f"{number(held.qty)} at {price(held.average)}, last {price(held.last)}"]
    for name, rests in (("stop", held.stops), ("target", held.targets)):
        if rests:
            each = ", ".join(f"{number(r.qty)} at {price(r.price)}" for r in rests)
            parts.append(f"{name} {each}")
    if held.entered_at is not None:
        parts.append(f"since {when(held.entered_at, now)}")
    return "; ".join(parts)


def exits_in_words(held: PositionLook) -> str:
    """E.g. "stop 5.10, target 5.60/6.02"."""
    both = (("stop", held.stops), ("target", held.targets))
    return ", ".join(f"{name} {prices([r.price for r in rests])}" for name, rests in both if rests)


def decision_in_words(decision: DecisionLook, now: datetime) -> str:
    """The latest decision, and what was said against it."""
    shares = "" if decision.qty is None else f" {decision.qty}"
    said = f"last decision {when(decision.at, now)}: {decision.action}{shares} {decision.symbol}"
    against = f"; REFUSED: {'; '.join(decision.objections)}" if decision.objections else ""
    return f"{said}, {decision.reason}{against}"


def usage_in_words(usage: Usage, width: int = 6) -> str:
    """E.g. "trades today ██░░░░ 3 of 10", "drawdown █░░░░░ 0.4 of 20 %", "trades 2 (no limit)"."""
    used, limit = usage.used.value, usage.limit.value
    told = UNKNOWN if used is None else number(round(used, 2))
    most = usage.limit.why if limit is None else number(round(limit, 2))
    if limit is None:
        return f"{usage.what} {told} ({most})"
    drawn = "" if used is None else f"{gauge(used, limit, width)} "
    return f"{usage.what} {drawn}{told} of {most} {usage.unit}".rstrip()


def _service(look: StrategyLook, now: datetime) -> str:
    """What systemd says of it."""
    service = look.service
    if service is None:
        return f"service: {look.no_service}"
    parts = [f"service {service.state}"]
    if service.since is not None:
        parts[0] += f" since {when(service.since, now)}"
    parts.append(f"{service.restarts} restarts")
    parts.append("errors not known" if service.errors is None else f"{service.errors} errors/h")
    if service.status:
        parts.append(service.status)
    return "; ".join(parts)


def _daemon(look: StrategyLook, now: datetime) -> str:
    daemon = look.daemon
    parts = [f"daemon {daemon.run}"]
    if daemon.started is not None:
        version = f" ({daemon.version})" if daemon.version else ""
        parts.append(f"started {when(daemon.started, now)}{version} {daemon.crashed}".rstrip())
    if daemon.stopped is not None:
        parts.append(f"last stop {when(daemon.stopped, now)}")
    if daemon.outage_at is not None:
        back = (
            "not over"
            if daemon.back_at is None or daemon.back_at < daemon.outage_at
            else (f"over {when(daemon.back_at, now)}")
        )
        parts.append(f"last outage {when(daemon.outage_at, now)}, {back}: {daemon.outage}")
    if look.newest_line is not None:
        parts.append(f"newest journal line {when(look.newest_line, now)}")
    return "; ".join(parts)
