"""Which changes a running daemon takes over, and which it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from magellan_core.config import Config, parse
from magellan_core.reload import changes, objections

SHIPPED = (
    Path(__file__).resolve().parents[2]
    / "deployable_strategies/hourly_swing/aws_deployment/config.json"
)
Raw = dict[str, Any]


def config(change: Callable[[Raw], None] | None = None) -> Config:
    raw = json.loads(SHIPPED.read_text())
    if change is not None:
        change(raw)
    return parse(json.dumps(raw), "config.json")


def another_account(raw: Raw) -> None:
    raw["account_info"]["account_id"] = "PA0000000000"


def another_broker(raw: Raw) -> None:
    raw["ssm_parameters"]["base_url"] = "http://127.0.0.1:9"


def another_store(raw: Raw) -> None:
    raw["portfolio"]["store"] = "other.sqlite3"


def another_feed(raw: Raw) -> None:
    raw["data_requirements"]["feed"] = "iex" if raw["data_requirements"]["feed"] != "iex" else "sip"


def smaller_limit(raw: Raw) -> None:
    raw["risk_management"]["max_position_dollars"] = 1234


def other_words(raw: Raw) -> None:
    raw["strategy"]["description"] = "the same in other words"


def fewer_symbols(raw: Raw) -> None:
    raw["symbol_parameters"].pop(raw["symbols"].pop())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (another_account, "account_info.account_id"),
        (another_broker, "ssm_parameters.base_url"),
        (another_store, "portfolio.store"),
        (another_feed, "data_requirements.feed"),
    ],
)
def test_what_defines_the_run_needs_a_restart(change: Callable[[Raw], None], path: str) -> None:
    assert objections(config(), config(change), ()) == [
        f"{path} changed: restart the service for it"
    ]


@pytest.mark.parametrize("change", [smaller_limit, other_words, fewer_symbols])
def test_limits_symbols_and_words_may_change(change: Callable[[Raw], None]) -> None:
    assert objections(config(), config(change), ()) == []


def test_a_held_symbol_keeps_its_strategy() -> None:
    last = config().symbols[-1]
    (fault,) = objections(config(), config(fewer_symbols), {last})
    assert fault.startswith(f"symbols: {last} was removed but is held")


def test_a_change_is_told_by_its_path_with_both_values() -> None:
    old = str(config().risk_management.max_position_dollars)
    assert changes(config(), config(smaller_limit)) == {
        "risk_management.max_position_dollars": (old, "1234")
    }


def test_words_for_people_are_no_change() -> None:
    assert changes(config(), config(other_words)) == {}
