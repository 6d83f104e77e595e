"""What halting and resuming by hand have in common: options, who it was, and the exit code."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from magellan_core.arguments import Parser
from magellan_core.errors import ExitCode, MagellanError
from magellan_core.operations.halting import STRATEGIES, Operator
from magellan_core.operations.options import add_state_dir

Act = Callable[[Path, str, str, Operator, float], None]


def notice_script(
    name: str,
    act: Act,
    description: str | None,
    operator: Operator,
    environ: Mapping[str, str],
    arguments: Sequence[str] | None,
) -> int:
    """Put one notice on record: strategies, reason and patience as the arguments say."""
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategy", required=True, help=f"{', '.join(STRATEGIES)}, or all")
    parser.add_argument("--reason", required=True, help="goes on record")
    add_state_dir(parser, environ)
    parser.add_argument(
        "--wait", type=float, default=15.0, help="seconds for running daemons to read it"
    )
    asked = parser.parse_args(arguments)
    if not asked.reason.strip():
        sys.stderr.write(f"{name}: --reason must say why: it goes on record\n")
        return ExitCode.USAGE
    try:
        act(asked.state_dir, asked.strategy, asked.reason.strip(), operator, asked.wait)
    except MagellanError as fault:
        sys.stderr.write(f"{name}: {fault}\n")
        return fault.exit_code
    return ExitCode.OK


def say(text: str) -> None:
    """One line for the person at the terminal."""
    sys.stdout.write(f"{text}\n")
