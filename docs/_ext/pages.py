"""Helpers of what writes pages: headings, tables, and files that are replaced as a whole."""

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def heading(text: str, line: str = "=") -> str:
    """Return a heading in reStructuredText.

    Example:
        >>> print(heading("Data", "-"))
        Data
        ----
        <BLANKLINE>
    """
    return f"{text}\n{line * len(text)}\n"


def sentence(value: Any) -> str:
    """Return the first paragraph of a docstring in one line."""
    first = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return re.sub(r"\s+", " ", first)


def table(
    rows: Iterable[tuple[str, ...]], style: str, header: tuple[str, ...] = (), widths: str = ""
) -> list[str]:
    """Return the lines of a table in reStructuredText."""
    lines = [".. list-table::", f"   :class: {style}", "   :width: 100%"]
    lines += ["   :header-rows: 1"] if header else []
    lines += [f"   :widths: {widths}"] if widths else []
    lines += [""]
    for row in [header, *rows] if header else rows:
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(row)]
    return [*lines, ""]


def write_pages(folder: Path, pages: Mapping[str, str | bytes], ending: str = ".rst") -> None:
    """Write pages into a folder that holds nothing else; one that has not changed is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {
        folder / f"{name}{ending}": text.encode() if isinstance(text, str) else text
        for name, text in pages.items()
    }
    for old in set(folder.iterdir()) - set(wanted):
        old.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_bytes() != text:
            path.write_bytes(text)
