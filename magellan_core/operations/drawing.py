"""What a terminal shows, as a picture (SVG) or a page (HTML) that needs nothing else."""

from io import StringIO

from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI

TITLE = "scripts/monitor_dashboard.py"


def svg(shown: RenderableType, width: int, title: str = TITLE) -> str:
    """A picture of a terminal that wide."""
    return _recorded(shown, width).export_svg(title=title, theme=MONOKAI)


def html(shown: RenderableType, width: int) -> str:
    """A page that wide."""
    return _recorded(shown, width).export_html(theme=MONOKAI, inline_styles=True)


def _recorded(shown: RenderableType, width: int) -> Console:
    console = Console(
        file=StringIO(), record=True, width=width, force_terminal=True, color_system="truecolor"
    )
    console.print(shown)
    return console
