"""The gallery: notebooks of `examples/notebooks/` and scripts of `examples/`, with a card each."""

import ast
import inspect
import json
from base64 import b64decode
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
    pictures = {name: found for name, text in notebooks.items() if (found := _picture(text))}
    pages: dict[str, str | bytes] = {f"{name}.ipynb": text for name, text in notebooks.items()}
    pages |= {f"{name}.rst": _script(name, text) for name, text in scripts.items()}
    pages |= {f"{name}.png": picture for name, picture in pictures.items()}
    cards = {name: _lead(text) for name, text in notebooks.items()}
    said = {name: _parts(text) for name, text in scripts.items()}
    pages["index.rst"] = _index(cards, said, set(pictures))
    write_pages(folder, pages, ending="")


def _index(
    notebooks: dict[str, tuple[str, str]], scripts: dict[str, tuple[str, str]], pictures: set[str]
) -> str:
    lines = [heading("Examples")]
    for title, cards in (("Notebooks", notebooks), ("Scripts", scripts)):
        if cards:
            lines += [heading(title, "-"), ".. grid:: 1 1 2 2", "   :gutter: 3", ""]
            for name, (head, text) in cards.items():
                lines += [f"   .. grid-item-card:: {head}", f"      :link: {name}"]
                lines += ["      :link-type: doc"]
                if name in pictures:
                    lines += [f"      :img-top: {name}.png", f"      :img-alt: A figure of {name}"]
                lines += ["", f"      {text}", ""]
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
    start = rest[:1].upper() if rest[:1].isascii() and rest[:2].isalpha() else rest[:1]
    return (head, start + rest[1:]) if colon else (first.rstrip("."), "")


def _picture(notebook: str) -> bytes | None:
    """Return the largest picture among the outputs of a notebook."""
    cells = json.loads(notebook)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    found = ["".join(output.get("data", {}).get("image/png", "")) for output in outputs]
    return b64decode(max(found, key=len)) if any(found) else None


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
