"""Which accounts a set of configuration files opens, and what is told of wrong ones."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from magellan_core.errors import ConfigError, ConfigMissing, UsageError
from magellan_core.model import Timeframe
from magellan_core.paper.opening import from_configs, from_file, roster


def config(folder: Path, name: str, account: str, timeframe: str) -> Path:
    path = folder / f"{name}.json"
    told = {
        "account_info": {"account_id": account},
        "strategy": {"name": name},
        "data_requirements": {"timeframe": timeframe},
    }
    path.write_text(json.dumps(told))
    return path


def accounts(folder: Path, rows: object) -> Path:
    path = folder / "accounts.json"
    path.write_text(json.dumps(rows))
    return path


def test_each_config_opens_an_account_priced_by_its_bars(tmp_path: Path) -> None:
    opened = from_configs(
        [
            config(tmp_path, "bear_trap", "PA123", "1Min"),
            config(tmp_path, "daily_trend", "PENDING_CREATION", "1Day"),
        ]
    )
    assert [(o.strategy, o.spec.number, o.spec.timeframe) for o in opened] == [
        ("bear_trap", "PA123", Timeframe.MINUTE),
        ("daily_trend", "PAPERDAILYTREND", Timeframe.DAY),
    ]
    assert (opened[0].spec.key, opened[0].spec.secret) == ("PK-bear_trap", "local-bear_trap")


def test_the_delivered_configs_open_three_accounts() -> None:
    root = Path(__file__).resolve().parents[3] / "deployable_strategies"
    opened = from_configs(sorted(root.glob("*/aws_deployment/config.json")))
    assert {o.strategy: o.spec.number for o in opened} == {
        "bear_trap": "PA3DDLQCBJSE",
        "daily_trend": "PAPERDAILYTREND",
        "hourly_swing": "PAPERHOURLYSWING",
    }


def test_a_file_of_accounts_may_name_keys_and_cash(tmp_path: Path) -> None:
    row = {"strategy": "x", "number": "A1", "timeframe": "1Hour", "key": "K", "cash": "2500.50"}
    [opened] = from_file(accounts(tmp_path, [row]))
    assert opened.spec.cash == Decimal("2500.50")
    assert opened.describe() == {
        "number": "A1",
        "key": "K",
        "secret": "local-x",
        "strategy": "x",
    }


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({}, "must hold a list"),
        ([1], r"\[0\]: must be an object"),
        ([{"strategy": "x"}], r"\[0\].number: missing; \[0\].timeframe: missing"),
        ([{"strategy": "x", "number": "A", "timeframe": "5Min"}], "'5Min' is none of 1Min"),
        ([{"strategy": "x", "number": "A", "timeframe": "1Min", "cash": "lots"}], "no amount"),
        ([{"strategy": s, "number": "A", "timeframe": "1Min"} for s in "xy"], "A is opened twice"),
    ],
)
def test_a_wrong_file_is_told_by_its_faults(tmp_path: Path, rows: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_file(accounts(tmp_path, rows))


def test_a_missing_file_and_one_that_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing, match="cannot be read"):
        from_configs([tmp_path / "none.json"])
    path = tmp_path / "torn.json"
    path.write_text('{"a":')
    with pytest.raises(ConfigError, match="not JSON"):
        from_configs([path])


def test_the_roster_puts_the_conductor_first(tmp_path: Path) -> None:
    opened = from_configs([config(tmp_path, name, name, "1Min") for name in ("ann", "bob")])
    assert list(roster(None, opened).items()) == [
        ("conductor", None),
        ("ann", "ann"),
        ("bob", "bob"),
    ]
    assert list(roster("boss,bob", opened).items()) == [("boss", None), ("bob", "bob")]
    assert roster("bob,ann", opened)["bob"] == "bob"
    with pytest.raises(UsageError, match="no account for eve; there is ann, bob"):
        roster("boss,eve", opened)
