"""Markdown tables of what was measured, put between the markers of a page.

A block is what lies between `<!-- begin NAME -->` and `<!-- end NAME -->`.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from magellan_core.backtest.metrics import Figure, Metrics
from magellan_core.backtest.whole import Measured
from magellan_core.config import Config
from magellan_core.errors import UsageError

_BLOCK = re.compile(r"<!-- begin (?P<name>[\w-]+) -->\n.*?<!-- end (?P=name) -->", re.DOTALL)


def names(text: str) -> list[str]:
    """The blocks of a page, in their order."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """The page with every block renewed. Raise UsageError for a block that nobody makes."""
    unknown = [name for name in names(text) if name not in blocks]
    if unknown:
        raise UsageError(f"nothing makes the block {unknown[0]}; there is {', '.join(blocks)}")

    def renewed(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- begin {name} -->\n{blocks[name].strip()}\n<!-- end {name} -->"

    return _BLOCK.sub(renewed, text)


def command(*lines: Sequence[str]) -> str:
    """Shell commands as a reader may repeat them."""
    return "\n".join(["```bash", *(shlex.join(line) for line in lines), "```"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its first column to the left and the others to the right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


COMPARED = (
    "",
    "return",
    "held",
    "drawdown",
    "held",
    "Sharpe (± standard error)",
    "held",
    "trades",
    "won (95 % interval)",
    "costs, $",
)


def compared(measured: Iterable[tuple[str, Measured]]) -> str:
    """One row a run: the strategy's figures with holding's beside them."""
    return table(COMPARED, [[label, *_row(one)] for label, one in measured])


def _row(one: Measured) -> list[str]:
    mine, hold = one.strategy, one.hold
    return [
        _signed(mine.total_return_pct),
        _signed(hold.total_return_pct),
        _signed(mine.max_drawdown_pct),
        _signed(hold.max_drawdown_pct),
        _sharpe(mine),
        _plain(hold.sharpe, ".2f"),
        f"{len(one.trades)}",
        _won(mine.win_rate_pct),
        _plain(mine.costs_dollars, ",.0f"),
    ]


def _signed(figure: Figure) -> str:
    return "-" if figure.value is None else f"{figure.value:+.1f} %"


def _plain(figure: Figure, form: str) -> str:
    return "-" if figure.value is None else format(figure.value, form)


def _sharpe(metrics: Metrics) -> str:
    figure = metrics.sharpe
    if figure.value is None:
        return "-"
    return f"{figure.value:.2f} ± {figure.note.removeprefix('standard error ')}"


def _won(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    interval = figure.note.removeprefix("95 % confidence: ").removesuffix(" %")
    return f"{figure.value:.0f} % ({interval.replace(' to ', '-')})"


def limits(configs: Sequence[Config]) -> str:
    """What each account may do and when it stops, as configured."""
    head = ("", *(config.account_info.account_name for config in configs))
    risks = [config.risk_management for config in configs]
    told: list[tuple[str, list[str]]] = [
        ("account", [config.account_info.account_id for config in configs]),
        ("symbols", [" ".join(config.symbols) for config in configs]),
        ("capital", [f"${c.account_info.initial_capital_dollars:,}" for c in configs]),
        ("position, at most", [f"${risk.max_position_dollars:,}" for risk in risks]),
        ("open positions, at most", [str(risk.max_open_positions) for risk in risks]),
        (
            "trades a day, at most",
            [_or_dash(risk.max_trades_per_day) for risk in risks],
        ),
        ("risk a trade", [_per_cent(risk.risk_per_trade_pct) for risk in risks]),
        ("stops at a daily loss of", [_daily_loss(config) for config in configs]),
        ("stops at a drawdown of", [f"{_emergency(c).max_drawdown_pct} %" for c in configs]),
        ("holds after losing days", [str(_emergency(c).consecutive_losing_days) for c in configs]),
        ("holds below a win rate of", [_win_rate(config) for config in configs]),
        ("alerts at a loss of", [f"${c.monitoring.alert_on_loss_dollars:,}" for c in configs]),
    ]
    portfolio = configs[0].portfolio
    all_three = (
        f"All accounts together: stop at a loss of ${portfolio.max_daily_loss_dollars:,} in a day "
        f"or a drawdown of {portfolio.max_drawdown_pct} % of "
        f"${portfolio.initial_capital_dollars:,}."
    )
    return table(head, [(name, *values) for name, values in told]) + f"\n\n{all_three}"


def _emergency(config: Config) -> Any:
    return config.risk_management.emergency_stop_conditions


def _daily_loss(config: Config) -> str:
    risk = config.risk_management
    return f"${risk.max_daily_loss_dollars:,} or {risk.max_daily_loss_pct} %"


def _win_rate(config: Config) -> str:
    one = _emergency(config)
    return (
        f"{one.min_win_rate_pct} % in {one.win_rate_window_days} days "
        f"({one.win_rate_min_trades} trades or more)"
    )


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _per_cent(value: object) -> str:
    return "-" if value is None else f"{value} %"


def parameters(config: Config) -> str:
    """The parameters of the rules, as configured."""
    bands = config.symbol_parameters
    if bands:
        rows = [
            (symbol, str(band.rsi_period), str(band.upper), str(band.lower))
            for symbol, band in bands.items()
        ]
        return table(("symbol", "RSI period", "long above", "flat below"), rows)
    told = config.model.strategy_parameters.model_dump(mode="json")
    return table(("parameter", "value"), [(f"`{k}`", f"{v}".lower()) for k, v in told.items()])


def swept(found: Mapping[str, Any]) -> str:
    """A sweep's worth: the best in hindsight, what luck makes, what was traded unseen."""
    best, deflated, walk = found["best"][0], found["deflated"], found["walk_forward"]
    joined, held = walk["joined"], walk["held"]
    interval = walk["intervals"]["sharpe"]
    rows = [
        ("points tried", f"{found['points']}"),
        ("best in hindsight", f"{best['return_pct']:+.1f} %, Sharpe {best['sharpe']:.2f}"),
        ("its point", ", ".join(f"{k} {v}" for k, v in best["point"].items())),
        ("best Sharpe that luck alone makes", f"{deflated['expected_by_luck']:.2f}"),
        (
            "deflated Sharpe ratio: probability of skill",
            f"{deflated['probability'] * 100:.0f} % ({deflated['returns']} returns)",
        ),
        (
            "walk forward, unseen days joined",
            f"{joined['return_pct']:+.1f} %, Sharpe {joined['sharpe']:.2f}, drawdown "
            f"{joined['max_drawdown_pct']:.1f} % ({joined['returns']} returns, "
            f"{len(walk['windows'])} windows)",
        ),
        (
            "its Sharpe, 95 % interval (block bootstrap)",
            f"{interval['low']:.2f} to {interval['high']:.2f}",
        ),
        (
            "held on the same days",
            f"{held['return_pct']:+.1f} %, Sharpe {held['sharpe']:.2f}, drawdown "
            f"{held['max_drawdown_pct']:.1f} %",
        ),
        ("mean Sharpe on the months of choosing", f"{walk['in_sample_sharpe']:.2f}"),
    ]
    return table(("", "measured"), rows)
