"""The gallery: notebooks of `examples/notebooks/` and scripts of `examples/`, with a card each."""

import ast
import inspect
import json
from pathlib import Path

from pages import heading, write_pages
from sphinx.application import Sphinx

EXAMPLES = Path(__file__).parents[2] / "examples"


def write(app: Sphinx) -> None:
    """Copy the notebooks, make a page of each script, and write the gallery."""
    folder = Path(app.srcdir) / "notebooks"
    found = sorted((EXAMPLES / "notebooks").glob("*.ipynb"))
    notebooks = {path.stem: path.read_text(encoding="utf-8") for path in found}
    scripts = {path.stem: _docstring(path) for path in sorted(EXAMPLES.glob("*.py"))}
    pages = {f"{name}.ipynb": text for name, text in notebooks.items()}
    pages |= {f"{name}.rst": _script(name, text) for name, text in scripts.items()}
    cards = {name: _lead(text) for name, text in notebooks.items()}
    pages["index.rst"] = _index(cards, {name: _parts(text) for name, text in scripts.items()})
    write_pages(folder, pages, ending="")


def _index(notebooks: dict[str, tuple[str, str]], scripts: dict[str, tuple[str, str]]) -> str:
    lines = [heading("Examples")]
    for title, cards in (("Notebooks", notebooks), ("Scripts", scripts)):
        if cards:
            lines += [heading(title, "-"), ".. grid:: 1 1 2 2", "   :gutter: 3", ""]
            for name, (head, text) in cards.items():
                lines += [f"   .. grid-item-card:: {head}", f"      :link: {name}"]
                lines += ["      :link-type: doc", "", f"      {text}", ""]
    names = [*notebooks, *scripts]
    return "\n".join([*lines, ".. toctree::", "   :hidden:", "", *(f"   {n}" for n in names), ""])


def _script(name: str, docstring: str) -> str:
    title, text = _parts(docstring)
    start = len(docstring.splitlines()) + 1
    return "\n".join(
        [
            heading(title),
            f"{text}\n",
            f"``examples/{name}.py``, run with ``python examples/{name}.py``:\n",
            f".. literalinclude:: ../../examples/{name}.py",
            "   :language: python",
            f"   :lines: {start}-",
            "",
        ]
    )


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _parts(docstring: str) -> tuple[str, str]:
    """Return a title, up to the first colon or full stop, and the first paragraph."""
    first = " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split())
    head, colon, rest = first.partition(": ")
    return (head, rest[:1].upper() + rest[1:]) if colon else (first.rstrip("."), "")


def _lead(notebook: str) -> tuple[str, str]:
    """Return the title of a notebook, and the paragraph after it."""
    cells = [c for c in json.loads(notebook)["cells"] if c["cell_type"] == "markdown"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells)
    blocks = [block.strip() for block in text.split("\n\n") if block.strip()]
    title = next((block[2:].splitlines()[0] for block in blocks if block.startswith("# ")), "")
    lead = next((block for block in blocks if not block.startswith(("#", "```"))), "")
    return title, " ".join(lead.split())


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the gallery before the sources are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
