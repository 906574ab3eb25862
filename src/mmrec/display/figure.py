"""A figure that a notebook shows without pyplot. This module needs matplotlib."""

import io

from matplotlib.figure import Figure

from mmrec.display.plots import styled


class NotebookFigure(Figure):
    """A matplotlib figure; a notebook shows it where it is the last value of a cell."""

    def _repr_svg_(self) -> str:
        file = io.StringIO()
        with styled():
            self.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()
