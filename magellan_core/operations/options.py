"""Options that mean the same in every script."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path

from magellan_core.environment import state_dir


def add_state_dir(parser: ArgumentParser, environ: Mapping[str, str]) -> None:
    """--state-dir: the daemons' state; where a script run by hand finds it unless told."""
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=state_dir(environ),
        metavar="DIR",
        help="where the journals are (default: %(default)s)",
    )
