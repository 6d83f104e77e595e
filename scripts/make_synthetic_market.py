"""Write the synthetic market as a folder of parquet files that the paper exchange reads.

The same seed and dates give the same bars. The default is the demo's market.
"""

import sys

if sys.version_info < (3, 12):
    sys.stderr.write("Python 3.12 is needed, this is %d.%d\n" % sys.version_info[:2])
    sys.exit(71)

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magellan_core.arguments import Parser, day
from magellan_core.errors import MagellanError
from magellan_core.paper.market_writer import write_folder
from magellan_core.paper.synthetic import DEMO_FIRST, DEMO_LAST, DEMO_SEED, generate


def main(arguments: list[str] | None = None) -> int:
    """Generate and write; return the exit code."""
    parser = Parser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=DEMO_SEED, help="default %(default)s")
    parser.add_argument(
        "--from",
        dest="first",
        type=day,
        default=DEMO_FIRST,
        metavar="DATE",
        help="first session to trade, default %(default)s",
    )
    parser.add_argument(
        "--to",
        dest="last",
        type=day,
        default=DEMO_LAST,
        metavar="DATE",
        help="last session, default %(default)s",
    )
    chosen = parser.parse_args(arguments)
    try:
        bars = generate(seed=chosen.seed, first=chosen.first, last=chosen.last)
        files = write_folder(chosen.out, bars)
    except MagellanError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    rows = sum(map(len, bars.values()))
    sys.stdout.write(f"{chosen.out}: {rows} bars in {len(files)} files, seed {chosen.seed}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
