"""Mistakes that somebody could make, each as one edit, and the tests that must notice."""

from dataclasses import dataclass

CRASH = "tests/engine/test_crash_points.py"
RECOVERY = ("tests/engine/test_recovery.py",)
LATE = ("tests/engine/test_late_and_missing.py",)
LISTED_LATE = ("tests/engine/test_fills_listed_late.py",)
STORE = ("tests/unit/store/test_journal.py",)
TOLD_HALTS = ("tests/engine/test_told_halts.py",)
TRANSPORT = ("tests/contract/test_alpaca_transport.py",)


def points(scenario: str, kind: str) -> tuple[str, ...]:
    """The crash points of one scenario: "orders", "questions" or "journal"."""
    return (CRASH, "-k", f"every_point and {scenario} and {kind}")


def scripts(scenario: str) -> tuple[str, ...]:
    """The undisturbed run of one scenario."""
    return (CRASH, "-k", f"scripts and {scenario}")


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands once in `path` and becomes `new`; `tests` are pytest's arguments."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


ENGINE = "magellan_core/engine/"
MUTANTS = (
    Mutant(
        "leave unexplained what left over a full disk",
        ENGINE + "desk.py",
        "record = self.match(order) or self._adopt(order, now)",
        "record = self.match(order)",
        ("tests/engine/test_adoption.py",),
    ),
    Mutant(
        "let exits wait for bars at a start",
        ENGINE + "engine.py",
        "            self._look_after(truth, now, session_on(new_york_date(now)))\n",
        "            pass\n",
        ("tests/engine/test_no_data.py",),
    ),
    Mutant(
        "let a signal to sell wait for bars",
        ENGINE + "engine.py",
        "        self.intake.execute_signals(place, exits_only=True)\n",
        "",
        ("tests/engine/test_without_bars.py",),
    ),
    Mutant(
        "build indicators of nothing",
        ENGINE + "feed.py",
        "> start and not history.get(symbol):",
        "> now and not history.get(symbol):",
        ("tests/engine/test_without_bars.py",),
    ),
    Mutant(
        "take a missing quantity for none",
        "magellan_core/alpaca/parse.py",
        'told.number("qty"),\n        filled_qty',
        'told.maybe_number("qty") or filled,\n        filled_qty',
        ("tests/unit/alpaca/test_parse.py",),
    ),
    Mutant(
        "drop the fsync",
        "magellan_core/store/sqlite.py",
        'db.execute("PRAGMA synchronous = FULL")',
        'db.execute("PRAGMA synchronous = OFF")',
        RECOVERY,
    ),
    Mutant(
        "send again on a time-out",
        ENGINE + "desk.py",
        "        return self.broker.submit(request)\n",
        "        first = self.broker.submit(request)\n"
        "        return self.broker.submit(request) if isinstance(first, Unknown) else first\n",
        points("stopped", "orders"),
    ),
    Mutant(
        "take an unknown outcome for a refusal",
        ENGINE + "desk.py",
        'self._outcome(key, symbol, "unknown", outcome.why, now)',
        'self._outcome(key, symbol, "refused", outcome.why, now)',
        LATE,
    ),
    Mutant(
        "take an unknown outcome for an acceptance",
        ENGINE + "desk.py",
        'self._outcome(key, symbol, "unknown", outcome.why, now)',
        'self._outcome(key, symbol, "accepted", outcome.why, now)',
        points("stopped", "orders"),
    ),
    Mutant(
        "skip the look-up",
        ENGINE + "desk.py",
        "for record in [o for o in self.ledger.book.live.values() if o.unresolved]:",
        "for record in list[OrderRecord]():",
        points("stopped", "orders"),
    ),
    Mutant(
        "give up an exit for lost as if it were an entry",
        ENGINE + "desk.py",
        "resend = record.role is not Role.ENTRY and record.replaces is None",
        "resend = False",
        LATE,
    ),
    Mutant(
        "send an entry again that was not found",
        ENGINE + "desk.py",
        "resend = record.role is not Role.ENTRY and record.replaces is None",
        "resend = record.replaces is None",
        LATE,
    ),
    Mutant(
        "send an order before PLANNED is on disk",
        ENGINE + "ledger.py",
        "        if self.backlog:\n            try:\n",
        "        if len(self.backlog) > 1:\n            try:\n",
        scripts("time"),
    ),
    Mutant(
        "go on sending after an order was not accepted",
        ENGINE + "desk.py",
        "            if not isinstance(outcome, Accepted):\n",
        "            if isinstance(outcome, str):\n",
        RECOVERY,
    ),
    Mutant(
        "forget which fills are on record",
        "magellan_core/fold.py",
        'book.fill_ids.add(fill_id := str(d["id"]))',
        'fill_id = str(d["id"])',
        LISTED_LATE,
    ),
    Mutant(
        "read fills on from the newest alone",
        "magellan_core/engine/settle.py",
        "self.broker.fills(book.fills_from)",
        "self.broker.fills(book.last_fill)",
        LISTED_LATE,
    ),
    Mutant(
        "book a sale before its purchase",
        "magellan_core/engine/settle.py",
        "waiting = self._bought_untold(fresh)",
        "waiting = set[str]()",
        LISTED_LATE,
    ),
    Mutant(
        "do not round fills to cents",
        "magellan_core/fold.py",
        "(qty * price).quantize(CENT, ROUND_HALF_UP)",
        "qty * price * Decimal('1.00001')",
        scripts("targets"),
    ),
    Mutant(
        "forget at a restart that an exit is under way",
        "magellan_core/fold.py",
        '    book.exits[symbol] = ExitRecord(symbol, str(d["reason"]), event.at)\n',
        "    return\n",
        scripts("time"),
    ),
    Mutant(
        "hold nothing that turns up late",
        "magellan_core/fold.py",
        "    if position is None or record.tranche not in (None, *position.tranches):\n",
        "    if position is not None and record.tranche not in (None, *position.tranches):\n",
        LATE,
    ),
    Mutant(
        "leave a leg's quantity as it was",
        "magellan_core/fold.py",
        '    record.qty = int(str(d.get("qty", record.qty)))\n',
        "",
        scripts("partial"),
    ),
    Mutant(
        "leave partly filled tranches without a stop",
        ENGINE + "tend.py",
        "            self._place_stop(position, tranche.index, int(tranche.held), now)\n",
        "            continue\n",
        scripts("partial"),
    ),
    Mutant(
        "wait for the rest of a half-filled entry",
        ENGINE + "tend.py",
        "            self._cancel_all([o for o in entries if o.symbol == symbol], why, now)\n",
        "            continue\n",
        scripts("partial"),
    ),
    Mutant(
        "sell before the group is cancelled",
        ENGINE + "tend.py",
        "        elif others:\n",
        "        elif others and position is None:\n",
        scripts("time"),
    ),
    Mutant(
        "never sell what an exit left",
        ENGINE + "tend.py",
        "            self._sell(out, position, now)\n",
        "            pass\n",
        scripts("time"),
    ),
    Mutant(
        "let an exit wait for bars",
        ENGINE + "engine.py",
        "        self._on_time(place, exits_only=True)\n",
        "",
        LATE,
    ),
    Mutant(
        "decide an hourly check before its bar is there",
        ENGINE + "engine.py",
        "complete = not (exits_only or self.feed.waits(self.active()))",
        "complete = not exits_only",
        LATE,
    ),
    Mutant(
        "send a decision anew after a crash",
        "magellan_core/fold.py",
        "    book.entered_on[record.decision] = new_york_date(record.planned_at)\n",
        "",
        LATE,
    ),
    Mutant(
        "let entries leave over a full disk",
        ENGINE + "ledger.py",
        "        self.journal.append([*self.backlog, *events])\n        self.backlog.clear()\n",
        "        self.backlog.extend(events)\n        self.flush()\n",
        points("stopped", "journal"),
    ),
    Mutant(
        "let a full disk stop exits",
        ENGINE + "ledger.py",
        "            except JournalUnwritable:\n                return False\n",
        "            except JournalUnwritable:\n                raise\n",
        RECOVERY,
    ),
    Mutant(
        "let a request leave while lines wait for the disk",
        ENGINE + "desk.py",
        "    def _send(self, plan: Plan) -> Outcome:\n        self.ledger.flush()\n",
        "    def _send(self, plan: Plan) -> Outcome:\n",
        scripts("stopped"),
    ),
    Mutant(
        "forget the lines that a full disk refused",
        ENGINE + "ledger.py",
        "            except JournalUnwritable:\n                return False\n",
        "            except JournalUnwritable:\n                self.backlog.clear()\n"
        "                return False\n",
        RECOVERY,
    ),
    Mutant(
        "block at once what positions do not show yet",
        ENGINE + "settle.py",
        "now - self._since[symbol] >= self.grace and",
        "now >= self._since[symbol] and",
        RECOVERY,
    ),
    Mutant(
        "trade beside a position that nothing explains",
        ENGINE + "settle.py",
        "                self.ledger.write(line(now, Line.BLOCK, symbol, why=why))\n",
        "",
        RECOVERY,
    ),
    Mutant(
        "read a 504 as a refusal",
        "magellan_core/alpaca/transport.py",
        "    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or ",
        "    if ",
        ("tests/contract/test_alpaca_broker.py", *TRANSPORT),
    ),
    Mutant(
        "let the transport repeat a POST",
        "magellan_core/alpaca/deadline.py",
        'attempts = self._limits.attempts if verb == "GET" else 1',
        "attempts = self._limits.attempts",
        TRANSPORT,
    ),
    Mutant(
        "take the echo of an order for a refusal",
        "magellan_core/alpaca/broker.py",
        "_DUPLICATE in outcome.message.lower()",
        "_DUPLICATE in outcome.message.upper()",
        ("tests/contract/test_broker_contract.py", "tests/contract/test_alpaca_broker.py"),
    ),
    Mutant(
        "open a journal of a newer schema",
        "magellan_core/store/sqlite.py",
        "    if version > len(schema.migrations):\n",
        "    if version > 1000 + len(schema.migrations):\n",
        RECOVERY,
    ),
    Mutant(
        "buy what is told to be halted",
        ENGINE + "intake.py",
        "told_halt=self.news.halts.why(intent.symbol, now.now)",
        "told_halt=None",
        TOLD_HALTS,
    ),
    Mutant(
        "let a missed resume block for ever",
        ENGINE + "told_halts.py",
        "(traded is not None and traded >= at) or ",
        "",
        TOLD_HALTS,
    ),
    Mutant(
        "end a halt with the minute it began in",
        ENGINE + "told_halts.py",
        "bar.start > known:\n            self._traded[bar.symbol] = bar.start",
        "bar.start > known:\n            self._traded[bar.symbol] = bar.end",
        TOLD_HALTS,
    ),
    Mutant(
        "tick for every quote",
        ENGINE + "waiting.py",
        "self._tried.get(quote.symbol) == (quote.bid, quote.ask)",
        "not quote.bid",
        ("tests/engine/test_quote_hints.py",),
    ),
    Mutant(
        "let quotes keep a stream without bars",
        "magellan_core/alpaca/data_stream.py",
        "bar_at = heard_at if self._take(messages(frame)) else bar_at",
        "bar_at = heard_at if self._take(messages(frame)) else heard_at",
        ("tests/contract/test_alpaca_statuses_and_quotes.py", "-k", "mute"),
    ),
)
