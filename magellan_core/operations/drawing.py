"""What a terminal of some width shows, as a picture (SVG) or a page (HTML)."""

from io import StringIO

from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI

from magellan_core.operations.dashboard import dashboard
from magellan_core.operations.looks import Snapshot
from magellan_core.operations.reporting.report import Report
from magellan_core.operations.reporting.words import text

TITLE = "scripts/monitor_dashboard.py"


REPORT_TITLE = "scripts/daily_report.py"


def svg(snapshot: Snapshot, width: int, height: int | None) -> str:
    """One self-contained picture; with a height, of a window that low."""
    drawn = dashboard(snapshot, width, height)
    return _recorded(drawn, width).export_svg(title=TITLE, theme=MONOKAI)


def html(snapshot: Snapshot, width: int) -> str:
    """One self-contained page."""
    drawn = dashboard(snapshot, width, None)
    return _recorded(drawn, width).export_html(theme=MONOKAI, inline_styles=True)


def report_svg(report: Report, width: int) -> str:
    """A report as the terminal shows it."""
    return _recorded(text(report), width).export_svg(title=REPORT_TITLE, theme=MONOKAI)


def _recorded(drawn: RenderableType, width: int) -> Console:
    console = Console(
        file=StringIO(),
        record=True,
        width=width,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    console.print(drawn)
    return console
