"""The predicates that stay on in per-symbol accounts, and the journal of what they said.

Account, emergency, portfolio and position limits and quote predicates are off there; Bear Trap's
entries a day and realised loss a day stay on, as they are part of its rules.
"""

from decimal import Decimal

from magellan_core.backtest.account import SymbolAccount
from magellan_core.lines import Line, line
from magellan_core.model import Enter
from magellan_core.ports import Journal
from magellan_core.risk.pre_trade import (
    EntryLimits,
    Predicate,
    Question,
    max_trades,
    not_in_flight,
    objections,
    realised_loss,
    whole_share,
)
from magellan_core.strategy import View

ALWAYS: tuple[Predicate, ...] = (not_in_flight, whole_share)
INTRADAY: tuple[Predicate, ...] = (*ALWAYS, max_trades, realised_loss)


class Judge:
    """Asks the predicates; every decision is journaled with its objections."""

    def __init__(self, limits: EntryLimits, journal: Journal) -> None:
        self.limits, self.journal = limits, journal

    def allows(self, intent: Enter, account: SymbolAccount, view: View) -> bool:
        qty = sum(tranche.qty for tranche in intent.tranches)
        if not intent.tranches:
            qty = account.affordable(intent.reference)
        against = objections(
            Question(
                intent=intent,
                now=view.now,
                session=view.session,
                calendar_agrees=True,
                qty=qty,
                cost=qty * intent.reference,
                worst_loss=None,
                quote=None,
                bar_end=view.now,
                bar_due=None,
                asset=None,
                configured=True,
                halts=(),
                blocked=None,
                busy=False,
                duplicate=False,
                held=account.lot is not None,
                open_positions=0,
                trades_today=account.entries_today,
                exposure=Decimal(0),
                equity=account.cash,
                day_start=account.day_start,
                buying_power=account.cash,
                account_blocked=False,
                realised_today=account.realised_today,
                orders_last_minute=0,
                unjudged=None,
                stale_peers=(),
                journal_writable=True,
            ),
            self.limits,
            INTRADAY if intent.tranches else ALWAYS,
        )
        decision = line(
            view.now,
            Line.DECISION,
            intent.symbol,
            action="enter",
            reason=intent.reason,
            reference=str(intent.reference),
            qty=qty,
            objections=against,
        )
        self.journal.append([decision])
        return not against
