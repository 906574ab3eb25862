"""The look of plots: colors, a new figure, and its files."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import fill
from typing import Any

INK, SOFT, LINE, BASELINE = "#1d1c1a", "#66625b", "#e2dfd8", "#b9b4a9"
# The colors of Okabe and Ito, for color-blind readers too; the first is that of the report.
WIDTH = 8.0
"""Inches; the width of a figure unless it is given."""

COLORS = ("#0d6b62", "#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195")
_VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", BASELINE: "--bar"} | {
    color: f"--plot-{number}" for number, color in enumerate(COLORS, 1)
}
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": ["DejaVu Sans"],
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "text.parse_math": False,  # names of categories and options may hold dollars
    "svg.hashsalt": "mmrec",  # so that equal comparisons give equal files
}


@dataclass(frozen=True)
class Plot:
    """A plot in two formats.

    Attributes:
        name: name of its file, without suffix.
        says: what it shows, as alternative text.
        png: the plot at 150 dots an inch.
        svg: the plot as vectors.
    """

    name: str
    says: str
    png: bytes
    svg: bytes


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of mmrec.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'mmrec[compare]'") from error
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(height: float, title: str, *, width: float = WIDTH) -> tuple[Any, Any]:
    """Return a figure of a size in inches with a title, and its axes. A notebook shows it."""
    # Not pyplot, which keeps every figure and may need a display.
    from mmrec.display.figure import NotebookFigure

    figure = NotebookFigure(figsize=(width, height), layout="constrained")
    figure.suptitle(fill(title, int(12 * width)), x=0.01, ha="left", fontsize=10, color=SOFT)
    return figure, figure.subplots()


def label_rows(axes: Any, labels: list[str], *, width: int = 34) -> None:
    """Label the rows, the first on top, and draw only thin vertical lines.

    Args:
        axes: where the rows lie at 0, 1, 2 …
        labels: of the rows.
        width: characters after which a label is broken.
    """
    axes.set_yticks(range(len(labels)), [fill(label, width) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color=LINE, lw=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def color_of(place: int) -> str:
    """Return the color of a curve."""
    return COLORS[place % len(COLORS)]


def saved(name: str, says: str, figure: Any) -> Plot:
    """Return a figure in both formats."""
    files = {}
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=150, metadata=metadata)
        files[kind] = file.getvalue()
    return Plot(name, says, files["png"], files["svg"])


def inline_svg(figure: Any, name: str) -> str:
    """Return a figure as an ``<svg>`` element for a page, without its title.

    Its colors are variables of the page's style (``--ink``, ``--plot-2`` and so on), so that it
    suits a dark page; its texts are texts in the page's font.

    Args:
        figure: the figure; it loses its title.
        name: what its ids start with; different for each figure of a page.

    Raises:
        ImportError: matplotlib is not installed.

    Example:
        >>> with styled():
        ...     figure, axes = new_figure(2.0, "a line")
        ...     line = axes.plot([0, 1], color=INK)
        >>> svg = inline_svg(figure, "line")
        >>> svg[:4], "var(--ink)" in svg, "http" in svg
        ('<svg', True, False)
    """
    figure.suptitle("").set_in_layout(False)
    with styled():
        import matplotlib

        with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
            # The page's font has the letters that matplotlib's lacks.
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            file = io.StringIO()
            figure.savefig(file, format="svg", transparent=True, dpi=150, metadata={"Date": None})
    svg = file.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.S)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = svg.replace("'DejaVu Sans'", "system-ui, sans-serif")
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg.strip()
