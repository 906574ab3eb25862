"""Shapes of the figures of concepts.

A figure has a pale panel of its own, so that it is read alike on a light and on a dark page.
"""

from html import escape
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "images"
INK, SOFT, PANEL, LINE = "#1f2933", "#616e7c", "#f8f9fb", "#c3cad3"
BLUE, ORANGE, GREEN, PURPLE, RED = "#3a6ea5", "#d9822b", "#3f8f5b", "#7a5ba6", "#c04848"
PALE = {
    BLUE: "#d6e3f2",
    ORANGE: "#fbe3c8",
    GREEN: "#d4ecdc",
    PURPLE: "#e4dbf1",
    RED: "#f5d6d6",
    SOFT: "#e8ebef",
}


class Figure:
    """A drawing of ``width`` by ``height`` to which shapes are added."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.size, self.title = (width, height), title
        self.parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, color: str = SOFT, label: str = ""
    ) -> None:
        """Add a rounded box with a label in its middle; a line break in it is ``|``."""
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" '
            f'fill="{PALE[color]}" stroke="{color}" stroke-width="1.5"/>'
        )
        lines = label.split("|") if label else []
        top = y + height / 2 - 8.5 * (len(lines) - 1)
        for n, line in enumerate(lines):
            self.text(x + width / 2, top + 17 * n + 4.5, line, anchor="middle")

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", color: str = INK,
        size: float = 13.5, bold: bool = False,
    ) -> None:  # fmt: skip
        """Add one line of text whose baseline is at ``y``."""
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{color}" '
            f'font-size="{size}"{weight}>{escape(words)}</text>'
        )

    def line(
        self, *points: tuple[float, float], color: str = SOFT, arrow: bool = False,
        dashed: bool = False,
    ) -> None:  # fmt: skip
        """Add a line through the points, with an arrow head at the last one."""
        path = " ".join(f"{x},{y}" for x, y in points)
        head = ' marker-end="url(#head)"' if arrow else ""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"'
            f"{head}{dash}/>"
        )

    def arrow(self, *points: tuple[float, float], color: str = SOFT) -> None:
        """Add an arrow through the points."""
        self.line(*points, color=color, arrow=True)

    def dot(self, x: float, y: float, color: str, *, hollow: bool = False, r: float = 6) -> None:
        """Add a dot."""
        fill = PANEL if hollow else color
        self.parts.append(
            f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}" stroke="{color}" stroke-width="2"/>'
        )

    def save(self, name: str) -> None:
        """Write ``docs/images/NAME.svg``."""
        width, height = self.size
        body = "\n".join(self.parts)
        (IMAGES / f"{name}.svg").write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" '
            f"font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">\n"
            f"<title>{escape(self.title)}</title>\n"
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{SOFT}"/></marker>'
            "</defs>\n"
            f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10" fill="{PANEL}" '
            f'stroke="{LINE}"/>\n{body}\n</svg>\n',
            encoding="utf-8",
        )
