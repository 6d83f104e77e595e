"""config.json to a frozen Config, or every fault of the file at once."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from magellan_core.addresses import faults_of, root, trading_faults
from magellan_core.config_model import (
    MODELS,
    AccountInfo,
    Band,
    BearTrapConfig,
    DailyTrendConfig,
    DataRequirements,
    Execution,
    HourlySwingConfig,
    Model,
    Monitoring,
    Portfolio,
    SsmParameters,
    TradingHours,
)
from magellan_core.config_risk import RiskManagement
from magellan_core.config_schema import model_in
from magellan_core.config_sense import senseless
from magellan_core.errors import ConfigError, ConfigMissing
from magellan_core.indicators import RSI_CONVERGED

PENDING = "PENDING_CREATION"
DELAYED_SECONDS = 900

# Keys that nothing reads to decide: they are for people and editors.
DESCRIPTIVE = frozenset(
    {"$schema", "account_info.account_name", "strategy.version", "strategy.description"}
)


@dataclass(frozen=True, slots=True)
class Config:
    """A valid configuration. `digest` is the first 12 hex digits of the file's sha256."""

    model: Model
    digest: str

    @property
    def account_info(self) -> AccountInfo:
        return self.model.account_info

    @property
    def streams_data(self) -> bool:
        """Whether the market data stream is listened to. News that are late hint at nothing."""
        needs = self.data_requirements
        return needs.feed != "sip_delayed" if needs.stream is None else needs.stream

    @property
    def name(self) -> str:
        return self.model.strategy.name

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.model.symbols

    @property
    def symbol_parameters(self) -> Mapping[str, Band]:
        """Bands per symbol; empty for a strategy that has none."""
        return {} if isinstance(self.model, BearTrapConfig) else self.model.symbol_parameters

    @property
    def data_requirements(self) -> DataRequirements:
        return self.model.data_requirements

    @property
    def trading_hours(self) -> TradingHours:
        return self.model.trading_hours

    @property
    def risk_management(self) -> RiskManagement:
        return self.model.risk_management

    @property
    def execution(self) -> Execution:
        return self.model.execution

    @property
    def monitoring(self) -> Monitoring:
        return self.model.monitoring

    @property
    def ssm_parameters(self) -> SsmParameters:
        return self.model.ssm_parameters

    @property
    def portfolio(self) -> Portfolio:
        return self.model.portfolio


def load(path: Path) -> Config:
    """Read a file. Raise ConfigMissing if it cannot be read, ConfigError with all its faults."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise ConfigMissing(
            f"{path}: cannot be read ({why}): restore it, or copy the config.json that lies beside "
            "run_strategy.py"
        ) from fault
    return parse(text, str(path))


def parse(text: str, source: str) -> Config:
    """The text of a config.json as values. Raise ConfigError with every fault of it."""
    doubled: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        doubled.extend(f"{n}: given twice" for n in dict.fromkeys(names) if names.count(n) > 1)
        return dict(pairs)

    try:
        raw = json.loads(text, parse_float=Decimal, object_pairs_hook=once)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        raise ConfigError(source, [f"{where}: not JSON: {fault.msg}"]) from fault
    except (ValueError, RecursionError) as fault:
        why = "nested too deeply, or a number too long"
        raise ConfigError(source, [f"not JSON that can be read: {why}"]) from fault
    model, faults = _validate(raw)
    faults = doubled + faults
    if model is None or faults:
        raise ConfigError(source, faults)
    return Config(model, sha256(text.encode()).hexdigest()[:12])


def _validate(raw: object) -> tuple[Model | None, list[str]]:
    if not isinstance(raw, dict):
        return None, ["the file must hold one JSON object"]
    part = raw.get("strategy")
    name = part.get("name") if isinstance(part, dict) else None
    kind = MODELS.get(str(name))
    if kind is None:
        near = _nearest(str(name), MODELS)
        return None, [f"strategy.name: is {name!r}, must be one of {', '.join(MODELS)}{near}"]
    try:
        model = kind.model_validate(raw)
    except ValidationError as fault:
        return None, [_in_words(error, kind) for error in fault.errors()]
    return model, list(_across(model))


def _in_words(error: Any, kind: type[BaseModel]) -> str:
    """One of pydantic's errors as "path: what is wrong"."""
    location = tuple(str(step) for step in error["loc"])
    path = ".".join(location)
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key{_nearest(location[-1], _keys_at(kind, location[:-1]))}"
    if error["type"] == "missing":
        return f"{path}: is missing"
    message = str(error["msg"])
    return f"{path}: is {error['input']!r}: {message[:1].lower()}{message[1:]}"


def _nearest(word: str, known: object) -> str:
    names = [str(k) for k in known] if isinstance(known, dict | list) else []
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _keys_at(kind: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """The known keys of the object at that path."""
    for step in path:
        field = next((f for n, f in kind.model_fields.items() if step in (n, f.alias)), None)
        inner = None if field is None else model_in(field.annotation)
        if inner is None:
            continue
        kind = inner
    return [f.alias or n for n, f in kind.model_fields.items()]


def _across(model: Model) -> Iterator[str]:
    """Faults that no single key shows."""
    symbols = model.symbols
    for symbol in sorted({s for s in symbols if symbols.count(s) > 1}):
        yield f"symbols: {symbol} is listed twice"
    if not isinstance(model, BearTrapConfig):
        yield from _bands(model)
    yield from _data(model)
    if isinstance(model, DailyTrendConfig) and model.execution.execute_until is None:
        yield "execution.execute_until: is missing: when an entry not executed is dropped"
    if isinstance(model, HourlySwingConfig) and model.trading_hours.first_check is None:
        yield "trading_hours.first_check: is missing: the first hourly check, e.g. 10:00"
    yield from senseless(model)
    if model.strategy.name not in model.portfolio.strategies:
        yield f"portfolio.strategies: must list {model.strategy.name} itself"
    yield from _addresses(model)


def _data(model: Model) -> Iterator[str]:
    feed, needed = model.data_requirements.feed, _timeframe(model)
    if model.data_requirements.timeframe != needed:
        yield f"data_requirements.timeframe: must be {needed} for {model.strategy.name}"
    if model.data_requirements.stream and feed == "sip_delayed":
        yield f"data_requirements.stream: must be false or absent, hints of {feed} come too late"
    if isinstance(model, BearTrapConfig) and feed != "sip":
        yield f"data_requirements.feed: {feed} breaks Bear Trap's volume test; it needs sip"
    if feed == "sip_delayed" and model.risk_management.max_quote_age_seconds <= DELAYED_SECONDS:
        least = DELAYED_SECONDS
        yield f"risk_management.max_quote_age_seconds: sip_delayed is {least} s late: set it above"
    if isinstance(model, HourlySwingConfig) and feed == "sip_delayed":
        yield "data_requirements.feed: sip_delayed is 15 minutes late; use sip or iex"
    if (
        not isinstance(model, BearTrapConfig)
        and model.data_requirements.warmup_bars < RSI_CONVERGED
    ):
        least = RSI_CONVERGED
        yield f"data_requirements.warmup_bars: must be {least} or more, so that RSI has converged"


def _bands(model: DailyTrendConfig | HourlySwingConfig) -> Iterator[str]:
    bands = model.symbol_parameters
    for symbol in model.symbols:
        if symbol not in bands:
            yield f"symbol_parameters.{symbol}: is missing: {symbol} is in symbols"
    for symbol, band in bands.items():
        if symbol not in model.symbols:
            yield f"symbol_parameters.{symbol}: is not in symbols"
        if band.lower >= band.upper:
            yield f"symbol_parameters.{symbol}: lower {band.lower} must be below upper {band.upper}"


def _timeframe(model: Model) -> str:
    if isinstance(model, BearTrapConfig):
        return "1Min"
    return "1Day" if isinstance(model, DailyTrendConfig) else "1Hour"


def _addresses(model: Model) -> Iterator[str]:
    """A live account is traded only by a config that says so, and keys are not sent in clear."""
    ssm, live = model.ssm_parameters, model.account_info.live_trading_allowed
    for fault in trading_faults(root(ssm.base_url), live=live):
        yield f"ssm_parameters.base_url: {fault}"
    for fault in faults_of(root(ssm.data_url)):
        yield f"ssm_parameters.data_url: {fault}"


def is_pending(config: Config) -> bool:
    """The account is still to be created at Alpaca."""
    return config.account_info.account_id == PENDING
