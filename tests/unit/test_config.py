"""config.json: all faults at once with path and nearest key, live money refused, all keys read."""

import ast
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from deployable_strategies.bear_trap import build as bear_trap
from deployable_strategies.daily_trend_hysteresis import build as daily_trend
from deployable_strategies.hourly_swing import build as hourly_swing
from magellan_core.compose import settings_of
from magellan_core.config import DESCRIPTIVE, Config, is_pending, load, parse
from magellan_core.config_model import MODELS
from magellan_core.config_schema import json_schema, leaf_paths, model_in
from magellan_core.engine.feed import history_of
from magellan_core.errors import ConfigError, ConfigMissing
from magellan_core.strategy import Strategy

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ROOT / "deployable_strategies"
FOLDERS = {
    "bear_trap": "bear_trap",
    "daily_trend": "daily_trend_hysteresis",
    "hourly_swing": "hourly_swing",
}
D = Decimal
AFTER_CLOSE = "strategy_parameters.signal_after_close_minutes"


def shipped(name: str) -> Path:
    return DEPLOYED / FOLDERS[name] / "aws_deployment" / "config.json"


def changed(name: str, changes: Mapping[str, object], *gone: str) -> str:
    """The shipped file with other values at dotted paths, and without the paths in `gone`."""
    told = json.loads(shipped(name).read_text())
    for path in (*changes, *gone):
        *parents, last = path.split(".")
        part = told
        for step in parents:
            part = part.setdefault(step, {})
        if path in gone:
            del part[last]
        else:
            part[last] = changes[path]
    return json.dumps(told)


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        parse(text, "config.json")
    return told.value.faults


# -- faults ----------------------------------------------------------------------------------


def test_every_fault_of_a_file_is_told_at_once_with_its_path_and_the_nearest_key() -> None:
    text = changed(
        "bear_trap",
        {
            "risk_management.max_dayly_loss_dollars": 1,
            "execution.loop_interval_seconds": 0,
            "strategy_parameters.min_day_change_pct": "-15",
            "symbols": ["MULN", "not a symbol"],
            "whatever": True,
        },
        "monitoring.cloudwatch_log_group",
    )
    faults = faults_of(text)
    assert {fault.split(":")[0] for fault in faults} == {
        "risk_management.max_dayly_loss_dollars",
        "execution.loop_interval_seconds",
        "strategy_parameters.min_day_change_pct",
        "symbols.1",
        "whatever",
        "monitoring.cloudwatch_log_group",
    }
    told = "; ".join(faults)
    assert "max_dayly_loss_dollars: unknown key; did you mean max_daily_loss_dollars?" in told
    assert "monitoring.cloudwatch_log_group: is missing" in told
    assert "must be a number, without quotes" in told
    assert "\n" not in str(ConfigError("config.json", faults))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("daily_trend", {"execution.execute_until": "09:31"}),
        ("daily_trend", {"strategy_parameters.signal_after_close_minutes": 479}),
        ("bear_trap", {"execution.execution_delay_seconds": 0}),
        ("bear_trap", {"data_requirements.warmup_bars": 20}),
        ("hourly_swing", {"trading_hours.first_check": "09:30"}),
        ("hourly_swing", {"trading_hours.first_check": "12:59"}),
    ],
)
def test_the_last_values_that_make_sense_are_taken(name: str, changes: dict[str, object]) -> None:
    parse(changed(name, changes), "config.json")


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("bear_trap", {"symbols": ["AMC", "AMC"]}, "symbols: AMC is listed twice"),
        ("bear_trap", {"symbols": []}, "symbols: "),
        ("bear_trap", {"data_requirements.timeframe": "1Day"}, "data_requirements.timeframe: must"),
        ("bear_trap", {"data_requirements.feed": "iex"}, "data_requirements.feed: iex breaks"),
        ("bear_trap", {"data_requirements.feed": "sip_delayed"}, "data_requirements.feed: sip_d"),
        ("hourly_swing", {"data_requirements.feed": "sip_delayed"}, "data_requirements.feed: sip"),
        (
            "hourly_swing",
            {"strategy_parameters.bar_session": "extended"},
            "strategy_parameters.bar_session: ",
        ),
        (
            "daily_trend",
            {"data_requirements.feed": "sip_delayed"},
            "risk_management.max_quote_age_seconds: sip_delayed is 900 s late",
        ),
        *[
            ("daily_trend", changes, f"{fault}: ")
            for changes, fault in [
                ({"execution.execute_until": "09:00"}, "execution.execute_until"),
                ({"execution.execute_until": "09:30"}, "execution.execute_until"),
                ({"execution.execution_delay_seconds": 1800}, "execution.execute_until"),
                ({"strategy_parameters.signal_after_close_minutes": 480}, AFTER_CLOSE),
                ({"strategy_parameters.signal_after_close_minutes": 1200}, AFTER_CLOSE),
                ({"trading_hours.first_check": "10:00"}, "trading_hours.first_check"),
                ({"risk_management.risk_per_trade_pct": 2}, "risk_management.risk_per_trade_pct"),
            ]
        ],
        *[
            (name, {path: value}, f"{path}: only daily_trend reads it")
            for name in ("bear_trap", "hourly_swing")
            for path, value in [
                ("execution.execute_until", "10:00"),
                ("execution.execution_delay_seconds", 1),
            ]
        ],
        ("bear_trap", {"trading_hours.first_check": "10:00"}, "trading_hours.first_check: only"),
        (
            "bear_trap",
            {"strategy_parameters.no_entry_before_close_minutes": 1},
            "strategy_parameters.no_entry_before_close_minutes: must not be less than",
        ),
        ("bear_trap", {"data_requirements.warmup_bars": 19}, "data_requirements.warmup_bars: must"),
        ("bear_trap", {"data_requirements.bar_retry_seconds": [3, 1]}, "data_requirements.bar_r"),
        ("bear_trap", {"data_requirements.bar_retry_seconds": [1, 1]}, "data_requirements.bar_r"),
        ("hourly_swing", {"trading_hours.first_check": "09:29"}, "trading_hours.first_check: 09:2"),
        ("hourly_swing", {"trading_hours.first_check": "13:00"}, "trading_hours.first_check: 13:0"),
        ("hourly_swing", {"trading_hours.first_check": None}, "trading_hours.first_check: is m"),
        ("hourly_swing", {"data_requirements.warmup_bars": 83}, "data_requirements.warmup_bars: m"),
        ("daily_trend", {"execution.execute_until": None}, "execution.execute_until: is missing"),
        (
            "daily_trend",
            {"execution.execute_until": "25:00"},
            "execution.execute_until: is '25",
        ),
        ("daily_trend", {"symbol_parameters.SPY.lower": 58}, "symbol_parameters.SPY: lower 58"),
        ("daily_trend", {"symbols": ["SPY"]}, "symbol_parameters.GOOGL: is not in symbols"),
        ("bear_trap", {"portfolio.strategies": ["daily_trend"]}, "portfolio.strategies: must list"),
        ("bear_trap", {"account_info.account_id": "pending"}, "account_info.account_id: is 'pend"),
        ("bear_trap", {"ssm_parameters.api_key_path": "KEY"}, "ssm_parameters.api_key_path: is"),
        ("bear_trap", {"execution.loop_interval_seconds": True}, "execution.loop_interval_secon"),
    ],
)
def test_a_fault_names_its_path(name: str, changes: dict[str, object], fault: str) -> None:
    told = faults_of(changed(name, changes))
    assert any(text.startswith(fault) for text in told), told


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "line 1, column 2: not JSON"),
        ("[]", "the file must hold one JSON object"),
        ("{}", "strategy.name: is None"),
        ('{"strategy": {"name": "bear_trop"}}', "did you mean bear_trap?"),
    ],
)
def test_a_file_that_is_no_configuration_says_so(text: str, fault: str) -> None:
    assert fault in "; ".join(faults_of(text))


def test_a_key_given_twice_is_a_fault() -> None:
    text = shipped("bear_trap").read_text()
    twice = text.replace('"timezone": ', '"timezone": "America/New_York", "timezone": ')
    assert faults_of(twice) == ["timezone: given twice"]


def test_a_file_that_cannot_be_read_is_told_apart_from_a_faulty_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing, match="No such file"):
        load(tmp_path / "none.json")
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigMissing, match="not UTF-8"):
        load(binary)


def test_the_digest_is_of_the_file_as_it_stands() -> None:
    text = shipped("bear_trap").read_text()
    assert parse(text, "a").digest == parse(text, "b").digest != parse(text + "\n", "a").digest


# -- real money ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "allowed", "passes"),
    [
        ("https://paper-api.alpaca.markets", False, True),
        ("http://127.0.0.1:8080", False, True),
        ("http://localhost:8080", False, True),
        ("http://[::1]:8080", False, True),
        ("https://api.alpaca.markets", False, False),
        ("https://api.alpaca.markets", True, True),
        ("https://paper-api.alpaca.markets.example.com", False, False),
        ("https://example.com/paper-api.alpaca.markets", False, False),
        ("https://paper-api.alpaca.markets@example.com", False, False),
        ("http://127.0.0.1.example.com", False, False),
        ("paper-api.alpaca.markets", True, False),
        ("file:///etc/passwd", True, False),
        ("http://paper-api.alpaca.markets", True, False),
        ("http://10.0.0.1:8080", True, False),
        ("https://paper-api.alpaca.markets:99999", True, False),
        ("https://paper-api.alpaca.markets/v2/", False, True),
    ],
)
def test_real_money_is_traded_only_by_a_file_that_says_so(
    url: str, allowed: bool, passes: bool
) -> None:
    text = changed(
        "bear_trap",
        {"ssm_parameters.base_url": url, "account_info.live_trading_allowed": allowed},
    )
    if passes:
        assert parse(text, "config.json").ssm_parameters.base_url == url
    else:
        assert faults_of(text)[0].startswith("ssm_parameters.base_url: ")


@pytest.mark.parametrize(
    ("data_url", "passes"),
    [
        ("https://data.alpaca.markets", True),
        ("https://data.alpaca.markets/v2", True),
        ("http://127.0.0.1:8080", True),
        ("foo", False),
        ("ftp://x", False),
        ("http://evil.example", False),
        ("https://data.alpaca.markets:99999", False),
    ],
)
def test_keys_are_sent_to_no_data_host_in_clear(data_url: str, passes: bool) -> None:
    text = changed("bear_trap", {"ssm_parameters.data_url": data_url})
    if passes:
        assert parse(text, "config.json").ssm_parameters.data_url == data_url
    else:
        assert faults_of(text)[0].startswith("ssm_parameters.data_url: ")


# -- the shipped files -----------------------------------------------------------------------

# Typed by hand from the strategies' published parameters.
BANDS: dict[str, dict[str, tuple[object, ...]]] = {
    "daily_trend": {
        "GOOGL": (28, 55, 45),
        "GLD": (21, 65, 35),
        "META": (28, 55, 45),
        "AAPL": (28, 65, 35),
        "QQQ": (21, 60, 40),
        "SPY": (21, 58, 42),
        "MSFT": (21, 58, 42),
        "TSLA": (28, 58, 42),
        "AMZN": (21, 55, 45),
        "IWM": (28, 65, 35),
    },
    "hourly_swing": {"TSLA": (14, 60, 40), "NVDA": (28, 55, 45)},
}
# max position, max open positions, max trades a day, risk a trade, win rate, window in days.
RISK: dict[str, tuple[object, ...]] = {
    "bear_trap": (50000, 5, 10, 2, 30, 14),
    "daily_trend": (10000, 10, None, None, 35, 30),
    "hourly_swing": (50000, 2, None, None, 30, 14),
}
BUILD: dict[str, Callable[[Config], Strategy]] = {
    "bear_trap": bear_trap.build,
    "daily_trend": daily_trend.build,
    "hourly_swing": hourly_swing.build,
}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_shipped_file_holds_the_published_risk_limits(name: str) -> None:
    risk = load(shipped(name)).risk_management
    stop = risk.emergency_stop_conditions
    assert RISK[name] == (
        risk.max_position_dollars,
        risk.max_open_positions,
        risk.max_trades_per_day,
        risk.risk_per_trade_pct,
        stop.min_win_rate_pct,
        stop.win_rate_window_days,
    )
    assert (risk.max_daily_loss_dollars, risk.max_daily_loss_pct) == (D(10000), D(10))
    assert (stop.consecutive_losing_days, stop.max_drawdown_pct) == (3, D(20))
    assert (stop.losing_day_min_loss_pct, stop.win_rate_min_trades) == (D(1), 20)
    assert (risk.position_buffer_pct, risk.slippage_tolerance_pct) == (D(1), D(1))
    policies = risk.halt_policies.model_dump()
    assert {k for k, v in policies.items() if v == "hold"} == {"losing_streak", "win_rate"}


@pytest.mark.parametrize("name", BANDS)
def test_the_shipped_file_holds_the_published_bands(name: str) -> None:
    bands = load(shipped(name)).symbol_parameters
    told: dict[str, tuple[object, ...]] = {
        symbol: (band.rsi_period, band.upper, band.lower) for symbol, band in bands.items()
    }
    assert told == BANDS[name]


def test_the_shipped_accounts_symbols_and_portfolio() -> None:
    configs = {name: load(shipped(name)) for name in FOLDERS}
    bear = configs["bear_trap"]
    assert bear.account_info.account_id == "PA3DDLQCBJSE"
    assert bear.symbols == ("MULN", "ONDS", "AMC", "NKLA", "WKHS")
    assert is_pending(configs["daily_trend"])
    assert is_pending(configs["hourly_swing"])
    portfolios = {name: config.portfolio for name, config in configs.items()}
    assert len(set(portfolios.values())) == 1
    assert portfolios["bear_trap"].max_daily_loss_dollars == 10000
    assert portfolios["bear_trap"].max_drawdown_pct == 20
    assert set(portfolios["bear_trap"].strategies) == set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_shipped_file_builds_a_strategy_and_settings(name: str) -> None:
    config = load(shipped(name))
    strategy = BUILD[name](config)
    assert strategy.name == name
    assert strategy.needs.symbols == config.symbols
    assert strategy.needs.timeframe == config.data_requirements.timeframe
    settings = settings_of(config, patrol=None, patrol_closed=None)
    assert settings.entry.max_position_dollars == config.risk_management.max_position_dollars


@pytest.mark.parametrize("name", FOLDERS)
def test_a_strategy_refuses_the_file_of_another(name: str) -> None:
    other = next(n for n in FOLDERS if n != name)
    with pytest.raises(ConfigError, match=f"is not {name}"):
        BUILD[name](load(shipped(other)))


@pytest.mark.parametrize("name", FOLDERS)
def test_editors_find_the_schema_where_the_file_says(name: str) -> None:
    told = json.loads(shipped(name).read_text())
    assert (shipped(name).parent / told["$schema"]).resolve() == DEPLOYED / "config.schema.json"


def test_the_committed_schema_is_the_model_s() -> None:
    committed = json.loads((DEPLOYED / "config.schema.json").read_text())
    assert committed == json.loads(json.dumps(json_schema()))


# -- every number has an end ------------------------------------------------------------------


def numbers(kind: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Dotted path of every number that a file may hold, and its schema or that of a list of two."""
    schema = DEFINITIONS[kind.__name__]["properties"]
    for name, field in kind.model_fields.items():
        path, told = f"{prefix}{field.alias or name}", schema[field.alias or name]
        inner = model_in(field.annotation)
        if inner is not None:
            yield from numbers(
                inner, f"{path}{'.SYM.' if 'dict' in str(field.annotation) else '.'}"
            )
        elif told.get("type") == "array":
            item = told["prefixItems"][0] if "prefixItems" in told else told["items"]
            if item.get("type") in NUMERIC:
                yield path, {"pair": item}
        else:
            yield from (
                (path, s) for s in (told, *told.get("anyOf", ())) if s.get("type") in NUMERIC
            )


def largest(with_value: Callable[[float], str], most: float) -> Config | None:
    """With the largest value that no other key forbids; None: this strategy must not have it."""
    for value in (most, *(most // 2**n for n in range(1, 30))):
        with suppress(ConfigError):
            return parse(with_value(value), "config.json")
    return None


# Made once, not for each model: every worker of a test run reads this file.
DEFINITIONS = json_schema()["$defs"]
NUMERIC = ("number", "integer")
NUMBERS = [(name, path, told) for name in FOLDERS for path, told in numbers(MODELS[name])]


def test_all_kinds_of_numbers_are_looked_at() -> None:
    assert {path for _, path, _ in NUMBERS} >= {
        *("data_requirements.bar_retry_seconds", "risk_management.max_trades_per_day"),
        *("symbol_parameters.SYM.rsi_period", "monitoring.expected_win_rate_pct"),
        "risk_management.emergency_stop_conditions.win_rate_window_days",
    }


@pytest.mark.parametrize(("name", "path", "told"), NUMBERS)
def test_the_largest_number_that_is_valid_can_be_reckoned_with(
    name: str, path: str, told: dict[str, Any]
) -> None:
    path = path.replace("SYM", load(shipped(name)).symbols[0])
    schema = told.get("pair", told)
    most = schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"] - 1

    def with_value(value: float) -> str:
        return changed(name, {path: [value / 2, value] if "pair" in told else value})

    assert faults_of(with_value(1e14))
    config = largest(with_value, most)
    if config is None:
        assert path.partition(".")[2] in {"execution_delay_seconds", "risk_per_trade_pct"}
        return
    now = datetime(2026, 1, 5, 15, tzinfo=UTC)
    assert now - history_of(BUILD[name](config).needs) > datetime(2015, 1, 1, tzinfo=UTC)
    settings = settings_of(config, patrol=None, patrol_closed=None)
    assert now - timedelta(days=settings.account.win_rate_window_days) < now
    spans = [settings.entry.max_bar_age, settings.patience.entry, *settings.bar_retries]
    assert all(now - span <= now + span for span in spans)


# -- every key has a reader ------------------------------------------------------------------


def attributes_read() -> set[str]:
    """Every `.name` in the product outside the model itself."""
    found: set[str] = set()
    for folder in ("magellan_core", "deployable_strategies", "scripts"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "config_model.py":
                tree = ast.parse(path.read_text())
                found |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    return found


def test_every_key_is_read_or_named_as_descriptive() -> None:
    read = attributes_read()
    # Halt policies are read as a whole, by the limit's name.
    unread = {
        path
        for path in leaf_paths() - DESCRIPTIVE
        if path.rpartition(".")[2] not in read and ".halt_policies." not in path
    }
    assert unread == set()
    assert leaf_paths() >= DESCRIPTIVE


@pytest.mark.parametrize("name", FOLDERS)
def test_every_key_of_a_shipped_file_is_known(name: str) -> None:
    def leaves(part: Any, prefix: str) -> set[str]:
        if not isinstance(part, dict):
            return {prefix}
        return {
            leaf
            for key, inner in part.items()
            for leaf in leaves(inner, f"{prefix}.{'SYM' if key.isupper() else key}".lstrip("."))
        }

    assert leaves(json.loads(shipped(name).read_text()), "") <= leaf_paths()
