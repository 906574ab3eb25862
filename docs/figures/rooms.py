"""Draw ``rooms.svg``: the folders of mmrec, and which may import which.

python docs/figures/rooms.py

The layers are those that ``lint-imports`` checks.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "docs" / "images" / "rooms.svg"
INK, SOFT, PANEL, LINE, BLUE, PALE = (
    "#1f2933", "#616e7c", "#f8f9fb", "#c3cad3", "#3a6ea5", "#d6e3f2",
)  # fmt: skip
WIDTH, LEFT, TOP, ROW, BOX, GAP = 760, 104, 26, 46, 32, 10
LETTER = 7.9  # width of a letter, on average


def layers() -> list[list[str]]:
    """Return the layers of ``pyproject.toml``, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (found,) = (c for c in contracts["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    return [[name.strip() for name in line.split("|")] for line in found["layers"]]


def draw(rows: list[list[str]]) -> str:
    """Return the figure.

    Example:
        >>> "encoders" in draw([["models"], ["encoders", "fusion"]])
        True
    """
    bottom = TOP + ROW * len(rows)
    height = bottom + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" font-family="system-ui, -apple-system, '
        '\'Segoe UI\', Helvetica, Arial, sans-serif" font-size="13.5">',
        "<title>Folders of mmrec; each imports only what is below it</title>",
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{SOFT}"/></marker>'
        "</defs>",
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="10" fill="{PANEL}" '
        f'stroke="{LINE}"/>',
        f'<line x1="52" y1="{TOP + 4}" x2="52" y2="{bottom - 16}" stroke="{SOFT}" '
        'stroke-width="1.5" marker-end="url(#head)"/>',
        f'<text x="38" y="{(TOP + bottom) / 2:g}" fill="{SOFT}" text-anchor="middle" '
        f'transform="rotate(-90 38 {(TOP + bottom) / 2:g})">may import</text>',
    ]
    for number, names in enumerate(rows):
        y = TOP + ROW * number
        if number:
            parts.append(
                f'<line x1="{LEFT}" y1="{y - 7}" x2="{WIDTH - 24}" y2="{y - 7}" stroke="{LINE}" '
                'stroke-dasharray="2 4"/>'
            )
        widths = [round(LETTER * len(name)) + 26 for name in names]
        x = (LEFT + WIDTH - 24 - sum(widths) - GAP * (len(names) - 1)) / 2
        for name, width in zip(names, widths, strict=True):
            parts.append(
                f'<rect x="{x:g}" y="{y}" width="{width}" height="{BOX}" rx="5" fill="{PALE}" '
                f'stroke="{BLUE}" stroke-width="1.5"/><text x="{x + width / 2:g}" y="{y + 21}" '
                f'text-anchor="middle" fill="{INK}">{name}</text>'
            )
            x += width + GAP
    parts.append(
        f'<text x="{(LEFT + WIDTH - 24) / 2:g}" y="{height - 20}" text-anchor="middle" '
        f'fill="{SOFT}">Rooms of one line do not import each other.</text></svg>'
    )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    IMAGE.write_text(draw(layers()), encoding="utf-8")
