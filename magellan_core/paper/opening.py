"""Which accounts the exchange opens: one per strategy's config.json, or as a file lists them.

Keys are derived from the strategy's name: they open nothing but this exchange.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from magellan_core.errors import ConfigError, ConfigMissing, UsageError
from magellan_core.model import Timeframe
from magellan_core.paper.accounts import AccountSpec

# The id of an account that is still to be created at Alpaca; here it is PAPER and the strategy.
PENDING = "PENDING_CREATION"
_MOST_CASH = 10**12
_CONDUCTOR = "conductor"


@dataclass(frozen=True, slots=True)
class Opening:
    """A strategy and the account it trades."""

    strategy: str
    spec: AccountSpec

    def describe(self) -> dict[str, str]:
        """The line of the ready file."""
        spec = self.spec
        return {
            "number": spec.number,
            "key": spec.key,
            "secret": spec.secret,
            "strategy": self.strategy,
        }


def from_configs(paths: Sequence[Path]) -> list[Opening]:
    """One account per config file. Raises ConfigMissing, ConfigError."""
    return _distinct([_from_config(path) for path in paths])


def from_file(path: Path) -> list[Opening]:
    """Accounts of a JSON list: {strategy, number, timeframe} and, if wanted, key, secret, cash.

    Raises ConfigMissing, ConfigError.
    """
    rows = _read(path)
    if not isinstance(rows, list) or not rows:
        raise ConfigError(str(path), ["it must hold a list of accounts"])
    return _distinct([_from_row(path, n, row) for n, row in enumerate(rows)])


def roster(text: str | None, openings: Iterable[Opening]) -> dict[str, str | None]:
    """Members in order, each with its account; the conductor, first, has none.

    None: the conductor and every strategy. Raises UsageError for a name without an account.
    """
    accounts = {opening.strategy: opening.spec.number for opening in openings}
    if text is None:
        return {_CONDUCTOR: None, **accounts}
    first, *rest = [name.strip() for name in text.split(",") if name.strip()] or [_CONDUCTOR]
    if unknown := [name for name in rest if name not in accounts]:
        raise UsageError(
            f"--roster: no account for {', '.join(unknown)}; there is {', '.join(accounts)}"
        )
    return {first: accounts.get(first), **{name: accounts[name] for name in rest}}


def _from_config(path: Path) -> Opening:
    told = _read(path)
    if not isinstance(told, dict):
        raise ConfigError(str(path), ["it must hold a JSON object"])
    strategy = _strategy(path, told)
    number = str((told.get("account_info") or {}).get("account_id") or PENDING)
    if number == PENDING:
        number = "PAPER" + strategy.replace("_", "").upper()
    word = str((told.get("data_requirements") or {}).get("timeframe", ""))
    if (told.get("strategy_parameters") or {}).get("bar_session") == "regular":
        word = Timeframe.MINUTE.value  # what its hours are built from
    return Opening(strategy, _spec(strategy, number, _timeframe(path, word), {}))


def _from_row(path: Path, n: int, row: object) -> Opening:
    if not isinstance(row, dict):
        raise ConfigError(str(path), [f"[{n}]: must be an object"])
    missing = [name for name in ("strategy", "number", "timeframe") if not row.get(name)]
    if missing:
        raise ConfigError(str(path), [f"[{n}].{name}: missing" for name in missing])
    strategy = str(row["strategy"])
    return Opening(
        strategy, _spec(strategy, str(row["number"]), _timeframe(path, str(row["timeframe"])), row)
    )


def _spec(strategy: str, number: str, timeframe: Timeframe, told: dict[str, Any]) -> AccountSpec:
    try:
        cash = Decimal(str(told.get("cash", 100_000)))
    except InvalidOperation:
        cash = Decimal("NaN")
    if not (cash.is_finite() and 0 <= cash <= _MOST_CASH):
        raise ConfigError(number, [f"cash: {told['cash']!r} is no amount of dollars"])
    return AccountSpec(
        number=number,
        key=str(told.get("key") or f"PK-{strategy}"),
        secret=str(told.get("secret") or f"local-{strategy}"),
        timeframe=timeframe,
        cash=cash,
    )


def _strategy(path: Path, told: dict[str, Any]) -> str:
    said = told.get("strategy")
    name = said.get("name") if isinstance(said, dict) else None
    if not isinstance(name, str) or not name:
        raise ConfigError(str(path), ["strategy.name: missing"])
    return name


def _timeframe(path: Path, word: str) -> Timeframe:
    try:
        return Timeframe(word)
    except ValueError:
        known = ", ".join(Timeframe)
        raise ConfigError(
            str(path), [f"data_requirements.timeframe: {word!r} is none of {known}"]
        ) from None


def _read(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigMissing(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigMissing(f"{path}: cannot be read (it is not UTF-8 text)") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), [f"not JSON: {error}"]) from error


def _distinct(openings: list[Opening]) -> list[Opening]:
    numbers = [opening.spec.number for opening in openings]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise ConfigError("accounts", [f"{number} is opened twice" for number in twice])
    return openings
