import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace

import gallery
import pytest

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "markdown",
            "source": ["# Cold items\n", "\n", "What a new item is worth.\n"],
        },
        {"cell_type": "code", "source": ["1 + 1"], "outputs": [], "metadata": {}},
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
SCRIPT = '"""A shop: what will be bought.\n\nMore of it.\n"""\n\nprint("hello")\n'


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Write the gallery of some examples; return its pages."""

    def make(**files):
        examples = tmp_path / "examples"
        (examples / "notebooks").mkdir(parents=True)
        for name, text in files.items():
            (examples / name.replace("__", "/").replace("_", ".")).write_text(text)
        monkeypatch.setattr(gallery, "EXAMPLES", examples)
        gallery.write(SimpleNamespace(srcdir=tmp_path))
        return {p.name: p.read_text() for p in (tmp_path / "notebooks").iterdir()}

    return make


def test_notebooks_and_scripts_have_cards(made):
    pages = made(
        notebooks__cold_ipynb=json.dumps(NOTEBOOK), notebooks__cold_py="1 + 1", shop_py=SCRIPT
    )
    assert sorted(pages) == ["cold.ipynb", "index.rst", "shop.rst"]  # paired: the notebook alone
    assert json.loads(pages["cold.ipynb"]) == NOTEBOOK
    index = pages["index.rst"]
    assert ".. grid-item-card:: Cold items\n      :link: cold" in index
    assert "What a new item is worth." in index
    assert ".. grid-item-card:: A shop\n      :link: shop" in index
    assert "What will be bought." in index
    assert ":lines: 4-" in pages["shop.rst"]


def test_without_notebooks(made):
    pages = made(shop_py=SCRIPT)
    assert "Notebooks" not in pages["index.rst"]


def test_the_largest_picture_of_a_notebook_is_on_its_card(made):
    small, large = (base64.b64encode(data).decode() for data in (b"small", b"much larger"))
    outputs = [{"data": {"image/png": small}}, {"data": {"image/png": large}}]
    shown = NOTEBOOK | {"cells": [*NOTEBOOK["cells"], {"cell_type": "code", "source": []}]}
    shown["cells"][-1]["outputs"] = outputs
    pages = made(notebooks__cold_ipynb=json.dumps(shown))
    assert pages["cold.png"] == "much larger"
    assert ":img-top: cold.png" in pages["index.rst"]


def test_pictures_on_cards_are_shown_whole():
    """A picture with words would be cut in the middle of one."""
    style = Path(gallery.__file__).parents[1] / "_static" / "site.css"
    (rule,) = re.findall(r"img\.sd-card-img-top \{(.*)\}", style.read_text(encoding="utf-8"))
    assert "object-fit: contain" in rule
