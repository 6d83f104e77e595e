"""The points of a sweep: every combination of the values asked for, each a valid run.

A name with a dot is a path into config.json, in which "*" stands for every key
("symbol_parameters.*.upper"). A name without is an option of the run: see RUN_OPTIONS.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any, cast

from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.run import check
from magellan_core.config import Config, parse
from magellan_core.errors import ConfigError, UsageError

Value = float | int | str | bool
Point = Mapping[str, Value]

RUN_OPTIONS: Mapping[str, tuple[Value, ...]] = {
    "cost_bps": (),
    "spread_bps": (),
    "fill": ("next_open", "close", "rth_open"),
    "rsi": ("ema", "wilder"),
    "bars": ("stored", "adjusted"),
    "price_ticks": ("venue", "exact"),
    "support_break": (True, False),
    "warmup_bars": (),
}
MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a sweep. `key` names its strategy, configuration, options, data and code."""

    key: str
    point: Point
    options: BacktestOptions
    source: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs to make, and the combinations left out with the reason each was refused."""

    tasks: tuple[Task, ...]
    refused: tuple[tuple[Point, str], ...]


def value(text: str) -> Value:
    """true, false, a number or a word."""
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        return text
    return read if isinstance(read, bool | int | float) else text


def axis(text: str) -> tuple[str, tuple[Value, ...]]:
    """ "NAME=V1,V2" as a name with its values. Raise UsageError for another form."""
    name, sign, values = text.partition("=")
    told = tuple(dict.fromkeys(value(part.strip()) for part in values.split(",") if part.strip()))
    if not sign or not name or not told:
        raise UsageError(f"--grid {text}: write NAME=VALUE,VALUE")
    known = RUN_OPTIONS.get(name)
    if "." not in name and known is None:
        raise UsageError(
            f"--grid {name}: is neither a path with a dot nor {', '.join(RUN_OPTIONS)}"
        )
    if known and (wrong := [v for v in told if v not in known]):
        raise UsageError(f"--grid {name}: {wrong[0]} is not one of {', '.join(map(str, known))}")
    return name, told


def plan(
    base: BacktestOptions, text: str, axes: Mapping[str, tuple[Value, ...]], source: str
) -> Plan:
    """All combinations on top of `base`, whose configuration is `text`.

    Raise UsageError if there are too many, if a path leads nowhere, or if none is valid.
    """
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MOST_POINTS:
        raise UsageError(f"{count:,} points are more than {MOST_POINTS:,}: give fewer values")
    tasks: list[Task] = []
    refused: list[tuple[Point, str]] = []
    data = fingerprint(base)
    for values in itertools.product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        try:
            options = applied(base, text, point)
            check(options)
        except ConfigError as fault:
            refused.append((point, fault.faults[0]))
            continue
        tasks.append(Task(key_of(options, data, source), point, options, source))
    if not tasks:
        raise UsageError(f"no point of the grid is valid; the first: {refused[0][1]}")
    return Plan(tuple(tasks), tuple(refused))


def applied(base: BacktestOptions, text: str, point: Point) -> BacktestOptions:
    """The run of one point. Raise ConfigError for a configuration that is refused."""
    changes: dict[str, Any] = {}
    paths: dict[str, Value] = {}
    for name, new in point.items():
        if "." in name:
            paths[name] = new
        else:
            changes[name] = Decimal(str(new)) if name.endswith("_bps") else new
    config = changed(text, paths) if paths else base.config
    return replace(base, config=config, **changes)


def changed(text: str, paths: Mapping[str, Value]) -> Config:
    """The configuration with those values. Raise UsageError for a path that leads nowhere."""
    raw = json.loads(text)
    for path, new in paths.items():
        *parents, last = path.split(".")
        for part in _reached(raw, parents, path):
            part[last] = new
    return parse(json.dumps(raw), "the point's configuration")


def _reached(raw: dict[str, Any], parents: Iterable[str], path: str) -> list[dict[str, Any]]:
    parts = [raw]
    for step in parents:
        found = [
            child
            for part in parts
            for child in (part.values() if step == "*" else [part.get(step)])
            if isinstance(child, dict)
        ]
        if not found:
            raise UsageError(f"--grid {path}: config.json has no {step}; it has {', '.join(raw)}")
        parts = found
    return parts


def key_of(options: BacktestOptions, data: str, source: str) -> str:
    """The same run of the same code on the same data has the same key."""
    told = {
        "assumptions": options.assumptions(),
        "config": options.config.model.model_dump(mode="json"),
        "symbols": options.symbols,
        "days": [str(options.first), str(options.last)],
        "data": data,
        "source": source,
    }
    # The digest of the file's text says nothing that its values do not.
    cast(dict[str, object], told["assumptions"]).pop("config", None)
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:20]


def fingerprint(options: BacktestOptions) -> str:
    """The data folder's files by name and size."""
    files = sorted(
        (str(file.relative_to(options.data)), file.stat().st_size)
        for file in options.data.rglob("*")
        if file.suffix in {".parquet", ".json"}
    )
    return sha256(json.dumps(files).encode()).hexdigest()[:20]
