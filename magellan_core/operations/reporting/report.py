"""A report: per strategy the facts, their figures, and the checks that a person would make.

LAW: pure. A check that cannot be answered is None, and says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from magellan_core.config import Config
from magellan_core.market_hours import Session
from magellan_core.model import Timeframe
from magellan_core.operations.reporting.facts import Facts, against
from magellan_core.operations.reporting.figures import (
    Coverage,
    TradeFigures,
    coverage,
    max_drawdown,
    missing_sessions,
    trade_figures,
)
from magellan_core.operations.reporting.second_run import SecondRun, Stray, strays
from magellan_core.operations.reporting.slippage import Slip, SlipFigures, slip_figures, slips
from magellan_core.records import Role

WEEK, FOUR_WEEKS = 5, 20
NO_TRADES, NO_FILLS = trade_figures(()), slip_figures(())
TITLES = {1: "Daily report", WEEK: "Weekly report", FOUR_WEEKS: "Four-week review"}


@dataclass(frozen=True, slots=True)
class Check:
    """A question with its answer; None: cannot be told yet."""

    name: str
    ok: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class Section:
    """One strategy. `fault`: its journal could not be read, and why; then nothing else is known.

    `runs` of the sessions were traded again, `not_run` says of which not and why, `doubted` which
    symbols' orders could not be compared.
    """

    strategy: str
    config: Config
    facts: Facts | None
    fault: str = ""
    trades: TradeFigures = NO_TRADES
    fills: Sequence[Slip] = ()
    slippage: SlipFigures = NO_FILLS
    runs: int = 0
    not_run: Sequence[str] = ()
    doubted: Sequence[str] = ()
    strays: Sequence[Stray] = ()
    coverage: Sequence[Coverage] = ()
    missing: Mapping[str, int] | None = None
    drawdown: Decimal | None = None
    checks: Sequence[Check] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Of a period: one session, a week of five or four weeks of twenty."""

    made_at: datetime
    sessions: Sequence[Session]
    sections: Sequence[Section]

    @property
    def title(self) -> str:
        return TITLES.get(len(self.sessions), f"Report on {len(self.sessions)} sessions")

    @property
    def pnl(self) -> Decimal | None:
        """Of all accounts in dollars; None while one is not known."""
        told = [None if s.facts is None else s.facts.pnl for s in self.sections]
        known = [pnl for pnl in told if pnl is not None]
        return sum(known, Decimal(0)) if len(known) == len(told) else None

    @property
    def checks(self) -> Sequence[Check]:
        """Of all strategies: the worst answer to each question."""
        names = list(dict.fromkeys(c.name for s in self.sections for c in s.checks))
        return [_worst(name, self.sections) for name in names]


def section(
    config: Config,
    facts: Facts | None,
    fault: str = "",
    runs: Sequence[SecondRun] = (),
    not_run: Sequence[str] = (),
) -> Section:
    """Everything that follows from one strategy's facts."""
    if facts is None:
        failed = Check("journal readable", False, fault)
        return Section(config.name, config, None, fault, checks=(failed,))
    if not facts.lines:
        has = "is empty" if facts.covers is None else "has {} to {}".format(*facts.covers)
        why = f"not a line of these sessions in its journal, which {has}: was it running?"
        failed = Check("running", False, why)
        return Section(config.name, config, None, why, checks=(failed,))
    fills, astray = slips(facts, runs), strays(facts, runs)
    doubted = sorted({symbol for run in runs for symbol in run.doubted})
    figures, slippage = trade_figures(facts.trades), slip_figures(fills)
    missing = missing_sessions(facts, config.symbols)
    fall = max_drawdown(facts)
    timeframe = Timeframe(config.data_requirements.timeframe)
    return Section(
        strategy=config.name,
        config=config,
        facts=facts,
        trades=figures,
        fills=fills,
        slippage=slippage,
        runs=len(runs),
        not_run=not_run,
        doubted=doubted,
        strays=astray,
        coverage=coverage(facts, config.symbols, timeframe),
        missing=missing,
        drawdown=fall,
        checks=(
            *_checks(config, facts, slippage, missing),
            _alike(runs, not_run, doubted, astray),
            *_in_the_long_run(config, facts, figures, fall),
        ),
    )


def _checks(
    config: Config, facts: Facts, slippage: SlipFigures, missing: Mapping[str, int]
) -> Sequence[Check]:
    """The week-1 success metrics of the checklist."""
    halts = "; ".join(f"{h.limit}: {h.why}" for h in facts.halts)
    lacking = ", ".join(f"{symbol} {count}" for symbol, count in missing.items())
    return [
        Check("no crash", facts.crashes == 0, f"{facts.crashes} crashes, {facts.starts} starts"),
        _traded(facts),
        Check("no emergency stop", not facts.halts, halts or "no halt on record"),
        _slipped(config, slippage),
        Check(
            "no data gaps",
            not missing and not facts.outages,
            f"sessions without a bar: {lacking or 'none'}; {facts.outages} outages",
        ),
    ]


def _in_the_long_run(
    config: Config, facts: Facts, figures: TradeFigures, fall: Decimal | None
) -> Sequence[Check]:
    """What the decision on live money adds."""
    if len(facts.sessions) < FOUR_WEEKS:
        return ()
    return (_won(config, figures), _fell(config, fall))


def _alike(
    runs: Sequence[SecondRun],
    not_run: Sequence[str],
    doubted: Sequence[str],
    astray: Sequence[Stray],
) -> Check:
    """Every order filled by one side alone has a reason that a backtest leaves out."""
    name = "orders as in the backtest"
    odd = [stray for stray in astray if not stray.expected]
    if odd:
        told = ", ".join(f"{s.order.what.symbol} {s.order.what.role}: {s.why}" for s in odd[:3])
        return Check(name, False, f"{len(odd)} differ: {told}")
    if not runs:
        return Check(name, None, "; ".join(not_run) or "no day was traded again")
    if doubted:
        return Check(name, None, f"{', '.join(doubted)}: too few bars to warm up with (--data)")
    if not_run:
        return Check(name, None, "; ".join(not_run))
    refused = f", {len(astray)} with a reason" if astray else ""
    return Check(name, True, f"sessions traded again: {len(runs)}, none differs{refused}")


def _traded(facts: Facts) -> Check:
    """Every decision to enter has an order that the broker knows."""
    sent = [o for o in facts.book.orders.values() if o.role is Role.ENTRY]
    lost = [
        str(d.data.get("id"))
        for d in facts.decisions
        if d.data.get("action") == "enter"
        and not against(d)
        and not any(o.decision == d.data.get("id") and o.broker_id for o in sent)
    ]
    why = f"{facts.entries} entries decided, {len(facts.order_ids)} orders known to the broker"
    return Check("trades execute as decided", not lost, "; ".join([why, *lost]))


def _slipped(config: Config, slippage: SlipFigures) -> Check:
    name, most = "slippage within tolerance", config.monitoring.slippage_tolerance_bps
    if slippage.mean is None:
        return Check(name, None, "no fill to compare")
    why = (
        f"mean {slippage.mean:.1f} bps over {slippage.count} fills "
        f"({slippage.replayed} replayed), tolerance {most} bps"
    )
    return Check(name, slippage.mean <= most, why)


def _won(config: Config, figures: TradeFigures) -> Check:
    name, (low, high) = "win rate as expected", config.monitoring.expected_win_rate_pct
    least = config.risk_management.emergency_stop_conditions.win_rate_min_trades
    if figures.win_rate is None or figures.count < least:
        return Check(name, None, f"{figures.count} closed trades, {least} are needed to judge")
    why = f"{figures.win_rate:.0f} % of {figures.count} trades, expected {low} to {high} %"
    return Check(name, low <= figures.win_rate <= high, why)


def _fell(config: Config, fall: Decimal | None) -> Check:
    name = "drawdown below half its limit"
    most = config.risk_management.emergency_stop_conditions.max_drawdown_pct / 2
    if fall is None:
        return Check(name, None, "a session's closing equity is not known")
    return Check(name, fall < most, f"{fall:.2f} % of at most {most} %")


def _worst(name: str, sections: Sequence[Section]) -> Check:
    found = [(s.strategy, c) for s in sections for c in s.checks if c.name == name]
    ok = None
    if any(c.ok is False for _, c in found):
        ok = False
    elif all(c.ok for _, c in found):
        ok = True
    told = [f"{strategy}: {c.why}" for strategy, c in found if c.ok is not True]
    return Check(name, ok, "; ".join(told) or "all strategies")
