"""What a sweep found: the best point and its worth, each value's effect, the walk forward."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

import numpy as np

from magellan_core.backtest.grid import Point
from magellan_core.backtest.inference import bootstrap, deflated_sharpe
from magellan_core.backtest.metrics import Floats, max_drawdown, sharpe_ratio
from magellan_core.backtest.options import BacktestOptions
from magellan_core.backtest.trial import Trial, returns_of
from magellan_core.backtest.walk_forward import walk_forward

BEST_LISTED = 5


def findings(
    trials: Sequence[Trial],
    train_months: int | None,
    test_months: int,
    round_trip: float,
    seed: int,
    draws: int,
) -> dict[str, Any]:
    """Everything as a JSON document. Raise UsageError for a walk that does not fit the days."""
    ranked = sorted(trials, key=lambda trial: -_sharpe(trial))
    best = ranked[0]
    returns = returns_of(best.values, best.capital)
    deflated = deflated_sharpe(returns, [_sharpe(trial) for trial in trials])
    held = returns_of(best.held, best.capital)
    told: dict[str, Any] = {
        "points": len(trials),
        "days": [str(best.days[0]), str(best.days[-1]), len(best.days)],
        "best": [row(trial) for trial in ranked[:BEST_LISTED]],
        "held": stretch(held),
        "deflated": None if deflated is None else asdict(deflated),
        "intervals": _intervals(returns, seed, draws),
        "effects": effects(trials),
    }
    if train_months is not None:
        walk = walk_forward(trials, train_months, test_months, round_trip)
        told["walk_forward"] = {
            "windows": [
                {
                    "train": [str(day) for day in window.train],
                    "test": [str(day) for day in window.test],
                    "chosen": dict(window.chosen),
                    "train_sharpe": window.train_sharpe,
                    "test_sharpe": None if np.isnan(window.test_sharpe) else window.test_sharpe,
                    "test_return_pct": window.test_return_pct,
                }
                for window in walk.windows
            ],
            "joined": stretch(walk.returns),
            "held": stretch(walk.held),
            "intervals": _intervals(walk.returns, seed, draws),
            "in_sample_sharpe": float(np.mean([window.train_sharpe for window in walk.windows])),
        }
    return told


def row(trial: Trial) -> dict[str, Any]:
    """A point with its figures."""
    names = ("return_pct", "sharpe", "max_drawdown_pct", "trades", "win_rate_pct", "costs")
    return {"point": dict(trial.point)} | {name: getattr(trial, name) for name in names}


def stretch(returns: Floats) -> dict[str, float | int | None]:
    """Return, Sharpe and drawdown of some days' returns."""
    sharpe = sharpe_ratio(returns)
    curve = np.asarray(np.cumprod(1 + returns), np.float64)
    return {
        "return_pct": float(curve[-1] - 1) * 100,
        "sharpe": None if np.isnan(sharpe) else sharpe,
        "max_drawdown_pct": max_drawdown(curve, 1.0) * 100,
        "returns": len(returns),
    }


def effects(trials: Sequence[Trial]) -> dict[str, list[dict[str, Any]]]:
    """For each name, the median over the points that share a value of it."""
    told: dict[str, list[dict[str, Any]]] = {}
    for name in trials[0].point:
        values = dict.fromkeys(trial.point[name] for trial in trials)
        if len(values) < 2:
            continue
        told[name] = []
        for value in values:
            some = [trial for trial in trials if trial.point[name] == value]
            told[name].append(
                {
                    "value": value,
                    "points": len(some),
                    "return_pct": median(trial.return_pct for trial in some),
                    "sharpe": median(_sharpe(trial) for trial in some),
                    "max_drawdown_pct": median(trial.max_drawdown_pct for trial in some),
                    "trades": median(trial.trades for trial in some),
                }
            )
    return told


def _intervals(returns: Floats, seed: int, draws: int) -> dict[str, dict[str, float]]:
    return {name: asdict(one) for name, one in bootstrap(returns, seed, draws).items()}


def _sharpe(trial: Trial) -> float:
    """Without a trade there is neither gain nor risk: 0."""
    return 0.0 if trial.sharpe is None else trial.sharpe


def told(
    strategy: str,
    options: BacktestOptions,
    found: Mapping[str, Any],
    refused: Sequence[tuple[Point, str]],
) -> str:
    """The findings for a terminal."""
    first, last, count = found["days"]
    lines = [f"{strategy}, {first} to {last}, {count} sessions, {found['points']} points"]
    lines += [f"  {name:<10} {words}" for name, words in options.assumptions().items()]
    if refused:
        lines.append(f"  left out   {len(refused)} points; the first: {refused[0][1]}")
    lines += ["", "best points by Sharpe (each chosen with hindsight)"]
    lines += [f"  {_figures(one)}  {_point(one['point'])}" for one in found["best"]]
    lines.append(f"  {_figures(found['held'])}  bought and held")
    lines += ["", *_worth(found)]
    for name, rows in found["effects"].items():
        lines += ["", f"by {name} (medians)"]
        lines += [f"  {_figures(one)}  {one['value']} ({one['points']} points)" for one in rows]
    if "walk_forward" in found:
        lines += ["", *_walk(found["walk_forward"])]
    return "\n".join(lines) + "\n"


def _worth(found: Mapping[str, Any]) -> list[str]:
    deflated = found["deflated"]
    if deflated is None:
        return ["the best point has too few returns to judge"]
    lines = [
        f"the best Sharpe is {deflated['sharpe']:.2f}; luck alone makes "
        f"{deflated['expected_by_luck']:.2f} the best of {deflated['trials']} points",
        f"deflated Sharpe ratio: {deflated['probability'] * 100:.1f} % probability of skill "
        f"({deflated['returns']} returns)",
    ]
    return lines + _bounds(found["intervals"])


def _bounds(intervals: Mapping[str, Mapping[str, float]]) -> list[str]:
    return [
        f"95 % interval of {name}: {one['low']:.2f} to {one['high']:.2f} "
        f"({one['n']} returns, blocks of {one['block']})"
        for name, one in intervals.items()
    ]


def _walk(walk: Mapping[str, Any]) -> list[str]:
    lines = [f"walk forward: {len(walk['windows'])} windows"]
    for window in walk["windows"]:
        test = "    -" if window["test_sharpe"] is None else f"{window['test_sharpe']:5.2f}"
        lines.append(
            f"  {window['test'][0]} to {window['test'][1]}  "
            f"Sharpe {window['train_sharpe']:5.2f} -> {test}  "
            f"{window['test_return_pct']:+6.1f} %  {_point(window['chosen'])}"
        )
    joined = walk["joined"]
    lines.append(f"  {_figures(joined)}  joined, unseen ({joined['returns']} returns)")
    lines.append(f"  {_figures(walk['held'])}  bought and held, same days")
    lines.append(f"  mean Sharpe where it was chosen: {walk['in_sample_sharpe']:.2f}")
    return lines + _bounds(walk["intervals"])


def _figures(one: Mapping[str, Any]) -> str:
    sharpe = "    -" if one["sharpe"] is None else f"{one['sharpe']:5.2f}"
    return (
        f"{one['return_pct']:+8.1f} %  Sharpe {sharpe}  drawdown {one['max_drawdown_pct']:6.1f} %"
    )


def _point(point: Point) -> str:
    return ", ".join(f"{name}={value}" for name, value in point.items()) or "as configured"
