"""A dashboard as a picture (SVG) or a page (HTML), as a terminal of that width shows it."""

from io import StringIO

from rich.console import Console
from rich.terminal_theme import MONOKAI

from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.looks import Snapshot

TITLE = "scripts/monitor_dashboard.py"


def svg(snapshot: Snapshot, width: int, height: int | None) -> str:
    """One self-contained picture; with a height, of a window that low."""
    return _recorded(snapshot, width, height).export_svg(title=TITLE, theme=MONOKAI)


def html(snapshot: Snapshot, width: int) -> str:
    """One self-contained page."""
    return _recorded(snapshot, width, None).export_html(theme=MONOKAI, inline_styles=True)


def _recorded(snapshot: Snapshot, width: int, height: int | None) -> Console:
    console = Console(
        file=StringIO(), record=True, width=width, force_terminal=True, color_system="truecolor"
    )
    console.print(dashboard(snapshot, width, height))
    return console
