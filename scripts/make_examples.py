#!/usr/bin/env python3
"""Draw docs/images/example-*.svg: a trade of each strategy, on the made-up market.

The trades are those that a backtest makes there, never sketched ones. --check writes nothing and
fails if a picture is not what the code of today draws.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

import argparse
import re
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from magellan_core.arguments import Parser
from magellan_core.backtest.bars import minutes
from magellan_core.backtest.pictures import symbol_picture, trade_picture
from magellan_core.backtest.result import Result, Trade
from magellan_core.backtest.run import run
from magellan_core.errors import ExitCode, MagellanError
from magellan_core.paper.market_writer import write_folder
from magellan_core.paper.synthetic import generate
from scripts.backtest import options_of, parser

IMAGES = ROOT / "docs" / "images"
SPANS = {
    "bear_trap": ("2025-11-25", "2025-12-02"),
    "daily_trend": ("2025-01-02", "2025-12-02"),
    "hourly_swing": ("2025-11-03", "2025-12-02"),
}
STYLE = """
svg { background: #fbfaf7; } text { font: 12px system-ui, sans-serif; fill: #5d6470; }
.grid { stroke: #dedbd3; fill: none; } .span { stroke: #4a5160; opacity: .45; }
.line { fill: none; stroke-width: 1.5; } .line.price { stroke: #4a5160; }
.held-gain { fill: #13733f; opacity: .16; } .held-loss { fill: #b3261e; opacity: .16; }
.level { fill: none; stroke-dasharray: 4 3; } .level.entry { stroke: #0b5cad; }
.level.loss { stroke: #b3261e; } .level.gain { stroke: #13733f; } text.name { font-weight: 600; }
text.entry { fill: #0b5cad; } text.gain { fill: #13733f; } text.loss { fill: #b3261e; }
.mark { stroke: #fbfaf7; stroke-width: .8; } .mark.buy { fill: #0b5cad; }
.mark.gain { fill: #13733f; } .mark.loss { fill: #b3261e; }
"""


def pictures(folder: Path) -> dict[str, str]:
    """File name -> SVG, from backtests on the bars in that folder. Raise MagellanError."""
    told = {}
    for strategy, (first, last) in SPANS.items():
        words = ["--strategy", strategy, "--data", str(folder), "--from", first, "--to", last]
        options = options_of(parser().parse_args(words))
        result = run(options)
        trade = most_telling(result)
        if strategy == "bear_trap":
            drawn = trade_picture(trade, minutes(options)[trade.symbol])
        else:
            account = next(one for one in result.accounts if one.name == trade.symbol)
            drawn = symbol_picture(trade.symbol, account.closes[trade.symbol], account.trades)
        told[f"example-{strategy.replace('_', '-')}.svg"] = alone(str(drawn))
    return told


def most_telling(result: Result) -> Trade:
    """The trade with the most exits, of those the one that gained the most."""
    return max(result.trades, key=lambda trade: (len(trade.legs), trade.pnl))


def alone(drawn: str) -> str:
    """A drawing of a page as a file of its own."""
    head = '<svg xmlns="http://www.w3.org/2000/svg"'
    return re.sub(r">", f"><style>{STYLE}</style>", drawn.replace("<svg", head, 1), count=1) + "\n"


def main(arguments: list[str] | None = None) -> int:
    made = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    asked = made.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            write_folder(Path(scratch), generate())
            drawn = pictures(Path(scratch))
    except MagellanError as fault:
        sys.stderr.write(f"make_examples: {fault}\n")
        return fault.exit_code
    stale = [
        name
        for name, text in drawn.items()
        if not (IMAGES / name).exists() or (IMAGES / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        if asked.check:
            sys.stderr.write(f"docs/images/{name}: is not what is drawn today: make examples\n")
        else:
            (IMAGES / name).write_text(drawn[name], encoding="utf-8")
    return ExitCode.CRASH if asked.check and stale else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
